"""One run of a sandboxed container: bubblewrap stands between the shim and the container's first process."""

from __future__ import annotations

import fcntl
import os
import struct
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from minikctl.runtime.interface import RuntimeFailure
from minikctl.runtime.oci.removal import IMAGE_FILE
from minikctl.runtime.process import proc
from minikctl.runtime.process.container import MARK, OUTPUT_BYTES, TAKE_TERMINAL, Container, tail
from minikctl.runtime.process.folder import Launch
from minikctl.runtime.process.launch import python
from minikctl.runtime.sandbox import beneath, bwrap, command, tools
from minikctl.util.jsonio import JSONError, loads

ARGUMENTS, FILTER, PROCESSES, STATUS = "bwrap.args", "seccomp", "processes", "bwrap.status"
"""What the shim opens for bubblewrap. The arguments are in a file, as the environment is among them: it is nobody's
business who lists processes. PROCESSES is a link to a PID namespace, STATUS what bubblewrap writes of its progress."""
FILTER_FD, STATUS_FD = 8, 6
FAILED = 1
"""How bubblewrap and nsenter end when they fail; many a container's own program, too."""
TIME_FOR_HANDLERS = 0.5
"""Seconds. An interpreter takes a tenth of that, a busy machine several times as long."""
_UNLOCK, _OPEN_PEER = 0x40045431, 0x5441
"""TIOCSPTLCK and TIOCGPTPEER, see ioctl_tty(2)."""


class SandboxContainer(Container):
    """See the module. The folder has ARGUMENTS and, for ordinary users, FILTER, made by the runtime."""

    takes_terminal = True
    leaves_orphans = False

    def command(self) -> tuple[list[str], str, dict[str, str]]:
        security, pod = self.config.security, pod_of(self.run)
        rights = command.capabilities(security)
        limits = command.limited(security, rights, drop=command.at_first(security) != rights)
        parts = [python(), "-I", "-S", beneath.__file__, str(self.folder.path)]
        opening = parts if any(m.beneath for m in self.config.mounts) else []
        entering = command.entering(pod) if pod is not None else []
        start = [*opening, *entering, bwrap.program(), "--args", "9", "--"]
        terminal = TAKE_TERMINAL if self.config.tty else ()
        first = [w for words in (terminal, command.own_user(security, pod), limits) for w in tools.words(words)]
        return (
            [*start, *first, *self.run.argv],
            str(self.folder.path),
            {**command.inherited(self.run.env), **command.SYSTEM_ENV, MARK: str(self.folder.path)},
        )

    def exec_command(self, argv: Sequence[str]) -> tuple[list[str], str, dict[str, str]]:
        self.wait_for_main()
        main = self.main_process()
        if main is None:
            raise RuntimeFailure("failed to exec in container: the container has no running process")
        security = self.config.security
        limits = command.limited(security, command.capabilities(security), drop=not security.privileged)
        env = dict(self.run.env)
        awkward = [f"{k}={env.pop(k)}" for k in list(env) if command.is_heeded(k)]
        pod = pod_of(self.run)
        join = command.joining(bwrap.nsenter(), main.pid, security, pod)
        entering = ["env", f"--chdir={self.run.working_dir}"]  # a link there leads on in the container, not on the host
        setting = ["env", *awkward] if awkward else []
        first = [
            w for words in (command.own_user(security, pod), entering, limits, setting) for w in tools.words(words)
        ]
        return [*join, *first, *argv], str(self.folder.path), env

    def open_terminal(self) -> tuple[int, int]:
        """One of the container's own, so that it has a name there; else one of the host's, which works without."""
        main = self.main_process()
        try:
            if main is None:
                return os.openpty()
            return _terminal_of(main.pid, self.config.security.user or 0)
        except OSError:
            return os.openpty()

    def hears(self, main: proc.Process, number: int) -> bool:
        """Process 1 of a namespace is deaf to signals that it has no handler for. One that just started is given a
        moment to get one: else the whole grace period would pass before it is killed."""
        if self.run.share_processes:
            return True
        return proc.catches(main.pid, number) or proc.age(main) > TIME_FOR_HANDLERS

    def explain(self, code: int) -> None:
        """bubblewrap tells the exit code of what it ran: when it does not, nothing ran, and the failure is its own."""
        if code != FAILED or self.folder.failure()[0]:
            return
        try:
            status = (self.folder.path / STATUS).read_bytes()
        except OSError:
            return
        if b'"exit-code"' not in status:
            said = tail(self.log.path, OUTPUT_BYTES).decode("utf-8", "replace").splitlines() or [""]
            why = said[-1].split(" ", 3)[-1] or "the namespaces of its pod are gone"
            message = f"failed to create task: unable to start container process: {why}"
            self.folder.note_exit(128, "StartError", message)

    def main_process(self) -> proc.Process | None:
        """The first process in the container's PID namespace: bubblewrap's only child, once it is no longer bubblewrap."""
        outer = self.folder.process("main")
        if outer is None:
            return None
        for pid in _children(outer.pid):
            found = proc.stat(pid)
            if found is not None and not found.is_zombie and not _is_bubblewrap(pid):
                return found.process
        return None


def pod_of(run: Launch) -> command.PodNamespaces | None:
    """The namespaces of the container's pod, if it has any."""
    return command.PodNamespaces(run.pause, run.share_processes) if run.pause else None


def image_of(folder: Path) -> Mapping[str, Any] | None:
    try:
        return loads((folder / IMAGE_FILE).read_bytes())  # type: ignore[no-any-return]
    except (OSError, JSONError):
        return None


def _terminal_of(pid: int, user: int) -> tuple[int, int]:
    """A new pseudo-terminal among those of a process' /dev/pts. Raises OSError."""
    master = os.open(f"/proc/{pid}/root/dev/pts/ptmx", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        fcntl.ioctl(master, _UNLOCK, struct.pack("i", 0))
        slave = fcntl.ioctl(master, _OPEN_PEER, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
        if os.geteuid() == 0:
            os.fchown(slave, user, -1)
        return master, slave
    except BaseException:
        os.close(master)
        raise


def _children(pid: int) -> list[int]:
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as f:  # noqa: PTH123 - quicker than a Path, and often called
            return [int(word) for word in f.read().split()]
    except OSError:
        return []


def _is_bubblewrap(pid: int) -> bool:
    """Its program cannot be read while it changes its user; its name can."""
    with suppress(OSError):
        return os.readlink(f"/proc/{pid}/exe") == bwrap.program()
    with suppress(OSError), open(f"/proc/{pid}/comm") as f:  # noqa: PTH123 - quicker than a Path, and often called
        return f.read().strip() == os.path.basename(bwrap.program())
    return True  # it has gone
