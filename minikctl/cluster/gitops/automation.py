"""Automated sync: when an Application's policy begins an operation by itself. Pure.

Source: Argo CD, "Automated Sync Policy".
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from minikctl.api.durations import parse_time
from minikctl.api.meta import Obj
from minikctl.cluster.gitops import compare, operation
from minikctl.cluster.gitops.compare import Compared

SELF_HEAL_SECONDS = 5.0


class Decision(NamedTuple):
    """begin: the operation, if it is time for one. wait: seconds until the policy may say something else, None when
    only news can change that. complaint: why it does nothing though something is to be done."""

    begin: Obj | None = None
    wait: float | None = None
    complaint: str = ""


def decide(app: Obj, status: Obj, revision: str, found: Sequence[Compared], now: datetime) -> Decision:
    policy = (app["spec"].get("syncPolicy") or {}).get("automated")
    if policy is None or policy.get("enabled") is False or status["sync"]["status"] == compare.SYNCED:
        return Decision()
    prune = bool(policy.get("prune"))
    if not prune and all(c.is_surplus for c in found if c.status != compare.SYNCED):
        return Decision()
    if prune and not policy.get("allowEmpty") and found and all(c.is_surplus for c in found):
        return Decision(complaint=f"Skipping sync attempt to {revision}: auto-sync will wipe out all resources")
    state = status.get("operationState") or {}
    last = state.get("syncResult") or {}
    if last.get("revision") == revision and last.get("source") == app["spec"]["source"]:
        if state.get("phase") != operation.SUCCEEDED:
            return Decision(complaint=f"Failed sync attempt to {revision}: {state.get('message', '')}")
        if not policy.get("selfHeal"):
            return Decision()
        left = seconds_to(state.get("finishedAt"), now) + SELF_HEAL_SECONDS
        if left > 0:
            return Decision(wait=left)
    sync = {"revision": revision, "prune": prune} if prune else {"revision": revision}
    retry = (app["spec"].get("syncPolicy") or {}).get("retry")
    return Decision({"initiatedBy": {"automated": True}, "sync": sync, **({"retry": retry} if retry else {})})


def seconds_to(moment: str | None, now: datetime) -> float:
    """Negative when it is past."""
    return (parse_time(moment) - now).total_seconds() if moment else float("-inf")
