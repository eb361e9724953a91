"""Pods with a sandbox and a network of their own: how long a start takes, what many of them cost.

The floor of a start is bubblewrap itself, which runs `true` in new namespaces over one overlay of /usr.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.measure import Cluster, Figure, cluster

if TYPE_CHECKING:
    from minikctl.runtime.sandbox.runtime import SandboxRuntime

STARTS = 40
LOG_BYTES, READ_BYTES, LINES = 200_000_000, 5_000_000, 60
MOST_PER_START, MOST_BYTES, MOST_SECONDS = 3.0, 6 << 20, 20.0


@contextmanager
def _node() -> Iterator[SandboxRuntime | None]:
    """A node's runtime in this process; None where this machine allows no network namespaces."""
    from minikctl.runtime.network.addresses import node_address, pod_range
    from minikctl.runtime.process.killing import kill_everything
    from minikctl.runtime.sandbox.runtime import SandboxRuntime
    from tests.support.network import cluster_network

    with tempfile.TemporaryDirectory(prefix="minikctl-bench-") as folder, cluster_network(Path(folder)) as network:
        if network is None:
            yield None
            return
        runtime = SandboxRuntime(Path(folder), "node-1", pod_range(1), host_ip=node_address(1), network=network)
        runtime.start(lambda _uid: None)
        runtime.images.pull("busybox")
        try:
            yield runtime
        finally:
            runtime.stop()
            kill_everything(folder)


def starts() -> Iterator[Figure]:
    """From the request for a pod's sandbox to the container's own process, in this process, against the floor; then a
    command in it, from the request to its end."""
    from minikctl.runtime.interface import ContainerConfig, SandboxConfig
    from minikctl.runtime.process import proc
    from minikctl.runtime.sandbox.container import SandboxContainer

    floors, whole, container, commands = [], [], [], []
    with _node() as runtime, tempfile.TemporaryDirectory(prefix="minikctl-bench-") as folder:
        if runtime is None:
            yield Figure("container start", "this machine allows no network namespaces")
            return
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
            assert runtime.exec_sync(one, ["true"], 10).exit_code == 0
            commands.append(time.perf_counter() - ended)
    floor = statistics.median(floors)
    yield Figure("`bwrap true`, the floor of a start", _ms(floor))
    for name, times in (
        ("container start in a pod", container),
        ("pod and container start", whole),
        ("`exec true`, in the runtime", commands),
    ):
        value = statistics.median(times)
        reached = value <= MOST_PER_START * floor if times is container else None
        goal = f"≤ {MOST_PER_START:g} × floor" if times is container else ""
        yield Figure(name, f"{_ms(value)} = {value / floor:.1f} × floor", goal, reached=reached)


def log_throughput() -> Iterator[Figure]:
    """How fast what a container says gets into its log (lines of 100 bytes), and from there to a reader."""
    from minikctl.runtime.interface import ContainerConfig, SandboxConfig

    line = "x" * 99
    with _node() as runtime:
        if runtime is None:
            return
        sandbox = runtime.run_pod_sandbox(SandboxConfig("u", "p", "default", "p"))
        script = f"yes {line} | head -c {LOG_BYTES}"
        one = runtime.create_container(sandbox.id, ContainerConfig("app", "busybox", command=("sh", "-c", script)))
        began = time.perf_counter()
        runtime.start_container(one)
        runtime._containers[one].over.wait(120)
        written = time.perf_counter() - began
    yield Figure("log of a container, written", f"{LOG_BYTES / written / 1e6:.0f} MB/s")
    with cluster() as made:
        script = f"yes {line} | head -c {READ_BYTES}"
        made.run("run", "loud", "--image=busybox", "--restart=Never", "--", "sh", "-c", script)
        made.run("wait", "--for=jsonpath={.status.phase}=Succeeded", "pod/loud", "--timeout=60s")
        began = time.perf_counter()
        got = len(made.run("logs", "loud"))
        took = time.perf_counter() - began
    yield Figure("`logs`, read", f"{got / took / 1e6:.0f} MB/s")


def interactive() -> Iterator[Figure]:
    """What a person waits for: a command in a container, and a line until `logs -f` shows it."""
    with cluster() as made:
        script = f"sleep 3; for i in $(seq {LINES}); do date +%s.%N; sleep 0.05; done"
        made.run("run", "web", "--image=busybox", "--", "sleep", "600")
        made.run("wait", "--for=condition=Ready", "pod/web", "--timeout=60s")
        commands = [made.timed("exec", "web", "--", "true") for _ in range(15)]
        made.run("run", "clock", "--image=busybox", "--restart=Never", "--", "sh", "-c", script)
        made.run("wait", "--for=condition=Ready", "pod/clock", "--timeout=60s")
        with subprocess.Popen(
            [sys.executable, "-m", "minikctl", "logs", "-f", "clock"],
            env={**os.environ, "MINIKCTL_STATE": str(made.root)},
            stdout=subprocess.PIPE,
        ) as following:
            assert following.stdout is not None
            late = [time.time() - float(said) for said in following.stdout]
    yield Figure("`exec true`, command line", f"{_ms(statistics.median(commands))}")
    worst = sorted(late)[int(len(late) * 0.95)]
    yield Figure(
        "from a container's line to `logs -f`", f"{_ms(statistics.median(late))}, {_ms(worst)} for one in twenty"
    )


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
            kernels, processes = _of_kernel(), _of_processes(made.root)
            began = time.perf_counter()
            made.run(
                "create", "deployment", "sleepers", "--image=busybox", f"--replicas={count}", "--", "sleep", "9999"
            )
            _wait_for(made, count)
            took = time.perf_counter() - began
            time.sleep(3)
            own = (_of_processes(made.root) - processes) / count
            each = own + (_of_kernel() - kernels) / count
        goal, reached = (f"≤ {MOST_SECONDS:g} s", took <= MOST_SECONDS) if count == 200 else ("", None)
        yield Figure(f"{count} sleeping pods Running", f"{took:.1f} s", goal, reached=reached)
        goal, reached = ("≤ 6 MB", each <= MOST_BYTES) if count == 200 else ("", None)
        yield Figure(
            f"memory of each of {count} sleeping pods",
            f"{each / 2**20:.1f} MB, {own / 2**20:.1f} MB of that processes'",
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


def _of_kernel() -> int:
    """Bytes of memory that the kernel itself has in use: stacks, page tables, namespaces, interfaces, control groups."""
    parts = ("SUnreclaim:", "KernelStack:", "PageTables:", "Percpu:")
    lines = (line.split() for line in Path("/proc/meminfo").read_text().splitlines())
    return sum(int(words[1]) * 1024 for words in lines if words[0] in parts)


def _of_processes(root: Path) -> int:
    """Bytes of a cluster's processes, those of pods included, memory that they share among them divided (PSS)."""
    from minikctl.runtime.process import proc

    everything, total = proc.everything(), 0
    marked = proc.marked(f"MINIKCTL_CONTAINER={root.resolve()}/pods/", everything, prefix=True)
    below = proc.descendants([p.pid for p in marked], everything)
    ours = [pid for pid in everything if str(root).encode() in proc.command_line(pid)]
    for pid in {*(p.pid for p in (*marked, *below)), *ours}:
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
    return total


def _ms(value: float) -> str:
    return f"{value * 1000:.1f} ms"


ALL = (starts, interactive, log_throughput, many_pods)
