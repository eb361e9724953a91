"""Secrets, ConfigMaps, ServiceAccounts, Endpoints, EndpointSlices and Leases: their rules and rows."""

import base64
from typing import Any

import pytest

from minikctl.api.errors import ApiError
from tests.support.cluster import TestCluster


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def named(name: str = "x", **parts: Any) -> dict[str, Any]:
    return {"metadata": {"name": name}, **parts}


def test_string_data_is_merged_and_never_stored(cluster: TestCluster) -> None:
    made = cluster.client.create("secrets", named(data={"a": b64("1")}, stringData={"b": "2"}), "default")
    assert made["type"] == "Opaque" and "stringData" not in made
    assert made["data"] == {"a": b64("1"), "b": b64("2")}
    after = cluster.client.patch("secrets", "x", {"stringData": {"a": "3"}}, "default")
    assert after["data"] == {"a": b64("3"), "b": b64("2")}


@pytest.mark.parametrize(
    ("secret", "texts"),
    [
        ({"type": "kubernetes.io/tls"}, ["data[tls.crt]: Required value", "data[tls.key]: Required value"]),
        ({"type": "kubernetes.io/dockerconfigjson"}, ["data[.dockerconfigjson]: Required value"]),
        ({"type": "kubernetes.io/dockerconfigjson", "stringData": {".dockerconfigjson": "hello"}}, ['data[.dockerconfigjson]: Invalid value: "<secret contents redacted>": invalid character \'h\' looking for beginning of value']),
        ({"type": "kubernetes.io/dockerconfigjson", "stringData": {".dockerconfigjson": '{"auths"'}}, ['data[.dockerconfigjson]: Invalid value: "<secret contents redacted>": unexpected end of JSON input']),
        ({"type": "kubernetes.io/basic-auth"}, ["data[username]: Required value", "data[password]: Required value"]),
        ({"type": "kubernetes.io/ssh-auth"}, ["data[ssh-privatekey]: Required value"]),
        ({"type": "kubernetes.io/service-account-token"}, ["metadata.annotations[kubernetes.io/service-account.name]: Required value"]),
        ({"stringData": {"a b": "1"}}, ['data[a b]: Invalid value: "a b": a valid config key must consist of']),
        ({"stringData": {"a": "1" * 1048577}}, ["data: Too long: may not be more than 1048576 bytes"]),
    ],
)  # fmt: skip
def test_secrets_that_are_refused(cluster: TestCluster, secret: dict[str, Any], texts: list[str]) -> None:
    with pytest.raises(ApiError) as e:
        cluster.client.create("secrets", named(**secret), "default")
    assert all(text in e.value.message for text in texts)


def test_what_of_a_secret_may_change(cluster: TestCluster) -> None:
    cluster.client.create("secrets", named(stringData={"a": "1"}), "default")
    with pytest.raises(ApiError, match=r'type: Invalid value: "example\.com/other": field is immutable'):
        cluster.client.patch("secrets", "x", {"type": "example.com/other"}, "default")
    cluster.client.patch("secrets", "x", {"immutable": True}, "default")
    with pytest.raises(ApiError) as e:
        cluster.client.patch("secrets", "x", {"stringData": {"a": "2"}, "immutable": False}, "default")
    frozen = "Forbidden: field is immutable when `immutable` is set"
    assert e.value.message == f'Secret "x" is invalid: [immutable: {frozen}, data: {frozen}]'


def test_a_broken_tls_pair_is_warned_about(cluster: TestCluster) -> None:
    warnings: list[str] = []
    cluster.client.on_warning(warnings.append)
    cluster.client.create(
        "secrets", named(type="kubernetes.io/tls", stringData={"tls.crt": "", "tls.key": ""}), "default"
    )
    assert warnings == ["tls: failed to find any PEM data in certificate input"]


def test_secrets_are_found_by_type(cluster: TestCluster) -> None:
    cluster.client.create("secrets", named(stringData={"a": "1"}), "default")
    cluster.client.create("secrets", named("y", type="example.com/t"), "default")
    found = cluster.client.list("secrets", "default", field_selector="type=example.com/t")["items"]
    assert [o["metadata"]["name"] for o in found] == ["y"]


def test_an_account_keeps_only_the_names_of_its_secrets(cluster: TestCluster) -> None:
    made = cluster.client.create("sa", named(secrets=[{"name": "s", "namespace": "other"}]), "default")
    assert made["secrets"] == [{"name": "s"}]


SUBSET = {"addresses": [{"ip": "10.244.0.9"}, {"ip": "10.244.0.2"}], "ports": [{"port": 80}]}


def test_endpoints_are_repacked_and_deprecated(cluster: TestCluster) -> None:
    warnings: list[str] = []
    cluster.client.on_warning(warnings.append)
    other = {"addresses": [{"ip": "10.244.0.2"}, {"ip": "10.244.0.9"}], "ports": [{"port": 443, "name": "tls"}]}
    named_port = {**SUBSET, "ports": [{"port": 80, "name": "web"}]}
    made = cluster.client.create("endpoints", named(subsets=[named_port, other]), "default")
    (subset,) = made["subsets"]
    assert [a["ip"] for a in subset["addresses"]] == ["10.244.0.2", "10.244.0.9"]
    assert subset["ports"] == [
        {"name": "tls", "port": 443, "protocol": "TCP"},
        {"name": "web", "port": 80, "protocol": "TCP"},
    ]
    assert warnings == ["v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice"]


