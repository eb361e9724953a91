"""Services: defaults, addresses, what follows from the type, and what is refused."""

from typing import Any

import pytest

from minikctl.api.errors import ApiError
from minikctl.client import WriteOptions
from tests.support.cluster import TestCluster


def service(name: str = "shop", **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": name}, "spec": {"ports": [{"port": 80}], **spec}}


def create(cluster: TestCluster, obj: dict[str, Any], *, dry_run: bool = False) -> dict[str, Any]:
    return cluster.client.create("services", obj, "default", options=WriteOptions(dry_run=dry_run))


def test_a_plain_service_gets_an_address_and_its_defaults(cluster: TestCluster) -> None:
    made = create(cluster, service(selector={"app": "shop"}))
    ip = made["spec"]["clusterIP"]
    assert ip.startswith("10.96.")
    assert made["spec"] == {
        "ports": [{"protocol": "TCP", "port": 80, "targetPort": 80}],
        "selector": {"app": "shop"},
        "clusterIP": ip,
        "clusterIPs": [ip],
        "type": "ClusterIP",
        "sessionAffinity": "None",
        "ipFamilies": ["IPv4"],
        "ipFamilyPolicy": "SingleStack",
        "internalTrafficPolicy": "Cluster",
    }
    assert made["status"] == {"loadBalancer": {}}
    assert cluster.client.get("ipaddresses", ip)["spec"]["parentRef"]["name"] == "shop"


def test_headless_without_selector_is_dual_stack(cluster: TestCluster) -> None:
    spec = create(cluster, service(clusterIP="None", ports=[]))["spec"]
    assert (spec["clusterIPs"], spec["ipFamilies"], spec["ipFamilyPolicy"]) == (
        ["None"],
        ["IPv4", "IPv6"],
        "RequireDualStack",
    )


def test_external_name_has_no_address(cluster: TestCluster) -> None:
    spec = create(cluster, service(type="ExternalName", externalName="db.example.com"))["spec"]
    assert not {"clusterIP", "clusterIPs", "ipFamilies", "internalTrafficPolicy"} & spec.keys()


def test_ports_of_one_number_share_a_node_port(cluster: TestCluster) -> None:
    ports = [
        {"name": "udp", "port": 53, "protocol": "UDP"},
        {"name": "tcp", "port": 53},
        {"name": "web", "port": 80},
    ]
    numbers = [p["nodePort"] for p in create(cluster, service(type="NodePort", ports=ports))["spec"]["ports"]]
    assert numbers[0] == numbers[1] != numbers[2]


def test_local_load_balancer_has_a_health_check_port(cluster: TestCluster) -> None:
    spec = create(cluster, service(type="LoadBalancer", externalTrafficPolicy="Local"))["spec"]
    assert spec["healthCheckNodePort"] >= 30000 and spec["allocateLoadBalancerNodePorts"] is True


def test_dry_run_shows_addresses_and_takes_none(cluster: TestCluster) -> None:
    before = cluster.store.current_rv()
    spec = create(cluster, service(type="NodePort"), dry_run=True)["spec"]
    assert spec["clusterIP"].startswith("10.96.") and spec["ports"][0]["nodePort"]
    assert cluster.store.current_rv() == before


def test_a_refused_service_takes_no_address(cluster: TestCluster) -> None:
    with pytest.raises(ApiError, match=r"spec\.ports: Required value"):
        create(cluster, {"metadata": {"name": "x"}, "spec": {"type": "NodePort"}})
    assert cluster.client.list("ipaddresses")["items"] == []


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        ({"ports": [{"port": 80, "nodePort": 80}, {"port": 90}], "type": "NodePort"}, "spec.ports[0].nodePort: Invalid value: 80: provided port is not in the valid range. The range of valid ports is 30000-32767"),
        ({"ports": [{"port": 80}, {"port": 90}]}, "spec.ports[0].name: Required value, spec.ports[1].name: Required value"),
        ({"type": "Weird"}, 'spec.type: Unsupported value: "Weird": supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"'),
        ({"clusterIP": "1.2.3"}, 'spec.clusterIPs[0]: Invalid value: "1.2.3": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'),
        ({"clusterIP": "10.1.0.1"}, 'spec.clusterIPs: Invalid value: ["10.1.0.1"]: failed to allocate IP 10.1.0.1: the provided network does not match the current range'),
        ({"ipFamilies": ["IPv6"]}, 'spec.ipFamilies[0]: Invalid value: "IPv6": not configured on this cluster'),
        ({"clusterIP": "None", "type": "NodePort"}, "spec.clusterIPs[0]: Invalid value: \"None\": may not be set to 'None' for NodePort services"),
        ({"ports": [{"port": 80, "nodePort": 30001}]}, "spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'"),
        ({"ports": [{"port": 0}]}, "spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive"),
        ({"type": "ExternalName"}, "spec.externalName: Required value"),
        ({"sessionAffinity": "ClientIP", "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 0}}}, "spec.sessionAffinityConfig.clientIP.timeoutSeconds: Invalid value: 0: must be greater than 0 and less than 86400"),
        ({"externalIPs": ["169.254.1.1"]}, "may not be in the link-local range (169.254.0.0/16, fe80::/10)"),
        ({"loadBalancerSourceRanges": ["10.0.0.0/8"]}, "spec.LoadBalancerSourceRanges: Forbidden: may only be used when `type` is 'LoadBalancer'"),
        ({"externalTrafficPolicy": "Local"}, 'spec.externalTrafficPolicy: Invalid value: "Local": may only be set for externally-accessible services'),
        ({"trafficDistribution": "Far"}, 'spec.trafficDistribution: Unsupported value: "Far": supported values: "PreferClose", "PreferSameNode", "PreferSameZone"'),
    ],
)  # fmt: skip
def test_refused(cluster: TestCluster, spec: dict[str, Any], text: str) -> None:
    with pytest.raises(ApiError) as e:
        create(cluster, service("1st", **spec))
    assert e.value.reason == "Invalid" and text in e.value.message


def test_a_taken_port_or_address_is_refused(cluster: TestCluster) -> None:
    first = create(cluster, service("a", type="NodePort", ports=[{"port": 80, "nodePort": 30007}]))
    with pytest.raises(ApiError, match="nodePort: Invalid value: 30007: provided port is already allocated"):
        create(cluster, service("b", type="NodePort", ports=[{"port": 80, "nodePort": 30007}]))
    with pytest.raises(ApiError, match="provided IP is already allocated"):
        create(cluster, service("b", clusterIP=first["spec"]["clusterIP"]))
    cluster.client.delete("services", "a", "default")
    create(cluster, service("b", clusterIP=first["spec"]["clusterIP"]))


def test_an_update_keeps_what_it_leaves_out(cluster: TestCluster) -> None:
    made = create(cluster, service(type="NodePort"))
    sent = service(type="NodePort", ports=[{"port": 80}, {"port": 443, "name": "tls"}])
    sent["spec"]["ports"][0]["name"] = "web"
    with_name = cluster.client.patch("services", "shop", {"spec": {"ports": [{"port": 80, "name": "web"}]}}, "default")
    after = cluster.client.update("services", {**sent, "metadata": {"name": "shop", "namespace": "default"}})
    assert after["spec"]["clusterIP"] == made["spec"]["clusterIP"]
    assert after["spec"]["ports"][0]["nodePort"] == with_name["spec"]["ports"][0]["nodePort"]


def test_a_change_of_type_gives_and_takes_ports(cluster: TestCluster) -> None:
    create(cluster, service())
    as_node_port = cluster.client.patch("services", "shop", {"spec": {"type": "NodePort"}}, "default")
    port = as_node_port["spec"]["ports"][0]["nodePort"]
    assert as_node_port["spec"]["externalTrafficPolicy"] == "Cluster"
    back = cluster.client.patch("services", "shop", {"spec": {"type": "ClusterIP"}}, "default")["spec"]
    assert "nodePort" not in back["ports"][0] and "externalTrafficPolicy" not in back
    create(cluster, service("other", type="NodePort", ports=[{"port": 80, "nodePort": port}]))


def test_turning_into_an_external_name_gives_the_address_back(cluster: TestCluster) -> None:
    create(cluster, service())
    change = {"spec": {"type": "ExternalName", "externalName": "a.example.com"}}
    assert "clusterIP" not in cluster.client.patch("services", "shop", change, "default")["spec"]
    assert cluster.client.list("ipaddresses")["items"] == []


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"clusterIP": "10.96.77.77"}, 'spec.clusterIPs[0]: Invalid value: ["10.96.77.77"]: may not change once set'),
        ({"type": "NodePort", "ports": [{"port": 80, "nodePort": 1}]}, "spec.ports[0].nodePort: Invalid value: 1: provided port is not in the valid range. The range of valid ports is 30000-32767"),
    ],
)  # fmt: skip
def test_refused_updates(cluster: TestCluster, change: dict[str, Any], text: str) -> None:
    create(cluster, service())
    with pytest.raises(ApiError) as e:
        cluster.client.patch("services", "shop", {"spec": change}, "default")
    assert e.value.message == f'Service "shop" is invalid: {text}'


