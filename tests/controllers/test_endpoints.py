"""Endpoints and EndpointSlices."""

from __future__ import annotations

from typing import Any

import pytest

from minikctl.api.meta import Obj, Objects, annotations_of, labels_of, name, uid
from minikctl.client import DeleteOptions
from minikctl.controllers.endpoint_slice import EndpointSliceController
from minikctl.controllers.endpoint_slice_mirroring import EndpointSliceMirroringController
from minikctl.controllers.endpoints import EndpointsController
from minikctl.controllers.garbage_collector import GarbageCollector
from tests.controllers.conftest import MakePlane
from tests.controllers.objects import service
from tests.support.control_plane import ControlPlane

TRIGGER = "endpoints.kubernetes.io/last-change-trigger-time"


@pytest.fixture
def plane(plane_of: MakePlane) -> ControlPlane:
    return plane_of(EndpointsController, EndpointSliceController, EndpointSliceMirroringController, GarbageCollector)


def create(plane: ControlPlane, kind: str, obj: Obj) -> Obj:
    return plane.cluster.client.create(kind, obj, "default")


def make_pods(plane: ControlPlane, *names: str, app: str = "web", **spec: Any) -> None:
    container = {"name": "main", "image": "nginx", "ports": [{"name": "http", "containerPort": 8080}]}
    for each in names:
        create(
            plane,
            "pods",
            {"metadata": {"name": each, "labels": {"app": app}}, "spec": {"containers": [container], **spec}},
        )


def slices(plane: ControlPlane) -> Objects:
    found: Objects = plane.cluster.client.list("endpointslices", "default")["items"]
    return found


def members(plane: ControlPlane) -> dict[str, tuple[bool, bool, bool]]:
    """Pod → (ready, serving, terminating), over all slices."""
    return {
        e["targetRef"]["name"]: tuple(e["conditions"][c] for c in ("ready", "serving", "terminating"))
        for s in slices(plane)
        for e in s.get("endpoints") or []
    }


def endpoints(plane: ControlPlane, name_: str = "web") -> Obj:
    return plane.cluster.client.get("endpoints", name_, "default")


READY, NOT_READY, LEAVING = (True, True, False), (False, False, False), (False, True, True)


# ---------------------------------------------------------------------- the controllers


def test_a_service_without_pods_has_an_empty_slice(plane: ControlPlane) -> None:
    made = create(plane, "services", service())
    plane.settle()
    (each,) = slices(plane)
    assert each["metadata"]["generateName"] == "web-" and len(name(each)) == len("web-") + 5
    assert labels_of(each) == {
        "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
        "kubernetes.io/service-name": "web",
    }
    assert each["metadata"]["ownerReferences"][0]["uid"] == uid(made)
    assert each["addressType"] == "IPv4" and not each["endpoints"] and not each["ports"]
    assert "subsets" not in endpoints(plane)
    plane.assert_at_rest()


def test_pods_appear_with_everything_that_is_known_of_them(plane: ControlPlane) -> None:
    create(plane, "services", service())
    plane.cluster.client.patch("nodes", "node-1", {"metadata": {"labels": {"topology.kubernetes.io/zone": "z1"}}})
    make_pods(plane, "a")
    plane.settle()
    (each,) = slices(plane)
    a = plane.cluster.client.get("pods", "a", "default")
    ref = {"kind": "Pod", "namespace": "default", "name": "a", "uid": uid(a)}
    assert each["ports"] == [{"name": "", "protocol": "TCP", "port": 8080}]
    assert each["endpoints"] == [
        {
            "addresses": [a["status"]["podIP"]],
            "conditions": {"ready": True, "serving": True, "terminating": False},
            "targetRef": ref,
            "nodeName": "node-1",
            "zone": "z1",
        }
    ]
    assert endpoints(plane)["subsets"] == [
        {
            "addresses": [{"ip": a["status"]["podIP"], "nodeName": "node-1", "targetRef": ref}],
            "ports": [{"port": 8080, "protocol": "TCP"}],
        }
    ]
    assert labels_of(endpoints(plane)) == {"endpoints.kubernetes.io/managed-by": "endpoint-controller"}
    assert annotations_of(each)[TRIGGER] == "2026-01-01T00:00:00Z"
    plane.assert_at_rest()


def test_the_first_pods_take_the_empty_slice(plane: ControlPlane) -> None:
    create(plane, "services", service())
    plane.settle()
    (before,) = slices(plane)
    make_pods(plane, "a", "b")
    plane.settle()
    (after,) = slices(plane)
    assert name(after) == name(before) and len(after["endpoints"]) == 2


def test_readiness_follows_the_pod(plane: ControlPlane) -> None:
    create(plane, "services", service())
    make_pods(plane, "a", "b")
    plane.settle()
    assert members(plane) == {"a": READY, "b": READY}
    assert plane.kubelet
    plane.kubelet.ready = lambda p: name(p) != "a"
    plane.settle()
    assert members(plane) == {"a": NOT_READY, "b": READY}
    (subset,) = endpoints(plane)["subsets"]
    assert [len(subset[f]) for f in ("addresses", "notReadyAddresses")] == [1, 1]


