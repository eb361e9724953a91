"""A session with a container: streams both ways, the terminal in raw mode, its size, the exit code.

Source: kubectl `cmd/exec/exec.go` (StreamOptions), `cmd/attach/attach.go`, `pkg/util/term`.
"""

from __future__ import annotations

import codecs
import contextlib
import json
import os
import signal
import threading
from collections.abc import Callable, Iterator
from typing import IO, Any

from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj, name, namespace
from minikctl.client import Stream
from minikctl.kubectl import PROGRAM
from minikctl.kubectl.command import Invocation
from minikctl.kubectl.pod_of import find_container
from minikctl.util.errors import UsageError

STDIN, STDOUT, STDERR, ERROR, RESIZE = range(5)
NOT_A_TERMINAL = "Unable to use a TTY - input is not a terminal or the right kind of file"
DETACH_KEYS = "ctrl-p,ctrl-q"
LOST = "the connection to the container was lost"


def execute(call: Invocation, pod: Obj, container: str, command: list[str], *, stdin: bool, tty: bool) -> int:
    """Run a command in a container; its exit code. Raises UsageError, ApiError."""
    tty = _wants_terminal(call, stdin, tty)
    options: Obj = {
        "container": container,
        "command": command,
        "stdin": stdin,
        "stdout": True,
        "stderr": not tty,
        "tty": tty,
    }
    return _session(call, pod, "exec", options, stdin=stdin, tty=tty)


def attach(
    call: Invocation,
    pod: Obj,
    container: str,
    stdin: bool,
    tty: bool,
    detach_keys: str = DETACH_KEYS,
    note: str = "",
) -> int:
    """Connect to a container's main process until it ends or is left; `note` is said first.

    Raises UsageError, ApiError.
    """
    tty = _wants_terminal(call, stdin, tty)
    if note:
        call.err(note)
    keys = parse_keys(detach_keys or DETACH_KEYS) if tty else b""
    options: Obj = {"container": container, "stdin": stdin, "stdout": True, "stderr": not tty, "tty": tty}
    code = _session(call, pod, "attach", options, stdin=stdin, tty=tty, keys=keys)
    if tty and stdin and not call.flags.get("quiet"):
        again = f"'{PROGRAM} attach {name(pod)} -c {container} -n {namespace(pod)} -i -t'"
        found = find_container(pod, container)
        if found and found[1].startswith("spec.ephemeralContainers"):
            text = f"the ephemeral container will not be restarted but may be reattached using {again} if it is still running"
        else:
            text = f"resume using {again} command"
        call.out(f"Session ended, {text}")
    return code


def _wants_terminal(call: Invocation, stdin: bool, tty: bool) -> bool:
    """Whether there is a terminal to work with; says so when one was asked for in vain."""
    if not (stdin and tty):
        return False
    if call.env.stdin_is_terminal:
        return True
    if not call.flags.get("quiet"):
        call.err(NOT_A_TERMINAL)
    return False


def parse_keys(text: str) -> bytes:
    """`ctrl-p,ctrl-q` as the bytes that a terminal sends. Raises UsageError."""
    keys = b""
    for word in text.split(","):
        if len(word) == 1:
            keys += word.encode()
        elif word.startswith("ctrl-") and len(word) == 6 and word[5] in "abcdefghijklmnopqrstuvwxyz@[\\]^_":
            keys += bytes((ord(word[5].upper()) & 0x1F,))
        else:
            raise UsageError(f"could not bind detach keys: Unknown character: '{word}'")
    return keys


# ---------------------------------------------------------------------- the session


def _session(
    call: Invocation, pod: Obj, subresource: str, options: Obj, *, stdin: bool, tty: bool, keys: bytes = b""
) -> int:
    try:
        stream = call.client.connect("pods", name(pod), namespace(pod), subresource, options)
    except ApiError as e:
        raise UsageError(refusal(e)) from None
    with _raw_terminal(call, stream) if tty else contextlib.nullcontext():
        left = threading.Event()
        if stdin:
            sender = threading.Thread(target=_send, args=(call.env.stdin, stream, keys, left), daemon=True)
            sender.start()
        try:
            status = _receive(call, stream)
        finally:
            stream.close()
    if status is None:
        if left.is_set():
            return 0
        raise UsageError(LOST)
    return _exit_code(call, status)


