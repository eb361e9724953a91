"""Which nodes a pod may use, as far as its own spec says so: taints and tolerations, node selectors, resource requests.

Shared by the scheduler, the DaemonSet controller and the kubelet's own admission. Pure functions on dicts.
Sources: concepts "Taints and Tolerations", "Assigning Pods to Nodes", "Resource Management"; KEP-753 (sidecars),
KEP-2837 (pod-level resources).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from minikctl.api import quantity
from minikctl.api.meta import Obj
from minikctl.api.selectors import Requirement

NO_SCHEDULE, NO_EXECUTE, PREFER_NO_SCHEDULE = "NoSchedule", "NoExecute", "PreferNoSchedule"

# ---------------------------------------------------------------------- taints


def tolerates(toleration: Obj, taint: Obj) -> bool:
    """True when the toleration covers the taint. An empty effect or key (with Exists) covers all."""
    if toleration.get("effect") and toleration["effect"] != taint.get("effect"):
        return False
    if toleration.get("key") and toleration["key"] != taint.get("key"):
        return False
    match toleration.get("operator") or "Equal":
        case "Exists":
            return True
        case "Equal":
            return (toleration.get("value") or "") == (taint.get("value") or "")
        case "Lt" | "Gt" as operator:
            return _compares(operator, toleration.get("value") or "", taint.get("value") or "")
    return False


def _compares(operator: str, bound: str, value: str) -> bool:
    """KEP-5471: the taint's number against the toleration's."""
    try:
        return int(value) < int(bound) if operator == "Lt" else int(value) > int(bound)
    except ValueError:
        return False


def untolerated(
    taints: Iterable[Obj], tolerations: Iterable[Obj], effects: Sequence[str] = (NO_SCHEDULE, NO_EXECUTE)
) -> Obj | None:
    """The first taint of one of these effects that no toleration covers."""
    given = list(tolerations)
    for taint in taints:
        if taint.get("effect") in effects and not any(tolerates(t, taint) for t in given):
            return taint
    return None


# ---------------------------------------------------------------------- node selectors

_OPERATORS = {"In": "in", "NotIn": "notin", "Exists": "exists", "DoesNotExist": "!", "Gt": "gt", "Lt": "lt"}


def matches_term(term: Obj, labels: Mapping[str, str], name: str) -> bool:
    """A NodeSelectorTerm: all its expressions and fields hold; an empty term matches nothing."""
    expressions, fields = term.get("matchExpressions") or [], term.get("matchFields") or []
    if not expressions and not fields:
        return False
    known = {"metadata.name": name}
    return all(_holds(e, labels) for e in expressions) and all(_holds(f, known) for f in fields)


def _holds(expression: Obj, labels: Mapping[str, str]) -> bool:
    operator = _OPERATORS.get(expression.get("operator", ""))
    if operator is None:
        return False
    return Requirement(expression["key"], operator, tuple(expression.get("values") or ())).matches(labels)


def required_terms(spec: Obj) -> list[Obj] | None:
    """The terms of the required node affinity, one of which must match; None when nothing is required."""
    affinity = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution")
    return None if required is None else (required.get("nodeSelectorTerms") or [])


def selects_node(spec: Obj, labels: Mapping[str, str], name: str) -> bool:
    """True when the pod's nodeSelector and its required node affinity allow a node with these labels."""
    for key, value in (spec.get("nodeSelector") or {}).items():
        if labels.get(key) != value:
            return False
    terms = required_terms(spec)
    return terms is None or any(matches_term(t, labels, name) for t in terms)


# ---------------------------------------------------------------------- requests

Amounts = dict[str, int]
"""Resource name → amount: thousandths of a core for cpu, whole units for everything else."""


def amounts(resources: Mapping[str, str] | None) -> Amounts:
    """A ResourceList as numbers."""
    return {
        name: quantity.milli(text) if name == "cpu" else quantity.value(text)
        for name, text in (resources or {}).items()
    }


def pod_requests(spec: Obj) -> Amounts:
    """What a pod takes from a node: containers together with sidecars, or the largest moment of its start, if more.

    Init containers run one after the other, beside the sidecars started before them. Pod-level requests replace the
    sum for the resources that they name; overhead comes on top.
    """
    total: Amounts = {}
    for container in spec.get("containers") or []:
        _add(total, _requests(container))
    sidecars: Amounts = {}
    peak: Amounts = {}
    for container in spec.get("initContainers") or []:
        wanted = _requests(container)
        if container.get("restartPolicy") == "Always":
            _add(total, wanted)
            _add(sidecars, wanted)
            moment = dict(sidecars)
        else:
            moment = dict(sidecars)
            _add(moment, wanted)
        _raise_to(peak, moment)
    _raise_to(total, peak)
    total.update(_requests(spec))
    _add(total, amounts(spec.get("overhead")))
    return {name: amount for name, amount in total.items() if amount}


def _requests(owner: Obj) -> Amounts:
    return amounts((owner.get("resources") or {}).get("requests"))


def _add(total: Amounts, more: Amounts) -> None:
    for name, amount in more.items():
        total[name] = total.get(name, 0) + amount


def _raise_to(total: Amounts, floor: Amounts) -> None:
    for name, amount in floor.items():
        if amount > total.get(name, 0):
            total[name] = amount


# ---------------------------------------------------------------------- ports of the node

HostPort = tuple[str, str, int]
"""(address, protocol, port); address 0.0.0.0 is all of them."""


def host_ports(spec: Obj) -> tuple[HostPort, ...]:
    """The ports of the node itself that a pod takes."""
    containers = [*(spec.get("containers") or [])]
    containers += [c for c in spec.get("initContainers") or [] if c.get("restartPolicy") == "Always"]
    return tuple(
        (port.get("hostIP") or "0.0.0.0", port.get("protocol") or "TCP", port["hostPort"])
        for container in containers
        for port in container.get("ports") or []
        if port.get("hostPort")
    )


def collide(a: HostPort, b: HostPort) -> bool:
    """True when both cannot be open at once; 0.0.0.0 stands for every address."""
    return a[1:] == b[1:] and (a[0] == b[0] or "0.0.0.0" in (a[0], b[0]))
