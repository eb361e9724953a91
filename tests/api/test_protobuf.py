"""Reading protobuf: what a writer of the same numbers writes, and bytes that nobody would."""

from __future__ import annotations

import base64
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minikctl.api import protobuf, schema
from minikctl.api.protobuf import MAGIC, ProtobufError

POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {
        "name": "web",
        "labels": {"app": "web", "tier": ""},
        "creationTimestamp": "2026-11-21T02:20:41Z",
        "generation": 3,
        "ownerReferences": [{"apiVersion": "v1", "kind": "X", "name": "o", "uid": "u", "controller": True}],
    },
    "spec": {
        "containers": [
            {
                "name": "c",
                "image": "nginx",
                "ports": [{"containerPort": 80, "protocol": "UDP"}],
                "resources": {"limits": {"cpu": "500m", "memory": "1Gi"}},
                "livenessProbe": {"httpGet": {"path": "/", "port": "http"}, "periodSeconds": 5},
                "env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
            }
        ],
        "volumes": [{"name": "v", "configMap": {"name": "cm", "defaultMode": 420}}, {"name": "e", "emptyDir": {}}],
        "securityContext": {"supplementalGroups": [1, 2, -3], "runAsUser": 0},
        "hostNetwork": True,
        "tolerations": [{"key": "k", "tolerationSeconds": 300}],
    },
}


def varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def tagged(number: int, body: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(body)) + body


def encode(type_name: str, value: Any, number: int) -> bytes:
    """One field of a type, as Go's generated code writes it."""
    if type_name.startswith("[]"):
        return b"".join(encode(type_name[2:], v, number) for v in value)
    if type_name.startswith("map[string]"):
        inner = type_name[11:]
        return b"".join(tagged(number, tagged(1, k.encode()) + encode(inner, v, 2)) for k, v in value.items())
    if type_name in ("int32", "int64", "bool"):
        return varint(number << 3) + varint(int(value))
    if type_name == "float64":
        return varint(number << 3 | 1) + struct.pack("<d", value)
    if type_name == "string":
        return tagged(number, value.encode())
    if type_name == "bytes":
        return tagged(number, base64.b64decode(value))
    if type_name == "Quantity":
        return tagged(number, tagged(1, value.encode()))
    if type_name == "IntOrString":
        text = isinstance(value, str)
        body = (
            varint(1 << 3) + varint(int(text)) + (tagged(3, value.encode()) if text else varint(2 << 3) + varint(value))
        )
        return tagged(number, body)
    if type_name == "Time":
        from datetime import datetime

        return tagged(number, varint(1 << 3) + varint(int(datetime.fromisoformat(value).timestamp())))
    return tagged(number, message(type_name, value))


def message(type_name: str, value: dict) -> bytes:
    out = b""
    for name, item in value.items():
        field = schema.get(type_name).fields[name]
        if not field.numbers:
            continue
        body = encode(field.type, item, field.numbers[-1])
        for number in reversed(field.numbers[:-1]):
            body = tagged(number, body)
        out += body
    return out


def envelope(obj: dict, type_name: str) -> bytes:
    meta = tagged(1, obj["apiVersion"].encode()) + tagged(2, obj["kind"].encode())
    return MAGIC + tagged(1, meta) + tagged(2, message(type_name, obj))


def test_a_pod_with_everything() -> None:
    assert protobuf.decode(envelope(POD, "core/v1.Pod")) == POD


@pytest.mark.parametrize(
    ("api_version", "kind", "type_name"),
    [
        ("v1", "Pod", "core/v1.Pod"),
        ("apps/v1", "Deployment", "apps/v1.Deployment"),
        ("rbac.authorization.k8s.io/v1", "Role", "rbac/v1.Role"),
        ("networking.k8s.io/v1", "Ingress", "networking/v1.Ingress"),
        ("apps/v1", "DeleteOptions", "meta/v1.DeleteOptions"),
        ("v1", "Nonsense", None),
        ("example.com/v1", "Widget", None),
    ],
)
def test_which_type_is_meant(api_version: str, kind: str, type_name: str | None) -> None:
    assert protobuf.type_of(api_version, kind) == type_name


def test_packed_numbers_and_named_lists() -> None:
    packed = tagged(4, b"".join(varint(v) for v in (1, 2, 300)))
    type_ = schema.get("core/v1.PodSecurityContext")
    assert protobuf._message(type_, [packed], 0) == {"supplementalGroups": [1, 2, 300]}
    extra = tagged(5, tagged(1, b"scopes") + tagged(2, tagged(1, b"a") + tagged(1, b"b")))
    found = protobuf._message(schema.get("authorization/v1.SubjectAccessReviewSpec"), [extra], 0)
    assert found == {"extra": {"scopes": ["a", "b"]}}


@given(st.binary(max_size=200))
def test_random_bytes_are_refused_cleanly(data: bytes) -> None:
    for body in (data, MAGIC + data, envelope(POD, "core/v1.Pod")[: len(data)] + data):
        try:
            protobuf.decode(body)
        except ProtobufError:
            pass


def test_deep_nesting_is_refused() -> None:
    body = b""
    for _ in range(300):
        body = tagged(1, body) if len(body) < 1 << 14 else body
    data = MAGIC + tagged(1, tagged(1, b"v1") + tagged(2, b"Pod")) + tagged(2, body)
    try:
        protobuf.decode(data)
    except ProtobufError:
        pass
