"""Definitions go after their objects."""

from __future__ import annotations

import pytest

from minikctl.api.errors import ApiError
from minikctl.api.meta import find_condition
from minikctl.controllers.custom_resource_definition import CRDFinalizer
from tests.controllers.conftest import MakePlane
from tests.support.control_plane import ControlPlane
from tests.support.custom import definition, gadget

CRDS, NAME = "customresourcedefinitions", "gadgets.tests.example.com"


@pytest.fixture
def plane(plane_of: MakePlane) -> ControlPlane:
    return plane_of(CRDFinalizer)


def is_gone(plane: ControlPlane) -> bool:
    try:
        plane.cluster.client.get(CRDS, NAME)
    except ApiError as e:
        return e.reason == "NotFound"
    return False


def test_objects_go_first(plane: ControlPlane) -> None:
    client = plane.cluster.client
    client.create(CRDS, definition())
    client.create("gadgets", gadget(), "default")
    client.create("gadgets", gadget("two"), "kube-system")
    client.delete(CRDS, NAME)
    waiting = client.get(CRDS, NAME)
    assert waiting["metadata"]["finalizers"] == ["customresourcecleanup.apiextensions.k8s.io"]
    condition = find_condition(waiting["status"]["conditions"], "Terminating")
    assert condition is not None and condition["reason"] == "InstanceDeletionPending"
    plane.settle()
    assert is_gone(plane) and client.kind("gadgets") is None
    assert plane.cluster.store.keys("tests.example.com") == []


def test_finalizers_of_objects_hold_the_definition(plane: ControlPlane) -> None:
    client = plane.cluster.client
    client.create(CRDS, definition())
    held = gadget()
    held["metadata"]["finalizers"] = ["tests.example.com/hold"]
    client.create("gadgets", held, "default")
    client.delete(CRDS, NAME)
    plane.settle()
    condition = find_condition(client.get(CRDS, NAME)["status"]["conditions"], "Terminating")
    assert condition is not None and condition["reason"] == "InstanceDeletionInProgress"
    client.patch("gadgets", "one", {"metadata": {"finalizers": None}}, "default")
    plane.settle(2)
    assert is_gone(plane)


def test_a_definition_that_never_was_served_goes(plane: ControlPlane) -> None:
    client = plane.cluster.client
    client.create(CRDS, definition(names={"shortNames": ["x"]}))
    client.create(CRDS, definition(kind="Widget", names={"shortNames": ["x"]}))
    client.delete(CRDS, "widgets.tests.example.com")
    plane.settle()
    with pytest.raises(ApiError):
        client.get(CRDS, "widgets.tests.example.com")
