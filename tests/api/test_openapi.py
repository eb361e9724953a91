"""OpenAPI documents of the built-in kinds."""

from typing import Any

import pytest

from minikctl.api import kinds
from minikctl.api.openapi import document_v2, document_v3


def of_group(group: str, version: str = "v1") -> dict[str, Any]:
    found = [k for k in kinds.all_kinds() if (k.group, k.version) == (group, version)]
    return document_v3(found)["components"]["schemas"]


def field(schemas: dict[str, Any], type_: str, name: str) -> dict[str, Any]:
    return schemas[f"io.k8s.api.{type_}"]["properties"][name]


@pytest.mark.parametrize(
    ("group", "type_", "name", "values"),
    [
        ("apps", "apps.v1.DeploymentStrategy", "type", ["Recreate", "RollingUpdate"]),
        ("batch", "batch.v1.CronJobSpec", "concurrencyPolicy", ["Allow", "Forbid", "Replace"]),
        ("", "core.v1.Container", "imagePullPolicy", ["Always", "IfNotPresent", "Never"]),
        ("", "core.v1.ServiceSpec", "externalTrafficPolicy", ["Cluster", "Local"]),  # by an alias of the type
        ("discovery.k8s.io", "discovery.v1.EndpointSlice", "addressType", ["FQDN", "IPv4", "IPv6"]),  # by constants
        ("apps", "apps.v1.Deployment", "kind", None),
        ("apps", "apps.v1.DeploymentCondition", "type", None),
    ],
)  # fmt: skip
def test_enumerations(group: str, type_: str, name: str, values: list[str] | None) -> None:
    shown = field(of_group(group), type_, name)
    assert shown.get("enum") == values
    assert ("Possible enum values:" in shown.get("description", "")) == (values is not None)


def test_enumerations_of_items() -> None:
    shown = field(of_group(""), "core.v1.PersistentVolumeClaimSpec", "accessModes")
    assert "enum" not in shown
    assert shown["items"]["enum"] == ["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"]


@pytest.mark.parametrize(
    ("type_", "name", "default"),
    [
        ("core.v1.ContainerPort", "protocol", "TCP"),
        ("core.v1.ContainerPort", "containerPort", 0),
        ("core.v1.ContainerPort", "hostPort", None),
        ("core.v1.AzureDiskVolumeSource", "cachingMode", "ReadWrite"),
        ("apps.v1.DeploymentSpec", "template", {}),
        ("apps.v1.DeploymentSpec", "selector", None),
        ("apps.v1.DeploymentCondition", "type", ""),
        ("apps.v1.DeploymentCondition", "lastTransitionTime", None),
    ],
)
def test_defaults(type_: str, name: str, default: Any) -> None:
    assert field(of_group("apps"), type_, name).get("default") == default


def test_required_fields_stand_in_their_declared_order() -> None:
    assert of_group("apps")["io.k8s.api.apps.v1.DaemonSetCondition"]["required"] == ["type", "status"]


def references(value: Any) -> set[str]:
    if isinstance(value, list):
        return set().union(*map(references, value))
    if not isinstance(value, dict):
        return set()
    own = {value["$ref"].rsplit("/", 1)[1]} if isinstance(value.get("$ref"), str) else set()
    return own.union(*map(references, value.values()))


def test_every_reference_leads_somewhere() -> None:
    whole = document_v2(kinds.all_kinds())
    assert references(whole) <= whole["definitions"].keys()
    schemas = of_group("apiextensions.k8s.io")
    assert references(schemas) <= schemas.keys()
    json = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSON"
    props = schemas["io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps"]["properties"]
    assert props["default"]["allOf"] == [{"$ref": f"#/components/schemas/{json}"}]


def test_v2_knows_no_defaults_and_no_one_of() -> None:
    definitions = document_v2(kinds.all_kinds())["definitions"]
    assert definitions["io.k8s.apimachinery.pkg.api.resource.Quantity"]["type"] == "string"
    assert definitions["io.k8s.apimachinery.pkg.util.intstr.IntOrString"]["format"] == "int-or-string"
    assert "default" not in definitions["io.k8s.api.core.v1.ContainerPort"]["properties"]["protocol"]


def test_the_v2_document_as_protobuf() -> None:
    """The fields that clients read, found again by hand."""
    from minikctl.api.openapi import protobuf

    document = {
        "swagger": "2.0",
        "definitions": {
            "a.B": {
                "type": "object",
                "description": "ä",
                "properties": {"x": {"type": "array", "items": {"$ref": "#/definitions/a.C"}}},
                "x-kubernetes-group-version-kind": [{"group": "", "kind": "B", "version": "v1"}],
            },
            "m": {"type": "object", "additionalProperties": {"type": "string"}},
        },
    }
    data = protobuf.document_v2(document)
    assert data.startswith(b"\x0a\x032.0\x4a")
    for part in (
        b"\x0a\x03a.B\x12",  # a named schema
        b"\x22\x02\xc3\xa4",  # 4: description
        b"\xb2\x01\x08\x0a\x06object",  # 22: type
        b"\x0a\x11#/definitions/a.C",  # 1: $ref
        b'[{"group":"","kind":"B","version":"v1"}]',
        b"\xaa\x01\x0d\x0a\x0b\xb2\x01\x08\x0a\x06string",  # 21: additionalProperties
    ):
        assert part in data


def test_schemas_of_custom_resources_keep_their_validations_in_v2() -> None:
    from minikctl.api.crd.kinds import kinds_of
    from minikctl.api.openapi import document_v2, document_v3
    from tests.support.custom import definition, version

    spec = {
        "name": {"type": "string", "pattern": "^a", "enum": ["a", "ab"], "description": "Its name."},
        "n": {"type": "integer", "maximum": 5, "default": 2, "anyOf": [{"minimum": 1}, {"minimum": 2}]},
        "maybe": {"type": "object", "nullable": True, "properties": {"x": {"type": "string"}}},
        "free": {
            "type": "object",
            "x-kubernetes-preserve-unknown-fields": True,
            "properties": {"x": {"type": "string"}},
        },
    }
    made = version(spec=spec, selectableFields=[{"jsonPath": ".spec.name"}])
    made["schema"]["openAPIV3Schema"]["properties"]["spec"]["required"] = ["name", "maybe"]
    kinds = kinds_of(definition(made))
    name = "com.example.tests.v1.Gadget"
    v2 = document_v2(kinds)["definitions"][name]
    assert v2["properties"]["spec"] == {
        "type": "object",
        "required": ["name"],
        "properties": {
            "free": {"x-kubernetes-preserve-unknown-fields": True},
            "maybe": {},
            "n": {"type": "integer", "maximum": 5, "default": 2},
            "name": spec["name"],
        },
    }
    assert v2["x-kubernetes-selectable-fields"] == [{"fieldPath": "spec.name"}]
    v3 = document_v3(kinds)["components"]["schemas"][name]
    assert v3["properties"]["spec"]["properties"]["n"] == spec["n"]
    root = {"type": "object", "x-kubernetes-preserve-unknown-fields": True, "properties": {"a": {"type": "string"}}}
    free = document_v2(kinds_of(definition(version(schema=root))))["definitions"][name]
    assert set(free) == {"type", "x-kubernetes-group-version-kind"}
