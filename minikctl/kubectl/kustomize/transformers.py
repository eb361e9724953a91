"""What a kustomization does to all of its resources: namespace, names, labels, annotations, replicas, images.

Each function changes resources in place and raises UsageError. Source: kustomize `api/internal/builtins`, `api/filters`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from minikctl.api.meta import Obj
from minikctl.kubectl.kustomize import fields
from minikctl.kubectl.kustomize.fields import Field, visit
from minikctl.kubectl.kustomize.resource import Gvk, Resource, Resources, text
from minikctl.util.errors import UsageError

KEEP_NAME = (
    Gvk(kind="CustomResourceDefinition"),
    Gvk("apiregistration.k8s.io", "", "APIService"),
    Gvk(kind="Namespace"),
)
"""Kinds whose names are never given a prefix or a suffix."""
BINDINGS = ("RoleBinding", "ClusterRoleBinding")


def namespace(resources: Resources, name: str) -> None:
    for resource in resources:
        resource.remember()
        if not resource.gvk.cluster_scoped:
            resource.set_metadata("namespace", name)
        if resource.gvk.kind in BINDINGS:
            for subject in resource.data.get("subjects") or []:
                if isinstance(subject, dict) and subject.get("name") == "default":
                    subject["namespace"] = name
        for field in fields.NAMESPACE:
            if field.path != "metadata/name" or resource.data.get("apiVersion") == "v1":
                visit(resource, field, _setter(name), str)
        now = resource.id
        same = [r for r in resources if now.equals(r.id)]
        if len(same) != 1:
            shown = " ".join(_json(r.data) for r in same)
            raise UsageError(f"namespace transformation produces ID conflict: [{shown}]")


def _json(value: Obj) -> str:
    from minikctl.kubectl.printers.json_out import compact

    return compact(value)


def _setter(value: Any) -> fields.Place:
    def place(container: Any, key: Any) -> None:
        container[key] = value

    return place


def prefix(resources: Resources, added: str) -> None:
    for resource in _renamed(resources):
        resource.prefixes.append(added)
        resource.remember()
        resource.set_metadata("name", added + resource.name)


def suffix(resources: Resources, added: str) -> None:
    for resource in _renamed(resources):
        resource.suffixes.append(added)
        resource.remember()
        resource.set_metadata("name", resource.name + added)


def _renamed(resources: Resources) -> Iterator[Resource]:
    for resource in resources:
        if not any(gvk.selects(resource.original_id.gvk) for gvk in KEEP_NAME):
            yield resource


def add_pairs(resources: Resources, pairs: Mapping[str, Any], where: Iterable[Field]) -> None:
    """Labels or annotations, into all of the fields."""
    added = {k: text(pairs[k]) for k in sorted(pairs)}

    def place(container: Any, key: Any) -> None:
        if container[key] is None:
            container[key] = {}
        if not isinstance(container[key], dict):
            raise UsageError(f"wrong node kind: expected MappingNode but got {_kind(container[key])}")
        container[key].update(added)

    if added:
        for resource in resources:
            for field in where:
                visit(resource, field, place, dict)


def _kind(value: Any) -> str:
    return "SequenceNode" if isinstance(value, list) else "ScalarNode"


def labels(resources: Resources, label: Obj) -> None:
    """One entry of `labels`."""
    where = [Field.of(f) for f in label.get("fields") or []]
    if label.get("includeSelectors"):
        where += fields.COMMON_LABELS
    else:
        where += fields.TEMPLATE_LABELS if label.get("includeTemplates") else []
        where.append(Field("metadata/labels", create=True))
    add_pairs(resources, label.get("pairs") or {}, where)


def replicas(resources: Resources, wanted: Obj) -> None:
    name, count, found = text(wanted.get("name")), int(wanted.get("count") or 0), False
    for field in fields.REPLICAS:
        for resource in resources.by_any_id(lambda i, field=field: i.name == name and field.gvk.selects(i.gvk)):
            found = True
            visit(resource, field, _setter(count), int)
    if not found:
        shown = " ".join(str(f.gvk) for f in fields.REPLICAS)
        raise UsageError(f"resource with name {name} does not match a config with the following GVK [{shown}]")


# ---------------------------------------------------------------------- images


def image(resources: Resources, wanted: Obj) -> None:
    """One entry of `images`, wherever a kind has images."""

    def place(container: Any, key: Any) -> None:
        if container.get(key) is None or isinstance(container[key], str):
            container[key] = renamed(container[key] or "", wanted)
        else:
            raise UsageError(f"wrong node kind: expected ScalarNode but got {type(container[key]).__name__}")

    for resource in resources:
        if resource.gvk.kind == "CustomResourceDefinition":
            continue
        for containers in _containers(resource.data):
            for container in containers:
                if isinstance(container, dict) and isinstance(container.get("image"), str):
                    container["image"] = renamed(container["image"], wanted)
        for field in fields.IMAGES:
            visit(resource, field, place)


def _containers(value: Any) -> Iterator[list[Any]]:
    """All lists that are called containers or initContainers, however deep."""
    if isinstance(value, list):
        for item in value:
            yield from _containers(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key in ("containers", "initContainers") and isinstance(item, list):
                yield item
            yield from _containers(item)


def renamed(reference: str, wanted: Obj) -> str:
    """An image's reference with another name, tag or digest, if it is the image that is meant."""
    pattern = rf"^{text(wanted.get('name'))}(:[a-zA-Z0-9_.{{}}-]*)?(@sha256:[a-zA-Z0-9_.{{}}-]*)?$"
    try:
        if not re.search(pattern, reference):
            return reference
    except re.error:
        return reference
    name, tag, digest = split_image(reference)
    new_name, new_tag, new_digest, added = (text(wanted.get(k)) for k in ("newName", "newTag", "digest", "tagSuffix"))
    name = new_name or name
    if new_tag or new_digest:
        tag, digest = new_tag, new_digest
    elif added:
        tag, digest = tag + added, ""
    return name + (f":{tag}" if tag else "") + (f"@{digest}" if digest else "")


def split_image(reference: str) -> tuple[str, str, str]:
    """(name, tag, digest)."""
    slash = max(reference.find("/"), 0)
    at, colon = reference.find("@", slash), reference.find(":", slash)
    if at >= 0 and (colon < 0 or at < colon):
        return reference[:at], "", reference[at + 1 :]
    if colon < 0:
        return reference, "", ""
    if at >= 0:
        return reference[:colon], reference[colon + 1 : at], reference[at + 1 :]
    return reference[:colon], reference[colon + 1 :], ""
