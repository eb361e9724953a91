"""customresourcedefinition-controller: before a definition goes, its objects go.

A definition that is being deleted waits under the finalizer `customresourcecleanup.apiextensions.k8s.io`; the objects'
own finalizers may hold it for as long as they like. Names and conditions of living definitions are the API server's
work.
Source: apiextensions-apiserver `pkg/controller/finalizer`.
"""

from __future__ import annotations

from minikctl.api.crd.naming import CLEANUP_FINALIZER, TERMINATING, is_established, set_condition
from minikctl.api.errors import ApiError
from minikctl.api.kind import Kind
from minikctl.api.meta import Obj, is_deleting, name, namespace, timestamp
from minikctl.client import DeleteOptions
from minikctl.controllers.base import Controller

RECHECK_SECONDS = 1.0
Verdict = tuple[str, str, str]
"""status, reason and message of the condition Terminating."""
_IN_PROGRESS: Verdict = ("True", "InstanceDeletionInProgress", "CustomResource deletion is in progress")
_COMPLETED: Verdict = ("False", "InstanceDeletionCompleted", "removed all instances")
_NEVER: Verdict = ("False", "NeverEstablished", "resource was never established")


class CRDFinalizer(Controller):
    name = "customresourcedefinition-controller"

    def setup(self) -> None:
        self.definitions = self.watch("customresourcedefinitions")

    def sync(self, object_key: str) -> float | None:
        crd = self.definitions.by_key(object_key)
        if crd is None or not is_deleting(crd) or CLEANUP_FINALIZER not in (crd["metadata"].get("finalizers") or []):
            return None
        if not is_established(crd):
            self._release(self._say(crd, _NEVER))
            return None
        crd = self._say(crd, _IN_PROGRESS)
        try:
            left = self._delete_instances(crd)
        except ApiError as e:
            self._say(crd, ("True", "InstanceDeletionFailed", f"could not issue all deletes: {e.message}"))
            raise
        if left:
            return RECHECK_SECONDS
        self._release(self._say(crd, _COMPLETED))
        return None

    def _kind(self, crd: Obj) -> Kind | None:
        names, group = crd["status"]["acceptedNames"], crd["spec"]["group"]
        versions = (v["name"] for v in crd["spec"]["versions"] if v.get("served"))
        return next((k for v in versions if (k := self.client.kind_of(f"{group}/{v}", names["kind"]))), None)

    def _delete_instances(self, crd: Obj) -> int:
        """Delete what is not being deleted yet; how many there are still."""
        kind = self._kind(crd)
        if kind is None:
            return 0
        for obj in self.client.list(kind)["items"]:
            if is_deleting(obj):
                continue
            try:
                self.client.delete(kind, name(obj), namespace(obj), options=DeleteOptions(propagation="Background"))
            except ApiError as e:
                if e.reason != "NotFound":
                    raise
        return len(self.client.list(kind)["items"])

    def _say(self, crd: Obj, verdict: Verdict) -> Obj:
        status = set_condition(crd["status"], TERMINATING, *verdict, timestamp(self.clock.now()))
        if status == crd["status"]:
            return crd
        return self.client.update("customresourcedefinitions", {**crd, "status": status}, subresource="status")

    def _release(self, crd: Obj) -> None:
        finalizers = [f for f in crd["metadata"]["finalizers"] if f != CLEANUP_FINALIZER]
        self.client.update(
            "customresourcedefinitions", {**crd, "metadata": {**crd["metadata"], "finalizers": finalizers}}
        )


CONTROLLER = CRDFinalizer
