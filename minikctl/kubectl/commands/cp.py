"""`kubectl cp`. Source: kubectl `pkg/cmd/cp/cp.go`."""

from __future__ import annotations

import contextlib
import io
import json
import os
import posixpath
import tarfile
import threading
from collections.abc import Iterator

from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj, annotations_of, name, namespace
from minikctl.client import Stream
from minikctl.kubectl import PROGRAM, pod_of, remote
from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.copying import ChunkReader, FileSpec, cleaned, member_prefix, pack, parse_spec, unpack
from minikctl.kubectl.flags import BOOL, INT, Option
from minikctl.util.errors import Exit, Unreachable, UsageError

STDIN, STDOUT, STDERR, ERROR = range(4)


def run(call: Invocation) -> None:
    """Raises UsageError, ApiError, Exit."""
    if len(call.args) != 2:
        raise UsageError("source and destination are required")
    source, target = (parse_spec(word) for word in call.args)
    if source.pod and target.pod:
        raise UsageError("one of src or dest must be a local file specification")
    if not source.path or not target.path:
        raise UsageError("filepath can not be empty")
    try:
        if source.pod:
            _from_pod(call, source, target)
        elif target.pod:
            _to_pod(call, source, target)
        else:
            raise UsageError("one of src or dest must be a remote file specification")
    except OSError as e:
        why = os.strerror(e.errno).lower() if e.errno else str(e)
        raise UsageError(f"open {e.filename}: {why}" if e.filename else why) from None


class Session:
    """Commands in one container."""

    def __init__(self, call: Invocation, spec: FileSpec, *, told_on_stdout: bool = False):
        self._call = call
        self.pod: Obj = call.client.get("pods", spec.pod, spec.namespace or call.namespace)
        phase = (self.pod.get("status") or {}).get("phase")
        if phase in ("Succeeded", "Failed"):
            raise UsageError(f"cannot exec into a container in a completed pod; current phase is {phase}")
        wanted = call.flags.container
        if wanted and pod_of.find_container(self.pod, wanted) is None:
            raise pod_of.not_valid(self.pod, wanted)
        found = pod_of.container_of(call, self.pod, wanted, quiet=told_on_stdout)
        self.container = str(found["name"])
        chosen = wanted or annotations_of(self.pod).get(pod_of.DEFAULT_CONTAINER)
        if told_on_stdout and not chosen and pod_of.has_several(self.pod):
            call.out(f'Defaulted container "{self.container}" out of: {pod_of.all_names(self.pod)}')

    def open(self, command: list[str], *, stdin: bool = False) -> Stream:
        """Raises ApiError, UsageError."""
        options = {
            "container": self.container,
            "command": command,
            "stdin": stdin,
            "stdout": True,
            "stderr": True,
            "tty": False,
        }
        try:
            return self._call.client.connect("pods", name(self.pod), namespace(self.pod), "exec", options)
        except ApiError as e:
            raise UsageError(remote.refusal(e)) from None


def _exit_code(status: Obj) -> int:
    """Raises UsageError for a command that could not be run."""
    if status.get("status") != "Failure":
        return 0
    if status.get("reason") == "NonZeroExitCode":
        causes = (status.get("details") or {}).get("causes") or []
        return next((int(c["message"]) for c in causes if c.get("reason") == "ExitCode"), 1)
    raise UsageError(str(status.get("message") or "unknown error"))


def _failed(call: Invocation, code: int) -> Exit:
    call.err(f"command terminated with exit code {code}")
    return Exit(code)


# ---------------------------------------------------------------------- to a container


def _to_pod(call: Invocation, source: FileSpec, target: FileSpec) -> None:
    local = call.env.cwd / source.path
    if not local.exists():
        raise UsageError(f"{source.path} doesn't exist in local filesystem")
    session = Session(call, target)
    path = target.path
    if _is_folder(session, path):
        path = cleaned(posixpath.join(path, os.path.basename(source.path) or "/"))
    command = ["tar", "-xmf", "-"]
    if call.flags.no_preserve:
        command = ["tar", "--no-same-permissions", "--no-same-owner", "-xmf", "-"]
    folder = cleaned(posixpath.dirname(path))
    stream = session.open([*command, "-C", folder], stdin=True)
    problems: list[Exception] = []

    def send() -> None:
        try:
            with contextlib.closing(io.BufferedWriter(_Sink(stream), 64 * 1024)) as sink:
                pack(str(local), path, sink)
            stream.close_channel(STDIN)
        except BrokenPipeError:
            pass  # the command has ended: its exit code tells
        except (OSError, ValueError, tarfile.TarError) as e:
            problems.append(e)
            stream.close()

    sender = threading.Thread(target=send, daemon=True)
    sender.start()
    status = _shown(call, stream)
    stream.close()
    if problems:
        raise problems[0]
    if status is None:
        raise UsageError(remote.LOST)
    if code := _exit_code(status):
        raise _failed(call, code)


