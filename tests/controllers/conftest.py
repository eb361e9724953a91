"""Fixtures: a cluster whose clock stands still, with a fake kubelet."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from minikctl.controllers.base import Controller
from minikctl.util.clock import FakeClock
from tests.support.cluster import TestCluster
from tests.support.control_plane import ControlPlane
from tests.support.fake_kubelet import FakeKubelet

MakePlane = Callable[..., ControlPlane]


@pytest.fixture(autouse=True)
def no_bugs(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Exceptions of controllers and handlers are logged, not raised: here they fail the test."""
    yield
    bugs = [r.getMessage() + (r.exc_text or "") for r in caplog.get_records("call") if r.levelno >= logging.ERROR]
    assert not bugs, bugs


@pytest.fixture
def still(tmp_path: Path) -> Iterator[TestCluster]:
    """A cluster on which time passes only when the test says so."""
    made = TestCluster(tmp_path / "state", clock=FakeClock())
    yield made
    made.close()


@pytest.fixture
def plane_of(still: TestCluster) -> MakePlane:
    """`plane_of(DeploymentController, …)`: these controllers, and a fake kubelet unless `kubelet=False`."""

    def make(*classes: type[Controller], kubelet: bool = True, **options: object) -> ControlPlane:
        served = FakeKubelet(still.client, clock=still.clock) if kubelet else None
        return ControlPlane(still, classes, kubelet=served, **options)  # type: ignore[arg-type]

    return make
