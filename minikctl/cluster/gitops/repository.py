"""Git, by its own program: which commit a revision means, and the files of a commit.

Repositories are mirrored below `run/gitops/` of the state directory; the files of a commit are unpacked there once.
A local path is a repository like any other: what counts is what is committed.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import re
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import Any

SECONDS = 90.0
KEPT = 4
"""Unpacked commits of a repository."""
_SHA = re.compile(r"[0-9a-f]{40}")


class SourceError(Exception):
    """The repository, the revision or the files cannot be used; one line for the Application's condition."""


class Repositories:
    """`folder` is where mirrors and files are kept."""

    def __init__(self, folder: Path):
        self.folder = folder

    def resolve(self, url: str, revision: str) -> str:
        """The commit that a branch, tag, commit or HEAD means now. Raises SourceError."""
        if _SHA.fullmatch(revision) and self._has(url, revision):
            return revision
        mirror = self._mirror(url)
        wanted = revision or "HEAD"
        for name in (f"refs/heads/{wanted}", f"refs/tags/{wanted}", wanted):
            found = self._try(mirror, "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")
            if found:
                return found
        raise SourceError(f"unable to resolve '{wanted}' to a commit SHA")

    def files(self, url: str, commit: str) -> Path:
        """A folder with the files of a commit. Raises SourceError."""
        target = self.folder / f"{_digest(url)}-{commit[:16]}"
        if target.is_dir():
            with contextlib.suppress(OSError):
                os.utime(target)
            return target
        mirror = self._mirror_path(url)
        data = _run(["git", "--git-dir", str(mirror), "archive", "--format=tar", commit])
        temporary = self.folder / f".{target.name}.{os.getpid()}"
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True, mode=0o700)
        try:
            safely: Any = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
            with tarfile.open(fileobj=io.BytesIO(data)) as tar:
                tar.extractall(temporary, **safely)
            os.replace(temporary, target)
        except (OSError, tarfile.TarError) as e:
            shutil.rmtree(temporary, ignore_errors=True)
            raise SourceError(f"cannot unpack {commit} of {url}: {e}") from None
        self._drop_old(url)
        return target

    def changed(self, url: str) -> object:
        """Something that differs when a local repository has changed; None for one that has to be asked."""
        path = local_path(url)
        if path is None:
            return None
        folder = path / ".git" if (path / ".git").is_dir() else path
        found = []
        for base, _, names in os.walk(folder / "refs"):
            found += [_stamp(Path(base) / n) for n in names]
        return (_stamp(folder / "HEAD"), _stamp(folder / "packed-refs"), tuple(sorted(found)))

    # ------------------------------------------------------------------ mirrors

    def _mirror_path(self, url: str) -> Path:
        return self.folder / f"{_digest(url)}.git"

    def _mirror(self, url: str) -> Path:
        """A mirror as the repository is now."""
        mirror = self._mirror_path(url)
        source = str(local_path(url) or url)
        if source.startswith("-"):
            raise SourceError(f"{url!r} is no repository")
        if mirror.is_dir():
            _run(["git", "--git-dir", str(mirror), "fetch", "--quiet", "--prune", "--force", source, "+refs/*:refs/*"])
            head = _run(["git", "ls-remote", "--symref", source, "HEAD"]).decode()
            if match := re.match(r"ref: (refs/\S+)\tHEAD", head):
                _run(["git", "--git-dir", str(mirror), "symbolic-ref", "HEAD", match[1]])
            return mirror
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        temporary = self.folder / f".{mirror.name}.{os.getpid()}"
        shutil.rmtree(temporary, ignore_errors=True)
        try:
            _run(["git", "clone", "--quiet", "--mirror", "--no-hardlinks", source, str(temporary)])
            os.replace(temporary, mirror)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        return mirror

    def _has(self, url: str, commit: str) -> bool:
        mirror = self._mirror_path(url)
        return mirror.is_dir() and bool(self._try(mirror, "rev-parse", "--verify", "--quiet", f"{commit}^{{commit}}"))

    @staticmethod
    def _try(mirror: Path, *words: str) -> str:
        try:
            return _run(["git", "--git-dir", str(mirror), *words]).decode().strip()
        except SourceError:
            return ""

    def _drop_old(self, url: str) -> None:
        with contextlib.suppress(OSError):
            found = sorted(self.folder.glob(f"{_digest(url)}-*"), key=lambda p: p.stat().st_mtime)
            for path in found[:-KEPT]:
                shutil.rmtree(path, ignore_errors=True)


def local_path(url: str) -> Path | None:
    """The folder that a URL means, if it means one."""
    if url.startswith("file://"):
        return Path(url.removeprefix("file://"))
    return Path(url) if url.startswith("/") else None


def _digest(url: str) -> str:
    return hashlib.sha256(url.encode()).hexdigest()[:16]


def _stamp(path: Path) -> tuple[str, int, int]:
    try:
        stat = path.stat()
        return str(path), stat.st_mtime_ns, stat.st_ino
    except OSError:
        return str(path), 0, 0


def _run(command: list[str]) -> bytes:
    environ = {
        **os.environ,
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "safe.directory",  # whose the folder is does not matter: nothing in it is run
        "GIT_CONFIG_VALUE_0": "*",
        "LC_ALL": "C",
    }
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, env=environ, timeout=SECONDS, check=False
        )
    except FileNotFoundError:
        raise SourceError(f"the program {command[0]} is not installed") from None
    except subprocess.TimeoutExpired:
        raise SourceError(f"{command[0]} did not answer within {SECONDS:.0f} s") from None
    if done.returncode:
        words = " ".join(done.stderr.decode(errors="replace").split())
        raise SourceError(words[:500] or f"{' '.join(command[:2])} failed")
    return done.stdout
