"""`kubectl rollout restart`."""

from __future__ import annotations

from minikctl.api.meta import Obj
from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.commands.rollout._shared import change_each
from minikctl.kubectl.common_options import field_manager
from minikctl.kubectl.manifest import filename_options
from minikctl.kubectl.printers import PRINT_OPTIONS
from minikctl.kubectl.resolve import SELECTOR, Target
from minikctl.util.errors import UsageError

RESTARTED_AT = "kubectl.kubernetes.io/restartedAt"


def run(call: Invocation) -> None:
    now = call.env.clock.now().astimezone().isoformat(timespec="seconds").replace("+00:00", "Z")
    change_each(call, "restarted", lambda target: _restart(target, now))


def _restart(target: Target, now: str) -> Obj:
    spec = (target.obj or {}).get("spec") or {}
    if target.kind.group != "apps" or target.kind.kind not in ("Deployment", "DaemonSet", "StatefulSet"):
        raise UsageError("restarting is not supported")
    if target.kind.kind == "Deployment" and spec.get("paused"):
        raise UsageError("can't restart paused deployment (run rollout resume first)")
    return {"spec": {"template": {"metadata": {"annotations": {RESTARTED_AT: now}}}}}


COMMAND = Command(
    name="restart",
    summary="Restart a resource",
    use="restart RESOURCE",
    description="Start all pods of a workload anew, as its update strategy allows, by noting the time in its template.",
    examples=(
        ("All Deployments of a namespace", "rollout restart deployment -n test"),
        ("One DaemonSet", "rollout restart daemonset/logger"),
        ("By label", "rollout restart deployment --selector=app=web"),
    ),
    options=(*PRINT_OPTIONS, *filename_options("to restart"), SELECTOR, field_manager("kubectl-rollout")),
    complete="resources:deployment,daemonset,statefulset",
    run=run,
)
