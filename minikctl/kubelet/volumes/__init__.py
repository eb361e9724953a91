"""A pod's volumes: where on this machine they are.

A file here is one kind of volume source, or several alike: `SOURCES` names the fields of a volume that it serves, and
`prepare(source, setting)` returns the path, made if need be, or raises VolumeProblem. Sources that no file serves are
left out: the container starts without them. Modules whose name begins with an underscore are what several share.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

from minikctl.api.meta import Obj
from minikctl.client import Client
from minikctl.runtime.interface import Mount


class VolumeProblem(Exception):
    """A volume cannot be had, now or at all. The message is for an Event of the pod."""


@dataclass(frozen=True)
class Setting:
    """What a source may need to know. `name` is the volume's; `folder` the pod's own folder, where files may be put."""

    client: Client
    pod: Obj
    node: str
    folder: Path
    name: str = ""


Prepare = Callable[[Obj, Setting], Path]
Prepared = Mapping[str, Path]
"""By the name of a volume: where it is."""


@cache
def sources() -> Mapping[str, Prepare]:
    """Who serves which field. Raises ValueError when two serve one."""
    found: dict[str, Prepare] = {}
    for module in iter_modules([str(Path(__file__).parent)]):
        if module.name.startswith("_"):
            continue
        served = import_module(f"{__name__}.{module.name}")
        for source in served.SOURCES:
            if source in found:
                raise ValueError(f"two kinds of volumes serve {source}")
            found[source] = served.prepare
    return found


def prepare(setting: Setting) -> Prepared:
    """All volumes of a pod that can be had here. Raises VolumeProblem, ApiError."""
    found: dict[str, Path] = {}
    for volume in setting.pod["spec"].get("volumes") or []:
        known = next((s for s in volume if s in sources()), None)
        if known is not None:
            found[volume["name"]] = sources()[known](volume[known], replace(setting, name=volume["name"]))
    return found


def mounts(container: Obj, prepared: Prepared) -> list[Mount]:
    """What a container has mounted where. Raises VolumeProblem."""
    return [
        Mount(str(_inside(prepared[m["name"]], m)), m["mountPath"], bool(m.get("readOnly")), m["name"])
        for m in container.get("volumeMounts") or []
        if m["name"] in prepared
    ]


def _inside(volume: Path, mount: Obj) -> Path:
    """The volume, or the part of it that subPath names: made when it is missing, never outside the volume."""
    part = mount.get("subPath")
    if mount.get("subPathExpr"):
        raise VolumeProblem(f'failed to prepare subPath for volumeMount "{mount["name"]}": subPathExpr is not served')
    if not part:
        return volume
    place = volume / part
    real = Path(os.path.realpath(place))
    if not real.is_relative_to(os.path.realpath(volume)):
        raise VolumeProblem(f'failed to prepare subPath for volumeMount "{mount["name"]}": {part} leads out of it')
    if not real.exists():
        real.mkdir(parents=True)
    return real
