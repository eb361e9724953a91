"""emptyDir: a folder that lives as long as the pod."""

from __future__ import annotations

from pathlib import Path

from minikctl.api.meta import Obj
from minikctl.kubelet.volumes import Setting, VolumeProblem

SOURCES = ("emptyDir",)


def prepare(_source: Obj, setting: Setting) -> Path:
    path = setting.folder / "volumes" / "kubernetes.io~empty-dir" / setting.name
    try:
        path.mkdir(parents=True, exist_ok=True)
        path.chmod(0o777)
    except OSError as e:
        raise VolumeProblem(f'MountVolume.SetUp failed for volume "{setting.name}" : {e.strerror}: {path}') from None
    return path
