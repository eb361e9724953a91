"""Pods with a sandbox and a network of their own: how long a start takes, what many of them cost.

The floor of a start is bubblewrap itself, which runs `true` in new namespaces over one overlay of /usr.
"""

from __future__ import annotations

import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.measure import Cluster, Figure, cluster

STARTS = 40
MOST_PER_START, MOST_BYTES, MOST_SECONDS = 3.0, 6 << 20, 20.0


def starts() -> Iterator[Figure]:
    """From the request for a pod's sandbox to the container's own process, in this process, against the floor."""
    from minikctl.runtime.interface import ContainerConfig, SandboxConfig
    from minikctl.runtime.network.addresses import node_address, pod_range
    from minikctl.runtime.process import proc
    from minikctl.runtime.process.runtime import kill_everything
    from minikctl.runtime.sandbox.container import SandboxContainer
    from minikctl.runtime.sandbox.runtime import SandboxRuntime
    from tests.support.network import cluster_network

    with tempfile.TemporaryDirectory(prefix="minikctl-bench-") as folder, cluster_network(Path(folder)) as network:
        if network is None:
            yield Figure("container start", "this machine allows no network namespaces")
            return
        runtime = SandboxRuntime(Path(folder), "node-1", pod_range(1), host_ip=node_address(1), network=network)
        runtime.start(lambda _uid: None)
        runtime.images.pull("busybox")
        floors, whole, container = [], [], []
        for i in range(STARTS):  # by turns: the machine's mood is the same for both
            floors.append(_floor(Path(folder)))
            began = time.perf_counter()
            sandbox = runtime.run_pod_sandbox(SandboxConfig(f"u{i}", f"p{i}", "default", f"p{i}"))
            made = time.perf_counter()
            one = runtime.create_container(sandbox.id, ContainerConfig("app", "busybox", command=("sleep", "600")))
            runtime.start_container(one)
            running = runtime._containers[one]
            assert isinstance(running, SandboxContainer)
            while (main := running.main_process()) is None or not proc.command_line(main.pid).startswith(b"sleep"):
                time.sleep(0.0002)
            ended = time.perf_counter()
            whole.append(ended - began)
            container.append(ended - made)
        runtime.stop()
        kill_everything(folder)
    floor, of_pod, of_container = (statistics.median(times) for times in (floors, whole, container))
    yield Figure("`bwrap true`, the floor of a start", _ms(floor))
    for name, value in (("container start in a pod", of_container), ("pod and container start", of_pod)):
        reached = value <= MOST_PER_START * floor if value is of_container else None
        goal = f"≤ {MOST_PER_START:g} × floor" if value is of_container else ""
        yield Figure(name, f"{_ms(value)} = {value / floor:.1f} × floor", goal, reached=reached)


def _floor(folder: Path) -> float:
    from minikctl.runtime.sandbox import bwrap

    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        for part in ("root", "upper", "work"):
            (Path(scratch) / part).mkdir()
        argv = [bwrap.program(), *bwrap.namespaces(), "--unshare-net", "--as-pid-1", "--bind", f"{scratch}/root", "/"]
        argv += ["--overlay-src", "/usr", "--overlay", f"{scratch}/upper", f"{scratch}/work", "/usr", *bwrap.links()]
        began = time.perf_counter()
        subprocess.run([*argv, "--proc", "/proc", "--dev", "/dev", "--", "/bin/true"], check=True)
        took = time.perf_counter() - began
        (Path(scratch) / "work" / "work").chmod(0o700)
    return took


def many_pods() -> Iterator[Figure]:
    """50 and 200 pods that sleep: until all are Running, and what they have taken of the machine's memory."""
    for count in (50, 200):
        with cluster("--nodes", str(1 + count // 110)) as made:
            before = _available()
            began = time.perf_counter()
            made.run(
                "create", "deployment", "sleepers", "--image=busybox", f"--replicas={count}", "--", "sleep", "9999"
            )
            _wait_for(made, count)
            took = time.perf_counter() - began
            time.sleep(3)
            each, own = (before - _available()) / count, _of_processes(made.root) / count
        goal, reached = (f"≤ {MOST_SECONDS:g} s", took <= MOST_SECONDS) if count == 200 else ("", None)
        yield Figure(f"{count} sleeping pods Running", f"{took:.1f} s", goal, reached=reached)
        goal, reached = ("≤ 6 MB", each <= MOST_BYTES) if count == 200 else ("", None)
        yield Figure(
            f"memory of each of {count} sleeping pods",
            f"{each / 2**20:.1f} MB, {own / 2**20:.1f} MB of that its processes'",
            goal,
            reached=reached,
        )


def _wait_for(made: Cluster, count: int) -> None:
    from minikctl.client.local import LocalClient

    client = LocalClient.on_files(made.root, actor="bench")
    deadline = time.monotonic() + 120
    while sum(_runs(p) for p in client.list("pods", "default")["items"]) < count:
        if time.monotonic() > deadline:
            raise TimeoutError("the pods do not start")
        time.sleep(0.1)
    client.close()


def _runs(pod: dict[str, Any]) -> bool:
    return bool((pod.get("status") or {}).get("phase") == "Running")


def _available() -> int:
    """Bytes of memory that the machine could give to others."""
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    raise OSError("no MemAvailable in /proc/meminfo")


def _of_processes(root: Path) -> int:
    """Bytes of the processes of pods, memory that they share among them divided (PSS)."""
    from minikctl.runtime.process import proc

    everything, total = proc.everything(), 0
    marked = proc.marked(f"MINIKCTL_CONTAINER={root.resolve()}/pods/", everything, prefix=True)
    below = proc.descendants([p.pid for p in marked], everything)
    for pid in {p.pid for p in (*marked, *below)}:
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
    return total


def _ms(value: float) -> str:
    return f"{value * 1000:.1f} ms"


ALL = (starts, many_pods)
