"""What the `image` commands share: the store of the cluster that is meant, and names for what is in it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from minikctl.kubectl import kubeconfig
from minikctl.kubectl.command import Invocation
from minikctl.runtime.interface import ImageFailure
from minikctl.runtime.oci.archive import short
from minikctl.runtime.oci.store import Store
from minikctl.runtime.reference import BadReference, parse
from minikctl.util.errors import EnvironmentProblem, UsageError

ADDED = "add"
MOST_TAGS = 4
_LIKELY = ("latest", "v1", "1.0", "2.0", "2.40", "3.10", "1.14-2", "2.4.38-4")


@dataclass(frozen=True)
class Listed:
    """An image as `ls` shows it. created: RFC 3339 or empty; base: the emulated image whose host programs it needs."""

    name: str
    id: str
    digest: str
    size: int
    source: str
    created: str = ""
    base: str = ""


def directory(call: Invocation) -> Path:
    return kubeconfig.local_directory(call)


def store(call: Invocation) -> Store:
    return Store(directory(call))


@contextmanager
def plainly(what: str) -> Iterator[None]:
    """Failures of images as one line: `cannot …: why`."""
    try:
        yield
    except ImageFailure as e:
        raise UsageError(f"{what}: {e}") from None
    except OSError as e:
        raise EnvironmentProblem(f"{what}: {e.strerror or e}{f': {e.filename}' if e.filename else ''}") from None


def whole(text: str) -> str:
    """The name that a tag is kept under. Raises UsageError."""
    try:
        found = parse(text)
    except BadReference as e:
        raise UsageError(f"{text!r} is no name for an image: {e}") from None
    if found.digest:
        raise UsageError(f"{text!r} names a digest: give a name with a tag, or none for :latest")
    return str(found)


def means(word: str, one: Listed) -> bool:
    """Whether somebody who says `web` (any tag of it) or `web:1` means an image. Raises UsageError."""
    try:
        wanted = parse(word)
    except BadReference as e:
        raise UsageError(f"{word!r} is no name for an image: {e}") from None
    if wanted.digest:
        return one.name == str(wanted) or one.digest == wanted.digest
    repository, tag = split(one.name)
    if repository != wanted.repository:
        return False
    says_tag = ":" in word.rpartition("/")[2]
    return not says_tag or wanted.tag == tag or (not one.id and bool(re.fullmatch(tag, wanted.tag)))


def split(name: str) -> tuple[str, str]:
    """(repository, tag or pattern of tags); no tag for a name that is a digest or has one."""
    if "@" in name or name.startswith("sha256:"):
        return name.partition("@")[0] if "@" in name else "", ""
    folder, slash, last = name.rpartition("/")
    own, _, tag = last.partition(":")
    return f"{folder}{slash}{own}", tag


def some_tags(pattern: str) -> str:
    """What an emulated image's pattern of tags allows, for people: `1.0, 2.0`, `latest, …`."""
    parts, depth, begun = [], 0, 0
    for i, char in enumerate(pattern + "|"):
        depth += (char in "([") - (char in ")]")
        if char == "|" and not depth:
            parts.append(pattern[begun:i].replace("\\.", "."))
            begun = i + 1
    plain = [p for p in parts if re.fullmatch(r"[A-Za-z0-9_.-]+", p)]
    likely = [t for t in _LIKELY if re.fullmatch(pattern, t)]
    first = [t for t in likely if t == "latest"]
    shown = [*first, *(p for p in plain if p not in first)][:MOST_TAGS] or likely[:1]
    return ", ".join([*shown, *(["…"] if set(shown) != set(parts) else [])])


def names_of(images: Store, text: str) -> list[str]:
    """The names that a word on the command line means: a name, a digest, or the (beginning of the) ID. Raises UsageError."""
    records = images.records()
    if text in records:
        return [text]
    try:
        reference = parse(text)
    except BadReference:
        reference = None
    if reference is not None:
        if str(reference) in records:
            return [str(reference)]
        if reference.digest and (record := images.find(reference)) is not None:
            return [n for n, r in records.items() if r == record]
    found = images.by_id(text)
    if len(found) > 1:
        raise UsageError(f"{text!r} is the beginning of the IDs of {len(found)} images: give more of it")
    if not found:
        raise UsageError(f"there is no image {text!r} (minikctl image ls shows those that there are)")
    return [n for n, r in records.items() if r.manifest in found]


def listed(call: Invocation, *, emulated: bool = False) -> list[Listed]:
    """Everything in the store, local programs that were registered and, when asked for, the emulated catalogue."""
    images, state = store(call), directory(call)
    found = []
    for name, record in (images.records() if images.exists else {}).items():
        one = images.image(record.manifest)
        created = str(one.config.get("created") or "")
        found.append(
            Listed(name, one.id, record.digest or one.digest, one.size, record.source, created, one.host_tools)
        )
    found += _registered(state)
    return [*found, *(_emulated() if emulated else ())]


def _registered(state: Path) -> list[Listed]:
    from minikctl.runtime import images
    from minikctl.util.jsonio import JSONError, loads

    found = []
    for path in sorted((state / "images").glob("*.json")):
        try:
            reference = parse(loads(path.read_bytes())["image"])
        except (OSError, JSONError, KeyError, TypeError, AttributeError, BadReference):
            continue
        one = images.registered(state / "images", reference)
        if one is not None:
            digest = images.status_of(one, reference).digest
            found.append(Listed(str(reference), digest, digest, 0, ADDED))
    return found


def _emulated() -> Iterator[Listed]:
    from minikctl.runtime import images

    for name, one in sorted(images.catalogue().items()):
        if name.startswith("docker.io/") or name == one.names[0]:
            yield Listed(f"{name}:{one.tags}", "", "", one.size, "emulated")


def complete(call: Invocation, _word: str) -> list[str]:
    """Names of images, as people write them."""
    try:
        images = store(call)
        return sorted(short(n) for n in (images.records() if images.exists else {}) if ":" in n)
    except (ImageFailure, OSError):
        return []


def human_size(size: int) -> str:
    """As Docker writes it: 1.23kB, 45.6MB."""
    number = float(size)
    for unit in ("B", "kB", "MB"):
        if number < 999.5:
            return f"{number:.3g}{unit}"
        number /= 1000
    return f"{number:.3g}GB"


def reader(call: Invocation, path: str) -> Callable[[], Any]:
    """Opens a file, or this process' standard input. Raises UsageError when that is a terminal."""
    if path and path != "-":
        return (call.env.cwd / path).open("rb").__enter__
    if call.env.stdin_is_terminal:
        raise UsageError("an archive is read from standard input, and that is a terminal: give -i FILE")
    return lambda: call.env.stdin.buffer
