"""The supervisor: `python -m minikctl.cluster.supervisor --state-dir X`. Keeps the cluster's processes alive.

Guarantees: one supervisor a state directory; a component that dies comes back, at once the first time and at longer
distances (up to 5 s) when it keeps dying; components end with their supervisor, whatever ended it; when the state
directory disappears, everything that belonged to it ends.

It has one thread and opens nothing that a child must not share, so that forking is safe. All modules are imported and
the files of a new cluster are written before the first fork. It also holds the socket that the API server listens on:
clients that come while that is starting, or starting again, wait for it instead of being refused.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from minikctl.client.state_dir import Cluster, load
from minikctl.cluster import components, layout, on_demand, processes
from minikctl.cluster.layout import API_SERVER, INGRESS, NETWORK, PROXY, PROXY_HOST, SUPERVISOR, Component
from minikctl.cluster.network import NetworkSocket, is_wanted, was_refused
from minikctl.util.errors import EnvironmentProblem, UsageError
from minikctl.util.polling import readable
from minikctl.util.sockets import listen_local

log = logging.getLogger("supervisor")
LOOK_SECONDS = 2.0
"""How often the state directory is looked for."""
STOP_SECONDS = 5.0
"""What a component gets between SIGTERM and SIGKILL."""
FIRST_DELAY, LONGEST_DELAY, GOOD_RUN = 0.1, 5.0, 10.0
LOG_BYTES = 8 << 20
BACKLOG = 4096
"""Connections to the API server that nobody has accepted yet."""


class Child:
    """A component and the process that is it, if any."""

    def __init__(self, component: Component):
        self.component = component
        self.process: processes.Process | None = None
        self.started_at = 0.0
        self.start_due = 0.0
        self.delay = 0.0
        self.restarts = 0
        self.next: Component | None = component
        """What it is to be when the process has ended; None: nothing any more."""


class Supervisor:
    """See the module's docstring. `run` returns when everything has ended."""

    def __init__(self, state_dir: Path, cluster: Cluster, listener: socket.socket):
        self.state_dir = state_dir
        self.cluster = cluster
        self.listener = listener
        self.network = NetworkSocket(state_dir)
        self.identity = _identity(state_dir)
        self.refused_network = False
        on_demand.forget(state_dir)
        self.children = [Child(c) for c in self._wanted()]
        self.stopping = self.changed = False
        self._signals, self._signals_in = os.pipe()
        self._alive, self._alive_in = os.pipe()
        self._adopted: dict[int, Child] = {}
        """Processes of an earlier supervisor, by the descriptor that tells of their end."""

    def run(self) -> None:
        self._catch_signals()
        self._adopt_network()
        next_look = time.monotonic() + LOOK_SECONDS
        while not self.stopping:
            self._start_due()
            now = time.monotonic()
            due = [c.start_due for c in self.children if c.process is None]
            watched = [self._signals, *self._adopted]
            readable(watched, min([next_look, *due]) - now)
            with contextlib.suppress(BlockingIOError):
                os.read(self._signals, 4096)
            self._reap()
            if self.changed:
                self._follow_settings()
            if time.monotonic() >= next_look:
                next_look = time.monotonic() + LOOK_SECONDS
                self._look()
        self._stop()

    # ------------------------------------------------------------------ parts

    def _catch_signals(self) -> None:
        os.set_blocking(self._signals, False)
        os.set_blocking(self._signals_in, False)

        def stop(_number: int, _frame: object) -> None:
            self.stopping = True

        def changed(_number: int, _frame: object) -> None:
            self.changed = True

        signal.set_wakeup_fd(self._signals_in)
        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        signal.signal(signal.SIGCHLD, lambda _n, _f: None)
        signal.signal(signal.SIGHUP, changed)

    def _wanted(self) -> list[Component]:
        network = is_wanted(self.cluster) and not self.refused_network
        return layout.components(self.cluster, network=network, demanded=on_demand.demanded(self.state_dir))

    def _adopt_network(self) -> None:
        child = next((c for c in self.children if c.component.name == NETWORK), None)
        found = self.network.take_over(self.state_dir) if child else None
        if child is not None and found is not None:
            child.process, child.restarts = found[0], found[0].restarts
            self._adopted[found[1]] = child
        else:
            _end_leftovers(self.state_dir, [NETWORK])

    def _follow_settings(self) -> None:
        """cluster.json or what is demanded has changed (SIGHUP says so): components come, go, or become others."""
        self.changed = False
        try:
            cluster = load(self.state_dir)
        except EnvironmentProblem as e:
            log.error("%s", e)
            return
        if cluster is None:
            return
        self.cluster = cluster
        wanted = {c.name: c for c in self._wanted()}
        for child in self.children:
            child.next = wanted.pop(child.component.name, None)
            if child.next != child.component and child.process is not None:
                stays = child.next is not None and child.component.nodes  # the agent ends, but its node does not
                child.process.send(signal.SIGINT if stays else signal.SIGTERM)
        new = [Child(c) for c in wanted.values()]
        self.children = [*(c for c in new if c.component.name == NETWORK), *self.children]
        self.children += [c for c in new if c.component.name != NETWORK]
        for child in [c for c in self.children if c.process is None and c.next != c.component]:
            self._replace(child)

    def _replace(self, child: Child) -> None:
        """The process of a component that is no longer wanted, or wanted otherwise, has ended."""
        if child.next is not None:
            child.component, child.start_due = child.next, 0.0
            return
        log.info("%s has been taken away", child.component.shown)
        self.children.remove(child)
        if child.component.name == NETWORK:
            self.network.close()
        layout.pid_file(self.state_dir, child.component.name).unlink(missing_ok=True)
        for node in () if child.component.simulated else child.component.nodes:
            kill_containers(self.state_dir, node)

    def _start_due(self) -> None:
        due = [c for c in self.children if c.process is None and c.start_due <= time.monotonic()]
        if due and _identity(self.state_dir) != self.identity:  # a component would make the directory anew
            self.stopping = True
            return
        for child in due:
            self._start(child)

    def _start(self, child: Child) -> None:
        if child.component.name == NETWORK:
            self.network.get()  # before anybody asks
        pid = os.fork()
        if pid == 0:
            self._become(child)
        child.process = processes.of(pid, child.restarts)
        child.started_at = time.monotonic()
        with contextlib.suppress(EnvironmentProblem):
            processes.write(layout.pid_file(self.state_dir, child.component.name), child.process)

    def _become(self, child: Child) -> None:
        """In the child: never returns."""
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD, signal.SIGHUP):
                signal.signal(number, signal.SIG_DFL)
            for fd in (self._signals, self._signals_in, self._alive_in):
                os.close(fd)
            _set_title(child.component.title)
            _redirect_output(layout.log_file(self.state_dir, child.component.name))
            components.start_logging(child.component.shown)
            gc.enable()
            code = components.run(
                child.component, self.state_dir, self.cluster, self._alive, self.listener, self.network
            )
        except BaseException:
            log.exception("%s failed", child.component.shown)
        finally:
            with contextlib.suppress(Exception):
                sys.stderr.flush()
            os._exit(code)

    def _reap(self) -> None:
        """Take note of children that have ended."""
        for fd in readable(self._adopted, 0):
            os.close(fd)
            self._ended(self._adopted.pop(fd), None)
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            for child in list(self.children):
                if child.process is not None and child.process.pid == pid:
                    self._ended(child, status)

    def _ended(self, child: Child, status: int | None) -> None:
        """`status` as of `waitpid`; None for a process that was not forked here."""
        ran = time.monotonic() - child.started_at
        child.process = None
        if self.stopping:
            return
        if child.component.name == NETWORK and was_refused(status):
            child.next = None
            self.refused_network = self.changed = True
        if child.next != child.component:
            self._replace(child)
            return
        child.restarts += 1
        child.delay = 0.0 if ran > GOOD_RUN else min(max(child.delay * 2, FIRST_DELAY), LONGEST_DELAY)
        child.start_due = time.monotonic() + child.delay
        how = _in_words(status)
        log.warning("%s %s after %.1f s; starting it again in %.1f s", child.component.shown, how, ran, child.delay)

    def _look(self) -> None:
        """Is the state directory still there, and still the same? Keep logs small."""
        if _identity(self.state_dir) != self.identity:
            self.stopping = True
            return
        for name in [SUPERVISOR, *(c.component.name for c in self.children)]:
            _keep_small(layout.log_file(self.state_dir, name))

    def _stop(self) -> None:
        log.info("stopping")
        self.listener.close()
        patience = stop_seconds(self.state_dir)
        for names in stop_order([c.component for c in self.children], waits=patience > STOP_SECONDS):
            running = [c.process for c in self.children if c.process and c.component.name in names]
            processes.end(running, patience, idle=self._reap)
        kill_containers(self.state_dir)
        self.network.close()
        if _identity(self.state_dir) == self.identity:
            for child in self.children:
                layout.pid_file(self.state_dir, child.component.name).unlink(missing_ok=True)
            log.info("stopped")
            layout.pid_file(self.state_dir, SUPERVISOR).unlink(missing_ok=True)


