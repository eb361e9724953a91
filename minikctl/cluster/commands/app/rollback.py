"""`minikctl app rollback`."""

from __future__ import annotations

from minikctl.cluster import completing
from minikctl.cluster.gitops import asking
from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.flags import BOOL, DURATION, Option
from minikctl.util.errors import UsageError


def run(call: Invocation) -> None:
    namespace, name, app = asking.application(call)
    history = (app.get("status") or {}).get("history") or []
    if (app["spec"].get("syncPolicy") or {}).get("automated"):
        raise UsageError("rollback cannot be performed when auto-sync is enabled")
    if len(call.args) > 2 or (len(call.args) == 2 and not call.args[1].isdigit()):
        raise call.usage_error("the ID of a deployment is a number, as `app history` shows it")
    wanted = int(call.args[1]) if len(call.args) == 2 else None
    if wanted is None and len(history) < 2:
        raise UsageError(f"application {name} has no deployment before the present one")
    entry = next((h for h in history if h["id"] == wanted), None) if wanted is not None else history[-2]
    if entry is None:
        raise UsageError(f"application {name} does not have deployment id {wanted} in history")
    sync = {"revision": entry["revision"], "source": entry["source"], "prune": call.flags.prune}
    state = asking.operate(call, namespace, name, sync, call.flags.timeout)
    call.out(f"application/{name} rolled back to {entry['revision']}: {state['message']}")


COMMAND = Command(
    name="rollback",
    summary="Go back to an earlier deployment",
    use="app rollback NAME [ID]",
    description="Go back to an earlier deployment: the one with this ID in `app history`, or the one before the last.",
    options=(
        Option("prune", BOOL, help="Delete what that deployment did not have."),
        Option("timeout", DURATION, default=120, help="How long to wait for the end."),
    ),
    examples=(
        ("Back to the one before the last", "minikctl app rollback guestbook"),
        ("Back to an ID of `app history`", "minikctl app rollback guestbook 3 --prune"),
    ),
    complete=completing.applications,
    run=run,
)