def test_what_a_load_balancer_reports(cluster: TestCluster) -> None:
    create(cluster, service(type="LoadBalancer"))
    status = {"loadBalancer": {"ingress": [{"ip": "192.0.2.7"}, {"hostname": "lb.example.com"}]}}
    made = cluster.client.patch("services", "shop", {"status": status}, "default", subresource="status")
    assert made["status"]["loadBalancer"]["ingress"][0] == {"ip": "192.0.2.7", "ipMode": "VIP"}
    cells = cluster.client.table("services", "default")["rows"][0]["cells"]
    assert cells[3] == "192.0.2.7,lb.example.com"
    bad = {"loadBalancer": {"ingress": [{"ip": "192.0.2"}]}}
    with pytest.raises(ApiError, match=r"status\.loadBalancer\.ingress\[0\]\.ip: Invalid value"):
        cluster.client.patch("services", "shop", {"status": bad}, "default", subresource="status")
    after = cluster.client.patch("services", "shop", {"spec": {"type": "ClusterIP"}}, "default")
    assert after["status"] == {"loadBalancer": {}}


@pytest.mark.parametrize(
    ("spec", "cells"),
    [
        ({"clusterIP": "10.96.0.9"}, ["ClusterIP", "10.96.0.9", "<none>", "80/TCP", "<none>"]),
        ({"clusterIP": "10.96.0.9", "type": "NodePort", "ports": [{"port": 80, "nodePort": 30009}], "selector": {"b": "2", "a": "1"}}, ["NodePort", "10.96.0.9", "<none>", "80:30009/TCP", "a=1,b=2"]),
        ({"clusterIP": "None", "ports": []}, ["ClusterIP", "None", "<none>", "<none>", "<none>"]),
        ({"type": "ExternalName", "externalName": "db.example.com", "ports": []}, ["ExternalName", "<none>", "db.example.com", "<none>", "<none>"]),
        ({"clusterIP": "10.96.0.9", "type": "LoadBalancer", "ports": [{"port": 80, "nodePort": 30010}]}, ["LoadBalancer", "10.96.0.9", "<pending>", "80:30010/TCP", "<none>"]),
    ],
)  # fmt: skip
def test_rows(cluster: TestCluster, spec: dict[str, Any], cells: list[str]) -> None:
    create(cluster, service(**spec))
    row = cluster.client.table("services", "default")["rows"][0]["cells"]
    assert row[1:5] + row[6:] == cells
