"""The status of an Application: what there is, how it is, and what is wrong. Pure."""

from __future__ import annotations

from datetime import datetime

from minikctl.api.meta import Obj, name, namespace, timestamp
from minikctl.cluster.gitops import compare, health, operation
from minikctl.cluster.gitops.application import InvalidSpec
from minikctl.cluster.gitops.compare import Compared, Id

SYNC_ERROR = "SyncError"


def of(app: Obj, before: Obj, revision: str, kind: str, found: list[Compared], moment: datetime) -> Obj:
    """The status of an Application that could be compared. kind: of its source."""
    spec = app["spec"]
    resources, statuses, images = [], [], set()
    for one in sorted(found, key=lambda c: c.id):
        entry, how = _entry(one)
        resources.append(entry)
        if how:
            statuses.append(how)
        for part in ((one.live or {}).get("spec") or {}).get("template", {}).get("spec", {}).get("containers") or []:
            images.add(part.get("image", ""))
    in_sync = all(c.status == compare.SYNCED for c in found)
    now = timestamp(moment)
    worst = health.worst(statuses)
    old = before.get("health") or {}
    changed = old.get("lastTransitionTime") if old.get("status") == worst else now
    shared = [c for c in found if c.live and (o := compare.owner_of(c.live)) and o != f"{namespace(app)}/{name(app)}"]
    conditions = [
        ("SharedResourceWarning", f"{c.id[1]}/{c.id[3]} is part of applications {namespace(app)}/{name(app)} and "
         f"{compare.owner_of(c.live or {})}")
        for c in shared
    ]  # fmt: skip
    status = {
        **before,
        "conditions": with_conditions(before, conditions, moment),
        "health": {"status": worst, "lastTransitionTime": changed},
        "resources": resources,
        "sourceType": kind,
        "summary": {"images": sorted(images - {""})},
        "sync": {
            "comparedTo": {"source": spec["source"], "destination": spec["destination"]},
            "revision": revision,
            "status": compare.SYNCED if in_sync else compare.OUT_OF_SYNC,
        },
    }
    return {k: v for k, v in status.items() if v not in ([], {})}


def with_conditions(before: Obj, wanted: list[tuple[str, str]], moment: datetime, keep: str = SYNC_ERROR) -> list[Obj]:
    """A condition keeps its time as long as it says the same."""
    now, old = timestamp(moment), before.get("conditions") or []
    out = [c for c in old if c["type"] == keep and keep not in {k for k, _ in wanted}]
    for kind, message in wanted:
        same = next((c for c in old if (c["type"], c["message"]) == (kind, message)), None)
        out.append(same or {"type": kind, "message": message, "lastTransitionTime": now})
    return out


def in_error(app: Obj, before: Obj, error: Exception, moment: datetime) -> Obj:
    """The status of one that could not be. An operation that was asked for cannot be begun and is over with that."""
    invalid = isinstance(error, InvalidSpec)
    kind, text = "InvalidSpecError" if invalid else "ComparisonError", str(error)
    if not invalid:
        text = f"Failed to load target state: failed to generate manifest for source 1 of 1: {text}"
    now = timestamp(moment)
    old = before.get("health") or {}
    changed = old.get("lastTransitionTime") if old.get("status") == health.UNKNOWN else now
    status = {
        **before,
        "conditions": with_conditions(before, [(kind, text)], moment),
        "health": {"status": health.UNKNOWN, "lastTransitionTime": changed},
        "sync": {**(before.get("sync") or {}), "status": "Unknown"},
    }
    if app.get("operation"):
        sync = {**app["operation"].get("sync", {})}
        status["operationState"] = {
            "operation": {**app["operation"], "sync": sync},
            "phase": operation.ERROR,
            "message": text,
            "startedAt": now,
            "finishedAt": now,
        }
    return status


def had(status: Obj) -> list[Id]:
    """The objects that an Application had when its status was written, and those that an operation has made."""
    found = list(status.get("resources") or [])
    result = (status.get("operationState") or {}).get("syncResult") or {}
    found += [r for r in result.get("resources") or [] if "hookType" not in r]
    return list(dict.fromkeys((r.get("group") or "", r["kind"], r.get("namespace") or "", r["name"]) for r in found))


def _entry(one: Compared) -> tuple[Obj, str]:
    """(the entry of status.resources, the health that counts for the whole: empty when there is none)."""
    group, kind, where, called = one.id
    entry: Obj = {"group": group, "version": one.version, "kind": kind, "namespace": where, "name": called}
    entry = {k: v for k, v in entry.items() if v}
    entry["status"] = one.status
    how = ""
    if one.live is None:
        entry["health"] = {"status": health.MISSING}
        how = health.MISSING
    elif found := health.of(one.live):
        entry["health"] = {"status": found[0], **({"message": found[1]} if found[1] else {})}
        how = "" if one.is_surplus else found[0]
    if one.is_surplus:
        entry["requiresPruning"] = True
    wave = operation.wave_of(one.wanted or one.live or {"metadata": {}})
    if wave:
        entry["syncWave"] = wave
    return entry, how
