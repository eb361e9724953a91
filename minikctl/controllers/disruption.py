"""disruption-controller: how many pods of each PodDisruptionBudget may be evicted now.

The eviction subresource counts a budget's status down; this controller works it out anew from the pods, and from the
number of replicas that their owners ask for. A budget that cannot be worked out allows nothing and says why.
It also takes back a pod's DisruptionTarget condition when nobody has deleted the pod in two minutes.

Source: Kubernetes `pkg/controller/disruption`.
"""

from __future__ import annotations

from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj, Objects, controller_of, is_deleting, key, labels_of, name, namespace, uid
from minikctl.api.policy import disruption
from minikctl.api.selectors import from_label_selector
from minikctl.client.informer import Informer
from minikctl.controllers.base import Controller, cause_of
from minikctl.controllers.common import pods

OWNERS = {
    ("apps", "ReplicaSet"): "replicasets.apps",
    ("apps", "StatefulSet"): "statefulsets.apps",
    ("", "ReplicationController"): "replicationcontrollers",
}
"""Owners of pods whose size is in the cache; others are asked for their scale."""
RETRY_SECONDS = 15.0
LARGE, COLLECT_SECONDS_PER_POD = 200, 20e-6
_POD = "pod:"
"""Begins the queue keys of pods whose condition may be stale; all others are budgets."""


class Uncountable(Exception):
    """Nobody says how many pods there should be."""


