from __future__ import annotations

import json
from typing import Any

import pytest

from tests.kubectl.objects import deployment, pod
from tests.support.cluster import TestCluster

Obj = dict[str, Any]


@pytest.fixture
def web(cluster: TestCluster) -> TestCluster:
    obj = deployment("web")
    ports = [{"containerPort": 80}, {"containerPort": 53, "protocol": "UDP"}, {"containerPort": 53, "protocol": "TCP"}]
    obj["spec"]["template"]["spec"]["containers"][0]["ports"] = ports
    cluster.client.create("deployments.apps", obj, "default")
    cluster.client.create("deployments.apps", deployment("plain"), "default")
    cluster.client.create("pods", pod("one"), "default")
    return cluster


def exposed(cluster: TestCluster, *argv: str) -> Obj:
    result = cluster.cli("expose", *argv, "--dry-run=client", "-o", "json")
    assert result.code == 0, result.err
    found: Obj = json.loads(result.out)
    return found


def test_a_service_on_a_port(web: TestCluster) -> None:
    assert web.cli("expose", "deploy", "web", "--port=80", "--target-port=8000").out == "service/web exposed\n"
    service = web.client.get("services", "web", "default")
    assert service["metadata"]["labels"] == {"app": "web"}
    assert service["spec"]["selector"] == {"app": "web"}
    ports = [(p["port"], p["targetPort"], p["protocol"]) for p in service["spec"]["ports"]]
    assert ports == [(80, 8000, "TCP")]
    again = web.cli("expose", "deploy", "web", "--port=80")
    assert again.err == 'Error from server (AlreadyExists): services "web" already exists\n'


def test_the_ports_of_the_containers(web: TestCluster) -> None:
    ports = exposed(web, "deploy/web")["spec"]["ports"]
    assert [(p["name"], p["port"], p["protocol"]) for p in ports] == [
        ("port-1", 80, "TCP"),
        ("port-2-udp", 53, "UDP"),
        ("port-2-tcp", 53, "TCP"),
    ]
    ports = exposed(web, "deploy/web", "--protocol=TCP", "--target-port=http")["spec"]["ports"]
    assert [(p["name"], p["targetPort"]) for p in ports] == [("port-1", "http"), ("port-2", "http")]


@pytest.mark.parametrize(
    ("flags", "field", "value"),
    [
        (["--type=NodePort"], "type", "NodePort"),
        (["--cluster-ip=None"], "clusterIP", "None"),
        (["--session-affinity=ClientIP"], "sessionAffinity", "ClientIP"),
        (["--external-ip=1.2.3.4"], "externalIPs", ["1.2.3.4"]),
        (["--selector=x=y"], "selector", {"x": "y"}),
        (["--type=LoadBalancer", "--load-balancer-ip=1.2.3.4"], "loadBalancerIP", "1.2.3.4"),
    ],
)
def test_options_of_the_service(web: TestCluster, flags: list[str], field: str, value: object) -> None:
    assert exposed(web, "pod/one", "--port=80", *flags)["spec"][field] == value


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["deploy/plain"], "couldn't find port via --port flag or introspection"),
        (["sa/default", "--port=80"], "cannot expose a ServiceAccount"),
        (["deploy/web", "--port=x"], 'strconv.Atoi: parsing "x": invalid syntax'),
        (["deploy/web", "--port=80", "--labels=x"], "unexpected label spec: x"),
        (["deploy/web", "--port=80", "--session-affinity=x"], "unknown session affinity: x"),
    ],
)
def test_what_cannot_be_exposed(web: TestCluster, argv: list[str], message: str) -> None:
    result = web.cli("expose", *argv)
    assert (result.code, result.err) == (1, f"error: {message}\n")


@pytest.mark.parametrize(
    ("flags", "metrics"),
    [
        ([], None),
        (["--cpu=50%"], [("cpu", {"type": "Utilization", "averageUtilization": 50})]),
        (["--cpu=500"], [("cpu", {"type": "AverageValue", "averageValue": "500m"})]),
        (["--memory=1Gi"], [("memory", {"type": "AverageValue", "averageValue": "1Gi"})]),
        (["--memory=200"], [("memory", {"type": "AverageValue", "averageValue": "200Mi"})]),
    ],
)
def test_autoscale(web: TestCluster, flags: list[str], metrics: list[tuple[str, Obj]] | None) -> None:
    result = web.cli("autoscale", "deploy", "web", "--min=1", "--max=3", *flags, "--dry-run=client", "-o", "json")
    spec = json.loads(result.out)["spec"]
    assert (spec["minReplicas"], spec["maxReplicas"]) == (1, 3)
    assert spec["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    found = [(m["resource"]["name"], m["resource"]["target"]) for m in spec.get("metrics") or []]
    assert found == (metrics or [])


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["deploy/web"], 'required flag(s) "max" not set'),
        (["deploy/web", "--max=0"], "--max=MAXPODS is required and must be at least 1, max: 0"),
        (
            ["deploy/web", "--max=1", "--min=2"],
            "--max=MAXPODS must be larger or equal to --min=MINPODS, max: 1, min: 2",
        ),
        (["deploy/web", "--max=2", "--cpu=x%"], "invalid percentage value: x"),
        (["deploy/web", "--max=2", "--cpu=lots"], "invalid resource cpu value: lots"),
        (["deploy", "-l", "a=b", "--max=2"], "unknown shorthand flag: 'l' in -l"),
    ],
)
def test_what_cannot_be_autoscaled(web: TestCluster, argv: list[str], message: str) -> None:
    result = web.cli("autoscale", *argv)
    assert result.code == 1
    assert result.err.startswith(f"error: {message}\n")