def stop_seconds(state_dir: Path) -> float:
    """What components get between SIGTERM and SIGKILL: more where a node ends its pods first."""
    from minikctl.kubelet import settings, shutdown

    longest = 0.0
    for node in ["", *(p.name for p in (state_dir / settings.FOLDER).glob("*/"))]:
        with contextlib.suppress(UsageError):
            longest = max(longest, sum(s for _, s in shutdown.periods(settings.load(state_dir, node))))
    return STOP_SECONDS + longest


def stop_order(found: Sequence[Component], *, waits: bool) -> list[set[str]]:
    """Which components end together. The network is the last: agents would take its end as that of their pods. What
    pods use goes on while nodes wait for them to end."""
    groups: list[set[str]] = [set(), set(), set()]
    for component in found:
        is_used = component.role in (API_SERVER, PROXY, PROXY_HOST, INGRESS)
        groups[2 if component.name == NETWORK else 1 if waits and is_used else 0].add(component.name)
    return [g for g in groups if g]


def _in_words(status: int | None) -> str:
    if status is None:
        return "ended"
    code = os.waitstatus_to_exitcode(status)
    return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"


def kill_containers(state_dir: Path, node: str = "") -> None:
    """End every container process of a cluster, or of one node, whether its agent lives or not."""
    try:
        from minikctl.kubelet.agent import kill_everything

        kill_everything(state_dir, node)
    except Exception:
        log.exception("cannot end the containers of %s", node or state_dir)


