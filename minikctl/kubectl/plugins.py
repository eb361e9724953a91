"""Plugins: programs on PATH whose names begin with `kubectl-` and continue as the words that nobody else knows.

`kubectl foo bar --baz` runs `kubectl-foo-bar --baz`, else `kubectl-foo bar --baz`. A plugin never replaces a command; a
subcommand may be a plugin for `create` only. Source: kubectl `pkg/cmd/plugin.go`.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from minikctl.kubectl import PROGRAM
from minikctl.util.errors import UsageError

PREFIX = f"{PROGRAM}-"
MAY_HAVE_PLUGINS = ("create",)


def folders(environ: Mapping[str, str]) -> list[str]:
    """The folders of PATH, each once, in their order."""
    return [p for p in dict.fromkeys((environ.get("PATH") or "").split(os.pathsep)) if p.strip()]


def is_executable(path: Path) -> bool:
    """Raises OSError."""
    mode = path.stat().st_mode
    return not stat.S_ISDIR(mode) and bool(mode & 0o111)


def runs(path: Path) -> bool:
    """Whether the file can be executed."""
    try:
        return is_executable(path)
    except OSError:
        return False


def find(argv: Sequence[str], environ: Mapping[str, str]) -> tuple[Path, list[str]] | None:
    """The plugin that the words mean, and what is left for it. Raises UsageError when flags come before its name."""
    words = []
    for word in argv:
        if word.startswith("-"):
            break
        words.append(word.replace("-", "_"))
    if not words:
        raise UsageError(f"flags cannot be placed before plugin name: {argv[0]}", prefix="Error: ")
    least = 2 if words[0] in MAY_HAVE_PLUGINS else 1
    for count in range(len(words), least - 1, -1):
        path = _on_path(PREFIX + "-".join(words[:count]), environ)
        if path is not None:
            return path, list(argv[count:])
    return None


def _on_path(name: str, environ: Mapping[str, str]) -> Path | None:
    if "/" in name:
        return None
    for folder in folders(environ):
        path = Path(folder, name)
        if runs(path):
            return path
    return None


def run(path: Path, argv: Sequence[str], environ: Mapping[str, str]) -> None:
    """Become the plugin. Raises UsageError when it cannot be started; does not come back otherwise."""
    try:
        os.execve(path, [str(path), *argv], dict(environ))
    except OSError as e:
        raise UsageError(f"fork/exec {path}: {(e.strerror or '').lower()}") from None


def listed(environ: Mapping[str, str]) -> Iterator[Path | UsageError]:
    """Everything on PATH that is called like a plugin; folders that cannot be read as errors."""
    for folder in folders(environ):
        try:
            names = sorted(e.name for e in os.scandir(folder) if e.name.startswith(PREFIX) and not e.is_dir())
        except OSError as e:
            reason = f"open {folder}: {(e.strerror or '').lower()}"
            yield UsageError(f'Unable to read directory "{folder}" from your PATH: {reason}. Skipping...')
            continue
        for name in names:
            yield Path(folder, name)
