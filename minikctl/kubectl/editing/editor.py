"""The user's editor on a temporary file. Source: kubectl `pkg/cmd/util/editor/editor.go`."""

from __future__ import annotations

import os
import random
import subprocess
from collections.abc import Mapping
from pathlib import Path

from minikctl.kubectl import PROGRAM
from minikctl.kubectl.command import Invocation
from minikctl.util.errors import UsageError
from minikctl.util.go_format import quote

VARIABLES = ("KUBE_EDITOR", "EDITOR")
DEFAULT_EDITOR = "vi"
DEFAULT_SHELL = "/bin/bash"


def command_line(environ: Mapping[str, str], path: str) -> list[str]:
    """How to start the editor on a file; one with quotes or backslashes is left to the user's shell to read."""
    editor = next((environ[v] for v in VARIABLES if environ.get(v)), DEFAULT_EDITOR)
    if " " not in editor:
        return [editor, path]
    if not set(editor) & set("\"'\\"):
        return [*editor.split(" "), path]
    return [environ.get("SHELL") or DEFAULT_SHELL, "-c", f"{editor} {quote(path)}"]


def new_file(environ: Mapping[str, str], extension: str) -> Path:
    """An empty file of the user's own."""
    folder = Path(environ.get("TMPDIR") or "/tmp")
    while True:
        path = folder / f"{PROGRAM}-edit-{random.randrange(10**9, 4 * 10**9)}{extension}"
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            return path
        except FileExistsError:
            continue


def edit(call: Invocation, text: str, extension: str) -> tuple[str, Path]:
    """(the text as the editor left it, the file it is in). Raises UsageError when the editor cannot do its work."""
    environ = call.env.environ
    path = new_file(environ, extension)
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    words = command_line(environ, str(path))
    shown = " ".join(words[:-1]) if words[1] != "-c" else " ".join(words).removesuffix(" " + quote(str(path)))
    call.env.stdout.flush()
    try:
        code = subprocess.run(words, cwd=call.env.cwd, env=dict(environ), check=False).returncode
    except FileNotFoundError:
        raise UsageError(f"unable to launch the editor {quote(shown)}") from None
    except OSError:
        code = 1
    if code:
        raise UsageError(f"there was a problem with the editor {quote(shown)}")
    return path.read_bytes().decode("utf-8", "surrogateescape"), path
