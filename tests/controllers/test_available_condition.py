"""Whether the Service behind an API group answers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from minikctl.api.meta import Obj, find_condition, timestamp
from minikctl.controllers.available_condition import AvailableConditionController, behind, retry_after, with_verdict
from tests.controllers.conftest import MakePlane
from tests.support import adapter
from tests.support.control_plane import ControlPlane

REFERENCE = {"name": "a", "namespace": "n", "port": 443}
SERVICE: Obj = {"spec": {"ports": [{"name": "https", "port": 443}]}}
READY: Obj = {"ports": [{"name": "https", "port": 6443}], "endpoints": [{"addresses": ["10.0.0.1"]}]}
GROUP = "things.example.com"


@pytest.mark.parametrize(
    ("service", "slices", "reason", "message"),
    [
        (None, [], "ServiceNotFound", 'service/a in "n" is not present'),
        ({"spec": {"ports": [{"port": 80}]}}, [], "ServicePortError", 'service/a in "n" is not listening on port 443'),
        (SERVICE, [], "EndpointsNotFound", 'cannot find endpointslices for service/a in "n"'),
        (
            SERVICE,
            [{**READY, "endpoints": [{"addresses": ["10.0.0.1"], "conditions": {"ready": False}}]}],
            "MissingEndpoints",
            'endpointslices for service/a in "n" have no addresses with port name "https"',
        ),
        (SERVICE, [{**READY, "ports": [{"name": "http", "port": 80}]}], "MissingEndpoints", None),
        (SERVICE, [READY], None, None),
        ({"spec": {"type": "ExternalName"}}, [], None, None),
    ],
)
def test_what_is_wrong(service: Any, slices: list[Obj], reason: str | None, message: str | None) -> None:
    found = behind(REFERENCE, service, slices)
    assert (found and found[1]) == reason
    assert message is None or (found and found[2]) == message


def test_when_it_changed() -> None:
    first = with_verdict([], ("False", "ServiceNotFound", "x"), "1") or []
    assert with_verdict(first, ("False", "ServiceNotFound", "x"), "2") is None
    other = with_verdict(first, ("False", "MissingEndpoints", "y"), "2") or []
    assert other[0]["lastTransitionTime"] == "1"
    assert (with_verdict(other, ("True", "Passed", ""), "3") or [])[0]["lastTransitionTime"] == "3"


@pytest.mark.parametrize(("silent", "wait"), [(0, 1.0), (4, 4.0), (100, 30.0), (-5, 1.0)])
def test_who_falls_silent_is_asked_again_soon(silent: int, wait: float) -> None:
    since = datetime(2026, 1, 1, tzinfo=UTC)
    conditions = with_verdict([], ("False", "FailedDiscoveryCheck", ""), timestamp(since)) or []
    assert retry_after(conditions, since + timedelta(seconds=silent)) == wait
    assert retry_after([], since) == 1.0


def available(plane: ControlPlane, name: str = f"v1.{GROUP}") -> tuple[str, str]:
    conditions = plane.cluster.client.get("apiservices", name)["status"]["conditions"]
    found = find_condition(conditions, "Available") or {}
    return found["status"], found["reason"]


def test_it_follows_what_is_there(plane_of: MakePlane, tmp_path: Path) -> None:
    plane = plane_of(AvailableConditionController)
    client = plane.cluster.client
    local = adapter.api_service("local.example.com", "v1")
    del local["spec"]["service"]
    client.create("apiservices", local)
    (tmp_path / "adapter").mkdir()
    answers: list[Any] = [{"kind": "APIResourceList"}]
    with adapter.serving(tmp_path / "adapter", lambda _path: answers[0]) as made:
        client.create("apiservices", adapter.api_service(GROUP, "v1", caBundle=made.ca_bundle))
        plane.settle()
        assert available(plane) == ("False", "ServiceNotFound")
        assert available(plane, "v1.local.example.com") == ("True", "Local")
        adapter.lead_to(plane.cluster, made)
        plane.settle()
        assert available(plane) == ("True", "Passed")
        plane.assert_at_rest()
        answers[0] = None
        plane.settle(31)
        assert available(plane) == ("False", "FailedDiscoveryCheck")
    shown = plane.cluster.cli("get", "apiservice").out
    assert "monitoring/adapter   False (FailedDiscoveryCheck)" in shown
