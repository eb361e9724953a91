"""namespace-controller: empties a namespace that is being deleted, then lets it go.

Pods go first, and everything else when they are gone: what they still use (Secrets, policies) outlives them (KEP-5080).
What remains, and why, is said in the namespace's conditions.
Source: Kubernetes `pkg/controller/namespace/deletion`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from minikctl.api.errors import ApiError
from minikctl.api.kind import Kind
from minikctl.api.meta import Obj, Objects, find_condition, is_deleting, name, namespace, timestamp
from minikctl.client import DeleteOptions
from minikctl.controllers.base import Controller, cause_of

FINALIZER = "kubernetes"
FINALIZER_ESTIMATE_SECONDS = 15
"""How long content with finalizers is expected to take."""

_CONTENT_FAILURE = "NamespaceDeletionContentFailure"
_CONTENT_REMAINING = "NamespaceContentRemaining"
_FINALIZERS_REMAINING = "NamespaceFinalizersRemaining"
_FINE = {
    "NamespaceDeletionDiscoveryFailure": ("ResourcesDiscovered", "All resources successfully discovered"),
    "NamespaceDeletionGroupVersionParsingFailure": (
        "ParsedGroupVersions",
        "All legacy kube types successfully parsed",
    ),
    _CONTENT_FAILURE: ("ContentDeleted", "All content successfully deleted, may be waiting on finalization"),
    _CONTENT_REMAINING: ("ContentRemoved", "All content successfully removed"),
    _FINALIZERS_REMAINING: ("ContentHasNoFinalizers", "All content-preserving finalizers finished"),
}
"""Conditions, in order, with reason and message of the good case (which is status False)."""


@dataclass(slots=True)
class Remains:
    """What a round of deleting left behind."""

    kinds: Counter[str] = field(default_factory=Counter)
    """Objects by resource, `pods.` for the core group."""
    finalizers: Counter[str] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)
    estimate: int = 0
    """Seconds that what remains is expected to take."""

    def __bool__(self) -> bool:
        return bool(self.kinds or self.errors)

    def add(self, kind: Kind, obj: Obj) -> None:
        self.kinds[f"{kind.plural}.{kind.group}"] += 1
        self.finalizers.update(obj["metadata"].get("finalizers") or [])
        grace = obj["metadata"].get("deletionGracePeriodSeconds") or 0
        self.estimate = max(self.estimate, grace or FINALIZER_ESTIMATE_SECONDS)


class NamespaceController(Controller):
    name = "namespace-controller"

    def setup(self) -> None:
        self._followed: set[str] = set()
        self.namespaces = self.watch("namespaces")
        self._follow_new_kinds()

    def _follow_new_kinds(self) -> bool:
        """Hear of deletions of every kind that a namespace can hold. True when there was a new one."""
        new = [
            k for k in self.client.kinds() if has_content(k) and "watch" in k.verbs and k.resource not in self._followed
        ]
        for kind in new:
            self._followed.add(kind.resource)
            self.watch_deletions(kind.resource, self._content_gone)
        return bool(new)

    def _content_gone(self, obj: Obj) -> None:
        """A namespace that is being emptied need not wait for its next turn."""
        of = self.namespaces.by_key(namespace(obj))
        if of is not None and is_deleting(of):
            self.queue.add(name(of), cause_of(obj))

    def sync(self, object_key: str) -> float | None:
        of = self.namespaces.by_key(object_key)
        if of is None or not is_deleting(of) or FINALIZER not in (of["spec"].get("finalizers") or []):
            return None
        if self._follow_new_kinds():
            self.informers.start()
        remains = self._delete_content(object_key)
        of = self._say(of, remains)
        if remains:
            return remains.estimate / 2 + 1
        left = [f for f in of["spec"]["finalizers"] if f != FINALIZER]
        self.client.update("namespaces", {**of, "spec": {**of["spec"], "finalizers": left}}, subresource="finalize")
        return None

    # ------------------------------------------------------------------ deleting

    def _delete_content(self, of: str) -> Remains:
        """Delete all there is: the pods; and the rest when there are none left."""
        remains = Remains()
        kinds = list({(k.storage or k.plural): k for k in self.client.kinds() if has_content(k)}.values())
        for kind in (k for k in kinds if k.resource == "pods"):
            self._delete_all(kind, of, remains)
        if not remains:
            for kind in (k for k in kinds if k.resource != "pods"):
                self._delete_all(kind, of, remains)
        return remains

    def _delete_all(self, kind: Kind, of: str, remains: Remains) -> None:
        try:
            for obj in self.client.list(kind, of)["items"]:
                left = self._delete(kind, obj)
                if left is not None:
                    remains.add(kind, left)
        except ApiError as e:
            remains.errors.append(e.message)

    def _delete(self, kind: Kind, obj: Obj) -> Obj | None:
        """The object when it is still there afterwards."""
        if is_deleting(obj):
            return obj
        try:
            left = self.client.delete(kind, name(obj), namespace(obj), options=DeleteOptions(propagation="Background"))
        except ApiError as e:
            if e.reason == "NotFound":
                return None
            raise
        return left if left.get("kind") != "Status" else None

    # ------------------------------------------------------------------ saying so

    def _say(self, of: Obj, remains: Remains) -> Obj:
        """Write phase and conditions; not for a namespace that is about to go without ever having had any."""
        status = of.get("status", {})
        known = status.get("conditions") or []
        fresh: Obj = {**status, "phase": "Terminating"}
        if remains or known or of["metadata"].get("finalizers"):
            fresh["conditions"] = conditions(known, remains, timestamp(self.clock.now()))
        if fresh == status:
            return of
        return self.client.update("namespaces", {**of, "status": fresh}, subresource="status")


def has_content(kind: Kind) -> bool:
    """Whether a namespace can hold objects of the kind, as opposed to answers to questions (reviews)."""
    return kind.namespaced and {"list", "delete"} <= set(kind.verbs)


def conditions(known: Objects, remains: Remains, now: str) -> Objects:
    """All conditions; those that say the same as before keep their time. Pure."""
    bad: dict[str, tuple[str, str]] = {}
    if remains.errors:
        text = f"Failed to delete all resource types, {len(remains.errors)} remaining: {', '.join(remains.errors)}"
        bad[_CONTENT_FAILURE] = ("ContentDeletionFailed", text)
    if remains.kinds:
        counts = ", ".join(f"{k} has {n} resource instances" for k, n in sorted(remains.kinds.items()))
        bad[_CONTENT_REMAINING] = ("SomeResourcesRemain", f"Some resources are remaining: {counts}")
    if remains.finalizers:
        counts = ", ".join(f"{f} in {n} resource instances" for f, n in sorted(remains.finalizers.items()))
        text = f"Some content in the namespace has finalizers remaining: {counts}"
        bad[_FINALIZERS_REMAINING] = ("SomeFinalizersRemain", text)
    out = []
    for kind, fine in _FINE.items():
        reason, message = bad.get(kind, fine)
        fresh = {
            "type": kind,
            "status": "True" if kind in bad else "False",
            "lastTransitionTime": now,
            "reason": reason,
            "message": message,
        }
        before = find_condition(known, kind)
        same = before is not None and all(before.get(f) == fresh[f] for f in ("status", "reason", "message"))
        out.append(before if same and before is not None else fresh)
    return out


CONTROLLER = NamespaceController
