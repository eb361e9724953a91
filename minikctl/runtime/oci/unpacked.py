"""An image as a container runs it: its folder, and its settings in the words that emulated images have too."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

from minikctl.runtime.images import Image as Settings
from minikctl.runtime.interface import ImageStatus, RuntimeFailure, Security
from minikctl.runtime.oci import model, users
from minikctl.runtime.oci.inside import within
from minikctl.runtime.oci.store import PULLED, Record, repository_of
from minikctl.runtime.reference import Reference


@dataclass(frozen=True)
class Unpacked:
    """root: its read-only folder. base: the emulated image whose host programs are below it, None if it is whole."""

    root: Path
    chain: str
    settings: Settings
    status: ImageStatus
    user: str = ""
    base: Settings | None = None


def settings(one: model.Image, name: str) -> Settings:
    """How an image is run."""
    raw = one.settings
    return Settings(
        names=(repository_of(name),),
        tags=re.escape(name.rpartition(":")[2]),
        entrypoint=model.words(raw.get("Entrypoint")),
        cmd=model.words(raw.get("Cmd")),
        env=model.environment(raw.get("Env")),
        working_dir=str(raw.get("WorkingDir") or "/"),
        stop_signal=model.stop_signal(raw.get("StopSignal")),
        ports=model.ports(raw.get("ExposedPorts")),
        size=one.size,
    )


def status(one: model.Image, record: Record, reference: Reference, tags: tuple[str, ...]) -> ImageStatus:
    user = str(one.settings.get("User") or "")
    return ImageStatus(
        digest=record.digest or one.digest,
        tags=tags,
        repository=reference.repository,
        size=one.size,
        uid=users.numeric(user),
        username=user.partition(":")[0],
        pinned=record.source != PULLED,
    )


def look_up(image: Unpacked, user: str, etc: Path) -> users.User:
    """A user of the image's; `etc` has the files of images that have none of their own. Raises RuntimeFailure."""
    passwd, group = _text(image.root, "/etc/passwd"), _text(image.root, "/etc/group")
    if image.base is not None:
        passwd, group = passwd or (etc / "passwd").read_text(), group or (etc / "group").read_text()
    try:
        return users.look_up(user, passwd, group)
    except users.NoSuchUser as e:
        raise RuntimeFailure(f"failed to generate container spec: {e}") from None


def identity(image: Unpacked, security: Security, etc: Path) -> tuple[Security, str]:
    """Whom the container runs as, where its pod does not say; and that user's home. Raises RuntimeFailure."""
    found = look_up(image, image.user if security.user is None else str(security.user), etc)
    group = security.group
    if group is None:
        group = found.gid
    groups = tuple(dict.fromkeys((*security.groups, *found.groups)))
    return replace(security, user=found.uid, group=group, groups=groups), found.home


def _text(root: Path, path: str) -> str:
    """A small file of the image's, its links followed inside the image."""
    try:
        with within(root, path).open("rb") as f:
            return f.read(1 << 20).decode("utf-8", "replace")
    except OSError:
        return ""
