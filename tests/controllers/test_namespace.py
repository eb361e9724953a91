"""Namespaces: emptied and gone; and what every namespace has."""

from __future__ import annotations

from collections import Counter

import pytest

from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj, find_condition, is_deleting, name
from minikctl.client.local import LocalClient
from minikctl.controllers.deployment import DeploymentController
from minikctl.controllers.garbage_collector import GarbageCollector
from minikctl.controllers.namespace import NamespaceController, Remains, conditions
from minikctl.controllers.replica_set import ReplicaSetController
from minikctl.controllers.root_ca import NO_CA, RootCACertPublisher
from minikctl.controllers.service_account import ServiceAccountController
from tests.controllers.conftest import MakePlane
from tests.controllers.objects import deployment
from tests.support.control_plane import ControlPlane


@pytest.fixture
def plane(plane_of: MakePlane) -> ControlPlane:
    return plane_of(
        NamespaceController,
        DeploymentController,
        ReplicaSetController,
        GarbageCollector,
        ServiceAccountController,
        RootCACertPublisher,
    )


def make(plane: ControlPlane, name_: str = "dev", **metadata: object) -> Obj:
    made = plane.cluster.client.create("namespaces", {"metadata": {"name": name_, **metadata}})
    plane.settle()
    return made


def get(plane: ControlPlane, name_: str = "dev") -> Obj | None:
    try:
        return plane.cluster.client.get("namespaces", name_)
    except ApiError as e:
        assert e.reason == "NotFound"
        return None


def condition_of(plane: ControlPlane, kind: str) -> tuple[str, str, str]:
    found = find_condition((get(plane) or {}).get("status", {}).get("conditions") or [], kind)
    return (found["status"], found["reason"], found["message"]) if found else ("", "", "")


# ---------------------------------------------------------------------- deleting


def test_an_empty_namespace_goes(plane: ControlPlane) -> None:
    make(plane)
    plane.cluster.client.delete("namespaces", "dev")
    plane.settle()
    assert get(plane) is None


def test_everything_in_it_goes_too_and_nothing_else(plane: ControlPlane) -> None:
    client = plane.cluster.client
    make(plane)
    for of in ("dev", "default"):
        obj = deployment(replicas=2)
        obj["metadata"]["namespace"] = of
        client.create("deployments.apps", obj, of)
        for kind in ("configmaps", "secrets"):
            client.create(kind, {"metadata": {"name": "x"}}, of)
    plane.settle()
    client.delete("namespaces", "dev")
    plane.settle()
    assert get(plane) is None
    for each in client.kinds():
        if each.namespaced and "list" in each.verbs:
            assert not client.list(each, "dev")["items"], each.plural
    assert len(client.list("pods", "default")["items"]) == 2


def test_pods_go_first(plane: ControlPlane) -> None:
    client = plane.cluster.client
    make(plane)
    obj = deployment(replicas=1)
    obj["metadata"]["namespace"] = "dev"
    client.create("deployments.apps", obj, "dev")
    client.create("secrets", {"metadata": {"name": "needed-to-the-end"}}, "dev")
    plane.settle()
    kubelet, plane.kubelet = plane.kubelet, None
    client.delete("namespaces", "dev")
    plane.settle()
    (pod,) = client.list("pods", "dev")["items"]
    assert is_deleting(pod) and client.get("secrets", "needed-to-the-end", "dev")
    expected = ("True", "SomeResourcesRemain", "Some resources are remaining: pods. has 1 resource instances")
    assert condition_of(plane, "NamespaceContentRemaining") == expected
    assert condition_of(plane, "NamespaceFinalizersRemaining")[0] == "False"
    plane.kubelet = kubelet
    plane.settle()
    assert get(plane) is None


def test_finalizers_hold_it_and_it_says_so(plane: ControlPlane) -> None:
    client = plane.cluster.client
    make(plane)
    for name_ in ("a", "b"):
        held = {
            "metadata": {"name": name_, "finalizers": ["example.com/wait", "example.com/also"][: 1 + (name_ == "b")]}
        }
        client.create("configmaps", held, "dev")
    client.delete("namespaces", "dev")
    plane.settle()
    found = get(plane)
    assert found and found["status"]["phase"] == "Terminating"
    assert [c["type"] for c in found["status"]["conditions"]] == [
        "NamespaceDeletionDiscoveryFailure",
        "NamespaceDeletionGroupVersionParsingFailure",
        "NamespaceDeletionContentFailure",
        "NamespaceContentRemaining",
        "NamespaceFinalizersRemaining",
    ]
    assert condition_of(plane, "NamespaceContentRemaining") == (
        "True",
        "SomeResourcesRemain",
        "Some resources are remaining: configmaps. has 2 resource instances",
    )
    assert condition_of(plane, "NamespaceFinalizersRemaining") == (
        "True",
        "SomeFinalizersRemain",
        "Some content in the namespace has finalizers remaining: "
        "example.com/also in 1 resource instances, example.com/wait in 2 resource instances",
    )
    plane.assert_at_rest()
    before = plane.cluster.store.current_rv()
    plane.settle(60)  # it looks again from time to time, and writes nothing
    assert plane.cluster.store.current_rv() == before
    for name_ in ("a", "b"):
        client.patch("configmaps", name_, {"metadata": {"finalizers": None}}, "dev")
    plane.settle()
    assert get(plane) is None