def _identity(state_dir: Path) -> tuple[int, int] | None:
    """Names the directory as long as it is a cluster; a new one of the same name is another."""
    try:
        (state_dir / "cluster.json").stat()
        stat = state_dir.stat()
        return stat.st_dev, stat.st_ino
    except OSError:
        return None


def _set_title(title: str) -> None:
    from setproctitle import setproctitle

    setproctitle(title)


def _redirect_output(path: Path) -> None:
    """stdout and stderr append to a log file; stdin is empty."""
    sys.stdout.flush()
    sys.stderr.flush()
    log_fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    null = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    os.dup2(null, 0)
    os.dup2(log_fd, 1)
    os.dup2(log_fd, 2)
    os.close(null)
    os.close(log_fd)


def _keep_small(path: Path) -> None:
    """Keep one old log; writers append, so the file can be emptied under them."""
    with contextlib.suppress(OSError):
        if path.stat().st_size > LOG_BYTES:
            import shutil

            shutil.copyfile(path, path.with_suffix(".log.1"))
            os.truncate(path, 0)


def _end_leftovers(state_dir: Path, names: Sequence[str]) -> None:
    """Components of a supervisor that was killed end by themselves; make sure before starting new ones."""
    found = [processes.read(layout.pid_file(state_dir, name)) for name in names]
    processes.end([p for p in found if p is not None and p.alive], STOP_SECONDS)
    for name in names:
        layout.pid_file(state_dir, name).unlink(missing_ok=True)


