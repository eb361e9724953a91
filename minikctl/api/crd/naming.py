"""Which names a definition gets, and whether it is served: its conditions. Pure.

Source: apiextensions-apiserver `pkg/controller/{status,establish}`.
"""

from __future__ import annotations

from collections.abc import Iterable

from minikctl.api.meta import Obj, condition_is, find_condition

ESTABLISHED, NAMES_ACCEPTED, TERMINATING = "Established", "NamesAccepted", "Terminating"
CLEANUP_FINALIZER = "customresourcecleanup.apiextensions.k8s.io"


def is_established(crd: Obj) -> bool:
    """Whether the definition's resources are served."""
    return condition_is(crd, ESTABLISHED)


def set_condition(status: Obj, type_: str, value: str, reason: str, message: str, now: str) -> Obj:
    """The status with a condition; its time changes when its value does."""
    conditions = list(status.get("conditions") or [])
    old = find_condition(conditions, type_)
    fresh: Obj = {
        "lastTransitionTime": old["lastTransitionTime"] if old and old.get("status") == value else now,
        "message": message,
        "reason": reason,
        "status": value,
        "type": type_,
    }
    if old is None:
        return {**status, "conditions": [*conditions, fresh]}
    return {**status, "conditions": [fresh if c is old else c for c in conditions]}


def accept(crd: Obj, others: Iterable[Obj], now: str) -> Obj:
    """The status with the names that the definition gets among the others, and the conditions that follow.

    The status as it was when nothing changes. `others` may hold the definition itself; only its group counts.
    """
    status: Obj = crd.get("status") or {}
    wanted = crd["spec"].get("names") or {}
    if wanted == status.get("acceptedNames") and is_established(crd):
        return status
    names, (value, reason, message) = _names(crd, others)
    status = {**status, "acceptedNames": names}
    status = set_condition(status, NAMES_ACCEPTED, value, reason, message, now)
    if condition_is({"status": status}, ESTABLISHED):
        return status
    if value == "True":
        return set_condition(
            status, ESTABLISHED, "True", "InitialNamesAccepted", "the initial names have been accepted", now
        )
    return set_condition(status, ESTABLISHED, "False", "NotAccepted", "not all names are accepted", now)


def _names(crd: Obj, others: Iterable[Obj]) -> tuple[Obj, tuple[str, str, str]]:
    """(accepted names, (status, reason, message) of the condition). The last conflict found is told."""
    wanted = crd["spec"].get("names") or {}
    accepted: Obj = dict((crd.get("status") or {}).get("acceptedNames") or {})
    resources, kinds = _taken(crd, others)
    verdict = ("True", "NoConflicts", "no conflicts found")
    for field, reason, taken in (
        ("plural", "PluralConflict", resources),
        ("singular", "SingularConflict", resources),
        ("shortNames", "ShortNamesConflict", resources),
        ("kind", "KindConflict", kinds),
        ("listKind", "ListKindConflict", kinds),
    ):
        problem = _conflict(wanted.get(field), accepted.get(field), taken)
        if problem:
            verdict = ("False", reason, problem)
        elif wanted.get(field):
            accepted[field] = wanted[field]
        else:
            accepted.pop(field, None)
    accepted.pop("categories", None)
    if wanted.get("categories"):
        accepted["categories"] = wanted["categories"]
    for field in ("plural", "kind"):
        accepted.setdefault(field, "")
    return {f: accepted[f] for f in _ORDER if f in accepted}, verdict


_ORDER = ("plural", "singular", "shortNames", "kind", "listKind", "categories")


def _taken(crd: Obj, others: Iterable[Obj]) -> tuple[set[str], set[str]]:
    """Names of resources and of kinds that other definitions of the group hold."""
    resources: set[str] = set()
    kinds: set[str] = set()
    for other in others:
        if other["metadata"]["name"] == crd["metadata"]["name"] or other["spec"].get("group") != crd["spec"]["group"]:
            continue
        names = (other.get("status") or {}).get("acceptedNames") or {}
        resources |= {names.get("plural") or "", names.get("singular") or "", *(names.get("shortNames") or [])}
        kinds |= {names.get("kind") or "", names.get("listKind") or ""}
    return resources - {""}, kinds - {""}


def _conflict(wanted: str | list[str] | None, accepted: str | list[str] | None, taken: set[str]) -> str:
    """Why a name, or a list of them, cannot be had; empty when it can."""
    if isinstance(wanted, list):
        mine = set(accepted or [])
        problems = list(dict.fromkeys(f'"{n}" is already in use' for n in wanted if n not in mine and n in taken))
        return problems[0] if len(problems) == 1 else f"[{', '.join(problems)}]" if problems else ""
    return f'"{wanted}" is already in use' if wanted and wanted != accepted and wanted in taken else ""
