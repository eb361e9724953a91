"""Certificates and keys that a kubeconfig names or holds."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import TYPE_CHECKING

from minikctl.util.errors import UsageError

if TYPE_CHECKING:
    from minikctl.kubectl.command import Invocation


def absolute(call: Invocation, path: str) -> str:
    """The path from the root; nothing stays nothing, as an empty flag clears the field."""
    import os

    return os.path.normpath(call.env.cwd / path) if path else str(call.env.cwd)


def check(call: Invocation, what: str, path: str) -> None:
    """Raises UsageError when there is no such file."""
    if not (call.env.cwd / path).exists():
        raise UsageError(f"could not stat {what} file {path}: stat {path}: no such file or directory")


def content(call: Invocation, path: str) -> str:
    """A file in base64, as the `-data` fields hold it; empty when it cannot be read."""
    return read(call.env.cwd / path)


def read(path: Path) -> str:
    try:
        return base64.b64encode(path.read_bytes()).decode()
    except OSError:
        return ""
