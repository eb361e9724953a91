"""What the `set` commands share: find objects, change copies, print them or send the difference."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from minikctl.api import schema
from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj
from minikctl.api.patch import merge_patch, three_way
from minikctl.kubectl.command import Invocation
from minikctl.kubectl.common_options import recorded, write_options
from minikctl.kubectl.dry_run import CLIENT, SERVER
from minikctl.kubectl.flags import BOOL, Option
from minikctl.kubectl.printers import printer
from minikctl.kubectl.resolve import Target
from minikctl.kubectl.selecting import has_files, select
from minikctl.kubectl.words import NOTHING_GIVEN
from minikctl.util.errors import Aggregate, UsageError

NO_LOCAL_WORDS = (
    "error: you must specify resources by --filename when --local is set.\n"
    "Example resource specifications include:\n   '-f rsrc.yaml'\n   '--filename=rsrc.json'"
)
LOCAL = Option("local", BOOL, help="Work on the files alone, without a server.")
Change = Callable[[Obj, Target], bool | None]
"""Changes the (private) object in place. False: leave this one out. Raises UsageError."""


class Refused(UsageError):
    """An object that cannot be changed so; among others, an empty line follows it."""


def targets(call: Invocation, words: Sequence[str]) -> list[Target]:
    """The objects that are to be changed. Raises when one of them cannot be had."""
    if call.flags.local and words:
        raise UsageError(NO_LOCAL_WORDS)
    if call.flags.local and not has_files(call):
        raise UsageError(NOTHING_GIVEN)
    return select(call, words, local=call.flags.local, latest=True).check()


def refuse_local_server(call: Invocation, dry_run: str) -> None:
    if call.flags.local and dry_run == SERVER:
        raise UsageError("cannot specify --local and --dry-run=server - did you mean --dry-run=client?")


def typed(target: Target) -> Obj:
    """The object as Kubernetes' types read it: a copy of the caller's own, without fields they do not know."""
    obj = target.obj or {}
    if not target.kind.type:
        return merge_patch.apply({}, obj)  # type: ignore[no-any-return]
    try:
        decoded = schema.decode(target.kind.type, obj).value
    except schema.DecodeError as e:
        raise UsageError(f'unable to decode "{target.source}": {e}') from None
    return {"kind": target.kind.kind, "apiVersion": target.kind.api_version, **_private(decoded)}


def _private(value: Obj) -> Obj:
    from minikctl.util.jsonio import compact, loads

    copied: Obj = loads(compact(value))
    return copied


def object_name(call: Invocation, target: Target) -> str:
    """`deployments/web`; with --local there is no mapping: `configmap/web`, or `deployment.apps/web` and a new line."""
    if call.flags.local:
        return f"{target.label}\n" if target.kind.group else target.label
    return f"{target.kind.plural}/{target.name}"


def change_each(
    call: Invocation,
    found: Sequence[Target],
    change: Change,
    *,
    done: str,
    failed: str,
    dry_run: str,
    always: bool = False,
    problems: Sequence[Exception] = (),
) -> None:
    """Change, and print or write, every target; raises all that went wrong at the end.

    `done` is the message, `failed` what precedes a refusal of the server's; `always` writes where nothing changed, too.
    """
    show = printer(call, done, dry_run=dry_run, typed=True)
    wrong = list(problems)
    for target in found:
        before, after = typed(target), typed(target)
        try:
            if change(after, target) is False:
                continue
        except UsageError as e:
            wrong.append(Refused(f"error: {object_name(call, target)} {e.message}"))
            continue
        if before == after and not always:
            continue
        if call.flags.local or dry_run == CLIENT:
            show(recorded(call, after), target.kind)
            continue
        try:
            show(_write(call, target, before, recorded(call, after), dry_run), target.kind)
        except ApiError as e:
            wrong.append(UsageError(f"{failed} {e}"))
    if len(wrong) == 1:
        raise wrong[0]
    if wrong:
        raise Aggregate([UsageError(f"{e}\n") if isinstance(e, Refused) else e for e in wrong])


def _write(call: Invocation, target: Target, before: Obj, after: Obj, dry_run: str) -> Obj:
    kind = target.kind
    if kind.type:
        patch, patch_type = three_way.create_two_way(before, after, kind.type), "strategic"
    else:
        patch, patch_type = merge_patch.diff(before, after), "merge"
    options = write_options(call, dry_run)
    return call.client.patch(kind, target.name, patch, target.namespace, patch_type=patch_type, options=options)
