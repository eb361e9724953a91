"""Pull policies, back-off and the Events about images."""

from __future__ import annotations

import pytest

from minikctl.kubelet.images import Asked, ImageManager, NotStarted
from minikctl.runtime.interface import ImageFailure, ImageStatus
from minikctl.runtime.reference import parse
from minikctl.util.clock import FakeClock
from tests.kubelet.build import container, pod


class Registry:
    def __init__(self, *there, present=()):
        self.there, self.present, self.pulls = there, set(present), 0

    def status(self, image):
        found = str(parse(image))
        return ImageStatus("sha256:1", (found,), "r", 7) if found in self.present else None

    def asks_registry(self, image):
        return False

    def pull(self, image, credentials=()):
        self.pulls += 1
        if image not in self.there:
            raise ImageFailure(f"{image}: not found")
        self.present.add(str(parse(image)))
        return self.status(image)


def ensure(manager, image, policy="IfNotPresent"):
    said = []
    try:
        manager.ensure(pod(), container(image=image, imagePullPolicy=policy), Asked(lambda *what: said.append(what)))
    except NotStarted as e:
        return e, said
    return None, said


def test_pulled_once():
    registry = Registry("nginx:1.25")
    manager = ImageManager(registry, FakeClock())
    error, said = ensure(manager, "nginx:1.25")
    assert error is None
    assert said == [
        ("Normal", "Pulling", 'Pulling image "nginx:1.25"'),
        (
            "Normal",
            "Pulled",
            'Successfully pulled image "nginx:1.25" in 1ms (1ms including waiting). Image size: 7 bytes.',
        ),
    ]
    error, said = ensure(manager, "nginx:1.25")
    text = 'Container image "nginx:1.25" already present on machine and can be accessed by the pod'
    assert said == [("Normal", "Pulled", text)] and registry.pulls == 1
    ensure(manager, "nginx:1.25", "Always")
    assert registry.pulls == 2


def test_back_off():
    clock = FakeClock()
    manager = ImageManager(Registry(), clock)
    error, said = ensure(manager, "nginx:1.161")
    assert (error.reason, error.message) == ("ErrImagePull", "nginx:1.161: not found")
    assert [s[1:] for s in said] == [
        ("Pulling", 'Pulling image "nginx:1.161"'),
        ("Failed", 'Failed to pull image "nginx:1.161": nginx:1.161: not found'),
        ("Failed", "Error: ErrImagePull"),
    ]
    clock.advance(3)
    error, said = ensure(manager, "nginx:1.161")
    assert (error.reason, error.retry) == ("ImagePullBackOff", 7)
    assert error.message == 'Back-off pulling image "nginx:1.161": ErrImagePull: nginx:1.161: not found'
    assert [s[1:] for s in said] == [
        ("BackOff", 'Back-off pulling image "nginx:1.161"'),
        ("Failed", "Error: ImagePullBackOff"),
    ]
    clock.advance(1)
    assert ensure(manager, "nginx:1.161")[1] == [], "told once for each wait"
    clock.advance(6)
    assert ensure(manager, "nginx:1.161")[0].reason == "ErrImagePull"
    clock.advance(3)
    assert ensure(manager, "nginx:1.161")[0].retry == 17


@pytest.mark.parametrize(
    ("image", "policy", "reason", "event"),
    [
        ("nginx", "Never", "ErrImageNeverPull", "ErrImageNeverPull"),
        ("Nginx:1", "Always", "InvalidImageName", "InspectFailed"),
        ("nginx:", "Always", "InvalidImageName", "InspectFailed"),
    ],
)
def test_refused(image, policy, reason, event):
    error, said = ensure(ImageManager(Registry(), FakeClock()), image, policy)
    assert error.reason == reason and said == [
        ("Warning", event, error.message),
        ("Warning", "Failed", f"Error: {reason}"),
    ]
