"""`/scale`: the replica count of anything that has one, as autoscaling/v1 Scale."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minikctl.api.errors import bad_request, field_invalid, invalid, no_such_resource
from minikctl.api.kind import Kind, ScalePaths
from minikctl.api.meta import Obj, get_path
from minikctl.api.selectors import from_label_selector
from minikctl.apiserver import admission
from minikctl.apiserver.request import Attributes, Context
from minikctl.apiserver.subresources import Handler

if TYPE_CHECKING:
    from minikctl.apiserver.server import APIServer


def _paths(kind: Kind) -> ScalePaths:
    if kind.scale is None:
        raise no_such_resource()
    return kind.scale


def of(kind: Kind, obj: Obj) -> Obj:
    """The Scale of an object."""
    paths = _paths(kind)
    meta = obj["metadata"]
    selector: Any = get_path(obj, *paths.selector.split(".")) if paths.selector else None
    status: Obj = {"replicas": get_path(obj, *paths.status_replicas.split("."), default=0)}
    if selector:
        is_text = isinstance(selector, str)
        plain = isinstance(selector, dict) and not ({"matchLabels", "matchExpressions"} & selector.keys())
        if is_text:
            status["selector"] = selector
        else:
            status["selector"] = str(from_label_selector({"matchLabels": selector} if plain else selector))
    replicas = get_path(obj, *paths.replicas.split("."), default=0)
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {
            k: meta[k] for k in ("name", "namespace", "uid", "resourceVersion", "creationTimestamp") if k in meta
        },
        "spec": {"replicas": replicas} if replicas else {},
        "status": status,
    }


def get(api: APIServer, kind: Kind, namespace: str, name: str, _ctx: Context) -> Obj:
    _paths(kind)
    return of(kind, api.registry.get(kind, namespace, name))


def update(api: APIServer, kind: Kind, namespace: str, name: str, scale: Obj, ctx: Context) -> Obj:
    """Set the replica count. Raises ApiError Invalid for negative ones, Conflict for an outdated version."""
    paths = _paths(kind)
    through = ctx.with_(subresource="scale")

    def change(old: Obj) -> Obj:
        shape = ("autoscaling", "v1", "Scale")
        a = Attributes("UPDATE", kind, namespace, name, scale, of(kind, old), ctx, "scale", gvk=shape)
        admission.admit(a, api)
        return _with_replicas(old, paths.replicas.split("."), _replicas(name, a.obj or {}))

    _replicas(name, scale)
    version = get_path(scale, "metadata", "resourceVersion", default="")
    return of(kind, api.registry.modify(kind, namespace, name, change, through, expect=version))


def apply(api: APIServer, kind: Kind, namespace: str, name: str, config: Obj, ctx: Context) -> Obj:
    """Server-side apply of a Scale: of the replica count, in the parent object. Raises ApiError Conflict, BadRequest."""
    paths = _paths(kind)
    if (config.get("apiVersion"), config.get("kind")) != ("autoscaling/v1", "Scale"):
        raise bad_request("the apply patch of a scale must be an autoscaling/v1 Scale")
    metadata = config.get("metadata") if isinstance(config.get("metadata"), dict) else {}
    wanted: Obj = {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": {**(metadata or {})}}
    if get_path(config, "spec", "replicas") is not None:
        wanted = _with_replicas(wanted, paths.replicas.split("."), _replicas(name, config))
    old = api.registry.get(kind, namespace, name)
    shape = ("autoscaling", "v1", "Scale")
    admission.admit(Attributes("UPDATE", kind, namespace, name, config, of(kind, old), ctx, "scale", gvk=shape), api)
    return of(kind, api.registry.apply(kind, namespace, name, wanted, ctx.with_(subresource="scale")))


def _replicas(name: str, scale: Obj) -> int:
    replicas = get_path(scale, "spec", "replicas", default=0)
    if not isinstance(replicas, int) or isinstance(replicas, bool):
        raise bad_request("Scale in version v1 cannot be handled as a Scale: spec.replicas is no integer")
    if replicas < 0:
        error = field_invalid("spec.replicas", replicas, "must be greater than or equal to 0")
        raise invalid("Scale", "autoscaling", name, [error])
    return replicas


def _with_replicas(old: Obj, steps: list[str], replicas: int) -> Obj:
    new = part = {**old, "metadata": dict(old["metadata"])}
    for step in steps[:-1]:
        part[step] = dict(part.get(step) or {})
        part = part[step]
    part[steps[-1]] = replicas
    return new


HANDLER = Handler("*", "scale", get=get, update=update, apply=apply)
