"""What the `rollout` commands share: finding the objects, and changing one field of each."""

from __future__ import annotations

from collections.abc import Callable

from minikctl.api.errors import ApiError, qualified
from minikctl.api.meta import Obj
from minikctl.kubectl.command import Invocation
from minikctl.kubectl.common_options import write_options
from minikctl.kubectl.dry_run import NONE
from minikctl.kubectl.printers import printer
from minikctl.kubectl.resolve import Resolved, Target
from minikctl.kubectl.selecting import has_files, select
from minikctl.util.errors import Aggregate, UsageError


def find(call: Invocation) -> Resolved:
    """What the words mean. Raises UsageError when there are none."""
    if not call.args and not has_files(call):
        raise UsageError("required resource not specified")
    return select(call, latest=True, allow_empty_selector=True)


def raise_all(problems: list[Exception]) -> None:
    if problems:
        raise problems[0] if len(problems) == 1 else Aggregate(problems)


def each(call: Invocation, found: Resolved, action: Callable[[Target], None]) -> None:
    """Do it for all, then raise what went wrong."""
    problems = list(found.errors)
    for target in found.targets:
        try:
            action(target)
        except (ApiError, UsageError) as e:
            problems.append(e)
    raise_all(problems)


def change_each(call: Invocation, done: str, patch_for: Callable[[Target], Obj]) -> None:
    """Send each object the patch that is made for it; `patch_for` raises UsageError for what cannot be done."""
    found = find(call)
    if not found.targets and not found.errors:
        call.err(f"No resources found in {call.namespace} namespace.")
        return

    def change(target: Target) -> None:
        kind = target.kind
        try:
            patch = patch_for(target)
        except UsageError as e:
            raise UsageError(f'error: {qualified(kind.plural, kind.group)} "{target.name}" {e.message}') from None
        options = write_options(call, NONE)
        try:
            changed = call.client.patch(
                kind, target.name, patch, target.namespace, patch_type="strategic", options=options
            )
        except ApiError as e:
            raise UsageError(f"failed to patch: {e}") from None
        printer(call, done, typed=True)(changed, kind)

    each(call, found, change)
