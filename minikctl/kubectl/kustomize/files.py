"""The files of a kustomization: read from its folder, and from nowhere else unless that is allowed.

Source: kustomize `api/internal/loader`, `kyaml/filesys`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from minikctl.util.errors import UsageError

NAMES = ("kustomization.yaml", "kustomization.yml", "Kustomization")
_ROOT = "must build at directory"


@dataclass(frozen=True)
class Root:
    """A folder that is built, and the one that led there."""

    path: Path
    restricted: bool = True
    referrer: Root | None = None

    @classmethod
    def at(cls, path: str, cwd: Path, *, restricted: bool) -> Root:
        """The folder that somebody named. Raises UsageError."""
        _refuse_remote(path)
        try:
            return cls(directory(cwd / path), restricted)
        except UsageError as e:
            raise UsageError(f"{_ROOT}: {e.message}") from None

    def below(self, path: str) -> Root:
        """A folder that this one refers to. Raises UsageError."""
        if not path:
            raise UsageError("new root cannot be empty")
        _refuse_remote(path)
        if Path(path).is_absolute():
            raise UsageError(f"new root '{path}' cannot be absolute")
        try:
            root = directory(self.path / path)
        except UsageError as e:
            raise UsageError(f"{_ROOT}: {e.message}") from None
        visited: Root | None = self
        while visited is not None:
            if visited.path == root or root in visited.path.parents:
                raise UsageError(f"cycle detected: candidate root '{root}' contains visited root '{visited.path}'")
            visited = visited.referrer
        return Root(root, self.restricted, self)

    def read(self, path: str) -> bytes:
        """The content of a file. Raises UsageError."""
        if path.startswith(("http://", "https://")):
            return _download(path)
        full = Path(path) if Path(path).is_absolute() else Path(_clean(self.path / path))
        resolved = _resolved(full) if self.restricted else full
        if self.restricted and self.path not in resolved.parents:
            if resolved.is_dir():
                raise UsageError(f"'{full}' must resolve to a file")
            raise UsageError(f"security; file '{full}' is not in or below '{self.path}'")
        if resolved.is_dir():
            raise UsageError(f"'{full}' must resolve to a file" if self.restricted else f"{full} is a directory")
        try:
            return resolved.read_bytes()
        except OSError as e:
            raise UsageError(f"open {resolved}: {(e.strerror or '').lower()}") from None

    def kustomization(self) -> str:
        """The text of the folder's kustomization file. Raises UsageError."""
        found = []
        for name in NAMES:
            try:
                found.append(self.read(name))
            except UsageError:
                continue
        if not found:
            listed = ", ".join(f"'{n}'" for n in NAMES[:-1])
            raise UsageError(f"unable to find one of {listed} or '{NAMES[-1]}' in directory '{self.path}'")
        if len(found) > 1:
            raise UsageError(f"Found multiple kustomization files under: {self.path}\n")
        return found[0].decode("utf-8", "replace")


def _clean(path: Path) -> str:
    import os

    return os.path.normpath(path)


def _resolved(path: Path) -> Path:
    """The real place of a file. Raises UsageError."""
    try:
        return path.resolve(strict=True)
    except (OSError, RuntimeError) as e:
        reason = (e.strerror or "").lower() if isinstance(e, OSError) else "too many links"
        missing = _first_missing(path)
        raise UsageError(f"evalsymlink failure on '{path}' : lstat {missing}: {reason}") from None


def _first_missing(path: Path) -> Path:
    for part in [*reversed(path.parents), path]:
        if not part.is_symlink() and not part.exists():
            return part
    return path


def directory(path: Path) -> Path:
    """The real place of a folder. Raises UsageError."""
    clean = Path(_clean(path))
    try:
        resolved = _resolved(clean)
    except UsageError as e:
        raise UsageError(f"not a valid directory: {e.message}") from None
    if not resolved.is_dir():
        raise UsageError(f"'{clean}': file is not directory")
    return resolved


def _refuse_remote(path: str) -> None:
    if "://" in path or path.startswith(("git@", "github.com/")) or "?ref=" in path:
        raise UsageError(f"remote folders of kustomizations cannot be fetched here: {path}")


def _download(url: str) -> bytes:
    import urllib.error
    import urllib.request

    try:
        with urllib.request.urlopen(url, timeout=30) as answer:
            return bytes(answer.read())
    except urllib.error.HTTPError as e:
        raise UsageError(f"HTTP Error: status code {e.code} ({e.reason})") from None
    except (OSError, ValueError) as e:
        raise UsageError(f'Get "{url}": {getattr(e, "reason", e)}') from None