def refusal(error: ApiError) -> str:
    """As kubectl tells of a session that did not begin. A kubelet's refusal reaches it when the session has begun."""
    return error.message if error.reason == "InternalError" else f"unable to upgrade connection: {error.message}"


def _receive(call: Invocation, stream: Stream) -> Obj | None:
    """Write out what comes; the final Status, None when the connection ended without one."""
    writers = {STDOUT: writer(call.env.stdout), STDERR: writer(call.env.stderr)}
    while (frame := stream.recv()) is not None:
        channel, data = frame
        if channel in writers:
            writers[channel](data)
        elif channel == ERROR:
            status: Obj = json.loads(data)
            return status
    return None


def _exit_code(call: Invocation, status: Obj) -> int:
    if status.get("status") != "Failure":
        return 0
    if status.get("reason") == "NonZeroExitCode":
        causes = (status.get("details") or {}).get("causes") or []
        code = next((int(c["message"]) for c in causes if c.get("reason") == "ExitCode"), 1)
        call.err(f"command terminated with exit code {code}")
        return code
    raise UsageError(str(status.get("message") or "unknown error"))


def writer(stream: IO[str]) -> Callable[[bytes], None]:
    """A function that puts bytes out at once, unchanged where the stream can take bytes."""
    binary = getattr(stream, "buffer", None)
    if binary is not None:

        def write(data: bytes) -> None:
            stream.flush()
            binary.write(data)
            binary.flush()

        return write
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    return lambda data: (stream.write(decoder.decode(data)), stream.flush())[1]


# ---------------------------------------------------------------------- stdin


def _send(source: IO[str], stream: Stream, keys: bytes, left: threading.Event) -> None:
    """Pass stdin on until it ends, the session does, or the keys to detach are typed."""
    detach = Detacher(keys)
    with contextlib.suppress(OSError, ValueError):
        for data in _chunks(source):
            passed, done = detach.feed(data)
            if passed:
                stream.send(STDIN, passed)
            if done:
                left.set()
                stream.close()
                return
        stream.close_channel(STDIN)


def _chunks(source: IO[str]) -> Iterator[bytes]:
    """What can be read, as soon as it can be."""
    try:
        fd = source.fileno()
    except (OSError, ValueError, AttributeError):
        yield source.read().encode()
        return
    while data := os.read(fd, 65536):
        yield data


class Detacher:
    """Finds the key sequence that ends an attachment; a sequence that breaks off is passed on."""

    def __init__(self, keys: bytes):
        self._keys, self._held = keys, b""

    def feed(self, data: bytes) -> tuple[bytes, bool]:
        """(what to pass on, whether the sequence is complete)."""
        if not self._keys:
            return data, False
        out = b""
        for i in range(len(data)):
            self._held += data[i : i + 1]
            if self._held == self._keys:
                return out, True
            while self._held and not self._keys.startswith(self._held):
                out, self._held = out + self._held[:1], self._held[1:]
        return out, False


# ---------------------------------------------------------------------- the terminal


@contextlib.contextmanager
def _raw_terminal(call: Invocation, stream: Stream) -> Iterator[None]:
    """Every key goes to the container; the terminal is as before afterwards, and its size is told."""
    import termios
    import tty

    fd = call.env.stdin.fileno()
    before = termios.tcgetattr(fd)

    def tell(*_signal: Any) -> None:
        with contextlib.suppress(OSError):
            size = os.get_terminal_size(fd)
            if size.columns and size.lines:
                stream.send(RESIZE, json.dumps({"Width": size.columns, "Height": size.lines}).encode())

    in_main_thread = threading.current_thread() is threading.main_thread()
    previous = signal.signal(signal.SIGWINCH, tell) if in_main_thread else None
    try:
        tty.setraw(fd, termios.TCSANOW)  # keys that were typed already must not get lost
        tell()
        yield
    finally:
        termios.tcsetattr(fd, termios.TCSADRAIN, before)
        if in_main_thread:
            signal.signal(signal.SIGWINCH, previous)
