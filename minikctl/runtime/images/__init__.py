"""The emulated images: one file or folder each, whose `IMAGES` say which names and tags exist and what they run.

An image here holds no file system. Base images run the programs of the host; servers are small programs of this
package that answer as the real ones do. Files that begin with `_` are parts that several images share.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

from minikctl.runtime.interface import ImageFailure, ImageStatus
from minikctl.runtime.reference import BadReference, Reference, parse
from minikctl.util.jsonio import JSONError, loads

MIB = 1024 * 1024


@dataclass(frozen=True)
class Program:
    """A command of an image: a script of this package for `python -I -S`, or a command line of the host."""

    script: Path | None = None
    host: tuple[str, ...] = ()


@dataclass(frozen=True)
class Image:
    """names: repositories with their registry. tags: a pattern for the whole tag.

    programs: path in the container → what runs in its place; found by path and by name. requires: commands without
    which the host cannot run it. reads: folders of the container where its programs look below $MINIKCTL_ROOT, so that
    volumes mounted there take effect although nothing can be mounted. files: what else is in it: path → the text, or
    the file that has it; a path that ends in `/` is an empty folder. links: path → the program of the host that is
    called by that name.
    """

    names: tuple[str, ...]
    tags: str
    entrypoint: tuple[str, ...] = ()
    cmd: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    env_of: Callable[[str], Mapping[str, str]] | None = None
    working_dir: str = "/"
    stop_signal: str = "SIGTERM"
    ports: tuple[int, ...] = ()
    programs: Mapping[str, Program] = field(default_factory=dict)
    requires: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    files: Mapping[str, str | Path] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)
    size: int = 5 * MIB

    @property
    def key(self) -> str:
        """A name for files."""
        return re.sub(r"[^a-z0-9.]+", "-", self.names[0])

    def program(self, word: str) -> Program | None:
        """The image's own program behind the first word of a command."""
        known = {**self.programs, **{path: _called(path, target) for path, target in self.links.items()}}
        if word in known:
            return known[word]
        if "/" in word:
            return None
        return next((p for path, p in known.items() if path.rpartition("/")[2] == word), None)


def _called(path: str, target: str) -> Program:
    """A program of the host's under another name; busybox is told by its first argument, too."""
    return Program(host=(target, *([path.rpartition("/")[2]] if target.endswith("/busybox") else [])))


def of_the_e2e_tests(name: str) -> tuple[str, ...]:
    """Where Kubernetes' end-to-end tests, and with them its conformance tests, have an image of that name."""
    return tuple(f"{registry}/e2e-test-images/{name}" for registry in ("registry.k8s.io", "k8s.gcr.io"))


def docker(*names: str) -> tuple[str, ...]:
    """Repositories of Docker Hub, the official ones among them, and their mirror."""
    return tuple(
        f"{registry}/{n if '/' in n else f'library/{n}'}"
        for n in names
        for registry in ("docker.io", "public.ecr.aws/docker", "mirror.gcr.io")
    )


@cache
def catalogue() -> dict[str, Image]:
    """Every emulated image by repository. Raises ValueError when two files claim one name."""
    found: dict[str, Image] = {}
    for module in iter_modules([str(Path(__file__).parent)]):
        if module.name.startswith("_"):
            continue
        for image in import_module(f"{__name__}.{module.name}").IMAGES:
            for name in image.names:
                if name in found:
                    raise ValueError(f"two images are called {name}")
                found[name] = image
    return found


def find(reference: Reference) -> Image:
    """The image of the catalogue. Raises ImageFailure in containerd's words, with what the user can do."""
    image = catalogue().get(reference.repository)
    if image is None:
        why = "pull access denied, repository does not exist or may require authorization"
        raise ImageFailure(_refused(reference, why))
    if not reference.digest and not re.fullmatch(image.tags, reference.tag):
        raise ImageFailure(_refused(reference, f"{reference}: not found"))
    missing = [name for name in image.requires if shutil.which(name) is None]
    if missing:
        raise ImageFailure(
            f"{reference} runs the host's {missing[0]}, and this machine has none: install the package {missing[0]} "
            f"(Debian: apt install {missing[0]})"
        )
    return replace(image, env={**image.env, **image.env_of(reference.tag)}) if image.env_of else image


def _refused(reference: Reference, why: str) -> str:
    name = _short(reference)
    return (
        f'failed to pull and unpack image "{reference}": failed to resolve reference "{reference}": {why} '
        f"(nothing is fetched by itself; to have it here: minikctl image pull {name}, minikctl image load -i FILE, "
        f"minikctl image build -t {name} DIR, or minikctl image add {name} --command PROGRAM)"
    )


def _short(reference: Reference) -> str:
    return str(reference).removeprefix("docker.io/library/").removeprefix("docker.io/")


def registered(folder: Path, reference: Reference) -> Image | None:
    """An image that the user registered: `{"image": "me/app:1", "command": […], "env": {…}, "workingDir": "/…"}`.

    Files that cannot be read are passed over.
    """
    for path in sorted(folder.glob("*.json")):
        try:
            content: dict[str, Any] = loads(path.read_bytes())
            if parse(content["image"]) != reference:
                continue
            command = content.get("command") or []
            return Image(
                names=(reference.repository,),
                tags=re.escape(reference.tag),
                entrypoint=tuple(map(str, command)),
                cmd=tuple(map(str, content.get("args") or [])),
                env={k: str(v) for k, v in (content.get("env") or {}).items()},
                working_dir=str(content.get("workingDir") or "/"),
                size=0,
            )
        except (OSError, JSONError, KeyError, TypeError, AttributeError, BadReference):
            continue
    return None


def status_of(image: Image, reference: Reference) -> ImageStatus:
    """What a node says of the image; the digest is made up from the name, but always the same."""
    digest = reference.digest or "sha256:" + hashlib.sha256(f"{image.names[0]}:{reference.tag}".encode()).hexdigest()
    return ImageStatus(digest, (str(reference),), reference.repository, image.size)
