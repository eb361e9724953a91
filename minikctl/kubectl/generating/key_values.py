"""--from-file, --from-literal and --from-env-file: where the keys of config maps and secrets come from.

Source: kubectl `pkg/util/util.go`, `pkg/cmd/util/env_file.go`, `pkg/cmd/create`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from minikctl.api.names import env_name
from minikctl.kubectl.command import Invocation
from minikctl.kubectl.flags import ARRAY, BOOL, LIST, Option
from minikctl.util.errors import UsageError

Add = Callable[[str, bytes], None]
APPEND_HASH = Option("append-hash", BOOL, help="Append a hash of the content to the name.")


def options(what: str) -> tuple[Option, ...]:
    """The flags, with help for a `config map` or a `secret`."""
    return (
        APPEND_HASH,
        Option(
            "from-env-file",
            LIST,
            help=f"File with lines of KEY=VALUE, each a key of the {what}.",
            complete="files",
        ),
        Option(
            "from-file",
            LIST,
            help="File or folder, [key=]path; the key of a file is its name when none is given.",
            complete="files",
        ),
        Option("from-literal", ARRAY, help=f"A key and its value for the {what}, key=value; may be repeated."),
    )


def check(call: Invocation) -> None:
    """Raises UsageError when the sources cannot stand beside each other."""
    flags = call.flags
    if flags.from_env_file and (flags.from_file or flags.from_literal):
        raise UsageError("from-env-file cannot be combined with from-file or from-literal")


def from_literals(call: Invocation, add: Add) -> None:
    for source in call.flags.from_literal:
        key, equals, value = source.partition("=")
        if not key or not equals:
            raise UsageError(f"invalid literal source {source}, expected key=value")
        add(key, value.encode("utf-8", "surrogateescape"))


def from_files(call: Invocation, add: Add) -> None:
    for source in call.flags.from_file:
        key, name = _split(source)
        path = Path(call.env.cwd, name)
        _stat(path, name)
        if not path.is_dir():
            add(key, _read(path, name))
            continue
        if "=" in source:
            raise UsageError("cannot give a key name for a directory path")
        for entry in sorted(path.iterdir()):
            if entry.is_file() and not entry.is_symlink():
                add(entry.name, _read(entry, os.path.join(name, entry.name)))


def _split(source: str) -> tuple[str, str]:
    """(key, path) of `[key=]path`."""
    if "=" not in source:
        return os.path.basename(source.rstrip("/")) or ".", source
    if source.count("=") > 1:
        raise UsageError("key names or file paths cannot contain '='")
    key, _, path = source.partition("=")
    if not key:
        raise UsageError(f"key name for file path {path} missing")
    if not path:
        raise UsageError(f"file path for key name {key} missing")
    return key, path


def from_env_files(call: Invocation, add: Add, what: str) -> None:
    """Lines KEY=VALUE; a KEY alone takes its value from the environment. `what`: config or secret."""
    for name in call.flags.from_env_file:
        path = Path(call.env.cwd, name)
        _stat(path, name)
        if path.is_dir():
            raise UsageError(f"env {what} file cannot be a directory")
        for number, line in enumerate(_read(path, name).split(b"\n"), 1):
            if pair := _env_line(call, line.removesuffix(b"\r"), name, number):
                add(*pair)


def _env_line(call: Invocation, line: bytes, name: str, number: int) -> tuple[str, bytes] | None:
    try:
        text = line.decode()
    except UnicodeDecodeError:
        shown = " ".join(map(str, line))
        raise UsageError(f"env file {name} contains invalid utf8 bytes at line {number}: [{shown}]") from None
    text = (text.removeprefix("\ufeff") if number == 1 else text).lstrip()
    if not text or text.startswith("#"):
        return None
    key, equals, value = text.partition("=")
    if wrong := env_name(key):
        raise UsageError(f'"{key}" is not a valid key name: {";".join(wrong)}')
    return key, (value if equals else call.env.environ.get(key, "")).encode()


def _stat(path: Path, name: str) -> None:
    try:
        path.stat()
    except OSError as e:
        raise UsageError(f"error reading {name}: {os_reason(e)}") from None


def _read(path: Path, name: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as e:
        raise UsageError(f"open {name}: {os_reason(e)}") from None


def os_reason(error: OSError) -> str:
    """What the system says, as Go words it."""
    text = os.strerror(error.errno or 0)
    return text[:1].lower() + text[1:]