class _Sink(io.RawIOBase):
    """Writes to a command's stdin."""

    def __init__(self, stream: Stream):
        self._stream = stream

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        part = bytes(data)  # type: ignore[call-overload]
        try:
            self._stream.send(STDIN, part)
        except (OSError, ValueError):
            raise BrokenPipeError from None
        return len(part)


def _is_folder(session: Session, path: str) -> bool:
    stream = session.open(["test", "-d", path])
    try:
        while (frame := stream.recv()) is not None:
            if frame[0] == ERROR:
                return _exit_code(json.loads(frame[1])) == 0
    except UsageError:
        pass  # no `test` there: then tar will tell
    finally:
        stream.close()
    return False


def _shown(call: Invocation, stream: Stream) -> Obj | None:
    """Put out what a command says; its final Status."""
    writers = {STDOUT: remote.writer(call.env.stdout), STDERR: remote.writer(call.env.stderr)}
    while (frame := stream.recv()) is not None:
        channel, data = frame
        if channel in writers:
            writers[channel](data)
        elif channel == ERROR:
            status: Obj = json.loads(data)
            return status
    return None


# ---------------------------------------------------------------------- from a container


def _from_pod(call: Invocation, source: FileSpec, target: FileSpec) -> None:
    session = Session(call, source, told_on_stdout=True)
    instead = (
        f'consider using "{PROGRAM} exec -n "{source.namespace}" "{source.pod}" -- tar cf - "{source.path}" | tar xf -"'
    )
    reader = ChunkReader(_tar_of(call, session, source.path))
    try:
        unpack(reader, member_prefix(source.path), call.env.cwd, target.path, call.err, instead)  # type: ignore[arg-type]
        reader.read()  # the rest of the last block; and how tar ended
    except tarfile.TarError as e:
        raise UsageError("unexpected EOF" if "unexpected end" in str(e) else str(e)) from None


def _tar_of(call: Invocation, session: Session, path: str) -> Iterator[bytes]:
    """The tar stream; taken up again where it broke off, as often as --retries says.

    Raises UsageError, ApiError, Exit.
    """
    tries, done, retried = call.flags.retries, 0, 0
    say = remote.writer(call.env.stdout)
    while True:
        try:
            stream = session.open(_command(path, tries, done))
            try:
                while (frame := stream.recv()) is not None:
                    channel, data = frame
                    if channel == STDOUT:
                        done += len(data)
                        yield data
                    elif channel == STDERR:
                        say(data)
                    elif channel == ERROR:
                        if code := _exit_code(json.loads(data)):
                            raise _failed(call, code)
                        return
            finally:
                stream.close()
            lost: Exception = UsageError(remote.LOST)
        except (ApiError, Unreachable) as e:
            lost = e
        if 0 <= tries <= retried:
            if tries:
                call.out(f"Dropping out copy after {retried} retries")
            raise lost
        retried += 1
        call.out(f"Resuming copy at {done} bytes, retry {retried}/{tries}")


def _command(path: str, tries: int, done: int) -> list[str]:
    if not tries:
        return ["tar", "cf", "-", path]
    quoted = path.replace("'", "'\\''")
    return ["sh", "-c", f"tar cf - '{quoted}' | tail -c+{done + 1 if done else 0}"]


COMMAND = Command(
    name="cp",
    summary="Copy files and directories to and from containers",
    group="Advanced",
    use="cp <file-spec-src> <file-spec-dest>",
    description="Copy files and folders between this machine and a container. The container needs `tar`. Links are left "
    "out on the way from a container.",
    examples=(
        ("A folder into a pod", "cp ./site web:/usr/share/nginx/html"),
        ("A file into a certain container", "cp ./app.conf web:/etc/app.conf -c sidecar"),
        ("Into a pod of another namespace", "cp ./data other/web:/data"),
        ("A file from a pod", "cp web:/var/log/app.log ./app.log"),
    ),
    options=(
        pod_of.CONTAINER,
        Option("no-preserve", BOOL, help="Do not keep ownership and permissions in the container."),
        Option(
            "retries",
            INT,
            help="How often to take up a copy from a container again that broke off; negative for without end.",
        ),
    ),
    complete="copied",
    run=run,
)