def prepare(state_dir: Path, cluster: Cluster) -> None:
    """Write what a cluster starts with; nodes that the settings no longer have are removed."""
    from minikctl.api.errors import ApiError
    from minikctl.apiserver.bootstrap import bootstrap
    from minikctl.client.local import LocalClient

    client = LocalClient.on_files(state_dir, actor="minikctl-cluster", fsync=cluster.fsync)
    try:
        bootstrap(client.api, https_port=cluster.port, disks=not cluster.simulated)
        wanted = set(cluster.node_names())
        for node in client.list("nodes")["items"]:
            name = node["metadata"]["name"]
            if name.startswith("node-") and name[5:].isdigit() and name not in wanted:
                with contextlib.suppress(ApiError):
                    client.delete("nodes", name)
        for lease in ("kube-controller-manager", "kube-scheduler"):  # whoever held it has ended
            with contextlib.suppress(ApiError):
                client.delete("leases", lease, "kube-system")
    finally:
        client.close()  # its lock must not be shared with children


def _listen(cluster: Cluster) -> socket.socket:
    try:
        return listen_local(cluster.port, BACKLOG)
    except OSError as e:
        raise EnvironmentProblem(f"cannot listen on 127.0.0.1:{cluster.port}: {e.strerror}") from None


def _ensure_certificates(state_dir: Path) -> None:
    """The command that starts a cluster has made them, as a rule. Made in a process of their own: the library for it
    would weigh on all components."""
    from minikctl.apiserver.auth import pki

    if pki.complete(state_dir):
        return
    pid = os.fork()
    if pid == 0:
        try:
            pki.server_certificate(state_dir)
            pki.front_proxy_certificate(state_dir)
        except Exception as e:
            log.error("cannot make the certificates: %s", e)
        finally:
            os._exit(0)
    os.waitpid(pid, 0)


def main(argv: list[str] | None = None) -> int:
    """Take the place of the supervisor of a state directory. Exit code 1 when another one has it."""
    words = sys.argv[1:] if argv is None else argv
    if len(words) != 2 or words[0] != "--state-dir":
        sys.stderr.write("usage: python -m minikctl.cluster.supervisor --state-dir DIRECTORY\n")
        return 2
    state_dir = Path(words[1])
    os.umask(0o077)
    _set_title(f"minikctl: supervisor {state_dir}")
    components.start_logging("supervisor")
    try:
        cluster = load(state_dir)
        if cluster is None:
            raise EnvironmentProblem(f"{state_dir} is not a state directory of minikctl")
        other = processes.read(layout.pid_file(state_dir, SUPERVISOR))
        if other is not None and other.alive:
            raise EnvironmentProblem(f"a supervisor is running already, pid {other.pid}")
        _end_leftovers(state_dir, [n for n in layout.known(state_dir) if n not in (SUPERVISOR, NETWORK)])
        listener = _listen(cluster)
        components.preload(sum(bool(c.nodes) for c in layout.components(cluster)))
        prepare(state_dir, cluster)
        _ensure_certificates(state_dir)
        supervisor = Supervisor(state_dir, cluster, listener)
        processes.write(layout.pid_file(state_dir, SUPERVISOR), processes.of(os.getpid()))
    except Exception as e:
        log.error("cannot start: %s", e, exc_info=not isinstance(e, EnvironmentProblem))
        return 1
    gc.collect()
    gc.freeze()
    supervisor.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