class DisruptionController(Controller):
    name = "disruption-controller"

    def setup(self) -> None:
        self.budgets = self.watch("poddisruptionbudgets.policy", on_update=self._budget_changed)
        self.pods = self.informers.informer("pods")
        self.deployments = self.informers.informer("deployments.apps")
        self.owners: dict[tuple[str, str], Informer] = {k: self.informers.informer(w) for k, w in OWNERS.items()}
        self.watch("pods", self._pod_seen, on_update=self._pod_changed, on_delete=self._pod_seen)

    # ------------------------------------------------------------------ what changed

    def _budget_changed(self, old: Obj, new: Obj) -> None:
        if old.get("spec") != new.get("spec") or old.get("status") != new.get("status"):
            self.enqueue(new)

    def _pod_seen(self, pod: Obj) -> None:
        for budget in disruption.of_pod(self.budgets.list(namespace(pod)), pod):
            size = (budget.get("status") or {}).get("expectedPods") or 0
            wait = size * COLLECT_SECONDS_PER_POD if size >= LARGE else 0.0
            self.queue.add_after(key(budget), wait, cause_of(pod))
        left = disruption.stale_target_in(pod, self.clock.now())
        if left is not None:
            self.queue.add_after(_POD + key(pod), left + 0.001, cause_of(pod))

    def _pod_changed(self, old: Obj, new: Obj) -> None:
        if labels_of(old) != labels_of(new):
            self._pod_seen(old)
        elif _facts(old) == _facts(new):
            return
        self._pod_seen(new)

    # ------------------------------------------------------------------ working it out

    def sync(self, object_key: str) -> float | None:
        if object_key.startswith(_POD):
            return self._take_back(object_key.removeprefix(_POD))
        budget = self.budgets.by_key(object_key)
        if budget is None:
            return None
        try:
            return self._count(budget)
        except (Uncountable, ValueError) as e:
            if self._write(budget, disruption.failed(budget, str(e), self.clock.now())):
                why = f"Failed to calculate the number of expected pods: {e}"
                self.recorder.warning(budget, "CalculateExpectedPodCountFailed", why)
            return RETRY_SECONDS

    def _count(self, budget: Obj) -> float | None:
        now = self.clock.now()
        covered = [p for p in self.pods.list(namespace(budget)) if disruption.selects(budget, p)]
        expected, unmanaged = len(covered) if disruption.has_bound(budget) else 0, False
        if disruption.needs_scale(budget):
            expected, unmanaged = self._scale(covered)
        kept, overdue, recheck = disruption.still_expected(budget, covered, now)
        for pod in overdue:
            why = f"Pod was expected by PDB {namespace(budget)}/{name(budget)} to be deleted but it wasn't"
            self.recorder.warning(pod, "NotDeleted", why)
        current, desired = disruption.healthy(covered, kept), disruption.wanted(budget, expected)
        if self._write(budget, disruption.status(budget, current, desired, expected, kept, now)):
            if not covered:
                self.recorder.normal(budget, "NoPods", "No matching pods found")
            if unmanaged:
                self._say_unmanaged(budget)
        return recheck + 0.001 if recheck is not None else None

    def _say_unmanaged(self, budget: Obj) -> None:
        selector = from_label_selector(budget["spec"].get("selector"))
        self.recorder.warning(
            budget,
            "UnmanagedPods",
            f"Pods selected by this PodDisruptionBudget (selector: {selector}) were found to be unmanaged. As a result, "
            "the status of the PDB cannot be calculated correctly, which may result in undefined behavior. To account "
            'for these pods please set ".spec.minAvailable" field of the PDB to an integer value.',
        )

    def _write(self, budget: Obj, status: Obj) -> bool:
        """Whether there was anything new to write."""
        if status == (budget.get("status") or {}):
            return False
        self.client.update("poddisruptionbudgets.policy", {**budget, "status": status}, subresource="status")
        return True

    # ------------------------------------------------------------------ how many there should be

    def _scale(self, covered: Objects) -> tuple[int, bool]:
        """How many pods the owners of these ask for together, and whether some have none. Raises Uncountable."""
        sizes: dict[str, int] = {}
        asked: set[str] = set()
        unmanaged = False
        for pod in covered:
            ref = controller_of(pod)
            if ref is None:
                unmanaged = True
            elif ref["uid"] not in asked:
                asked.add(ref["uid"])
                owner, size = self._size(namespace(pod), ref)
                if not owner:
                    raise Uncountable(f'found no controllers for pod "{name(pod)}"')
                sizes[owner] = size
        return sum(sizes.values()), unmanaged

    def _size(self, of_namespace: str, ref: Obj) -> tuple[str, int]:
        """(uid of who decides, replicas); uid "" when the owner is not there. A Deployment decides for its ReplicaSets."""
        group = ref.get("apiVersion", "").rpartition("/")[0]
        informer = self.owners.get((group, ref["kind"]))
        if informer is None:
            return self._scale_of(of_namespace, ref)
        owner = informer.get(ref["name"], of_namespace)
        if owner is None or uid(owner) != ref["uid"]:
            return "", 0
        above = controller_of(owner)
        if ref["kind"] == "ReplicaSet" and above is not None and above["kind"] == "Deployment":
            deployment = self.deployments.get(above["name"], of_namespace)
            if deployment is None or uid(deployment) != above["uid"]:
                return "", 0
            owner = deployment
        return uid(owner), _replicas(owner)

    def _scale_of(self, of_namespace: str, ref: Obj) -> tuple[str, int]:
        kind = self.client.kind_of(ref.get("apiVersion", ""), ref["kind"])
        if kind is None:
            raise Uncountable(f'no matches for kind "{ref["kind"]}" in version "{ref.get("apiVersion", "")}"')
        if "scale" not in kind.subresources:
            raise Uncountable(f"{kind.resource} does not implement the scale subresource")
        try:
            scale = self.client.get(kind, ref["name"], of_namespace, subresource="scale")
        except ApiError as e:
            if e.reason == "NotFound":
                return "", 0
            raise
        return (uid(scale), _replicas(scale)) if uid(scale) == ref["uid"] else ("", 0)

    # ------------------------------------------------------------------ announcements

    def _take_back(self, pod_key: str) -> float | None:
        pod = self.pods.by_key(pod_key)
        left = disruption.stale_target_in(pod, self.clock.now()) if pod is not None else None
        if pod is None or left is None:
            return None
        if left > 0:
            return left + 0.001
        status = disruption.untargeted(pod, self.clock.now())
        self.client.update("pods", {**pod, "status": status}, subresource="status")
        return None


def _replicas(owner: Obj) -> int:
    return int((owner.get("spec") or {}).get("replicas") or 0)


def _facts(pod: Obj) -> tuple[object, ...]:
    """What of a pod budgets depend on."""
    target = [c for c in (pod.get("status") or {}).get("conditions") or [] if c.get("type") == disruption.TARGET]
    return pods.is_ready(pod), pods.is_terminal(pod), is_deleting(pod), controller_of(pod), target


CONTROLLER = DisruptionController
