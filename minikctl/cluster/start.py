"""Starting and stopping a cluster from a command. `ensure_running` is on the way of every command: it looks at one file.

Two commands that start at once give one cluster: a lock in `run/` lets one of them start it, and the other one finds it
running. `MINIKCTL_AUTOSTART=0` has commands work on the files alone.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minikctl.cluster import known, layout, processes
from minikctl.util.errors import EnvironmentProblem

if TYPE_CHECKING:
    import subprocess

    from minikctl.client.state_dir import Cluster

READY_SECONDS = 30.0
START_SECONDS = 20.0
AUTOSTART = "MINIKCTL_AUTOSTART"

Progress = Callable[[str], None]


def ensure_running(state_dir: Path) -> None:
    """Start the cluster of a state directory when it does not run, and wait until its nodes are ready.

    Raises EnvironmentProblem when that fails.
    """
    if is_running(state_dir):
        return
    if os.environ.get(AUTOSTART) == "0":
        write_files(state_dir)
        return
    sys.stderr.write(f"Starting a cluster in {state_dir} (`minikctl cluster stop` ends it)\n")
    sys.stderr.flush()
    start(state_dir)
    wait_ready(state_dir)


def is_running(state_dir: Path) -> bool:
    process = supervisor(state_dir)
    return process is not None and process.alive


def supervisor(state_dir: Path) -> processes.Process | None:
    """The process of the pid file, alive or not."""
    return processes.read(f"{state_dir}/run/{layout.SUPERVISOR}.pid")


# ---------------------------------------------------------------------- start


def start(state_dir: Path, **settings: Any) -> bool:
    """Make the directory a cluster if it is none, set what is given, and start its supervisor. False when it runs.

    settings: nodes, simulated, fsync. Raises EnvironmentProblem; also when it runs with other settings.
    """
    from minikctl.client import state_dir as state

    _finish_restore(state_dir)
    cluster = state.ensure(state_dir, **settings)
    with start_lock(state_dir):
        cluster = _up_to_date(state_dir, cluster)
        wanted = cluster.with_(**settings)
        if is_running(state_dir):
            if wanted != cluster:
                raise EnvironmentProblem(
                    "the cluster is running with other settings; `minikctl cluster restart` takes the new ones"
                )
            return False
        wanted = _with_free_port(wanted)
        if wanted != cluster:
            state.save(state_dir, wanted)
        known.note(state_dir)
        log = layout.log_file(state_dir, layout.SUPERVISOR)
        size = log.stat().st_size if log.exists() else 0
        child = _spawn(state_dir, log)
        try:  # in the time that it takes to start
            _write_certificates(state_dir)
        except BaseException:
            child.terminate()
            child.wait()
            raise
        _wait_started(state_dir, child, log, size)
    return True


def _finish_restore(state_dir: Path) -> None:
    """A restore that was killed when it had everything."""
    if os.path.exists(state_dir / ".restore" / "complete"):
        from minikctl.cluster import snapshots

        with start_lock(state_dir):
            if not is_running(state_dir):
                snapshots.finish(state_dir)


def _up_to_date(state_dir: Path, cluster: Cluster) -> Cluster:
    """The lock is held."""
    from minikctl.client import state_dir as state

    if state.format_of(state_dir) != state.FORMAT and not is_running(state_dir):
        from minikctl.cluster import upgrade

        cluster = upgrade.upgrade(state_dir)
    return cluster


def write_files(state_dir: Path) -> None:
    """What a new cluster consists of, without starting any process."""
    from minikctl.client import state_dir as state
    from minikctl.cluster.supervisor import prepare

    _finish_restore(state_dir)
    if (state_dir / "registry" / "namespaces").is_dir() and state.load(state_dir) is not None:
        return
    cluster = state.ensure(state_dir)
    with start_lock(state_dir):
        cluster = _up_to_date(state_dir, cluster)
        _write_certificates(state_dir)
        prepare(state_dir, cluster)


@contextlib.contextmanager
def start_lock(state_dir: Path) -> Iterator[None]:
    """Guards starting, stopping and resetting."""
    from filelock import FileLock, Timeout

    from minikctl.util.files import private_folder

    try:
        private_folder(state_dir / "run")
        with FileLock(state_dir / "run" / "start.lock", timeout=START_SECONDS * 2, mode=0o600):
            yield
    except Timeout:
        raise EnvironmentProblem("another command is starting or stopping this cluster and does not end") from None
    except OSError as e:
        raise EnvironmentProblem(f"cannot write {state_dir / 'run'}: {e.strerror}") from None


def _write_certificates(state_dir: Path) -> None:
    """The certificates of the server and of the administrator, whose one is in the kubeconfig. Raises UsageError."""
    from minikctl.apiserver.auth import pki
    from minikctl.kubectl import kubeconfig

    kubeconfig.ensure_own(state_dir, renew=True)
    pki.server_certificate(state_dir)
    pki.front_proxy_certificate(state_dir)


def _with_free_port(cluster: Cluster) -> Cluster:
    """The cluster's port is kept as long as nobody else has it."""
    from minikctl.client import state_dir as state

    port = state.free_port(cluster.port)
    if port != cluster.port and cluster.port:
        sys.stderr.write(
            f"Port {cluster.port} is in use by another program: the API server listens on {port} from now on\n"
            "(a kubeconfig that the cluster was merged into still has the old address: "
            "`minikctl cluster kubeconfig --merge` mends it)\n"
        )
    return cluster.with_(port=port)


