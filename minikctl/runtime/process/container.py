"""One run of a container: its process, its output, its end. Everything but `launch` runs in the runtime's loop."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from pathlib import Path

from minikctl.runtime.cri_log import LogWriter
from minikctl.runtime.interface import (
    CREATED,
    EXITED,
    RUNNING,
    STDERR,
    STDOUT,
    ContainerConfig,
    ContainerStatus,
)
from minikctl.runtime.limits import Limiter
from minikctl.runtime.process import proc
from minikctl.runtime.process.folder import ContainerFolder, Launch
from minikctl.runtime.process.launch import python
from minikctl.runtime.process.loop import Loop

SHIM = Path(__file__).with_name("shim.sh")
TERMINAL_SHIM = Path(__file__).with_name("terminal.py")
MARK = "MINIKCTL_CONTAINER"
TAKE_TERMINAL = ("setsid", "--ctty", "--wait")
"""The command that begins a session on the terminal that is its stdin, and runs another one in it."""
# A shell adds $PWD to what it runs, a folder of the host's.
_JOIN = 'for g in $1; do echo 0 >"$g"; done 2>/dev/null; shift; unset PWD; exec "$@"'
_CHUNK = 256 * 1024
_CHUNKS = 16
"""At most this many chunks from one container before others have their turn."""
PATIENCE = 0.1
"""Seconds that a line may take to end before its beginning is put into the log."""
LOST = 255
"""The exit code of a container whose end nobody saw."""

MESSAGE_BYTES, OUTPUT_BYTES, OUTPUT_LINES = 4096, 2048, 80
"""How long a termination message may be, from its file and from the container's output."""

Listener = Callable[[int, bytes], None]
"""(STDOUT or STDERR, data); an empty `data` means the end."""
_become_subreaper: Callable[[], None] | None = None


