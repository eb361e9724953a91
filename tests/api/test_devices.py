"""Claims for devices and slices of them: what is filled in, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from minikctl.api.kinds import resource_claim
from minikctl.api.validation import devices

POOL = {"name": "all", "generation": 1, "resourceSliceCount": 1}
SLICE = {"driver": "gpus.example.com", "pool": POOL, "nodeName": "node-1"}


def request(**parts: Any) -> dict[str, Any]:
    return {"devices": {"requests": [{"name": "gpu", **parts}]}}


EXACTLY = {"deviceClassName": "gpus"}


@pytest.mark.parametrize(
    ("spec", "fields"),
    [
        (request(exactly=EXACTLY), []),
        (request(firstAvailable=[{"name": "big", **EXACTLY}]), []),
        (request(), ["devices.requests[0]"]),
        (request(exactly=EXACTLY, firstAvailable=[{"name": "big", **EXACTLY}]), ["devices.requests[0]"]),
        (request(exactly={}), ["devices.requests[0]"]),
        (request(exactly={"allocationMode": "All"}), ["devices.requests[0].exactly.deviceClassName"]),
        (request(name="Gpu", exactly=EXACTLY), ["devices.requests[0].name"]),
        (request(exactly={**EXACTLY, "selectors": [{}]}), ["devices.requests[0].exactly.selectors[0].cel.expression"]),
        (
            request(exactly={**EXACTLY, "allocationMode": "ExactCount", "count": -1}),
            ["devices.requests[0].exactly.count"],
        ),
    ],
)
def test_claims(spec: dict[str, Any], fields: list[str]) -> None:
    assert [e.field for e in devices.claim(spec, "spec")] == [f"spec.{f}" for f in fields]


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        ({}, []),
        ({"nodeName": ""}, ["spec"]),
        ({"allNodes": True}, ["spec"]),
        ({"driver": ""}, ["spec.driver"]),
        ({"pool": {}}, ["spec.pool.name", "spec.pool.resourceSliceCount"]),
        ({"devices": [{"name": "A"}]}, ["spec.devices[0].name"]),
    ],
)
def test_slices(change: dict[str, Any], fields: list[str]) -> None:
    assert [e.field for e in devices.resource_slice({**SLICE, **change})] == fields


def test_what_stays_in_a_slice() -> None:
    changed = {**SLICE, "driver": "other.example.com", "nodeName": "node-2", "devices": [{"name": "gpu-1"}]}
    assert [e.field for e in devices.resource_slice_update(changed, SLICE)] == ["spec.driver", "spec.nodeName"]


def test_defaults() -> None:
    spec = request(exactly=dict(EXACTLY))
    devices.default_claim(spec)
    assert spec["devices"]["requests"][0]["exactly"] == {**EXACTLY, "allocationMode": "ExactCount", "count": 1}


@pytest.mark.parametrize(
    ("obj", "shown"),
    [
        ({}, "pending"),
        ({"status": {"allocation": {"devices": {}}}}, "allocated"),
        ({"status": {"allocation": {"devices": {}}, "reservedFor": [{"name": "p"}]}}, "allocated,reserved"),
    ],
)
def test_the_state_of_a_claim(obj: dict[str, Any], shown: str) -> None:
    assert resource_claim.state({"metadata": {}, **obj}) == shown
