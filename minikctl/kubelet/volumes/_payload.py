"""Files from objects, all of them at once or none: ConfigMaps, Secrets and their like as folders.

What a container sees are links through `..data` to a folder with a time as its name; an update makes a new folder and
then turns `..data` around in one step. Source: Kubernetes `pkg/volume/util/atomic_writer.go`.
"""

from __future__ import annotations

import base64
import os
import shutil
import stat
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj, namespace
from minikctl.kubelet.volumes import Context, VolumeError
from minikctl.runtime.process import memory
from minikctl.util.files import open_folders

DATA, DEFAULT_MODE = "..data", 0o644


@dataclass(frozen=True)
class File:
    data: bytes
    mode: int = DEFAULT_MODE
    owner: int | None = None
    """A user other than the kubelet's."""


Files = Mapping[str, File]
"""Path within the volume → the file."""


def write(folder: Path, files: Files, now: datetime, group: int | None = None) -> bool:
    """Have exactly these files in the folder; False when they were there already. Raises OSError.

    `group`: the pod's fsGroup. It may read all of it, and what would come into a folder would be its own.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if group is not None:
        files = {path: replace(file, mode=file.mode | 0o440) for path, file in files.items()}
    current = folder / DATA
    if current.is_symlink() and _is_there(current, files):
        return False
    _give(folder, 0o1777 if memory.SHARED in folder.parents else 0o777, group)  # as a tmpfs and a folder have it
    made = Path(tempfile.mkdtemp(prefix=now.strftime("..%Y_%m_%d_%H_%M_%S."), dir=folder))
    for path, file in files.items():
        place = made / path
        open_folders(place.parent)
        place.write_bytes(file.data)
        if file.owner is not None and os.geteuid() == 0:
            os.chown(place, file.owner, -1)
        if group is not None and os.geteuid() == 0:
            os.chown(place, -1, group)
        place.chmod(file.mode)
    for base, _, _ in os.walk(made):
        _give(Path(base), 0o755, group)
    old = os.readlink(current) if current.is_symlink() else ""
    turning = folder / "..data_tmp"
    turning.unlink(missing_ok=True)
    turning.symlink_to(made.name)
    turning.rename(current)
    _link(folder, {path.split("/")[0] for path in files})
    if old:
        shutil.rmtree(folder / old, ignore_errors=True)
    return True


def _give(folder: Path, mode: int, group: int | None) -> None:
    if group is not None:
        mode |= stat.S_ISGID | 0o550
        if os.geteuid() == 0:
            os.chown(folder, -1, group)
    folder.chmod(mode)


def _is_there(folder: Path, files: Files) -> bool:
    found = set()
    for base, _, names in os.walk(folder):
        found |= {os.path.relpath(os.path.join(base, name), folder) for name in names}
    if found != files.keys():
        return False
    try:
        return all(
            stat.S_IMODE((folder / path).stat().st_mode) == file.mode and (folder / path).read_bytes() == file.data
            for path, file in files.items()
        )
    except OSError:
        return False


def _link(folder: Path, names: set[str]) -> None:
    for path in folder.iterdir():
        if path.is_symlink() and not path.name.startswith("..") and path.name not in names:
            path.unlink()
    for name in names:
        with suppress(FileExistsError):
            (folder / name).symlink_to(f"{DATA}/{name}")


# ---------------------------------------------------------------------- from objects


def config_map(source: Obj, ctx: Context, mode: int) -> dict[str, File]:
    """Raises VolumeError."""
    found = _get("configmaps", "configmap", str(source.get("name") or ""), source, ctx)
    if found is None:
        return {}
    data = {k: v.encode() for k, v in (found.get("data") or {}).items()}
    data |= {k: base64.b64decode(v) for k, v in (found.get("binaryData") or {}).items()}
    return chosen(data, source, "configmap", mode)


def secret(source: Obj, ctx: Context, mode: int) -> dict[str, File]:
    """Raises VolumeError."""
    found = _get("secrets", "secret", str(source.get("secretName") or source.get("name") or ""), source, ctx)
    if found is None:
        return {}
    data = {k: base64.b64decode(v or "") for k, v in (found.get("data") or {}).items()}
    return chosen(data, source, "secret", mode)


def _get(resource: str, word: str, name: str, source: Obj, ctx: Context) -> Obj | None:
    try:
        return ctx.client.get(resource, name, namespace(ctx.pod))
    except ApiError as e:
        if e.reason == "NotFound" and source.get("optional"):
            return None
        raise VolumeError(f'{word} "{name}" not found' if e.reason == "NotFound" else e.message) from None


def chosen(data: Mapping[str, bytes], source: Obj, word: str, mode: int) -> dict[str, File]:
    """All keys, or those of `items` at their paths. Raises VolumeError."""
    items = source.get("items")
    if not items:
        return {k: File(v, mode) for k, v in data.items()}
    found = {}
    for item in items:
        if item["key"] in data:
            own = item.get("mode")
            found[item["path"]] = File(data[item["key"]], mode if own is None else int(own))
        elif not source.get("optional"):
            raise VolumeError(f"{word} references non-existent {_config(word)} key: {item['key']}")
    return found


def _config(word: str) -> str:
    return "config" if word == "configmap" else word


def default_mode(source: Obj) -> int:
    found = source.get("defaultMode")
    return DEFAULT_MODE if found is None else int(found)


def parts(paths: Iterable[str]) -> None:
    """Raises VolumeError for a path that would leave the volume."""
    for path in paths:
        if path.startswith("/") or ".." in path.split("/"):
            raise VolumeError(f"invalid path: {path}")