class Container:
    """See the module. `ended` is called once, after the last output is in the log."""

    takes_terminal = False
    """Whether a process of the container has to begin the session of its terminal itself, because those outside of
    its PID namespace mean nothing to it."""

    leaves_orphans = True
    """Whether processes that detach themselves would belong to nobody: the shim is then made their parent."""

    def __init__(
        self,
        container_id: str,
        sandbox_id: str,
        folder: ContainerFolder,
        config: ContainerConfig,
        run: Launch,
        created: datetime,
        log_path: Path,
        loop: Loop,
        ended: Callable[[Container], None],
    ):
        self.id, self.sandbox_id, self.folder = container_id, sandbox_id, folder
        self.config, self.run, self.created_at = config, run, created
        self.log = LogWriter(log_path)
        self.listeners: list[Listener] = []
        self.state = CREATED
        self.started_at: datetime | None = None
        self.finished_at: datetime | None = None
        self.exit_code = 0
        self.reason = self.message = ""
        self._loop, self._ended = loop, ended
        self._shim: subprocess.Popen[bytes] | None = None
        self._pidfd = -1
        self._pipes: dict[int, int] = {}
        self._kept: list[int] = []
        self._flushing = False
        self.pod = ""
        self.limits: Limiter | None = None
        self.over = threading.Event()

    def status(self) -> ContainerStatus:
        return ContainerStatus(
            id=self.id,
            name=self.config.name,
            attempt=self.config.attempt,
            sandbox_id=self.sandbox_id,
            state=self.state,
            image=self.run.image,
            image_ref=self.run.image_ref,
            created_at=self.created_at,
            started_at=self.started_at,
            finished_at=self.finished_at,
            exit_code=self.exit_code,
            reason=self.reason,
            message=self.message,
            spec_hash=self.config.spec_hash,
            log_path=str(self.log.path),
            init=self.config.init,
        )

    @property
    def mark(self) -> str:
        """The environment variable that every process of this container carries."""
        return f"{MARK}={self.folder.path}"

    @property
    def environment(self) -> dict[str, str]:
        return {**dict(self.run.env), MARK: str(self.folder.path)}

    # ------------------------------------------------------------------ how it is run

    def command(self) -> tuple[list[str], str, dict[str, str]]:
        """What the shim runs, where, and with which environment."""
        return list(self.run.argv), self.run.working_dir, self.environment

    def exec_command(self, argv: Sequence[str]) -> tuple[list[str], str, dict[str, str]]:
        """The same for a command that joins the container. Raises RuntimeFailure."""
        return list(argv), self.run.working_dir, self.environment

    def open_terminal(self) -> tuple[int, int]:
        """A pseudo-terminal for a command that joins the container: our end of it, and the command's. Raises OSError."""
        return os.openpty()

    def joined(self, command: Sequence[str]) -> list[str]:
        """A command that starts outside of the container, with the container's limits."""
        groups = self.folder.groups()
        return ["/bin/sh", "-c", _JOIN, "sh", " ".join(groups), *command] if groups else list(command)

    def main_process(self) -> proc.Process | None:
        """The container's own first process, which gets its signals; None before it runs."""
        return self.folder.process("main")

    def hears(self, main: proc.Process, number: int) -> bool:
        """Whether a signal would have an effect now, or will not have one however long one waits."""
        return True

    # ------------------------------------------------------------------ beginning

    def launch(self, presence: Path, now: datetime) -> None:
        """Start the shim, which starts the main process. Raises OSError."""
        global _become_subreaper
        if _become_subreaper is None and self.leaves_orphans:
            _become_subreaper = proc.load_subreaper()
        self.folder.note_start(now)
        self._open_pipes()
        if self.config.tty:
            shim = [python(), "-I", "-S", str(TERMINAL_SHIM)]
        else:
            shim = ["/bin/sh", str(SHIM)]
        command, working_dir, environment = self.command()
        self._shim = subprocess.Popen(
            [*shim, str(self.folder.path), str(presence), *command],
            cwd=working_dir,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            umask=0o022,
            preexec_fn=_become_subreaper if self.leaves_orphans else None,  # one system call, which takes no lock
        )
        self.state, self.started_at = RUNNING, now
        self._pidfd = os.pidfd_open(self._shim.pid)
        self._loop.call(self._listen)

    def adopt(self) -> None:
        """Find out what became of a run that an earlier agent started."""
        self.started_at = self.folder.started()
        if self.started_at is None:
            if (ended := self.folder.exit()) is not None:
                self._set_exit(*ended)
                self._finish()
            return
        ended = self.folder.exit()
        shim = self.folder.process("shim") or (self._young_shim() if ended is None else None)
        if shim is None and ended is None:
            self.started_at = None  # the agent was killed before anything of it ran: it is started yet
            return
        self._open_pipes()
        if shim is not None:
            with suppress(OSError):
                self._pidfd = os.pidfd_open(shim.pid)
            if self._pidfd >= 0 and not proc.is_alive(shim):
                os.close(self._pidfd)
                self._pidfd = -1
        if self._pidfd >= 0 and ended is None:
            self.state = RUNNING
            self._loop.call(self._listen)
        else:
            self._end()

    def _young_shim(self) -> proc.Process | None:
        """The shim that has not got round to writing who it is: the oldest leader of a session with our mark."""
        found = [p for p in proc.marked(self.mark, proc.everything()) if p.session == p.pid]
        return min(found, key=lambda p: (p.started, p.pid)).process if found else None

    def fail(self, code: int, reason: str, message: str, now: datetime) -> None:
        """It could not be started."""
        self.folder.note_exit(code, reason, message)
        self.started_at = None
        self._set_exit(code, now)
        self._finish()

    def _open_pipes(self) -> None:
        for channel, pipe in ((STDOUT, "stdout"), (STDERR, "stderr")):
            with suppress(FileNotFoundError):
                path = self.folder.path / pipe
                self._pipes[channel] = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)

    def _listen(self) -> None:
        for channel, fd in self._pipes.items():
            self._loop.add(fd, partial(self._read, channel))
        self._loop.add(self._pidfd, self._end)

    # ------------------------------------------------------------------ output

    def _read(self, channel: int) -> bool:
        """Take what is there; False when nothing more can come now."""
        fd = self._pipes.get(channel, -1)
        if fd < 0:
            return False
        for _ in range(_CHUNKS):
            try:
                data = os.read(fd, _CHUNK)
            except BlockingIOError:
                return False
            except OSError:
                data = b""
            if not data:
                self._close_pipe(channel)
                return False
            self.log.write(channel, data)
            self._flush_later()
            for listener in list(self.listeners):
                listener(channel, data)
        return True

    def _flush_later(self) -> None:
        """A line that does not end for a while is shown as far as it goes."""
        if self.log.has_rest and not self._flushing:
            self._flushing = True
            self._loop.later(PATIENCE, self._flush)

    def _flush(self) -> None:
        self._flushing = False
        self.log.flush()

    def _close_pipe(self, channel: int) -> None:
        fd = self._pipes.pop(channel, -1)
        if fd >= 0:
            self._loop.remove(fd)
            os.close(fd)

    # ------------------------------------------------------------------ end

    def _end(self) -> None:
        """The shim is gone (or has nothing more to do): take the last output and see how it ended."""
        if self.state == EXITED:
            return
        if self._shim is not None:
            self._shim.wait()
        self._clear()
        for channel in list(self._pipes):
            while self._read(channel):
                pass
            self._close_pipe(channel)
        self._drop_kept()
        ended = self.folder.exit()
        if ended is None:  # the shim was killed: nobody knows how the main process ended
            message = "the process that watched over this container was killed"
            self.folder.note_exit(LOST, "Unknown", message)
            ended = self.folder.exit()
        assert ended is not None
        if self.limits is not None and self.limits.ran_out_of_memory(self.pod, self.id):
            self.folder.note_failure("OOMKilled")
        self.explain(ended[0])
        self._set_exit(*(self.folder.exit() or ended))
        self._finish()

    def explain(self, code: int) -> None:
        """Note what is known of this end beyond its exit code. The output is in the log."""

    def _clear(self) -> None:
        """Kill what is left of it: commands run in it, and all of it when the shim did not end by itself."""
        if self._pidfd >= 0:
            self._loop.remove(self._pidfd)
            os.close(self._pidfd)
            self._pidfd = -1
        if self.folder.exit() is None or self.folder.had_exec():
            self.kill_leftovers()

    def _set_exit(self, code: int, when: datetime) -> None:
        reason, self.message = self.folder.failure()
        self.reason = reason or ("Completed" if code == 0 else "Error")
        if reason == "StartError":
            self.started_at = None
        self.exit_code = code
        self.message = self.message or self._last_words(code)
        self.finished_at = max(when, self.started_at or when)  # file times may lag by a tick of the kernel's clock

    def _last_words(self, code: int) -> str:
        """What the container left as its termination message. Source: Kubernetes "Customizing the termination message"."""
        self.log.close()  # what had no newline is written now
        written = tail(Path(self.config.termination_log), MESSAGE_BYTES) if self.config.termination_log else b""
        if not written and code and self.config.termination_from_output:
            lines = [line.split(b" ", 3) for line in tail(self.log.path, 64 * OUTPUT_BYTES).splitlines()]
            said = b"".join(fields[-1] + (b"" if fields[-2:-1] == [b"P"] else b"\n") for fields in lines)
            written = b"".join(said.splitlines(keepends=True)[-OUTPUT_LINES:])[-OUTPUT_BYTES:]
        return written.decode("utf-8", "replace")

    def _finish(self) -> None:
        self.log.close()
        self.state = EXITED
        self.log.touch()  # those who follow it look again, and see that it is over
        self.over.set()
        for listener in list(self.listeners):
            listener(STDOUT, b"")
        self.listeners.clear()
        self._ended(self)
        self._release()

    def _release(self, tries: int = 100) -> None:
        """Give back what the kernel keeps for it, as soon as the last of its processes is gone."""
        if self.limits is not None and not self.limits.remove(self.pod, self.id) and tries:
            self._loop.later(0.02, lambda: self._release(tries - 1))

    # ------------------------------------------------------------------ being ended

    def signal_main(self, number: int, attempts: int = 100) -> None:
        """Signal the main process; it may be starting still."""
        if self.state != RUNNING:
            return
        main = self.main_process()
        if main is not None and (not attempts or self.hears(main, number)):
            proc.send(main, number)
        elif attempts:
            self._loop.later(0.01, lambda: self.signal_main(number, attempts - 1))

    def wait_for_main(self, seconds: float = 2.0) -> None:
        """Until the main process has its pipes open. Not for the loop's thread."""
        for _ in range(int(seconds / 0.005)):
            if self.main_process() is not None or self.over.wait(0.005):
                return

    def close_stdin(self) -> None:
        """Have the container see the end of its stdin, once nobody else writes into it."""
        with suppress(OSError):
            fd = os.open(self.folder.stdin_close, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
            os.write(fd, b"\n")
            self._kept.append(fd)  # a pipe keeps what is in it only while somebody has it open

    def kill(self, pause: float = 0.02) -> None:
        """SIGKILL to everything of the container but the shim, which notes the exit code; again until it is over.

        Once is not enough: the main process may not have been forked yet, or be forking.
        """
        if self.state != RUNNING:
            return
        shim = self.folder.process("shim")
        if shim is not None:
            for one in proc.descendants([shim.pid], proc.everything()):
                proc.send(one.process, signal.SIGKILL)
        self._loop.later(pause, lambda: self.kill(min(pause * 2, 1.0)))

    def kill_leftovers(self) -> bool:
        """SIGKILL to all that can be found of it, shim included."""
        shim = self.folder.process("shim")

        def find(processes: dict[int, proc.Stat]) -> list[proc.Stat]:
            return of_container(self.mark, shim, processes)

        return proc.kill_all(find)

    def remove(self) -> None:
        """Make sure that nothing runs, and let go of everything. Not for the loop's thread."""
        if self.state == RUNNING:
            self.kill_leftovers()
            self.over.wait(5)
        elif self.state == CREATED:
            self.log.close()

    def _drop_kept(self) -> None:
        for fd in self._kept:
            os.close(fd)
        self._kept.clear()

    def abandon(self) -> None:
        """Let go without ending anything: the agent stops."""
        self._drop_kept()
        for channel in list(self._pipes):
            self._close_pipe(channel)
        if self._pidfd >= 0:
            self._loop.remove(self._pidfd)
            os.close(self._pidfd)
            self._pidfd = -1


def tail(path: Path, size: int) -> bytes:
    """The end of a file; nothing when it cannot be read."""
    try:
        with path.open("rb") as f:
            f.seek(max(os.fstat(f.fileno()).st_size - size, 0))
            return f.read(size)
    except OSError:
        return b""


def of_container(mark: str, shim: proc.Process | None, processes: dict[int, proc.Stat]) -> list[proc.Stat]:
    """The processes of a container: below its shim, in its session, or with its mark in their environment."""
    found = {p.pid: p for p in proc.marked(mark, processes)}
    if shim is not None:
        found |= {p.pid: p for p in of_shim(shim, processes)}
    return list(found.values())


def of_shim(shim: proc.Process, processes: dict[int, proc.Stat]) -> list[proc.Stat]:
    """A shim, the processes below it and those in its session."""
    known = processes.get(shim.pid)
    if known is not None and known.started != shim.started:
        return []  # the pid, and so the session's number, belongs to somebody else now
    found = {p.pid: p for p in proc.in_sessions({shim.pid}, processes) if p.started >= shim.started}
    if known is not None:
        found |= {p.pid: p for p in proc.descendants([shim.pid], processes)}
        if not known.is_zombie:
            found[shim.pid] = known
    return list(found.values())
