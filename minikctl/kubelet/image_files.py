"""The files of images for image volumes: pulled like those of containers, kept as long as the volume's folder is there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from minikctl.api.meta import Obj

if TYPE_CHECKING:
    from minikctl.kubelet.kubelet import Kubelet


class ImageVolumes:
    """One node's. See `volumes.ImageFiles`."""

    def __init__(self, kubelet: Kubelet):
        self._kubelet = kubelet

    def ensure(self, pod: Obj, wanted: Obj) -> None:
        kubelet = self._kubelet

        def record(event_type: str, reason: str, message: str) -> None:
            kubelet.recorder.event(pod, event_type, reason, message)

        kubelet.images.ensure(pod, wanted, kubelet.asked(pod, record))

    def keep(self, image: str, folder: Path) -> Path:
        return self._kubelet.runtime.images.keep(image, folder)

    def kept(self, folder: Path) -> Path | None:
        return self._kubelet.runtime.images.kept(folder)
