"""The files that COPY and ADD can have: those of a folder, without what `.dockerignore` leaves out, and never others.

Source: "Dockerfile reference", .dockerignore and COPY; Go's filepath.Match.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from minikctl.runtime.oci.inside import resolve


@dataclass(frozen=True)
class Context:
    """A folder. `ignores`: its .dockerignore; none for the root of another stage. `name`: what users call it."""

    folder: Path
    ignores: tuple[str, ...] = ()
    name: str = ""

    @cached_property
    def _rules(self) -> list[tuple[re.Pattern[str], bool]]:
        return rules(self.ignores)

    def is_left_out(self, path: str) -> bool:
        """`path` is below the folder; the last rule that fits counts."""
        left_out = False
        for pattern, again in self._rules:
            if pattern.fullmatch(path):
                left_out = not again
        return left_out

    def find(self, pattern: str) -> list[str]:
        """Paths below the folder, "" for itself. `..` and links stay inside."""
        parts = [p for p in os.path.normpath("/" + pattern).split("/") if p]
        found = [""]
        for part in parts:
            found = [path for above in found for path in self._next(above, part)]
        return [p for p in found if not (p and self.is_left_out(p) and not self._has_kept(p))]

    def _next(self, above: str, part: str) -> Iterator[str]:
        folder = self.real(above)
        if not any(c in part for c in "*?["):
            if os.path.lexists(folder / part):
                yield f"{above}/{part}" if above else part
            return
        wanted = re.compile(glob(part))
        try:
            names = sorted(os.listdir(folder))
        except OSError:
            return
        for name in names:
            if wanted.fullmatch(name):
                yield f"{above}/{name}" if above else name

    def real(self, path: str) -> Path:
        """Where it is on this machine; links lead on, but not out of the folder."""
        return self.folder / resolve(self.folder, path).lstrip("/")

    def below(self, path: str) -> Iterator[str]:
        """Everything in a folder of the context, folders before what is in them, itself not."""
        for name in sorted(os.listdir(self.folder / path)):
            inner = f"{path}/{name}" if path else name
            is_folder = (self.folder / inner).is_dir() and not (self.folder / inner).is_symlink()
            left_out = self.is_left_out(inner)
            if not left_out:
                yield inner
            if is_folder and (not left_out or self._has_exceptions):
                yield from self.below(inner)

    @property
    def _has_exceptions(self) -> bool:
        return any(again for _, again in self._rules)

    def _has_kept(self, path: str) -> bool:
        place = self.folder / path
        return self._has_exceptions and place.is_dir() and any(True for _ in self.below(path))


def of_folder(folder: Path, dockerfile: Path | None = None) -> Context:
    """`Dockerfile.dockerignore` beside the Dockerfile goes before `.dockerignore`."""
    places = [folder / ".dockerignore"]
    if dockerfile is not None:
        places.insert(0, dockerfile.with_name(dockerfile.name + ".dockerignore"))
    for place in places:
        try:
            return Context(folder, tuple(place.read_text("utf-8", "replace").splitlines()))
        except OSError:
            continue
    return Context(folder)


def rules(lines: tuple[str, ...]) -> list[tuple[re.Pattern[str], bool]]:
    """(pattern for whole paths and all below them, whether it takes paths back in)."""
    found = []
    for line in lines:
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        again = text.startswith("!")
        path = os.path.normpath("/" + text.lstrip("!").strip()).lstrip("/")
        if path:
            found.append((re.compile(f"{glob(path)}(?:/.*)?"), again))
    return found


def glob(pattern: str) -> str:
    """A regular expression: `*` and `?` within a name, `[a-z]`, `**` for any number of folders, `\\` before a character."""
    out, i = [], 0
    while i < len(pattern):
        char = pattern[i]
        if pattern.startswith("**", i):
            i += 2
            if pattern.startswith("/", i):
                i += 1
                out.append("(?:.*/)?")
            else:
                out.append(".*")
            continue
        if char == "*":
            out.append("[^/]*")
        elif char == "?":
            out.append("[^/]")
        elif char == "[" and (end := pattern.find("]", i + 2)) > 0:
            inner = pattern[i + 1 : end].replace("\\", "\\\\").replace("[", "\\[")
            out.append(f"[{inner}]")
            i = end
        elif char == "\\" and i + 1 < len(pattern):
            i += 1
            out.append(re.escape(pattern[i]))
        else:
            out.append(re.escape(char))
        i += 1
    return "".join(out)
