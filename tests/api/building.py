"""Objects as the registry would make them, without a registry."""

from __future__ import annotations

from typing import Any

from minikctl.api import schema
from minikctl.api.kind import Kind
from minikctl.api.kinds import find
from minikctl.api.meta import Obj

UID = "1f5a2c0e-0000-4000-8000-000000000001"


def kind(word: str) -> Kind:
    found = find(word)
    assert found is not None
    return found


def made(word: str, name: str = "x", *, labels: dict[str, str] | None = None, **parts: Any) -> Obj:
    """A new object, decoded, defaulted and prepared: what validation sees."""
    k = kind(word)
    metadata: Obj = {"name": name, **({"labels": labels} if labels else {})}
    obj = schema.decode(k.type, {"metadata": metadata, **parts}).value
    obj = {"apiVersion": k.api_version, "kind": k.kind, **obj}
    k.default(obj)
    obj["metadata"] = {**obj["metadata"], "uid": UID}
    if k.namespaced:
        obj["metadata"]["namespace"] = "default"
    k.prepare_for_create(obj)
    return obj


def refusals(word: str, name: str = "x", *, labels: dict[str, str] | None = None, **parts: Any) -> list[str]:
    """The texts of what is wrong with a new object."""
    return [str(e) for e in kind(word).validate(made(word, name, labels=labels, **parts))]


def stored(obj: Obj) -> Obj:
    """As it comes back from the store."""
    return {**obj, "metadata": {**obj["metadata"], "resourceVersion": "7"}}


def update_refusals(word: str, new: Obj, old: Obj) -> list[str]:
    return [str(e) for e in kind(word).validate_update(stored(new), stored(old))]


def container(**fields: Any) -> Obj:
    return {"name": "c", "image": "nginx:1.25", **fields}


def pod_spec(**fields: Any) -> Obj:
    return {"containers": [container()], **fields}


def template(labels: dict[str, str] | None = None, **fields: Any) -> Obj:
    return {"metadata": {"labels": labels or {"app": "x"}}, "spec": pod_spec(**fields)}


def workload(**fields: Any) -> Obj:
    """The spec of a Deployment and the like."""
    return {"selector": {"matchLabels": {"app": "x"}}, "template": template(), **fields}