def test_a_pod_on_its_way_out_still_serves_but_takes_nothing_new(plane: ControlPlane) -> None:
    create(plane, "services", service())
    make_pods(plane, "a", "b")
    plane.settle()
    kubelet, plane.kubelet = plane.kubelet, None
    plane.cluster.client.delete("pods", "a", "default")
    plane.settle()
    assert members(plane) == {"a": LEAVING, "b": READY}
    assert [a["targetRef"]["name"] for a in endpoints(plane)["subsets"][0]["addresses"]] == ["b"]
    plane.kubelet = kubelet
    plane.settle()
    assert members(plane) == {"b": READY}


def test_the_last_pod_leaves_an_empty_slice(plane: ControlPlane) -> None:
    create(plane, "services", service())
    make_pods(plane, "a")
    plane.settle()
    plane.cluster.client.delete("pods", "a", "default")
    plane.settle()
    (each,) = slices(plane)
    assert not each["endpoints"] and "subsets" not in endpoints(plane)
    plane.assert_at_rest()


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
def test_a_pod_that_has_ended_is_no_endpoint(plane: ControlPlane, phase: str) -> None:
    create(plane, "services", service())
    make_pods(plane, "a", "b", restartPolicy="Never")
    plane.settle()
    assert plane.kubelet
    plane.kubelet.finish(plane.cluster.client.get("pods", "a", "default"), phase)
    plane.settle()
    assert members(plane) == {"b": READY}


def test_publish_not_ready_addresses(plane: ControlPlane) -> None:
    create(plane, "services", service(publishNotReadyAddresses=True))
    assert plane.kubelet
    plane.kubelet.ready = lambda _p: False
    make_pods(plane, "a")
    plane.settle()
    assert members(plane) == {"a": (True, False, False)}
    assert len(endpoints(plane)["subsets"][0]["addresses"]) == 1


def test_relabelling_moves_a_pod_from_service_to_service(plane: ControlPlane) -> None:
    create(plane, "services", service())
    create(plane, "services", service("other", selector={"app": "other"}))
    make_pods(plane, "a")
    plane.settle()
    plane.cluster.client.patch("pods", "a", {"metadata": {"labels": {"app": "other"}}}, "default")
    plane.settle()
    assert "subsets" not in endpoints(plane) and endpoints(plane, "other")["subsets"]
    of = {labels_of(s)["kubernetes.io/service-name"]: len(s["endpoints"] or []) for s in slices(plane)}
    assert of == {"web": 0, "other": 1}


def test_a_changed_selector_or_port_is_followed(plane: ControlPlane) -> None:
    create(plane, "services", service())
    make_pods(plane, "a")
    make_pods(plane, "b", app="other")
    plane.settle()
    plane.cluster.client.patch("services", "web", {"spec": {"selector": {"app": "other"}}}, "default")
    plane.settle()
    assert members(plane) == {"b": READY}
    plane.cluster.client.patch("services", "web", {"spec": {"ports": [{"port": 80, "targetPort": 9}]}}, "default")
    plane.settle()
    (each,) = slices(plane)
    assert each["ports"][0]["port"] == 9 and endpoints(plane)["subsets"][0]["ports"][0]["port"] == 9


def test_labels_of_the_service_are_copied_and_a_headless_one_is_marked(plane: ControlPlane) -> None:
    headless = service(clusterIP="None")
    headless["metadata"]["labels"] = {"team": "a", "kubernetes.io/service-name": "not-mine"}
    create(plane, "services", headless)
    plane.settle()
    (each,) = slices(plane)
    assert labels_of(each) == {
        "team": "a",
        "service.kubernetes.io/headless": "",
        "kubernetes.io/service-name": "web",
        "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
    }
    plane.cluster.client.patch("services", "web", {"metadata": {"labels": {"team": "b"}}}, "default")
    plane.settle()
    assert labels_of(slices(plane)[0])["team"] == "b" and labels_of(endpoints(plane))["team"] == "b"


def test_a_deleted_service_takes_both_with_it(plane: ControlPlane) -> None:
    create(plane, "services", service())
    make_pods(plane, "a")
    plane.settle()
    plane.cluster.client.delete("services", "web", "default")
    plane.settle()
    assert not slices(plane) and not plane.cluster.client.list("endpoints", "default")["items"]


def test_what_somebody_does_to_them_is_undone(plane: ControlPlane) -> None:
    create(plane, "services", service())
    make_pods(plane, "a")
    plane.settle()
    client = plane.cluster.client
    client.patch("endpointslices", name(slices(plane)[0]), {"endpoints": []}, "default")
    client.patch("endpoints", "web", {"subsets": None}, "default")
    plane.settle()
    assert members(plane) == {"a": READY} and endpoints(plane)["subsets"]
    client.delete("endpointslices", name(slices(plane)[0]), "default")
    client.delete("endpoints", "web", "default")
    plane.settle()
    assert members(plane) == {"a": READY} and endpoints(plane)["subsets"]
    plane.assert_at_rest()


