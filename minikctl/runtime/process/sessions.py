"""Commands run in a container, and attachments to its main process."""

from __future__ import annotations

import fcntl
import os
import queue
import select
import signal
import struct
import subprocess
import termios
from collections.abc import Callable, Sequence
from contextlib import suppress

from minikctl.runtime.interface import STDERR, STDOUT
from minikctl.runtime.process.container import Container

_CHUNK = 64 * 1024
_BACKLOG = 1024
"""Pieces of output that an attached client may be behind before it is let go."""
# A session leader without a terminal gets the first one that it opens.
_ON_TERMINAL = 'tty=$1; shift; exec <>"$tty" >&0 2>&1; exec "$@"'


class ExecSession:
    """A command with its own pipes or its own terminal. Killed when it is closed before its end."""

    def __init__(self, container: Container, argv: Sequence[str], *, stdin: bool, tty: bool, done: Callable[[], None]):
        self._done = done
        self._stdin = self._master = -1
        self._outputs: dict[int, int] = {}
        common = {
            "cwd": container.run.working_dir,
            "env": container.environment,
            "start_new_session": True,
            "umask": 0o022,
        }
        if tty:
            master, slave = os.openpty()
            common["env"] = {"TERM": "xterm", **container.environment}
            command = ["/bin/sh", "-c", _ON_TERMINAL, "sh", os.ttyname(slave), *argv]
            null = subprocess.DEVNULL
            self._process = subprocess.Popen(command, stdin=null, stdout=null, stderr=null, **common)  # type: ignore[call-overload]
            self._slave = slave  # until the command has it open, else its end would show before it begins
            self._master = self._stdin = master
            self._outputs[master] = STDOUT
        else:
            self._slave = -1
            self._process = subprocess.Popen(
                list(argv),
                stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                **common,  # type: ignore[call-overload]
            )
            self._stdin = _taken(self._process.stdin) if stdin else -1
            self._outputs = {_taken(self._process.stdout): STDOUT, _taken(self._process.stderr): STDERR}
        self._ended = os.pidfd_open(self._process.pid)
        self._closed = os.eventfd(0, os.EFD_CLOEXEC)
        self._poll = select.poll()
        for fd in (*self._outputs, self._ended, self._closed):
            self._poll.register(fd, select.POLLIN)
        self._is_over = False
        self._pending: list[tuple[int, bytes]] = []

    def read(self) -> tuple[int, bytes] | None:
        while not self._is_over:
            ready = {fd for fd, _ in self._poll.poll()}
            for fd in [f for f in self._outputs if f in ready]:
                data = self._take(fd)
                if data:
                    return self._outputs[fd], data
            if self._closed in ready or (self._ended in ready and not ready & self._outputs.keys()):
                self._finish()
        return None

    def _take(self, fd: int) -> bytes:
        with suppress(OSError):  # EIO: nobody has the terminal open any more
            if data := os.read(fd, _CHUNK):
                return data
        self._poll.unregister(fd)
        del self._outputs[fd]
        if fd != self._master:
            os.close(fd)
        return b""

    def _finish(self) -> None:
        self._is_over = True
        if self._process.poll() is None:
            with suppress(OSError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self.close_stdin()
        for fd in {*self._outputs, self._master, self._slave, self._ended} - {-1}:
            with suppress(OSError):
                os.close(fd)
        self._outputs.clear()
        self._master = self._slave = -1
        self._done()

    def write(self, data: bytes) -> None:
        view = memoryview(data)
        with suppress(OSError):
            while view and self._stdin >= 0:
                view = view[os.write(self._stdin, view) :]

    def close_stdin(self) -> None:
        if self._stdin >= 0 and self._stdin != self._master:
            os.close(self._stdin)
        self._stdin = -1

    def resize(self, width: int, height: int) -> None:
        if self._master >= 0:
            with suppress(OSError):
                fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))

    def exit_code(self) -> int | None:
        code: int | None = self._process.returncode
        return code if code is None or code >= 0 else 128 - code

    def close(self) -> None:
        with suppress(OSError):
            os.eventfd_write(self._closed, 1)


def _taken(stream: object) -> int:
    """The descriptor of a pipe, taken out of its file object."""
    fd = os.dup(stream.fileno())  # type: ignore[attr-defined]
    stream.close()  # type: ignore[attr-defined]
    os.set_inheritable(fd, False)
    return fd


class AttachSession:
    """The output of a container's main process from now on, and its stdin when it has one."""

    def __init__(self, container: Container, *, stdin: bool):
        self._container = container
        self._queue: queue.Queue[tuple[int, bytes] | None] = queue.Queue(_BACKLOG)
        self._stdin = -1
        if stdin and container.config.stdin:
            container.wait_for_main()
            with suppress(OSError):
                self._stdin = os.open(container.folder.stdin, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
                os.set_blocking(self._stdin, True)
        container.listeners.append(self._heard)
        if container.over.is_set():
            self._heard(STDOUT, b"")

    def _heard(self, channel: int, data: bytes) -> None:
        try:
            self._queue.put_nowait((channel, data) if data else None)
        except queue.Full:  # the client does not read: the container must not wait for it
            self._unlisten()
            with suppress(queue.Empty, queue.Full):
                self._queue.get_nowait()
                self._queue.put_nowait(None)

    def read(self) -> tuple[int, bytes] | None:
        return self._queue.get()

    def write(self, data: bytes) -> None:
        view = memoryview(data)
        with suppress(OSError):
            while view and self._stdin >= 0:
                view = view[os.write(self._stdin, view) :]

    def close_stdin(self) -> None:
        """With stdinOnce, the container's stdin ends with that of its (first) client."""
        if self._stdin < 0:
            return
        os.close(self._stdin)
        self._stdin = -1
        if self._container.config.stdin_once and not self._container.config.tty:
            self._container.close_stdin()

    def resize(self, width: int, height: int) -> None:
        with suppress(OSError):
            fd = os.open(self._container.folder.path / "resize", os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            os.write(fd, f"{width} {height}\n".encode())
            os.close(fd)

    def exit_code(self) -> int | None:
        return self._container.exit_code if self._container.over.is_set() else None

    def close(self) -> None:
        self._unlisten()
        self.close_stdin()
        with suppress(queue.Full):
            self._queue.put_nowait(None)

    def _unlisten(self) -> None:
        with suppress(ValueError):
            self._container.listeners.remove(self._heard)
