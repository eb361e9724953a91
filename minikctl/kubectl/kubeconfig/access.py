"""Which files a command edits or shows, and writing a change where it belongs. Source: client-go `clientcmd/config.go`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minikctl.kubectl.kubeconfig.files import SECTIONS, Config, load, read, write
from minikctl.util.errors import UsageError

if TYPE_CHECKING:
    from minikctl.kubectl.command import Invocation

PATHS = {"clusters": ("certificate-authority",), "users": ("client-certificate", "client-key", "tokenFile")}
"""Fields that name files, relative to the kubeconfig's own folder."""


def paths_of(environ: Mapping[str, str], cwd: Path) -> list[Path]:
    """The files of $KUBECONFIG."""
    words = (environ.get("KUBECONFIG") or "").split(os.pathsep)
    return [cwd / w for w in dict.fromkeys(words) if w]


@dataclass(frozen=True)
class Access:
    """The files that are meant: `explicit` (--kubeconfig), those of $KUBECONFIG, or the cluster's own.

    `shown` is how messages name the file: as it was given.
    """

    paths: tuple[Path, ...]
    words: tuple[str, ...]
    explicit: bool = False

    @property
    def default(self) -> Path:
        """Where new entries go: the first file that exists, else the last."""
        return next((p for p in self.paths if p.exists()), self.paths[-1])

    @property
    def shown(self) -> str:
        return self.words[self.paths.index(self.default)]

    def start(self) -> Config:
        """The configuration as it stands. Raises UsageError."""
        return load(self.paths, self.words)

    def modify(self, before: Config, after: Config) -> None:
        """Write what differs, each entry into the file that it came from."""
        files: dict[Path, Config] = {}

        def file(path: Path) -> Config:
            if path not in files:
                try:
                    files[path] = read(path)
                except FileNotFoundError:
                    files[path] = Config()
            return files[path]

        for section in SECTIONS:
            old, new = before.section(section), after.section(section)
            for name in {**old, **new}:
                path = before.origins.get((section, name), self.default)
                if name not in new:
                    file(path).section(section).pop(name, None)
                elif old.get(name) != new[name]:
                    file(path).section(section)[name] = _relative(section, new[name], path.parent)
        if before.current_context != after.current_context:
            file(self._file_of_current_context(after)).current_context = after.current_context
        for path, config in files.items():
            write(path, config)

    def _file_of_current_context(self, after: Config) -> Path:
        if after.current_context or self.explicit:
            return self.default
        for path in self.paths:  # to clear it, find the file that sets it
            if path.exists() and read(path).current_context:
                return path
        return self.default


def of(call: Invocation) -> Access:
    """What this call of `config` is about. The cluster's own file is made when it is missing."""
    from minikctl.client import state_dir as state
    from minikctl.kubectl.kubeconfig import own
    from minikctl.kubectl.kubeconfig.target import local_directory

    cwd = call.env.cwd
    explicit = call.flags.get("kubeconfig") or ""
    if explicit:
        return Access((cwd / Path(explicit).expanduser(),), (explicit,), True)
    words = [w for w in dict.fromkeys((call.env.environ.get("KUBECONFIG") or "").split(os.pathsep)) if w]
    if words:
        return Access(tuple(cwd / w for w in words), tuple(words))
    directory = local_directory(call)
    state.ensure(directory)
    path = own.ensure(directory)
    return Access((path,), (str(path),))


def _relative(section: str, entry: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Paths below the file's folder are written relative to it."""
    out = dict(entry)
    for field in PATHS.get(section, ()):
        if entry.get(field):
            relative = os.path.relpath(folder / entry[field], folder)
            out[field] = entry[field] if relative.startswith("..") else relative
    return out


def wrong_arguments(call: Invocation) -> UsageError:
    """kubectl's `config` answers a wrong number of arguments with its help, and then the error."""
    from minikctl.kubectl.dispatch import Found
    from minikctl.kubectl.help import show_help

    show_help(Found(call.command, call.path, ""), call.env)
    return UsageError(f"Unexpected args: [{' '.join(call.args)}]")
