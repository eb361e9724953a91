"""What the commands about nodes share: which nodes are meant, and closing them to new pods."""

from __future__ import annotations

from minikctl.api.errors import ApiError
from minikctl.client.protocol import WriteOptions
from minikctl.kubectl.command import Invocation
from minikctl.kubectl.dry_run import CLIENT, SERVER
from minikctl.kubectl.printers import printer
from minikctl.kubectl.resolve import Target, from_args
from minikctl.util.errors import UsageError


def targets(call: Invocation) -> list[Target]:
    """The nodes that are named, or selected with -l. Raises UsageError, ApiError."""
    selector = call.flags.selector
    if not call.args and not call.flags.changed("selector"):
        raise call.usage_error(f"USAGE: {call.command.use} [flags]")
    if call.args and selector:
        raise call.usage_error("error: cannot specify both a node name and a --selector option")
    if call.args:
        found = from_args(call, [a if "/" in a else f"nodes/{a}" for a in call.args]).check()
    else:
        found = from_args(call, ["nodes"], label_selector=selector, allow_empty_selector=True).check()
    for target in found:
        if target.kind.kind != "Node":
            shown = f"{target.kind.group}/{target.kind.version}, Resource={target.kind.plural}"
            raise UsageError(f'error: expected resource of type node, got "{shown}"')
    return found


def cordon(call: Invocation, found: list[Target], wanted: bool, dry_run: str) -> None:
    """Set spec.unschedulable where it differs; a node that cannot be changed is told about and left."""
    word = "cordoned" if wanted else "uncordoned"
    verb = "cordon" if wanted else "uncordon"
    for target in found:
        now = bool(((target.obj or {}).get("spec") or {}).get("unschedulable"))
        if now == wanted:
            printer(call, f"already {word}", dry_run=dry_run)(target.obj or {}, target.kind)
            continue
        if dry_run != CLIENT:
            patch = {"spec": {"unschedulable": True if wanted else None}}
            options = WriteOptions(dry_run=dry_run == SERVER)
            try:
                call.client.patch(target.kind, target.name, patch, patch_type="strategic", options=options)
            except ApiError as e:
                call.err(f'error: unable to {verb} node "{target.name}": {e}')
                continue
        printer(call, word, dry_run=dry_run)(target.obj or {}, target.kind)
