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
import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import IO

from minikctl.runtime.interface import STDERR, STDOUT
from minikctl.runtime.process import proc
from minikctl.runtime.process.container import TAKE_TERMINAL, Container

_CHUNK = 64 * 1024
_BACKLOG = 1024
"""Pieces of output that an attached client may be behind before it is let go."""
# A session leader without a terminal gets the first one that it opens. A shell adds $PWD to what it runs.
_ON_TERMINAL = 'tty=$1; shift; exec <>"$tty" >&0 2>&1; unset PWD; exec "$@"'


class Input:
    """The writing end of somebody's stdin. One thread may write while another closes."""

    def __init__(self, fd: int, *, owned: bool = True):
        self._fd, self._owned = fd, owned
        self._lock = threading.Lock()
        if fd >= 0:
            os.set_blocking(fd, False)

    def write(self, data: bytes) -> None:
        """All of it, unless it is closed or nobody reads any more."""
        view = memoryview(data)
        while view:
            try:
                with self._lock:
                    if self._fd < 0:
                        return
                    fd = self._fd
                    view = view[os.write(fd, view) :]
            except BlockingIOError:
                _wait_for_room(fd)
            except OSError:
                return

    def close(self) -> bool:
        """False when it was closed before."""
        with self._lock:
            fd, self._fd = self._fd, -1
        if fd >= 0 and self._owned:
            os.close(fd)
        return fd >= 0


def _wait_for_room(fd: int) -> None:
    poll = select.poll()
    poll.register(fd, select.POLLOUT)
    poll.poll(100)


class ExecSession:
    """A command with its own pipes or its own terminal. Killed when it is closed before its end."""

    def __init__(self, container: Container, argv: Sequence[str], *, stdin: bool, tty: bool):
        self._master = self._slave = -1
        self._lock = threading.Lock()
        self._outputs: dict[int, int] = {}
        if tty:
            self._on_terminal(container, argv)
        else:
            self._on_pipes(container, argv, stdin)
        self._ended = os.pidfd_open(self._process.pid)
        self._closed = os.eventfd(0, os.EFD_CLOEXEC)
        self._poll = select.poll()
        for fd in (*self._outputs, self._ended, self._closed):
            self._poll.register(fd, select.POLLIN)
        self._is_over = False

    def _on_terminal(self, container: Container, argv: Sequence[str]) -> None:
        self._master, self._slave = (
            container.open_terminal()
        )  # the slave stays open: else the end would show before the beginning
        if container.takes_terminal:
            command, working_dir, environment = container.exec_command([*TAKE_TERMINAL, *argv])
            standard = self._slave
        else:
            joined, working_dir, environment = container.exec_command(argv)
            command = ["/bin/sh", "-c", _ON_TERMINAL, "sh", os.ttyname(self._slave), *joined]
            standard = subprocess.DEVNULL
        self._process = _start(
            container.joined(command), working_dir, {"TERM": "xterm", **environment}, standard, standard
        )
        self._input = Input(self._master, owned=False)
        self._outputs[self._master] = STDOUT

    def _on_pipes(self, container: Container, argv: Sequence[str], stdin: bool) -> None:
        source = subprocess.PIPE if stdin else subprocess.DEVNULL
        command, working_dir, environment = container.exec_command(argv)
        self._process = _start(container.joined(command), working_dir, environment, source, subprocess.PIPE)
        self._input = Input(_taken(self._process.stdin) if stdin else -1)
        self._outputs = {_taken(self._process.stdout): STDOUT, _taken(self._process.stderr): STDERR}

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
        with suppress(OSError):  # EIO: nobody has the terminal open any more; EAGAIN cannot be
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
            below = proc.descendants([self._process.pid], proc.everything())
            with suppress(OSError):
                os.killpg(self._process.pid, signal.SIGKILL)
            for one in below:  # what has a session of its own
                proc.send(one.process, signal.SIGKILL)
        self._process.wait()
        self._input.close()
        with self._lock:
            for fd in {*self._outputs, self._master, self._slave, self._ended, self._closed} - {-1}:
                os.close(fd)
            self._outputs.clear()
            self._master = self._slave = self._ended = self._closed = -1

    def write(self, data: bytes) -> None:
        self._input.write(data)

    def close_stdin(self) -> None:
        self._input.close()

    def resize(self, width: int, height: int) -> None:
        with self._lock, suppress(OSError):
            if self._master >= 0:
                fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))

    def exit_code(self) -> int | None:
        code: int | None = self._process.returncode
        return code if code is None or code >= 0 else 128 - code

    def close(self) -> None:
        with self._lock:
            if self._closed >= 0:
                os.eventfd_write(self._closed, 1)


def _start(
    command: Sequence[str], working_dir: str, environment: dict[str, str], stdin: int, output: int
) -> subprocess.Popen[bytes]:
    """A process in a session of its own."""
    return subprocess.Popen(
        list(command),
        stdin=stdin,
        stdout=output,
        stderr=output,
        cwd=working_dir,
        env=environment,
        start_new_session=True,
        umask=0o022,
    )


def _taken(stream: IO[bytes] | None) -> int:
    """The descriptor of a pipe, taken out of its file object."""
    assert stream is not None
    fd = os.dup(stream.fileno())
    stream.close()
    os.set_inheritable(fd, False)
    return fd


class AttachSession:
    """The output of a container's main process from now on, and its stdin when it has one."""

    def __init__(self, container: Container, *, stdin: bool):
        self._container = container
        self._queue: queue.Queue[tuple[int, bytes] | None] = queue.Queue(_BACKLOG)
        self._input = Input(-1)
        if stdin and container.config.stdin:
            container.wait_for_main()
            with suppress(OSError):
                self._input = Input(os.open(container.folder.stdin, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC))
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
        self._input.write(data)

    def close_stdin(self) -> None:
        """With stdinOnce, the container's stdin ends with that of its (first) client."""
        if self._input.close() and self._container.config.stdin_once and not self._container.config.tty:
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
