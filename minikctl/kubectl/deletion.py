"""Deleting objects, saying so and waiting until they are gone. Used by `delete` and by `run --rm`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from minikctl.api.errors import ApiError
from minikctl.client.protocol import DeleteOptions
from minikctl.kubectl import errors
from minikctl.kubectl.command import Invocation
from minikctl.kubectl.dry_run import CLIENT, NONE, SERVER, suffix
from minikctl.kubectl.resolve import Target
from minikctl.kubectl.waiting import WEEK, Deadline, TimedOut, changes
from minikctl.util.errors import Aggregate, UsageError

PROPAGATION = {"background": "Background", "foreground": "Foreground", "orphan": "Orphan"}


@dataclass(frozen=True)
class Deletion:
    """How to delete. grace_period -1: the object's own. timeout 0: a week."""

    grace_period: int = -1
    propagation: str = "Background"
    dry_run: str = NONE
    ignore_not_found: bool = False
    wait: bool = True
    timeout: float = 0.0
    quiet: bool = False
    output: str = ""
    warn_cluster_scope: bool = False


def delete(call: Invocation, targets: Sequence[Target], how: Deletion, problems: Sequence[Exception] = ()) -> None:
    """Delete all; raises what went wrong, after the others are deleted and before anything is waited for."""
    failed = list(problems)
    gone: list[tuple[Target, str]] = []
    warned = not how.warn_cluster_scope
    for target in targets:
        if not warned and not target.kind.namespaced:
            call.warn("deleting cluster-scoped resources, not scoped to the provided namespace")
            warned = True
        if how.dry_run == CLIENT:
            report(call, target, how)
            continue
        try:
            gone.append((target, _delete_one(call, target, how)))
        except ApiError as e:
            failed.append(e)
    if how.ignore_not_found:
        failed = [e for e in failed if not (isinstance(e, ApiError) and e.reason == "NotFound")]
        if not targets and not failed:
            call.out("No resources found")
            return
    if failed:
        raise failed[0] if len(failed) == 1 else Aggregate(failed)
    if not targets:
        call.out("No resources found")
    elif how.wait and how.dry_run == NONE:
        deadline = Deadline(call, how.timeout or WEEK)
        for target, uid in gone:
            wait_gone(call, target, uid, deadline)


def _delete_one(call: Invocation, target: Target, how: Deletion) -> str:
    """The uid of what was deleted. Raises ApiError that names the file."""
    options = DeleteOptions(
        grace_period=how.grace_period if how.grace_period >= 0 else None,
        propagation=how.propagation,
        dry_run=how.dry_run == SERVER,
    )
    try:
        answer = call.client.delete(target.kind, target.name, target.namespace, options=options)
    except ApiError as e:
        raise errors.add_source("deleting", target.source, e) if target.source else e from None
    report(call, target, how)
    details = answer.get("details") if answer.get("kind") == "Status" else answer.get("metadata")
    return str((details or {}).get("uid", ""))


def report(call: Invocation, target: Target, how: Deletion) -> None:
    """`pod "web" deleted from default namespace`; `pod/web` with -o name."""
    if how.quiet:
        return
    kind = target.kind
    word = f"{kind.kind.lower()}.{kind.group}" if kind.group else kind.kind.lower()
    if how.output == "name":
        call.out(f"{word}/{target.name}")
        return
    operation = "force deleted" if how.grace_period == 0 else "deleted"
    if kind.namespaced:
        operation += f" from {target.namespace} namespace"
    call.out(f'{word} "{target.name}" {operation}{suffix(how.dry_run)}')


def wait_gone(call: Invocation, target: Target, uid: str, deadline: Deadline) -> None:
    """Return when the object is gone, or another has taken its name. Raises UsageError when it takes too long."""
    try:
        for event in changes(call, target.kind, target.namespace, target.name, deadline):
            if event is None or event.type == "DELETED":
                return
            if uid and event.object["metadata"].get("uid") != uid:
                return
    except TimedOut:
        raise UsageError(f"timed out waiting for the condition on {target.kind.plural}/{target.name}") from None
    except ApiError as e:
        if e.reason not in ("Forbidden", "MethodNotAllowed"):
            raise
