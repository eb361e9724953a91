"""What is measured, and how. Wall time unless it says otherwise; the machine's noise is in the numbers."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

NETWORK = ("network", "proxy", "proxy-host")
"""The processes of the cluster network."""
POD = {"spec": {"containers": [{"name": "c", "image": "nginx"}]}}


@dataclass(frozen=True)
class Figure:
    """One line of the table. `goal` is what the project wants to reach; `kubectl` the same on the real one, if known."""

    name: str
    value: str
    goal: str = ""
    kubectl: str = ""
    reached: bool | None = None


@dataclass
class Cluster:
    """A cluster in a temporary directory, driven by the command line."""

    root: Path

    def run(self, *argv: str, check: bool = True) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "minikctl", *argv],
            env={**os.environ, "MINIKCTL_STATE": str(self.root)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if check and done.returncode:
            raise RuntimeError(f"{' '.join(argv)}: {done.stderr.strip()}")
        return done.stdout

    def timed(self, *argv: str) -> float:
        start = time.perf_counter()
        self.run(*argv)
        return time.perf_counter() - start


@contextmanager
def cluster(*settings: str, start: bool = True) -> Iterator[Cluster]:
    folder = Path(tempfile.mkdtemp(prefix="minikctl-bench-"))
    made = Cluster(folder / "state")
    try:
        if start:
            made.run("cluster", "start", *settings)
        yield made
    finally:
        made.run("cluster", "stop", check=False)
        shutil.rmtree(folder, ignore_errors=True)


def seconds(value: float) -> str:
    return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.2f} s"


def limit(name: str, value: float, most: float, kubectl: str = "") -> Figure:
    return Figure(name, seconds(value), f"≤ {seconds(most)}", kubectl, value <= most)


# ---------------------------------------------------------------------- the command line


def first_command() -> Iterator[Figure]:
    with cluster(start=False) as made:
        taken = made.timed("get", "nodes")
        assert "node-1" in made.run("get", "nodes")
        yield limit("Ready node after the first command on nothing", taken, 1.5)


def ten_replicas() -> Iterator[Figure]:
    for kind, settings, most in (("real", (), 3.0), ("simulated", ("--nodes", "3", "--simulated"), 3.0)):
        with cluster(*settings) as made:
            start = time.perf_counter()
            made.run("create", "deployment", "web", "--image=nginx", "--replicas=10")
            made.run("rollout", "status", "deployment/web", "--timeout=60s")
            yield limit(f"10 {kind} nginx replicas, create to all Ready", time.perf_counter() - start, most)


def listing() -> Iterator[Figure]:
    for count, most in ((20, 0.25), (1000, 1.0)):
        with cluster("--simulated", start=False) as made:
            os.environ["MINIKCTL_AUTOSTART"] = "0"
            try:
                made.run("get", "namespaces")
                fill(made.root, count)
                taken = statistics.median(made.timed("get", "pods") for _ in range(7))
            finally:
                del os.environ["MINIKCTL_AUTOSTART"]
            yield limit(f"get pods, {count} pods, no daemon", taken, most, kubectl_version())


def kubectl_version() -> str:
    """How long kubectl takes for its simplest command, where it is present: what its process costs by itself."""
    found = shutil.which("kubectl")
    if found is None:
        reference = Path.home() / ".cache" / "reference-clients" / "kubectl"
        found = str(reference) if reference.exists() else None
    if found is None:
        return ""

    def once() -> float:
        start = time.perf_counter()
        subprocess.run([str(found), "version", "--client"], capture_output=True, check=True)
        return time.perf_counter() - start

    return f"{seconds(statistics.median(once() for _ in range(5)))} (version --client)"


def fill(root: Path, count: int) -> None:
    """Pods straight through the API, as fast as it goes."""
    from minikctl.api.errors import ApiError
    from minikctl.client.local import LocalClient

    client = LocalClient.on_files(root, actor="bench")
    try:
        client.create("serviceaccounts", {"metadata": {"name": "default"}}, "default")
    except ApiError:
        pass
    for i in range(count):
        client.create("pods", {**POD, "metadata": {"name": f"pod-{i:05d}"}}, "default")
    client.close()


# ---------------------------------------------------------------------- the store


def store_writes() -> Iterator[Figure]:
    for processes, least in ((1, 1500), (8, 0)):
        folder = tempfile.mkdtemp(prefix="minikctl-bench-")
        try:
            rate = _writes(folder, processes, 4000 // processes)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        name = f"store writes per second, {processes} process{'es' if processes > 1 else ''}"
        yield Figure(name, f"{rate:.0f}", f"≥ {least}" if least else "", "", rate >= least if least else None)


def _writes(folder: str, processes: int, each: int) -> float:
    barrier = multiprocessing.Barrier(processes + 1)
    workers = [multiprocessing.Process(target=_write, args=(folder, n, each, barrier)) for n in range(processes)]
    for worker in workers:
        worker.start()
    barrier.wait()
    start = time.perf_counter()
    for worker in workers:
        worker.join()
    return processes * each / (time.perf_counter() - start)


def _write(folder: str, number: int, count: int, barrier: object) -> None:
    from minikctl.store import Store

    store = Store(folder)
    store.current_rv()
    obj = {"kind": "Pod", "metadata": {"name": "web", "labels": {"app": "web"}}, **POD}
    barrier.wait()  # type: ignore[attr-defined]
    for i in range(count):
        store.create(f"pods/default/web-{number}-{i}", obj, actor="bench")


def watch_latency() -> Iterator[Figure]:
    folder = tempfile.mkdtemp(prefix="minikctl-bench-")
    try:
        queue: multiprocessing.Queue[float] = multiprocessing.Queue()
        ready = multiprocessing.Event()
        watcher = multiprocessing.Process(target=_watch, args=(folder, 500, queue, ready))
        watcher.start()
        ready.wait(10)
        _write_with_times(folder, 500)
        latencies = sorted(queue.get(timeout=30) for _ in range(500))
        watcher.join()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    p50, p99 = latencies[250], latencies[495]
    yield Figure("watch latency p50", f"{p50 * 1000:.2f} ms", "≤ 10 ms", "", p50 <= 0.01)
    yield Figure("watch latency p99", f"{p99 * 1000:.2f} ms")


def _watch(folder: str, count: int, queue: object, ready: object) -> None:
    from minikctl.store import Notifier, Store, Watch

    store = Store(folder)
    store.current_rv()
    notifier = Notifier(store.journal_dir).start()
    watch = Watch(store, store.current_rv(), (), notifier)
    ready.set()  # type: ignore[attr-defined]
    seen = 0
    while seen < count:
        for record in watch.next_batch(10):
            queue.put(time.time() - record.object["at"])  # type: ignore[attr-defined]
            seen += 1
    notifier.stop()


def _write_with_times(folder: str, count: int) -> None:
    from minikctl.store import Store

    store = Store(folder)
    for i in range(count):
        store.create(f"pods/default/p{i}", {"metadata": {"name": f"p{i}"}, "at": time.time()}, actor="bench")
        time.sleep(0.002)


# ---------------------------------------------------------------------- scheduling, memory


def scheduling() -> Iterator[Figure]:
    with cluster("--nodes", "100", "--simulated") as made:
        start = time.perf_counter()
        made.run("create", "deployment", "web", "--image=nginx", "--replicas=300")
        made.run("rollout", "status", "deployment/web", "--timeout=120s")
        taken = time.perf_counter() - start
        yield Figure("300 pods on 100 simulated nodes, create to all Ready", seconds(taken))


def memory() -> Iterator[Figure]:
    with cluster() as made:
        components = json.loads(made.run("cluster", "status", "-o", "json"))["components"]
        idle = cpu_at_rest([c["pid"] for c in components])
        yield from _together(components, "before the first pod", "≤ 120 MB")
        made.run("create", "deployment", "web", "--image=nginx", "--replicas=3")
        made.run("rollout", "status", "deployment/web", "--timeout=60s")
        yield from _together(components, "with 3 nginx pods")
        yield Figure("CPU at rest, all processes", f"{idle * 100:.1f} %")


def _together(components: list[dict[str, Any]], when: str, goal: str = "") -> Iterator[Figure]:
    """What the processes have of memory; what they share, being forked, is counted each time in the first figure."""
    network = {c["name"]: _memory(c["pid"]) for c in components if c["name"] in NETWORK}
    if network:
        shown = ", ".join(f"{name} {r:.0f} (own {p:.0f})" for name, (r, p) in network.items())
        yield Figure(f"… of the network's processes {when}", shown)
    each = {c["name"]: _memory(c["pid"]) for c in components if c["name"] not in NETWORK}
    resident, private = sum(r for r, _ in each.values()), sum(p for _, p in each.values())
    shared = max(r - p for r, p in each.values())
    shown = ", ".join(f"{name} {r:.0f}" for name, (r, _) in each.items())
    reached = resident <= 120 if goal else None
    yield Figure(f"resident memory {when}", f"{resident:.0f} MB ({shown})", goal, "", reached)
    yield Figure("… what is shared counted once", f"{private + shared:.0f} MB")


def _memory(pid: int) -> tuple[float, float]:
    """(resident, private) megabytes: forked processes share the rest."""
    values: dict[str, int] = {}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        words = line.split()
        values[words[0]] = int(words[1])
    return values["Rss:"] / 1024, (values["Private_Clean:"] + values["Private_Dirty:"]) / 1024


def cpu_at_rest(pids: list[int], watch_for: float = 10.0) -> float:
    """The share of one core that they take together when nothing happens."""

    def ticks() -> int:
        stats = [Path(f"/proc/{p}/stat").read_text().rpartition(")")[2].split() for p in pids]
        return sum(int(s[11]) + int(s[12]) for s in stats)

    time.sleep(2)
    before = ticks()
    time.sleep(watch_for)
    return (ticks() - before) / os.sysconf("SC_CLK_TCK") / watch_for


ALL: tuple[Callable[[], Iterator[Figure]], ...] = (
    first_command,
    ten_replicas,
    listing,
    store_writes,
    watch_latency,
    scheduling,
    memory,
)