def test_an_external_name_has_no_endpoints(plane: ControlPlane) -> None:
    create(plane, "services", service(type="ExternalName", externalName="example.com"))
    plane.settle()
    assert not slices(plane) and not plane.cluster.client.list("endpoints", "default")["items"]


def test_more_than_a_hundred_pods_need_several_slices(plane: ControlPlane) -> None:
    create(plane, "services", service())
    make_pods(plane, *(f"p{i:03}" for i in range(130)))
    plane.settle()
    assert sorted(len(s["endpoints"]) for s in slices(plane)) == [30, 100] and len(members(plane)) == 130
    assert len(endpoints(plane)["subsets"][0]["addresses"]) == 130
    for i in range(0, 130, 2):
        plane.cluster.client.delete("pods", f"p{i:03}", "default", options=DeleteOptions(grace_period=0))
    plane.settle()
    assert len(members(plane)) == 65
    plane.assert_at_rest()


def test_a_slow_cache_makes_nothing_twice(plane: ControlPlane) -> None:
    create(plane, "services", service())
    plane.hub.pump()
    controller = plane.controllers[1]
    controller.drain()
    controller.queue.add("default/web")
    controller.drain()
    assert len(slices(plane)) == 1
    plane.settle()
    assert len(slices(plane)) == 1


def test_a_pod_counts_when_its_node_is_known(plane: ControlPlane) -> None:
    create(plane, "services", service())
    make_pods(plane, "a", nodeName="node-9")
    assert plane.kubelet
    plane.kubelet.nodes = (*plane.kubelet.nodes, "node-9")
    plane.settle()
    assert members(plane) == {}
    plane.cluster.client.create("nodes", {"metadata": {"name": "node-9"}})
    plane.settle()
    assert members(plane) == {"a": READY}


# ---------------------------------------------------------------------- mirroring


def by_hand(**more: Any) -> Obj:
    subset = {
        "addresses": [{"ip": "192.0.2.1"}, {"ip": "2001:db8::1"}],
        "notReadyAddresses": [{"ip": "192.0.2.2"}],
        "ports": [{"port": 5432}],
    }
    return {"metadata": {"name": "db", **more}, "subsets": [subset]}


def test_hand_made_endpoints_are_mirrored(plane: ControlPlane) -> None:
    create(plane, "services", {"metadata": {"name": "db"}, "spec": {"ports": [{"port": 5432}]}})
    made = create(plane, "endpoints", by_hand(labels={"team": "a"}))
    plane.settle()
    v4, v6 = sorted(slices(plane), key=lambda s: s["addressType"])
    assert [(e["addresses"], e["conditions"]) for e in v4["endpoints"]] == [
        (["192.0.2.1"], {"ready": True}),
        (["192.0.2.2"], {"ready": False}),
    ]
    assert v6["endpoints"][0]["addresses"] == ["2001:db8::1"] and v6["addressType"] == "IPv6"
    assert labels_of(v4) == {
        "team": "a",
        "kubernetes.io/service-name": "db",
        "endpointslice.kubernetes.io/managed-by": "endpointslicemirroring-controller.k8s.io",
    }
    assert v4["metadata"]["ownerReferences"][0]["uid"] == uid(made)
    assert v4["ports"] == [{"name": "", "protocol": "TCP", "port": 5432}]
    plane.assert_at_rest()
    plane.cluster.client.patch("endpoints", "db", {"subsets": [{"addresses": [{"ip": "192.0.2.9"}]}]}, "default")
    plane.settle()
    (only,) = slices(plane)
    assert [e["addresses"] for e in only["endpoints"]] == [["192.0.2.9"]]
    plane.cluster.client.delete("endpoints", "db", "default")
    plane.settle()
    assert not slices(plane)


@pytest.mark.parametrize(
    ("metadata", "with_service"),
    [
        ({"labels": {"endpointslice.kubernetes.io/skip-mirror": "true"}}, True),
        ({"annotations": {"control-plane.alpha.kubernetes.io/leader": "me"}}, True),
        ({}, False),
    ],
)
def test_what_is_not_mirrored(plane: ControlPlane, metadata: Obj, with_service: bool) -> None:
    if with_service:
        create(plane, "services", {"metadata": {"name": "db"}, "spec": {"ports": [{"port": 5432}]}})
    create(plane, "endpoints", by_hand(**metadata))
    plane.settle()
    assert not slices(plane)


def test_a_selector_ends_the_mirroring(plane: ControlPlane) -> None:
    create(plane, "services", {"metadata": {"name": "db"}, "spec": {"ports": [{"port": 5432}]}})
    create(plane, "endpoints", by_hand())
    plane.settle()
    plane.cluster.client.patch("services", "db", {"spec": {"selector": {"app": "db"}}}, "default")
    plane.settle()
    (each,) = slices(plane)
    assert labels_of(each)["endpointslice.kubernetes.io/managed-by"] == "endpointslice-controller.k8s.io"
    plane.assert_at_rest()
