"""metrics-registration-controller: registers the metrics API when there is something to measure.

The first node that runs real containers brings the APIService `v1beta1.metrics.k8s.io`, which on other clusters comes
with the metrics server. A cluster of simulated nodes alone has no metrics API unless somebody creates it.
"""

from __future__ import annotations

from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj, get_path
from minikctl.controllers.base import Controller

SIMULATED = "minikctl-simulated"
METRICS_API: Obj = {
    "apiVersion": "apiregistration.k8s.io/v1",
    "kind": "APIService",
    "metadata": {"name": "v1beta1.metrics.k8s.io"},
    "spec": {"group": "metrics.k8s.io", "version": "v1beta1", "groupPriorityMinimum": 100, "versionPriority": 100},
}
READERS: Obj = {
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "kind": "ClusterRole",
    "metadata": {
        "name": "system:aggregated-metrics-reader",
        "labels": {f"rbac.authorization.k8s.io/aggregate-to-{r}": "true" for r in ("admin", "edit", "view")},
    },
    "rules": [{"apiGroups": ["metrics.k8s.io"], "resources": ["pods", "nodes"], "verbs": ["get", "list", "watch"]}],
}
"""Whoever may look at pods may look at what they use."""
LOCAL = {"type": "Available", "status": "True", "reason": "Local", "message": "Local APIServices are always available"}


class MetricsRegistrationController(Controller):
    name = "metrics-registration-controller"

    def setup(self) -> None:
        self.done = False
        self.nodes = self.watch(
            "nodes", self._look, on_update=lambda _old, new: self._look(new), on_delete=lambda _node: None
        )

    def _look(self, node: Obj) -> None:
        if not self.done and is_real(node):
            self.enqueue(METRICS_API)

    def sync(self, object_key: str) -> float | None:
        """Once: who deletes it later wants no metrics."""
        made = self._create("apiservices", METRICS_API)
        if made is not None:
            condition = {**LOCAL, "lastTransitionTime": made["metadata"]["creationTimestamp"]}
            self.client.update("apiservices", {**made, "status": {"conditions": [condition]}}, subresource="status")
        self._create("clusterroles", READERS)
        self.done = True
        return None

    def _create(self, word: str, obj: Obj) -> Obj | None:
        """None when it is there already."""
        try:
            return self.client.create(word, obj)
        except ApiError as e:
            if e.reason != "AlreadyExists":
                raise
            return None


def is_real(node: Obj) -> bool:
    """Whether the node's containers are processes."""
    runtime = str(get_path(node, "status", "nodeInfo", "containerRuntimeVersion", default=""))
    return bool(runtime) and not runtime.startswith(f"{SIMULATED}:")


CONTROLLER = MetricsRegistrationController
