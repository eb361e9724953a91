"""Having the image on the node before a container starts: pull policy, back-off, and the Events that tell of it.

Source: Kubernetes concept "Images"; kubelet `images/image_manager.go`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from minikctl.api.meta import Obj, uid
from minikctl.client.events import NORMAL, WARNING
from minikctl.kubelet.backoff import BackOff
from minikctl.kubelet.pulls import Job, PullQueue
from minikctl.runtime.interface import Credential, ImageFailure, ImageService, ImageStatus
from minikctl.runtime.reference import BadReference, parse
from minikctl.util.clock import Clock

ERR_PULL, PULL_BACK_OFF, NEVER_PULL, INVALID_NAME, INSPECT = (
    "ErrImagePull",
    "ImagePullBackOff",
    "ErrImageNeverPull",
    "InvalidImageName",
    "ImageInspectError",
)

AGAIN = 10.0
"""Seconds after which the kubelet looks again for what it does not pull: somebody may have loaded it."""

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


class Pulling(Exception):
    """The image is on its way; who was given as `tell` hears of its end."""


@dataclass(frozen=True)
class Asked:
    """What `ensure` needs to know of who asks: Events go to `record`, the end of a pull is told to `tell`."""

    record: Record
    credentials: Callable[[], Sequence[Credential]] = tuple
    tell: Callable[[], None] = lambda: None


class ImageManager:
    """One a node. Failures are remembered a pod and image, as the kubelet does."""

    def __init__(self, images: ImageService, clock: Clock, side_by_side: int = 1):
        """`side_by_side`: how many pulls run at a time."""
        self._images, self._clock = images, clock
        self._backoff = BackOff()
        self._queue = PullQueue(clock, side_by_side)
        self._errors: dict[str, str] = {}
        self._announced: set[str] = set()

    def ensure(self, pod: Obj, container: Obj, asked: Asked) -> ImageStatus:
        """The image of a container, pulled when its policy asks for it. Raises NotStarted, Pulling."""
        image, policy = container["image"], container.get("imagePullPolicy") or "IfNotPresent"
        try:
            parse(image)
        except BadReference as e:
            message = f'Failed to apply default image tag "{image}": couldn\'t parse image name "{image}": {e}'
            raise self._refused(INVALID_NAME, "InspectFailed", message, asked, retry=60.0) from None
        key = f"{uid(pod)}/{image}"
        job = self._queue.find(f"{key}/{container['name']}")
        if job is not None:
            if not job.done.is_set():
                raise Pulling
            return self._over(key, image, job, asked)
        try:
            present = self._images.status(image)
        except ImageFailure as e:
            message = f'Failed to inspect image "{image}": {e}'
            raise self._refused(INSPECT, "InspectFailed", message, asked, retry=60.0) from None
        if present is not None and policy != "Always":
            text = f'Container image "{image}" already present on machine and can be accessed by the pod'
            asked.record(NORMAL, "Pulled", text)
            return present
        if policy == "Never":
            message = f'Container image "{image}" is not present with pull policy of Never'
            raise self._refused(NEVER_PULL, "ErrImageNeverPull", message, asked, retry=AGAIN)
        return self._pull(key, container["name"], image, asked)

    def _refused(self, reason: str, event: str, message: str, asked: Asked, retry: float) -> NotStarted:
        asked.record(WARNING, event, message)
        asked.record(WARNING, "Failed", f"Error: {reason}")
        return NotStarted(reason, message, retry=retry)

    def _pull(self, key: str, container: str, image: str, asked: Asked) -> ImageStatus:
        begun = self._clock.monotonic()
        wait = self._backoff.remaining_since_update(key, begun)
        if wait > 0:
            message = f'Back-off pulling image "{image}"'
            if key not in self._announced:
                self._announced.add(key)
                asked.record(NORMAL, "BackOff", message)
                asked.record(WARNING, "Failed", f"Error: {PULL_BACK_OFF}")
            raise NotStarted(PULL_BACK_OFF, f"{message}: {self._errors.get(key, ERR_PULL)}", retry=wait)
        self._announced.discard(key)
        asked.record(NORMAL, "Pulling", f'Pulling image "{image}"')
        if self._images.asks_registry(image):
            found = asked.credentials()
            self._queue.submit(f"{key}/{container}", lambda: self._images.pull(image, found), asked.tell)
            raise Pulling
        job = Job(lambda: self._images.pull(image), asked.tell, begun, begun)
        try:
            job.result = job.run()
        except ImageFailure as e:
            job.result = e
        job.ended = self._clock.monotonic()
        return self._over(key, image, job, asked)

    def _over(self, key: str, image: str, job: Job, asked: Asked) -> ImageStatus:
        """Tell how a pull ended. Raises NotStarted."""
        if isinstance(job.result, ImageStatus):
            took, waited = _milliseconds(job.ended - job.began), _milliseconds(job.ended - job.asked)
            asked.record(
                NORMAL,
                "Pulled",
                f'Successfully pulled image "{image}" in {took} ({waited} including waiting). '
                f"Image size: {job.result.size} bytes.",
            )
            self._errors.pop(key, None)
            return job.result
        message = str(job.result)
        asked.record(WARNING, "Failed", f'Failed to pull image "{image}": {message}')
        asked.record(WARNING, "Failed", f"Error: {ERR_PULL}")
        now = self._clock.monotonic()
        self._backoff.next(key, now, now)
        self._errors[key] = f"{ERR_PULL}: {message}"
        raise NotStarted(ERR_PULL, message, retry=SHOWN)

    def forget(self, pod_uid: str) -> None:
        self._backoff.forget(pod_uid)
        self._queue.forget(pod_uid)
        self._errors = {k: v for k, v in self._errors.items() if not k.startswith(pod_uid)}
        self._announced = {k for k in self._announced if not k.startswith(pod_uid)}


def _milliseconds(seconds: float) -> str:
    """As Go prints a duration truncated to milliseconds: `5ms`, `1.204s`."""
    from minikctl.api.durations import format_go_duration

    return format_go_duration(max(1, int(seconds * 1000)) / 1000)
