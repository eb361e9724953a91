"""Pod affinity terms, read once: near which pods a pod wants to be, or not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from minikctl.api.meta import Obj
from minikctl.api.selectors import Selector, from_label_selector

NamespaceLabels = Callable[[str], Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class AffinityTerm:
    """`namespaces` are those named, or the pod's own; `namespace_selector` adds those that match."""

    key: str
    selector: Selector
    namespaces: frozenset[str]
    namespace_selector: Selector | None = None
    weight: int = 1

    def matches(self, namespace: str, labels: Mapping[str, str], namespace_labels: NamespaceLabels) -> bool:
        """True when a pod of this namespace and these labels is meant."""
        return self.selector.matches(labels) and self.covers(namespace, namespace_labels)

    def covers(self, namespace: str, namespace_labels: NamespaceLabels) -> bool:
        if namespace in self.namespaces:
            return True
        return self.namespace_selector is not None and self.namespace_selector.matches(namespace_labels(namespace))


@dataclass(frozen=True, slots=True)
class PodAffinity:
    """All terms of a pod."""

    required: tuple[AffinityTerm, ...] = ()
    required_anti: tuple[AffinityTerm, ...] = ()
    preferred: tuple[AffinityTerm, ...] = ()
    preferred_anti: tuple[AffinityTerm, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.required or self.required_anti or self.preferred or self.preferred_anti)


NONE = PodAffinity()


def pod_affinity(spec: Obj, namespace: str) -> PodAffinity:
    """What a pod's spec says."""
    given = spec.get("affinity")
    if not given or not (given.get("podAffinity") or given.get("podAntiAffinity")):
        return NONE
    near, far = given.get("podAffinity") or {}, given.get("podAntiAffinity") or {}
    return PodAffinity(
        _required(near, namespace), _required(far, namespace), _preferred(near, namespace), _preferred(far, namespace)
    )


def _required(part: Obj, namespace: str) -> tuple[AffinityTerm, ...]:
    terms = part.get("requiredDuringSchedulingIgnoredDuringExecution") or []
    return tuple(_term(term, namespace) for term in terms)


def _preferred(part: Obj, namespace: str) -> tuple[AffinityTerm, ...]:
    terms = part.get("preferredDuringSchedulingIgnoredDuringExecution") or []
    return tuple(_term(t["podAffinityTerm"], namespace, int(t.get("weight") or 0)) for t in terms)


def _term(term: Obj, namespace: str, weight: int = 1) -> AffinityTerm:
    named = frozenset(term.get("namespaces") or ())
    selecting = term.get("namespaceSelector")
    if not named and selecting is None:
        named = frozenset({namespace})
    return AffinityTerm(
        term["topologyKey"],
        from_label_selector(term.get("labelSelector")),
        named,
        None if selecting is None else from_label_selector(selecting),
        weight,
    )