@pytest.mark.parametrize(
    ("subset", "text"),
    [
        ({}, "subsets[0]: Required value: must specify `addresses` or `notReadyAddresses`"),
        ({**SUBSET, "ports": [{"port": 80}, {"port": 81}]}, "subsets[0].ports[0].name: Required value"),
        ({**SUBSET, "ports": [{"port": 80, "protocol": "ICMP"}]}, 'protocol: Unsupported value: "ICMP": supported values: "SCTP", "TCP", "UDP"'),
        ({"addresses": [{"ip": "web"}]}, 'subsets[0].addresses[0].ip: Invalid value: "web": must be a valid IP address'),
        ({"addresses": [{"ip": "127.0.0.1"}]}, "may not be in the loopback range (127.0.0.0/8, ::1/128)"),
        ({"addresses": [{"ip": "10.0.0.1", "hostname": "A"}]}, 'hostname: Invalid value: "A": a lowercase RFC 1123 label'),
    ],
)  # fmt: skip
def test_endpoints_that_are_refused(cluster: TestCluster, subset: dict[str, Any], text: str) -> None:
    with pytest.raises(ApiError) as e:
        cluster.client.create("endpoints", named(subsets=[subset]), "default")
    assert text in e.value.message


def test_slice_defaults_and_fixed_type(cluster: TestCluster) -> None:
    obj = named(addressType="IPv4", endpoints=[{"addresses": ["10.1.2.3"]}], ports=[{"port": 80}])
    made = cluster.client.create("endpointslices", obj, "default")
    assert made["ports"] == [{"name": "", "protocol": "TCP", "port": 80}] and made["metadata"]["generation"] == 1
    with pytest.raises(ApiError, match='addressType: Invalid value: "FQDN": field is immutable'):
        cluster.client.patch("endpointslices", "x", {"addressType": "FQDN"}, "default")


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        ({"addressType": ""}, "addressType: Required value"),
        ({"addressType": "X"}, 'addressType: Unsupported value: "X": supported values: "FQDN", "IPv4", "IPv6"'),
        ({"endpoints": [{"addresses": []}]}, "endpoints[0].addresses: Required value: must contain at least 1 address"),
        ({"endpoints": [{"addresses": ["::2"]}]}, 'endpoints[0].addresses[0]: Invalid value: "::2": must be a valid IPv4 address'),
        ({"addressType": "FQDN", "endpoints": [{"addresses": ["ab"]}]}, "should be a domain with at least two segments"),
        ({"ports": [{"name": "a", "port": 1}, {"name": "a", "port": 2}]}, 'ports[1].name: Duplicate value: "a"'),
        ({"ports": [{"port": 99999}]}, "ports[0].port: Invalid value: 99999: must be between 1 and 65535, inclusive"),
    ],
)  # fmt: skip
def test_slices_that_are_refused(cluster: TestCluster, parts: dict[str, Any], text: str) -> None:
    with pytest.raises(ApiError) as e:
        cluster.client.create("endpointslices", named(**{"addressType": "IPv4", "endpoints": [], **parts}), "default")
    assert text in e.value.message


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        ({"leaseDurationSeconds": 0}, "spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0"),
        ({"leaseTransitions": -1}, "spec.leaseTransitions: Invalid value: -1: must be greater than or equal to 0"),
    ],
)
def test_leases_that_are_refused(cluster: TestCluster, spec: dict[str, Any], text: str) -> None:
    with pytest.raises(ApiError) as e:
        cluster.client.create("leases", named(spec=spec), "default")
    assert text in e.value.message


MANY = [{"addresses": [f"10.0.0.{i}"]} for i in range(1, 6)]


@pytest.mark.parametrize(
    ("resource", "obj", "cells"),
    [
        ("secrets", named(stringData={"a": "1", "b": "2"}), ["x", "Opaque", 2]),
        ("configmaps", named(data={"a": "1"}, binaryData={"b": b64("2")}), ["x", 2]),
        ("serviceaccounts", named(), ["x"]),
        ("leases", named(spec={"holderIdentity": "worker"}), ["x", "worker"]),
        ("endpoints", named(), ["x", "<none>"]),
        ("endpoints", named(subsets=[SUBSET]), ["x", "10.244.0.2:80,10.244.0.9:80"]),
        ("endpointslices", named(addressType="IPv4"), ["x", "IPv4", "<unset>", "<unset>"]),
        ("endpointslices", named(addressType="IPv4", endpoints=MANY, ports=[{"port": 80}, {"name": "any"}]), ["x", "IPv4", "80,any", "10.0.0.1,10.0.0.2,10.0.0.3 + 2 more..."]),
    ],
)  # fmt: skip
def test_rows(cluster: TestCluster, resource: str, obj: dict[str, Any], cells: list[Any]) -> None:
    cluster.client.create(resource, obj, "default")
    row = cluster.client.table(resource, "default", name="x")["rows"][0]["cells"]
    assert row[:-1] == cells
