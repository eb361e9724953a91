"""`pods/binding`: the scheduler's decision. Sets spec.nodeName once, and the PodScheduled condition with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minikctl.api.errors import bad_request, conflict
from minikctl.api.kind import Kind
from minikctl.api.meta import Obj, get_path, is_deleting, timestamp
from minikctl.apiserver import admission
from minikctl.apiserver.request import Attributes, Context
from minikctl.apiserver.subresources import Handler

if TYPE_CHECKING:
    from minikctl.apiserver.server import APIServer


def create(api: APIServer, kind: Kind, namespace: str, name: str, binding: Obj, ctx: Context) -> Obj:
    """Assign the pod to `target.name`. Raises ApiError Conflict when it is assigned or being deleted."""
    a = Attributes("CREATE", kind, namespace, name, binding, None, ctx, "binding", gvk=("", "v1", "Binding"))
    admission.admit(a, api)
    binding = a.obj or {}
    node = get_path(binding, "target", "name", default="")
    if not node:
        raise bad_request("target.name: Required value")
    now = timestamp(api.clock.now())

    def change(old: Obj) -> Obj:
        if is_deleting(old):
            raise conflict("pods/binding", "", name, f"pod {name} is being deleted, cannot be assigned to a host")
        assigned = old["spec"].get("nodeName")
        if assigned:
            raise conflict("pods/binding", "", name, f'pod {name} is already assigned to node "{assigned}"')
        spec = {**old["spec"], "nodeName": node}
        others = [c for c in get_path(old, "status", "conditions", default=[]) if c["type"] != "PodScheduled"]
        scheduled = {"type": "PodScheduled", "status": "True", "lastProbeTime": None, "lastTransitionTime": now}
        if get_path(old, "metadata", "generation"):
            scheduled["observedGeneration"] = old["metadata"]["generation"]
        status = {**old.get("status", {}), "conditions": [*others, scheduled]}
        annotations, labels = (get_path(binding, "metadata", f) for f in ("annotations", "labels"))
        meta = dict(old["metadata"])
        if annotations:
            meta["annotations"] = {**(meta.get("annotations") or {}), **annotations}
        if labels:  # those of the pod stay as they are
            meta["labels"] = {**labels, **(meta.get("labels") or {})}
        return {**old, "metadata": meta, "spec": spec, "status": status}

    api.write_raw(kind, namespace, name, change, ctx)
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}


HANDLER = Handler("pods", "binding", create=create)
