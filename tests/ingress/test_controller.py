"""The controller on a real API server in this process: tables, status, Events."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from minikctl.api.errors import ApiError
from minikctl.cluster import addons
from minikctl.controllers.base import Context
from minikctl.controllers.custom_resource_definition import CRDFinalizer
from minikctl.controllers.manager import Manager
from minikctl.ingress.controller import IngressController, with_times
from minikctl.ingress.model import Certificate, Table
from tests.ingress.objects import backend, path
from tests.support.cluster import TestCluster
from tests.support.waiting import eventually

Obj = dict[str, Any]
INGRESSES = "ingresses.networking.k8s.io"


class Serving:
    """An engine that only remembers."""

    def __init__(self) -> None:
        self.table = Table()
        self.swaps = 0
        self.really = {80: 80, 443: 443}

    def addresses(self) -> list[str]:
        return ["127.0.0.1"]

    def ports(self) -> dict[int, int]:
        return self.really

    def unavailable(self, port: int, secure: bool) -> str:
        return ""

    def check(self, certificate: Certificate) -> None:
        if b"BEGIN" not in certificate.chain:
            raise ValueError(f'secret "{certificate.origin}" cannot be used')

    def put_in_force(self, table: Table) -> None:
        self.table = table
        self.swaps += 1


class Lab:
    def __init__(self, cluster: TestCluster):
        self.cluster, self.serving = cluster, Serving()
        self.controller = IngressController(cluster.client, self.serving)

    def create(self, kind: str, name: str, spec: Obj, **metadata: Any) -> Obj:
        return self.cluster.client.create(kind, {"metadata": {"name": name, **metadata}, "spec": spec}, "default")

    def ingress(self, name: str = "web", **more: Any) -> Obj:
        annotations = more.pop("annotations", {})
        spec = {"rules": [{"host": "x.com", "http": {"paths": [path("/", "web")]}}], **more}
        return self.create(INGRESSES, name, spec, annotations=annotations)

    def service(self, *addresses: str) -> None:
        self.create("services", "web", {"ports": [{"port": 80}]})
        labels = {"kubernetes.io/service-name": "web"}
        slice_ = {
            "metadata": {"name": "web-1", "labels": labels},
            "addressType": "IPv4",
            "ports": [{"name": "", "port": 8080, "protocol": "TCP"}],
            "endpoints": [{"addresses": [a], "conditions": {"ready": True}} for a in addresses],
        }
        self.cluster.client.create("endpointslices.discovery.k8s.io", slice_, "default")

    def endpoints(self, host: str = "x.com") -> list[str]:
        site = self.serving.table.hosts.get(host)
        return [e.address for r in site.routes for e in r.backends[0].backend.endpoints] if site else []

    def events(self, name: str = "web") -> list[tuple[str, str]]:
        self.controller.recorder.flush()
        found = self.cluster.client.list("events", "default")["items"]
        return [(e["reason"], e["message"]) for e in found if e["involvedObject"]["name"] == name]

    def status(self, name: str = "web") -> list[Obj]:
        found = self.cluster.client.get(INGRESSES, name, "default")
        return ((found.get("status") or {}).get("loadBalancer") or {}).get("ingress") or []


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    cluster = TestCluster(tmp_path / "state", live=True)
    made = Lab(cluster)
    made.controller.start()
    yield made
    made.controller.stop()
    cluster.close()


def test_a_table_follows_what_is_written(lab: Lab) -> None:
    lab.ingress()
    eventually(lambda: "x.com" in lab.serving.table.hosts)
    assert lab.endpoints() == []
    lab.service("10.0.0.1")
    eventually(lambda: lab.endpoints() == ["10.0.0.1"])
    both = [{"addresses": [f"10.0.0.{i}"], "conditions": {"ready": i != 1, "terminating": i == 1}} for i in (1, 2)]
    lab.cluster.client.patch("endpointslices.discovery.k8s.io", "web-1", {"endpoints": both}, "default")
    eventually(lambda: lab.endpoints() == ["10.0.0.2"])
    lab.cluster.client.delete(INGRESSES, "web", "default")
    eventually(lambda: not lab.serving.table.hosts)


def test_what_no_ingress_names_makes_no_new_table(lab: Lab) -> None:
    lab.ingress()
    lab.service("10.0.0.1")
    eventually(lambda: lab.endpoints() == ["10.0.0.1"] and bool(lab.status()))
    before = lab.serving.swaps
    lab.create("services", "other", {"ports": [{"port": 80}]})
    lab.cluster.client.create("secrets", {"metadata": {"name": "other"}}, "default")
    lab.cluster.client.create("configmaps", {"metadata": {"name": "other"}}, "default")
    lab.ingress("last", ingressClassName="nginx")
    eventually(lambda: bool(lab.status("last")))
    assert lab.serving.swaps <= before + 2


def test_status_events_and_class(lab: Lab) -> None:
    lab.ingress()
    eventually(lambda: lab.status() == [{"ip": "127.0.0.1"}])
    wanted = {("Sync", "Scheduled for sync"), ("NoBackend", 'service "default/web" does not exist')}
    eventually(lambda: wanted <= set(lab.events()))
    found = lab.cluster.client.get("ingressclasses.networking.k8s.io", "nginx")
    assert found["spec"]["controller"] == "k8s.io/ingress-nginx"


def test_the_class_that_it_makes_is_there_for_the_first_table(tmp_path: Path) -> None:
    cluster = TestCluster(tmp_path / "state", live=True)
    lab = Lab(cluster)
    lab.ingress(ingressClassName="nginx")
    lab.controller.start()
    try:
        assert {r for r, _ in lab.events()} == {"Sync", "NoBackend"}
    finally:
        lab.controller.stop()
        cluster.close()


def test_odd_ports_are_in_the_status(lab: Lab) -> None:
    lab.serving.really = {80: 8080, 443: 443}
    lab.ingress(tls=[{"hosts": ["x.com"]}])
    ports = [{"port": 8080, "protocol": "TCP"}, {"port": 443, "protocol": "TCP"}]
    eventually(lambda: lab.status() == [{"ip": "127.0.0.1", "ports": ports}])
    shown = lab.cluster.cli("ingress")
    assert "https://x.com/" in shown.out and "curl -H 'Host: x.com' http://127.0.0.1:8080/" in shown.out
    assert lab.cluster.cli("ingress", "web", "--url").out == "http://127.0.0.1:8080\nhttps://127.0.0.1\n"


def test_an_ingress_of_another_class_is_left_alone(lab: Lab) -> None:
    spec = {"controller": "traefik.io/ingress-controller"}
    lab.cluster.client.create("ingressclasses.networking.k8s.io", {"metadata": {"name": "traefik"}, "spec": spec})
    lab.ingress("theirs", ingressClassName="traefik")
    lab.ingress("ours", ingressClassName="nginx")
    eventually(lambda: bool(lab.status("ours")))
    assert lab.status("theirs") == [] and lab.events("theirs") == []
    failed = lab.cluster.cli("ingress", "theirs", "--url")
    assert (failed.code, failed.err) == (
        1,
        "error: ingress default/theirs has no address yet: is its class served here?\n",
    )


def test_problems_are_told_once(lab: Lab) -> None:
    lab.ingress(annotations={"nginx.ingress.kubernetes.io/proxy-body-size": "huge"})
    problem = "annotation nginx.ingress.kubernetes.io/proxy-body-size: invalid value 'huge'"
    eventually(lambda: any(problem in m for _, m in lab.events()))
    for n in range(3):
        lab.cluster.client.patch(INGRESSES, "web", {"metadata": {"annotations": {"n": str(n)}}}, "default")
    lab.service("10.0.0.1")
    eventually(lambda: lab.endpoints() == ["10.0.0.1"])
    found = [e for e in lab.cluster.client.list("events", "default")["items"] if problem in e["message"]]
    assert [e["count"] for e in found] == [1]


def test_a_certificate_that_comes_later_is_taken(lab: Lab) -> None:
    lab.ingress(tls=[{"hosts": ["x.com"], "secretName": "pair"}])
    eventually(lambda: any(r == "InvalidCertificate" and "does not exist" in m for r, m in lab.events()))
    data = {"tls.crt": "anVuaw==", "tls.key": "anVuaw=="}
    secret = {"metadata": {"name": "pair"}, "type": "kubernetes.io/tls", "data": data}
    lab.cluster.client.create("secrets", secret, "default")
    eventually(lambda: any(r == "InvalidCertificate" and "cannot be used" in m for r, m in lab.events()))
    good = {"tls.crt": "LS0tLS1CRUdJTg=="}
    lab.cluster.client.patch("secrets", "pair", {"data": good}, "default")
    eventually(lambda: "x.com" in lab.serving.table.certificates)


# ---------------------------------------------------------------------- the Gateway API


@pytest.fixture
def definitions(lab: Lab) -> Iterator[Lab]:
    """With the addon, and the controller that establishes definitions."""
    manager = Manager(Context(lab.cluster.client, lab.controller._informers), [CRDFinalizer])
    manager.start()
    addons.enable(lab.cluster.client, addons.find("gateway-api"), eventually)
    yield lab
    for controller in manager.controllers:
        controller.stop()


def gateway(lab: Lab, name: str = "gw") -> Obj:
    spec = {"gatewayClassName": "minikctl", "listeners": [{"name": "http", "port": 80, "protocol": "HTTP"}]}
    return lab.create("gateways.gateway.networking.k8s.io", name, spec)


def holds(lab: Lab, plural: str, name: str, kind: str, namespace: str = "default") -> bool:
    obj = lab.cluster.client.get(f"{plural}.gateway.networking.k8s.io", name, namespace)
    status = obj.get("status") or {}
    found = [c for s in (status, *status.get("parents", [])) for c in s.get("conditions") or []]
    return any(c["type"] == kind and c["status"] == "True" for c in found)


def attached(lab: Lab) -> int:
    """How many routes the first listener of the Gateway says it has."""
    gateway = lab.cluster.client.get("gateways.gateway.networking.k8s.io", "gw", "default")
    return int(gateway["status"]["listeners"][0]["attachedRoutes"])


def test_gateways(definitions: Lab) -> None:
    lab = definitions
    eventually(lambda: holds(lab, "gatewayclasses", "minikctl", "Accepted", ""))
    gateway(lab)
    eventually(lambda: holds(lab, "gateways", "gw", "Programmed"))
    lab.service("10.0.0.1")
    rule = {"backendRefs": [{"name": "web", "port": 80}]}
    lab.create("httproutes.gateway.networking.k8s.io", "r", {"parentRefs": [{"name": "gw"}], "rules": [rule]})
    eventually(lambda: holds(lab, "httproutes", "r", "Accepted") and holds(lab, "httproutes", "r", "ResolvedRefs"))
    eventually(lambda: bool(lab.serving.table.listeners[80][0].routes))
    eventually(lambda: attached(lab) == 1)
    shown = lab.cluster.cli("get", "gateways,gatewayclasses,httproutes")
    assert "minikctl   127.0.0.1   True" in shown.out and "minikctl.io/gateway-controller   True" in shown.out
    lab.cluster.client.delete("httproutes.gateway.networking.k8s.io", "r", "default")
    eventually(lambda: not lab.serving.table.listeners[80][0].routes)


@pytest.mark.parametrize(
    ("kind", "spec", "problem"),
    [
        ("Gateway", {"gatewayClassName": "minikctl"}, "spec.listeners: Required value"),
        ("Gateway", {"gatewayClassName": "c", "listeners": [{"name": "a", "port": 0, "protocol": "HTTP"}]}, "greater than or equal to 1"),
        ("HTTPRoute", {"rules": [{"matches": [{"path": {"value": "x"}}]}]}, "absolute path"),
        ("HTTPRoute", {"rules": [{"matches": [{"method": "get"}]}]}, "Unsupported value"),
        ("HTTPRoute", {"hostnames": ["1.2.*"]}, "should match"),
        ("HTTPRoute", {"rules": [{"timeouts": {"request": "soon"}}]}, "should match"),
        ("ReferenceGrant", {"from": [], "to": []}, "should have at least 1 items"),
    ],
)  # fmt: skip
def test_what_the_schemas_refuse(definitions: Lab, kind: str, spec: Obj, problem: str) -> None:
    plural = {"Gateway": "gateways", "HTTPRoute": "httproutes", "ReferenceGrant": "referencegrants"}[kind]
    with pytest.raises(ApiError, match=problem):
        definitions.create(f"{plural}.gateway.networking.k8s.io", "bad", spec)


def test_the_addon_can_be_taken_away(definitions: Lab) -> None:
    cluster = definitions.cluster
    assert "gateway-api   enabled" in cluster.cli("cluster", "addons", "list").out
    gone = cluster.cli("cluster", "addons", "disable", "gateway-api")
    assert gone.out.startswith("gatewayclass/minikctl deleted\n"), gone.err
    eventually(lambda: "gateway-api   disabled" in cluster.cli("cluster", "addons", "list").out)
    eventually(lambda: len(cluster.client.list("customresourcedefinitions")["items"]) == 0)
    assert cluster.cli("cluster", "addons", "disable", "gateway-api").out == "gateway-api is not enabled\n"
    addons.enable(cluster.client, addons.find("gateway-api"), eventually)
    gateway(definitions)
    eventually(lambda: holds(definitions, "gateways", "gw", "Programmed"))


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("enable", "nothing"), "error: there is no addon 'nothing'; there are: "),
        (("enable",), "error: name one addon"),
        (("disable", "ingress"), "error: ingress is a part of every cluster"),
    ],
)
def test_addons_that_are_none(cluster: TestCluster, words: tuple[str, ...], problem: str) -> None:
    done = cluster.cli("cluster", "addons", *words)
    assert done.code == 1 and done.err.startswith(problem)


def test_a_plain_cluster_has_no_gateway_api(cluster: TestCluster) -> None:
    assert "gateway.networking.k8s.io" not in cluster.cli("api-versions").out
    assert cluster.cli("cluster", "addons", "enable", "ingress").out.startswith("ingress needs no enabling: part of")
    assert cluster.cli("ingress").err == "No Ingress found.\n"


def test_times_of_conditions() -> None:
    def condition(holds: str, since: str = "", reason: str = "r") -> Obj:
        return {
            **({"lastTransitionTime": since} if since else {}),
            "type": "Accepted",
            "status": holds,
            "reason": reason,
        }

    wanted = {
        "conditions": [condition("True", reason="new")],
        "listeners": [{"name": "b", "conditions": [condition("False")]}],
    }
    there = {
        "conditions": [condition("True", "then")],
        "listeners": [{"name": "a", "conditions": [condition("False", "then")]}, {"name": "b", "conditions": [condition("True", "then")]}],
    }  # fmt: skip
    done = with_times(wanted, there, "now")
    assert done["conditions"][0] == condition("True", "then", "new")
    assert done["listeners"][0]["conditions"][0]["lastTransitionTime"] == "now"
    assert backend("x")["service"]["port"] == {"number": 80}
