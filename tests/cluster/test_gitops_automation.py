"""When an Application synchronises by itself. Source: Argo CD, "Automated Sync Policy"."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, NamedTuple

import pytest

from minikctl.api.meta import Obj
from minikctl.cluster.gitops.automation import decide
from minikctl.cluster.gitops.compare import OUT_OF_SYNC, SYNCED, Compared

NOW = datetime(2026, 1, 1, 12, 0, 10, tzinfo=UTC)
SOURCE = {"repoURL": "/repo", "path": "."}
CHANGED = Compared(("", "ConfigMap", "default", "a"), {"kind": "ConfigMap"}, {"kind": "ConfigMap"}, OUT_OF_SYNC)
SURPLUS = Compared(("", "ConfigMap", "default", "b"), None, {"kind": "ConfigMap"}, OUT_OF_SYNC)


def done(phase: str = "Succeeded", revision: str = "one", at: str = "2026-01-01T12:00:00Z") -> Obj:
    result = {"revision": revision, "source": SOURCE}
    return {"phase": phase, "message": "it broke", "syncResult": result, "finishedAt": at}


class Case(NamedTuple):
    words: str
    policy: Any
    begins: bool = False
    complaint: str = ""
    wait: float | None = None
    found: tuple[Compared, ...] = (CHANGED,)
    state: Obj | None = None
    sync: str = OUT_OF_SYNC


CASES = [
    Case("no policy", None),
    Case("switched off", {"enabled": False}),
    Case("in sync", {}, sync=SYNCED),
    Case("out of sync", {}, begins=True),
    Case("only surplus, which is not pruned", {}, found=(SURPLUS,)),
    Case("surplus beside a change", {"prune": True}, begins=True, found=(CHANGED, SURPLUS)),
    Case("all is surplus", {"prune": True}, found=(SURPLUS,),
         complaint="Skipping sync attempt to one: auto-sync will wipe out all resources"),
    Case("all is surplus, and may go", {"prune": True, "allowEmpty": True}, begins=True, found=(SURPLUS,)),
    Case("this revision has failed", {"selfHeal": True}, state=done("Failed"), complaint="Failed sync attempt to one: it broke"),
    Case("another revision has failed", {}, begins=True, state=done("Failed", "zero")),
    Case("changed by hand", {}, state=done()),
    Case("changed by hand, healed", {"selfHeal": True}, begins=True, state=done()),
    Case("changed by hand just now", {"selfHeal": True}, wait=3.0, state=done(at="2026-01-01T12:00:08Z")),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.words)
def test_when_it_begins(case: Case) -> None:
    app = {"spec": {"source": SOURCE, "syncPolicy": {"automated": case.policy, "retry": {"limit": 2}}}}
    status: Obj = {"sync": {"status": case.sync}, **({"operationState": case.state} if case.state else {})}
    begin, wait, complaint = decide(app, status, "one", case.found, NOW)
    assert (begin is not None, complaint, wait) == (case.begins, case.complaint, case.wait)
    if begin is not None:
        prune = {"prune": True} if (case.policy or {}).get("prune") else {}
        wanted = {"initiatedBy": {"automated": True}, "sync": {"revision": "one", **prune}, "retry": {"limit": 2}}
        assert begin == wanted