def test_a_finalizer_of_the_namespace_itself(plane: ControlPlane) -> None:
    make(plane, finalizers=["example.com/mine"])
    plane.cluster.client.delete("namespaces", "dev")
    plane.settle()
    found = get(plane)
    assert found and not found["spec"].get("finalizers")
    assert condition_of(plane, "NamespaceContentRemaining")[:2] == ("False", "ContentRemoved")
    plane.cluster.client.patch("namespaces", "dev", {"metadata": {"finalizers": None}})
    plane.settle()
    assert get(plane) is None


def test_nothing_is_made_in_a_namespace_that_goes(plane: ControlPlane) -> None:
    client = plane.cluster.client
    make(plane)
    client.create("configmaps", {"metadata": {"name": "held", "finalizers": ["example.com/wait"]}}, "dev")
    client.delete("namespaces", "dev")
    plane.settle()
    assert not client.list("serviceaccounts", "dev")["items"]
    assert [name(c) for c in client.list("configmaps", "dev")["items"]] == ["held"]


def test_a_kind_that_cannot_be_emptied_is_named(plane: ControlPlane, monkeypatch: pytest.MonkeyPatch) -> None:
    make(plane)
    controller = plane.controllers[0]
    real = controller.client.delete

    def fail(kind: object, *args: object, **more: object) -> Obj:
        if getattr(kind, "plural", "") == "configmaps":
            raise ApiError(403, "Forbidden", "not this one")
        return real(kind, *args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(controller.client, "delete", fail)
    plane.cluster.client.delete("namespaces", "dev")
    plane.settle()
    expected = ("True", "ContentDeletionFailed", "Failed to delete all resource types, 1 remaining: not this one")
    assert condition_of(plane, "NamespaceDeletionContentFailure") == expected
    monkeypatch.undo()
    plane.settle(60)
    assert get(plane) is None


def test_kinds_that_are_defined_later_are_followed(plane_of: MakePlane, monkeypatch: pytest.MonkeyPatch) -> None:
    every = LocalClient.kinds
    monkeypatch.setattr(LocalClient, "kinds", lambda self: [k for k in every(self) if k.plural != "configmaps"])
    plane = plane_of(NamespaceController)
    monkeypatch.undo()
    client = plane.cluster.client
    make(plane)
    client.create("configmaps", {"metadata": {"name": "held", "finalizers": ["example.com/wait"]}}, "dev")
    client.delete("namespaces", "dev")
    plane.settle()
    assert get(plane)
    client.patch("configmaps", "held", {"metadata": {"finalizers": None}}, "dev")
    plane.settle()
    assert get(plane) is None


def test_conditions_keep_their_time_while_they_say_the_same() -> None:
    first = conditions([], Remains(kinds=Counter({"pods.": 2})), "then")
    second = conditions(first, Remains(kinds=Counter({"pods.": 1})), "now")
    times = {c["type"]: c["lastTransitionTime"] for c in second}
    assert times.pop("NamespaceContentRemaining") == "now" and set(times.values()) == {"then"}


# ---------------------------------------------------------------------- what every namespace has


def test_every_namespace_has_a_service_account_and_the_ca(plane: ControlPlane) -> None:
    make(plane)
    client = plane.cluster.client
    for of in (name(n) for n in client.list("namespaces")["items"]):
        assert client.get("serviceaccounts", "default", of)
        config_map = client.get("configmaps", "kube-root-ca.crt", of)
        assert config_map["data"] == {"ca.crt": NO_CA}
        assert config_map["metadata"]["annotations"]["kubernetes.io/description"].startswith("Contains a CA bundle")
    plane.assert_at_rest()


def test_they_come_back(plane: ControlPlane) -> None:
    make(plane)
    client = plane.cluster.client
    client.delete("serviceaccounts", "default", "dev")
    client.delete("configmaps", "kube-root-ca.crt", "dev")
    plane.settle()
    assert client.get("serviceaccounts", "default", "dev") and client.get("configmaps", "kube-root-ca.crt", "dev")


def test_the_ca_is_put_right(plane_of: MakePlane) -> None:
    plane = plane_of(RootCACertPublisher, settings={"ca": "-----BEGIN CERTIFICATE-----\n"})
    client = plane.cluster.client
    plane.settle()
    right = client.get("configmaps", "kube-root-ca.crt", "default")["data"]
    assert right == {"ca.crt": "-----BEGIN CERTIFICATE-----\n"}
    client.patch("configmaps", "kube-root-ca.crt", {"data": {"ca.crt": "mine", "other": "x"}}, "default")
    client.create("configmaps", {"metadata": {"name": "else"}}, "default")
    plane.settle()
    assert client.get("configmaps", "kube-root-ca.crt", "default")["data"] == right
    plane.assert_at_rest()
