"""Having the image on the node before a container starts: pull policy, back-off, and the Events that tell of it.

Source: Kubernetes concept "Images"; kubelet `images/image_manager.go`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from minikctl.api.meta import Obj, uid
from minikctl.client.events import NORMAL, WARNING
from minikctl.kubelet.backoff import BackOff
from minikctl.runtime.interface import ImageFailure, ImageService, ImageStatus
from minikctl.runtime.reference import BadReference, parse
from minikctl.util.clock import Clock

ERR_PULL, PULL_BACK_OFF, NEVER_PULL, INVALID_NAME = (
    "ErrImagePull",
    "ImagePullBackOff",
    "ErrImageNeverPull",
    "InvalidImageName",
)

SHOWN = 3.0
"""Seconds for which ErrImagePull is to be seen before it turns into ImagePullBackOff."""

Record = Callable[[str, str, str], None]
"""(event type, reason, message)."""


@dataclass
class NotStarted(Exception):
    """A container cannot be started now. reason and message are its waiting state; again in `retry` seconds."""

    reason: str
    message: str
    retry: float = 0.0

    def __str__(self) -> str:
        return f"{self.reason}: {self.message}"


class ImageManager:
    """One a node. Failures are remembered a pod and image, as the kubelet does."""

    def __init__(self, images: ImageService, clock: Clock):
        self._images, self._clock = images, clock
        self._backoff = BackOff()
        self._errors: dict[str, str] = {}
        self._announced: set[str] = set()

    def ensure(self, pod: Obj, container: Obj, record: Record) -> ImageStatus:
        """The image of a container, pulled when its policy asks for it. Raises NotStarted."""
        image, policy = container["image"], container.get("imagePullPolicy") or "IfNotPresent"
        try:
            parse(image)
        except BadReference as e:
            message = f'Failed to apply default image tag "{image}": couldn\'t parse image name "{image}": {e}'
            record(WARNING, "InspectFailed", message)
            raise NotStarted(INVALID_NAME, message, retry=60.0) from None
        present = self._images.status(image)
        if present is not None and policy != "Always":
            record(
                NORMAL,
                "Pulled",
                f'Container image "{image}" already present on machine and can be accessed by the pod',
            )
            return present
        if policy == "Never":
            message = f'Container image "{image}" is not present with pull policy of Never'
            record(WARNING, "ErrImageNeverPull", message)
            raise NotStarted(NEVER_PULL, message, retry=60.0)
        return self._pull(f"{uid(pod)}/{image}", image, record)

    def _pull(self, key: str, image: str, record: Record) -> ImageStatus:
        begun = self._clock.monotonic()
        wait = self._backoff.remaining_since_update(key, begun)
        if wait > 0:
            message = f'Back-off pulling image "{image}"'
            if key not in self._announced:
                self._announced.add(key)
                record(NORMAL, "BackOff", message)
                record(WARNING, "Failed", f"Error: {PULL_BACK_OFF}")
            raise NotStarted(PULL_BACK_OFF, f"{message}: {ERR_PULL}: {self._errors.get(key, '')}", retry=wait)
        self._announced.discard(key)
        record(NORMAL, "Pulling", f'Pulling image "{image}"')
        try:
            pulled = self._images.pull(image)
        except ImageFailure as e:
            record(WARNING, "Failed", f'Failed to pull image "{image}": {e}')
            record(WARNING, "Failed", f"Error: {ERR_PULL}")
            now = self._clock.monotonic()
            self._backoff.next(key, now, now)
            self._errors[key] = str(e)
            raise NotStarted(ERR_PULL, str(e), retry=SHOWN) from None
        took = _milliseconds(self._clock.monotonic() - begun)
        record(
            NORMAL,
            "Pulled",
            f'Successfully pulled image "{image}" in {took} ({took} including waiting). Image size: {pulled.size} bytes.',
        )
        self._errors.pop(key, None)
        return pulled

    def forget(self, pod_uid: str) -> None:
        self._backoff.forget(pod_uid)
        self._errors = {k: v for k, v in self._errors.items() if not k.startswith(pod_uid)}
        self._announced = {k for k in self._announced if not k.startswith(pod_uid)}


def _milliseconds(seconds: float) -> str:
    """As Go prints a duration truncated to milliseconds: `5ms`, `1.204s`."""
    from minikctl.api.durations import format_go_duration

    return format_go_duration(max(1, int(seconds * 1000)) / 1000)
