"""[sig-network]: Services, Endpoints, EndpointSlice, EndpointSliceMirroring, Ingress, IngressClass, ServiceCIDR and
IPAddress, as far as they need no traffic; what needs some is in `tests/proxy`, `tests/dns` and `tests/ingress`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.conformance.conftest import Api, Json
from tests.support.waiting import eventually

SLICES, NETWORKING = "/apis/discovery.k8s.io/v1", "/apis/networking.k8s.io/v1"
STRATEGIC = "application/strategic-merge-patch+json"


def slices(api: Api, ns: str, service: str) -> list[Json]:
    selector = f"kubernetes.io/service-name={service}"
    return api.items(f"{SLICES}/namespaces/{ns}/endpointslices", labelSelector=selector)


def make_service(api: Api, ns: str, name: str, **spec: Any) -> Json:
    return api.post(f"/api/v1/namespaces/{ns}/services", {"metadata": {"name": name}, "spec": spec})


def test_a_selector_that_matches_no_pod(api: Api, ns: str) -> None:
    make_service(api, ns, "nobody", selector={"no": "such"}, ports=[{"name": "example", "port": 80}])
    eventually(lambda: not api.is_gone(f"/api/v1/namespaces/{ns}/endpoints/nobody") and slices(api, ns, "nobody"))
    (found,) = slices(api, ns, "nobody")
    assert not found["endpoints"]
    assert found["metadata"]["labels"]["endpointslice.kubernetes.io/managed-by"] == "endpointslice-controller.k8s.io"
    api.delete(f"/api/v1/namespaces/{ns}/services/nobody")
    eventually(lambda: api.is_gone(f"/api/v1/namespaces/{ns}/endpoints/nobody") and not slices(api, ns, "nobody"), 60)


def test_pods_become_endpoints(api: Api, ns: str) -> None:
    """By number and by name of a port; two numbers of one name are two slices, and slices come back."""
    for name, number in (("one", 3000), ("two", 3001)):
        ports = [{"name": "web", "containerPort": number}]
        spec = {"containers": [{"name": "c", "image": "nginx", "ports": ports}]}
        api.post(f"/api/v1/namespaces/{ns}/pods", {"metadata": {"name": name, "labels": {name: "on", "both": "on"}}, "spec": spec})  # fmt: skip
    make_service(api, ns, "by-number", selector={"one": "on"}, ports=[{"name": "a", "port": 80, "targetPort": 3000}])
    make_service(api, ns, "by-name", selector={"both": "on"}, ports=[{"name": "a", "port": 80, "targetPort": "web"}])

    def pods() -> dict[str, tuple[str, str]]:
        return {
            p["status"].get("podIP", ""): (p["metadata"]["name"], p["metadata"]["uid"])
            for p in api.items(f"/api/v1/namespaces/{ns}/pods")
        }

    def led_to(service: str) -> set[tuple[str, int]]:
        """What both APIs agree on."""
        known, by_slice, by_subset = pods(), set(), set()
        if api.is_gone(f"/api/v1/namespaces/{ns}/endpoints/{service}"):
            return set()
        for each in slices(api, ns, service):
            assert [o["kind"] for o in each["metadata"]["ownerReferences"]] == ["Service"]
            for endpoint in each["endpoints"] or []:
                ref = (endpoint["targetRef"]["name"], endpoint["targetRef"]["uid"])
                if known.get(endpoint["addresses"][0]) == ref and endpoint["nodeName"]:
                    by_slice.add((ref[0], each["ports"][0]["port"]))
        answer = api.http.get(f"/api/v1/namespaces/{ns}/endpoints/{service}").json()  # there may be none yet
        for subset in answer.get("subsets") or []:
            for address in subset.get("addresses") or []:
                if known.get(address["ip"], ("",))[0] == address["targetRef"]["name"]:
                    by_subset.add((address["targetRef"]["name"], subset["ports"][0]["port"]))
        return by_slice & by_subset

    eventually(lambda: led_to("by-number") == {("one", 3000)}, 60)
    eventually(lambda: led_to("by-name") == {("one", 3000), ("two", 3001)}, 60)
    eventually(lambda: len(slices(api, ns, "by-name")) == 2)
    before = {s["metadata"]["uid"] for s in slices(api, ns, "by-name")}
    selector = "kubernetes.io/service-name=by-name"
    api.delete(f"{SLICES}/namespaces/{ns}/endpointslices", labelSelector=selector)
    eventually(lambda: led_to("by-name") == {("one", 3000), ("two", 3001)}, 60)
    assert not before & {s["metadata"]["uid"] for s in slices(api, ns, "by-name")}


def test_endpoints_made_by_hand_are_mirrored(api: Api, ns: str) -> None:
    path, name = f"/api/v1/namespaces/{ns}/endpoints", "by-hand"
    make_service(api, ns, name, ports=[{"name": "example", "port": 80}])
    mine: Json = {"metadata": {"name": name}, "subsets": [{"ports": [{"port": 80}], "addresses": [{"ip": "10.1.2.3"}]}]}

    def mirrored() -> list[tuple[list[str], list[int]]]:
        return [
            ([a for e in s["endpoints"] for a in e["addresses"]], [p["port"] for p in s["ports"]])
            for s in slices(api, ns, name)
        ]

    api.post(path, mine)
    eventually(lambda: mirrored() == [(["10.1.2.3"], [80])])
    mine["subsets"][0]["addresses"] = [{"ip": "10.2.3.4"}]
    api.put(f"{path}/{name}", mine)
    eventually(lambda: mirrored() == [(["10.2.3.4"], [80])])
    api.delete(f"{path}/{name}")
    eventually(lambda: mirrored() == [])


def test_the_life_of_endpoints(api: Api, ns: str, unique: str) -> None:
    path, selector = f"/api/v1/namespaces/{ns}/endpoints", f"static={unique}"
    ports = [{"name": "http", "port": 80, "protocol": "TCP"}]
    subsets = [{"addresses": [{"ip": "10.0.0.24"}], "ports": ports}]
    start = api.get("/api/v1/endpoints", labelSelector=selector)["metadata"]["resourceVersion"]
    with api.watch(path, resourceVersion=start, labelSelector=selector) as following:
        api.post(path, {"metadata": {"name": "x", "labels": {"static": unique}}, "subsets": subsets})
        assert following()["type"] == "ADDED"
        (found,) = api.items("/api/v1/endpoints", labelSelector=selector)
        found["metadata"]["labels"]["more"] = "updated"
        api.put(f"{path}/x", found)
        assert following()["object"]["metadata"]["labels"]["more"] == "updated"
        subsets = [{"addresses": [{"ip": "10.0.0.25"}], "ports": [{"name": "test", "port": 8080}]}]
        changed = api.patch(f"{path}/x", {"subsets": subsets}, STRATEGIC)
        ports = [{"name": "test", "port": 8080, "protocol": "TCP"}]
        assert changed["subsets"] == [{"addresses": [{"ip": "10.0.0.25"}], "ports": ports}]
        assert int(changed["metadata"]["resourceVersion"]) > int(found["metadata"]["resourceVersion"])
        assert following()["type"] == "MODIFIED"
        api.delete(path, labelSelector=selector)
        assert following()["type"] == "DELETED"
    assert api.is_gone(f"{path}/x")


# ---------------------------------------------------------------------- kinds and all their verbs


def an_ingress(_number: int) -> Json:
    backend = {"service": {"name": "default-backend", "port": {"name": "", "number": 8080}}}
    paths = [{"path": "/", "pathType": "Prefix", "backend": backend}]
    rules = [{"host": "test.com", "http": {"paths": paths}}, {"host": "other.com"}]
    return {"metadata": {"generateName": "a-"}, "spec": {"defaultBackend": backend, "rules": rules}}


def a_slice(_number: int) -> Json:
    endpoints = [{"addresses": ["1.2.3.4", "5.6.7.8"]}, {"addresses": ["2.2.3.4"]}]
    return {"metadata": {"generateName": "a-"}, "addressType": "IPv4", "endpoints": endpoints}


def a_class(number: int) -> Json:
    return {"metadata": {"name": f"class-{number}"}, "spec": {"controller": "example.com/controller"}}


def an_address(number: int) -> Json:
    parent = {"group": "example.com", "resource": "things", "namespace": "there", "name": "x"}
    name = ("255.255.255.255", "fe80::42:1dff:fe84:f9e2", "192.0.2.1")[number]
    return {"metadata": {"name": name}, "spec": {"parentRef": parent}}


@pytest.mark.parametrize(
    ("group", "resource", "make", "has_namespace", "has_status"),
    [
        (NETWORKING, "ingresses", an_ingress, True, True),
        (NETWORKING, "ingressclasses", a_class, False, False),
        (NETWORKING, "ipaddresses", an_address, False, False),
        (SLICES, "endpointslices", a_slice, True, False),
    ],
)
def test_every_verb(
    api: Api,
    ns: str,
    unique: str,
    group: str,
    resource: str,
    make: Callable[[int], Json],
    has_namespace: bool,
    has_status: bool,
) -> None:
    assert resource in {r["name"] for r in api.get(group)["resources"]}
    path = f"{group}/namespaces/{ns}/{resource}" if has_namespace else f"{group}/{resource}"
    selector = f"special={unique}"

    def one(number: int) -> Json:
        obj = make(number)
        return {**obj, "metadata": {**obj["metadata"], "labels": {"special": unique}}}

    made = [api.post(path, one(i)) for i in range(3)]
    mine = f"{path}/{made[0]['metadata']['name']}"
    assert api.get(mine)["metadata"]["uid"] == made[0]["metadata"]["uid"]
    listed = api.get(f"{group}/{resource}", labelSelector=selector)
    assert len(listed["items"]) == 3
    with api.watch(path, resourceVersion=listed["metadata"]["resourceVersion"], labelSelector=selector) as following:
        patched = api.patch(mine, {"metadata": {"annotations": {"patched": "true"}}})
        patched["metadata"]["annotations"]["updated"] = "true"
        api.put(mine, patched)
        seen = [following(), following()]
    assert [(e["type"], set(e["object"]["metadata"]["annotations"])) for e in seen] == [
        ("MODIFIED", {"patched"}),
        ("MODIFIED", {"patched", "updated"}),
    ]
    if has_status:
        _status(api, mine)
    api.delete(mine)
    assert api.is_gone(mine) and len(api.items(path, labelSelector=selector)) == 2
    api.delete(path, labelSelector=selector)
    assert api.items(path, labelSelector=selector) == []


def _status(api: Api, path: str) -> None:
    """It is changed at its own address, with annotations, and read there."""
    balancer: Json = {"loadBalancer": {"ingress": [{"hostname": "one.example.com"}]}}
    patched = api.patch(f"{path}/status", {"metadata": {"annotations": {"status": "yes"}}, "status": balancer})
    assert (patched["status"], patched["metadata"]["annotations"]["status"]) == (balancer, "yes")
    patched["status"] = {"loadBalancer": {"ingress": [{"hostname": "two.example.com"}]}}
    api.put(f"{path}/status", patched)
    assert api.get(f"{path}/status")["status"] == patched["status"]


# ---------------------------------------------------------------------- Services


def test_the_status_of_a_service(api: Api, ns: str) -> None:
    path = f"/api/v1/namespaces/{ns}/services/vip"
    make_service(api, ns, "vip", type="LoadBalancer", loadBalancerClass="example.com/internal", ports=[{"port": 80}])
    assert api.get(f"{path}/status")["status"] == {"loadBalancer": {}}
    _status(api, path)
    known = api.get(f"{path}/status")
    told = {"type": "Told", "status": "True", "reason": "E2E", "message": "x", "lastTransitionTime": "2020-01-01T00:00:00Z"}  # fmt: skip
    known["status"]["conditions"] = [told]
    assert api.put(f"{path}/status", known)["status"]["conditions"] == [told]
    changed = api.patch(path, {"metadata": {"labels": {"a": "b"}}, "status": {"conditions": []}}, STRATEGIC)
    assert changed["status"] == known["status"] and changed["metadata"]["labels"] == {"a": "b"}


def test_a_collection_of_services_is_deleted(api: Api, ns: str) -> None:
    path = f"/api/v1/namespaces/{ns}/services"
    for number, labels in enumerate(({"group": "a"}, {"group": "a"}, {})):
        meta = {"name": f"s{number}", "labels": labels}
        api.post(path, {"metadata": meta, "spec": {"ports": [{"port": 8001 + number}]}})
    ips = [s["spec"]["clusterIP"] for s in api.items(path, labelSelector="group=a")]
    api.delete(path, labelSelector="group=a")
    assert [s["metadata"]["name"] for s in api.items(path)] == ["s2"]
    assert all(api.is_gone(f"{NETWORKING}/ipaddresses/{ip}") for ip in ips)


def test_the_type_of_a_service_is_changed(api: Api, ns: str) -> None:
    """What a type has not is given back, what it has is taken, as the whole object is put."""
    path, ports = f"/api/v1/namespaces/{ns}/services/x", [{"name": "http", "port": 80, "targetPort": 9376}]
    make_service(api, ns, "x", type="NodePort", ports=ports)
    before = api.get(path)
    away = {**before["spec"], "type": "ExternalName", "externalName": "foo.example.com", "clusterIP": ""}
    away["ports"] = [{**p, "nodePort": 0} for p in away["ports"]]
    after = api.put(path, {**before, "spec": away})
    assert "clusterIP" not in after["spec"] and "nodePort" not in after["spec"]["ports"][0]
    assert api.is_gone(f"{NETWORKING}/ipaddresses/{before['spec']['clusterIP']}")
    back = {k: v for k, v in after["spec"].items() if k != "externalName"} | {"type": "ClusterIP"}
    assert api.put(path, {**after, "spec": back})["spec"]["clusterIP"]


def test_the_default_service_cidr(api: Api) -> None:
    (found,) = api.items(f"{NETWORKING}/servicecidrs")
    status = api.get(f"{NETWORKING}/servicecidrs/kubernetes/status")
    assert status["kind"] == "ServiceCIDR" and status["metadata"]["uid"] == found["metadata"]["uid"]
    assert [(c["type"], c["status"]) for c in status["status"]["conditions"]] == [("Ready", "True")]
