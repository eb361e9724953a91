"""Many pods: a Deployment of 100 to 5,000 replicas on simulated nodes, the scheduler by itself, and the cluster at rest.

Beside the wall time stands what the cluster's processes have used of the processors: on a machine that others use, too,
it is the figure to compare.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from bench.measure import Cluster, Figure, cluster, cpu_at_rest, seconds

NODES = "50"
GOALS = {100: 1.2, 500: 5.0, 5000: 60.0}
REAL = {100: "5.6 s (1.4 s without client limits)", 500: "25.9 s (6.4 s without client limits)"}
"""The same on a real control plane with simulated nodes, measured on a machine of two cores."""


def _components(made: Cluster) -> dict[str, int]:
    """Name → pid, without the API server: it has no part in this."""
    import json

    found = json.loads(made.run("cluster", "status", "-o", "json"))["components"]
    return {c["name"]: c["pid"] for c in found}


def _used(pids: dict[str, int]) -> dict[str, float]:
    """Processor seconds since their start."""
    found = {}
    for name, pid in pids.items():
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        found[name] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return found


def _told(before: dict[str, float], after: dict[str, float]) -> str:
    spent = {n: after[n] - before[n] for n in after}
    return "CPU " + ", ".join(f"{n} {s:.1f} s" for n, s in spent.items() if s >= 0.1)


def deployments() -> Iterator[Figure]:
    """Scale up from nothing, wait until all are Ready, and down again until the last pod is gone."""
    with cluster("--nodes", NODES, "--simulated") as made:
        pids = _components(made)
        made.run("create", "deployment", "web", "--image=nginx", "--replicas=0")
        for count, goal in GOALS.items():
            before, start = _used(pids), time.perf_counter()
            made.run("scale", "deployment", "web", f"--replicas={count}")
            made.run("rollout", "status", "deployment/web", f"--timeout={goal * 5:.0f}s")
            taken = time.perf_counter() - start
            name = f"Deployment of {count} on {NODES} simulated nodes, to all Ready"
            value = f"{seconds(taken)} ({_told(before, _used(pids))})"
            yield Figure(name, value, f"≤ {seconds(goal)}", REAL.get(count, ""), taken <= goal)
            if count == max(GOALS):
                _wait_for_events(made)
                yield _at_rest(pids)
            before, start = _used(pids), time.perf_counter()
            made.run("scale", "deployment", "web", "--replicas=0")
            _wait_gone(made, goal * 5)
            taken = time.perf_counter() - start
            yield Figure(f"… and down to 0 of {count}", f"{seconds(taken)} ({_told(before, _used(pids))})")


JOB = """
apiVersion: batch/v1
kind: Job
metadata: {name: many}
spec:
  completions: 1000
  parallelism: 100
  template:
    metadata:
      annotations: {pod-complete.stage.kwok.x-k8s.io/delay: 1ms}
    spec:
      restartPolicy: Never
      containers: [{name: c, image: busybox}]
"""


def job() -> Iterator[Figure]:
    """A Job of 1,000 completions, 100 at a time, whose pods end as soon as they run."""
    with cluster("--nodes", NODES, "--simulated") as made:
        pids = _components(made)
        manifest = made.root.parent / "job.yaml"
        manifest.write_text(JOB)
        before, start = _used(pids), time.perf_counter()
        made.run("create", "-f", str(manifest))
        made.run("wait", "--for=condition=complete", "job/many", "--timeout=300s")
        taken = time.perf_counter() - start
        value = f"{seconds(taken)} ({_told(before, _used(pids))})"
        yield Figure(f"Job with 1,000 completions, 100 at a time, on {NODES} simulated nodes", value)


def _wait_for_events(made: Cluster, timeout: float = 120.0) -> None:
    """The last Events are written when the pods are Ready already."""
    folder, seen, deadline = made.root / "registry" / "events" / "default", -1, time.monotonic() + timeout
    while (now := len(os.listdir(folder))) != seen and time.monotonic() < deadline:
        seen = now
        time.sleep(3)


def _at_rest(pids: dict[str, int]) -> Figure:
    idle = cpu_at_rest(list(pids.values()), 20.0)
    resident = sum(_resident(pid) for pid in pids.values())
    name = f"at rest with {max(GOALS)} pods: CPU, and memory of all processes"
    return Figure(name, f"{idle * 100:.1f} % of a core, {resident:.0f} MB", "≤ 3 %", "", idle <= 0.03)


def _resident(pid: int) -> float:
    """Megabytes; what forked processes share is counted in proportion."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def _wait_gone(made: Cluster, timeout: float) -> None:
    folder, deadline = made.root / "registry" / "pods" / "default", time.monotonic() + timeout
    while folder.is_dir() and any(folder.iterdir()):
        if time.monotonic() > deadline:
            raise RuntimeError("the pods do not go")
        time.sleep(0.02)


# ---------------------------------------------------------------------- the scheduler by itself


def scheduler_alone() -> Iterator[Figure]:
    """Pods that wait already, nodes that run nothing: from the start of the scheduler to the last binding."""
    for nodes, pods, goal in ((100, 1500, 300), (1000, 1000, 0)):
        folder = tempfile.mkdtemp(prefix="minikctl-bench-")
        try:
            taken, used = _schedule(Path(folder) / "state", nodes, pods)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        rate = pods / taken
        name = f"scheduler alone, {pods} pods on {nodes} nodes, bindings written"
        value = f"{rate:.0f} pods/s ({used:.1f} s of CPU)"
        yield Figure(name, value, f"≥ {goal}" if goal else "", "", rate >= goal if goal else None)


def _schedule(root: Path, nodes: int, pods: int) -> tuple[float, float]:
    from minikctl.client.informer import Handler, InformerFactory
    from minikctl.client.local import LocalClient
    from minikctl.client.state_dir import ensure
    from minikctl.scheduler.scheduler import Scheduler

    ensure(root)
    client = LocalClient.open(str(root), actor="bench")
    client.create("namespaces", {"metadata": {"name": "default"}})
    client.create("serviceaccounts", {"metadata": {"name": "default"}}, "default")
    allocatable = {"cpu": "32", "memory": "256Gi", "pods": "110"}
    for i in range(nodes):
        name = f"node-{i + 1}"
        client.create("nodes", {"metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}}})
        client.patch("nodes", name, {"status": {"allocatable": allocatable}}, subresource="status")
        client.patch("nodes", name, {"spec": {"taints": None}})  # as the node controller does once a node is ready
    container = {"name": "c", "image": "nginx", "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}}}
    for i in range(pods):
        spec = {"metadata": {"name": f"pod-{i:05d}", "labels": {"app": "web"}}, "spec": {"containers": [container]}}
        client.create("pods", spec, "default")
    informers, bound, done = InformerFactory(client), set[str](), threading.Event()

    def seen(pod: dict) -> None:  # type: ignore[type-arg]
        if pod["spec"].get("nodeName"):
            bound.add(pod["metadata"]["uid"])
            if len(bound) == pods:
                done.set()

    scheduler = Scheduler(client, informers)
    informers.informer("pods").add_handler(Handler(seen, lambda _old, new: seen(new), lambda _pod: None))
    informers.start()
    informers.wait_for_sync()
    start, used = time.perf_counter(), time.process_time()
    scheduler.start()
    if not done.wait(300):
        raise RuntimeError(f"{len(bound)} of {pods} pods are bound")
    taken, used = time.perf_counter() - start, time.process_time() - used
    scheduler.stop()
    informers.stop()
    client.close()
    return taken, used


ALL = (scheduler_alone, deployments, job)
