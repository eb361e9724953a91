"""`namespaces/finalize`: the namespace controller takes its finalizer off spec.finalizers when the content is gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minikctl.api.kind import Kind
from minikctl.api.meta import Obj, get_path
from minikctl.apiserver import admission
from minikctl.apiserver.request import Attributes, Context
from minikctl.apiserver.subresources import Handler

if TYPE_CHECKING:
    from minikctl.apiserver.server import APIServer


def update(api: APIServer, kind: Kind, _namespace: str, name: str, obj: Obj, ctx: Context) -> Obj:
    """Replace spec.finalizers; the namespace goes when it was only waiting for this."""
    finalizers = get_path(obj, "spec", "finalizers", default=[])

    def change(old: Obj) -> Obj:
        spec = {**old.get("spec", {}), "finalizers": finalizers}
        if not finalizers:
            spec.pop("finalizers")
        a = Attributes("UPDATE", kind, "", name, {**old, "spec": spec}, old, ctx, "finalize")
        admission.admit(a, api)
        return a.obj or old

    return api.write_raw(kind, "", name, change, ctx, expect=get_path(obj, "metadata", "resourceVersion", default=""))


HANDLER = Handler("namespaces", "finalize", update=update)
