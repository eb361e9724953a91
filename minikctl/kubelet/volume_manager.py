"""A pod's volumes on their way into its containers."""

from __future__ import annotations

import math
import os
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path

from minikctl.api.meta import Obj, annotations_of, labels_of, uid
from minikctl.client import Client
from minikctl.kubelet import environment, volumes
from minikctl.kubelet.environment import ConfigError, Facts
from minikctl.kubelet.volumes import Context, ImageFiles, Mounted, Tokens, VolumeError
from minikctl.kubelet.volumes._unserved import refusal
from minikctl.runtime.interface import Mount
from minikctl.util.clock import Clock

SYNC_PERIOD = 60.0
"""Seconds after which the objects behind a pod's volumes are looked at again, as the kubelet's syncFrequency."""
_FOLDERS = {
    "emptyDir": "kubernetes.io~empty-dir",
    "configMap": "kubernetes.io~configmap",
    "downwardAPI": "kubernetes.io~downward-api",
    "persistentVolumeClaim": "kubernetes.io~claim",
}


class VolumeManager:
    """One node's. Methods are called for one pod by one thread at a time."""

    def __init__(self, client: Client, clock: Clock, images: ImageFiles | None = None):
        self._client, self._clock, self._images = client, clock, images
        self._tokens = Tokens()
        self._due: dict[str, float] = {}
        """Pod → when (monotonic) to look at its volumes again; never for volumes that do not change."""
        self._shown: dict[str, tuple[Obj, ...]] = {}
        """Pod → what its volumes may have told of it."""

    def set_up(self, pod: Obj, folder: Path, facts: Facts) -> dict[str, Mounted]:
        """All volumes of the pod, by name; `folder` is the pod's. Raises VolumeError, whose text is for an Event."""
        found = {}
        for volume in pod["spec"].get("volumes") or []:
            try:
                found[volume["name"]] = self._one(pod, volume, folder, facts)
            except OSError as e:
                text = f"{e.strerror}: {e.filename}"
                raise VolumeError(f'MountVolume.SetUp failed for volume "{volume["name"]}" : {text}') from None
            except VolumeError as e:
                if e.whole or e.quiet:
                    raise
                raise VolumeError(f'MountVolume.SetUp failed for volume "{volume["name"]}" : {e}') from None
        changes = any(m.changes for m in found.values())
        self._due[uid(pod)] = self._clock.monotonic() + SYNC_PERIOD if changes else math.inf
        self._shown[uid(pod)] = _visible(pod)
        return found

    def _one(self, pod: Obj, volume: Obj, folder: Path, facts: Facts) -> Mounted:
        kind = next((k for k in volume if k != "name"), "emptyDir")
        module = volumes.types().get(kind)
        if module is None:
            raise refusal(volume)
        place = folder / "volumes" / _FOLDERS.get(kind, f"kubernetes.io~{kind.lower()}") / volume["name"]
        ctx = Context(self._client, pod, volume["name"], facts, self._clock, self._tokens, self._images)
        return module.set_up(volume.get(kind) or {}, place, ctx)

    def due(self, pod: Obj) -> float | None:
        """Seconds until the pod's volumes are to be set up again; None when nothing in them can change. What the pod
        itself has new (downwardAPI) is there at once, what other objects have at the next time."""
        due = self._due.get(uid(pod), 0.0)
        if due == math.inf:
            return None
        if self._shown.get(uid(pod)) != _visible(pod):
            return 0.0
        return max(due - self._clock.monotonic(), 0.0)

    def forget(self, pod_uid: str) -> None:
        self._due.pop(pod_uid, None)
        self._shown.pop(pod_uid, None)
        for place in [p for p in self._tokens.known if p[0] == pod_uid]:
            del self._tokens.known[place]


def _visible(pod: Obj) -> tuple[Obj, ...]:
    return labels_of(pod), annotations_of(pod), pod["spec"]


def mounts(spec: Obj, found: Mapping[str, Mounted], env: Mapping[str, str]) -> tuple[Mount, ...]:
    """A container's mounts. Raises ConfigError."""
    out = []
    for mount in spec.get("volumeMounts") or []:
        mounted = found.get(mount["name"])
        if mounted is None:
            raise ConfigError(f'cannot find volume "{mount["name"]}" to mount into container "{spec["name"]}"')
        mode = mount.get("mountPropagation")
        if mode not in (None, "None"):
            text = f'mountPropagation {mode} of volume "{mount["name"]}" is not supported here: mounts are not shared'
            raise ConfigError(f"{text} between containers and the machine")
        path = _sub_path(spec, mount, mounted, env)
        read_only = mounted.read_only or bool(mount.get("readOnly"))
        within = "" if path == mounted.path else os.path.realpath(mounted.path)
        out.append(Mount(str(path), mount["mountPath"], read_only, mount["name"], within))
    return tuple(out)


def _sub_path(spec: Obj, mount: Obj, mounted: Mounted, env: Mapping[str, str]) -> Path:
    """A part of a volume; never anything outside of it, whatever links there are in it."""
    sub = mount.get("subPath") or ""
    if mount.get("subPathExpr"):
        missing: set[str] = set()
        sub = environment.expand(mount["subPathExpr"], env, missing)
        if missing:  # the whole volume in place of a part of it would be a surprise
            raise ConfigError(f"missing value for {', '.join(sorted(missing))}")
    if not sub:
        return mounted.path
    failed = ConfigError(f'failed to prepare subPath for volumeMount "{mount["name"]}" of container "{spec["name"]}"')
    if sub.startswith("/") or ".." in sub.split("/"):
        raise failed
    base = Path(os.path.realpath(mounted.path))
    real = Path(os.path.realpath(base / sub))
    if not real.is_relative_to(base):
        raise failed
    if mounted.is_shared:
        if not os.path.lexists(real):
            raise failed
        return real
    try:
        make_beneath(base, real.relative_to(base).parts)
    except OSError:
        raise failed from None
    return real


def make_beneath(base: Path, parts: Sequence[str]) -> None:
    """Make the folders that are missing on the way to a part of a volume. Follows no symbolic link: somebody may be
    turning one around just now. Raises OSError."""
    here = os.open(base, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    mode = os.fstat(here).st_mode & 0o7777
    try:
        for part in parts:
            is_new = True
            try:
                os.mkdir(part, dir_fd=here)
            except FileExistsError:
                is_new = False
            if not is_new and not stat.S_ISDIR(os.stat(part, dir_fd=here, follow_symlinks=False).st_mode):
                return  # a file: what is to be mounted, or no way on, which the mount finds out
            there = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=here)
            os.close(here)
            here = there
            if is_new:
                os.fchmod(here, mode)
    finally:
        os.close(here)