FRUGAL = {"MALLOC_ARENA_MAX": "1"}
"""glibc gives every thread a heap of its own, which is of no use to threads that share an interpreter: 5 MB less."""


def _spawn(state_dir: Path, log: Path) -> subprocess.Popen[bytes]:
    """Start the supervisor detached."""
    import subprocess

    package_root = Path(__file__).resolve().parent.parent.parent
    out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        return subprocess.Popen(
            [sys.executable, "-m", "minikctl.cluster.supervisor", "--state-dir", str(state_dir)],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            cwd=package_root,  # so that -m finds the package of this very command
            env={**os.environ, **FRUGAL},
            start_new_session=True,
        )
    finally:
        os.close(out)


def _wait_started(state_dir: Path, child: subprocess.Popen[bytes], log: Path, log_size: int) -> None:
    """Wait until the supervisor has taken its place. Raises EnvironmentProblem with the end of its log."""
    deadline = time.monotonic() + START_SECONDS
    while not is_running(state_dir):
        if child.poll() is not None or time.monotonic() > deadline:
            raise EnvironmentProblem(f"the cluster did not start:\n{_tail(log, log_size)}\nThe log is {log}")
        time.sleep(0.005)
    child.returncode = 0  # it lives on: nobody waits for it here


def _tail(log: Path, offset: int, lines: int = 5) -> str:
    with contextlib.suppress(OSError), log.open("rb") as f:
        f.seek(offset)
        return "\n".join(f.read().decode(errors="replace").splitlines()[-lines:])
    return ""


# ---------------------------------------------------------------------- ready


def wait_ready(state_dir: Path, progress: Progress = lambda _text: None, timeout: float = READY_SECONDS) -> int:
    """Wait until every node of the cluster is Ready; their number. Raises EnvironmentProblem."""
    from minikctl.client.state_dir import load

    cluster = load(state_dir)
    wanted = set(cluster.running_nodes()) if cluster else set()
    deadline = time.monotonic() + timeout
    while True:
        ready = ready_nodes(state_dir) & wanted
        if len(ready) == len(wanted):
            return len(ready)
        progress(f"{len(ready)}/{len(wanted)} nodes ready")
        if not is_running(state_dir):
            raise EnvironmentProblem(f"the cluster ended while it was starting; see {state_dir}/run/supervisor.log")
        if time.monotonic() > deadline:
            missing = ", ".join(sorted(wanted - ready)[:5])
            raise EnvironmentProblem(
                f"not ready after {timeout:.0f} s: {missing}; see `minikctl cluster logs` and {state_dir}/run"
            )
        time.sleep(0.01)


def ready_nodes(state_dir: Path) -> set[str]:
    """Names of the nodes that are Ready, from their files."""
    from minikctl.api.meta import condition_is
    from minikctl.client.local import LocalClient

    client = LocalClient.on_files(state_dir, actor="minikctl-cluster")
    try:
        nodes = client.list("nodes")["items"]
    finally:
        client.close()
    return {n["metadata"]["name"] for n in nodes if condition_is(n, "Ready")}


# ---------------------------------------------------------------------- stop


def stop(state_dir: Path) -> bool:
    """End every process of the cluster; False when none was running. Raises EnvironmentProblem."""
    with start_lock(state_dir):
        return end_processes(state_dir)


def end_processes(state_dir: Path) -> bool:
    """The same, for who has the lock."""
    from minikctl.cluster.supervisor import STOP_SECONDS, kill_containers, stop_seconds

    process = supervisor(state_dir)
    running = process is not None and process.alive
    if process is not None and running:
        processes.end([process], STOP_SECONDS + stop_seconds(state_dir))
    left = [
        p
        for name in layout.known(state_dir)
        if (p := processes.read(layout.pid_file(state_dir, name))) is not None and p.alive
    ]
    if left or (process is not None and layout.pid_file(state_dir, layout.SUPERVISOR).exists()):
        processes.end(left, STOP_SECONDS)  # the supervisor was killed: do its work
        kill_containers(state_dir)
    for name in layout.known(state_dir):
        layout.pid_file(state_dir, name).unlink(missing_ok=True)
    return running or bool(left)
