"""`kubectl diff`: what apply would change."""

from __future__ import annotations

from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj, is_deleting, name
from minikctl.client.protocol import WriteOptions
from minikctl.kubectl import diffing, last_applied, requests, visiting
from minikctl.kubectl.applying import prune, server_side
from minikctl.kubectl.applying.patcher import Failed, Patcher
from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.common_options import field_manager
from minikctl.kubectl.diffing import Folders
from minikctl.kubectl.flags import BOOL, INT, Option
from minikctl.kubectl.manifest import filename_options
from minikctl.kubectl.printers import SHOW_MANAGED_FIELDS
from minikctl.kubectl.resolve import SELECTOR, Target
from minikctl.util.errors import UsageError

TRIES = 4
"""How often an object that keeps changing is looked at; the last time without a lock."""


def run(call: Invocation) -> None:
    flags = call.flags
    if call.args:
        raise call.usage_error(f"Unexpected args: [{' '.join(call.args)}]")
    visiting.require_files(call)
    if flags.force_conflicts and not flags.server_side:
        raise UsageError("--force-conflicts only works with --server-side")
    allowed = prune.allowed_kinds(call) if flags.prune else []
    visited = prune.Visited()
    with Folders(call.env.environ) as folders:
        for found in visiting.read(call):
            for target in found.targets:
                live = _one(call, folders, target)
                visited.note(target)
                visited.note_object(live or {})
            visiting.raise_all(found.errors[:1])
        if flags.prune:
            for kind, obj in prune.surplus(call, visited, allowed):
                folders.write_live(prune.file_name(kind, obj), obj)
        diffing.compare(call, folders)


def _one(call: Invocation, folders: Folders, target: Target) -> Obj | None:
    """Write both versions of an object; gives the live one. Raises ApiError, UsageError."""
    for left in reversed(range(TRIES)):
        live = _live(call, target)
        if not left:
            gvk = f"{target.kind.api_version}, Kind={target.kind.kind}"
            text = f"Object ({gvk}: {target.name}) keeps changing, diffing without lock"
            call.klog("W", "diff.go:651", text)
        try:
            merged = _merged(call, target, live, lock=left > 0)
            break
        except ApiError as e:
            if e.reason != "Conflict" or not left:
                raise
    before, after = (diffing.shown(o, managed_fields=call.flags.show_managed_fields) for o in (live, merged))
    if diffing.is_secret(after) and not call.flags.show_secrets:
        before, after = diffing.masked(before, after)
    folders.write(prune.file_name(target.kind, {"metadata": _identity(target)}), before, after)
    if live is not None and is_deleting(live):
        call.err(f"Warning: Detected changes to resource {name(live)} which is currently being deleted.")
    return live


def _identity(target: Target) -> Obj:
    return {"name": target.name, "namespace": target.namespace}


def _live(call: Invocation, target: Target) -> Obj | None:
    if not target.name:
        raise UsageError("resource name may not be empty")
    try:
        return call.client.get(target.kind, target.name, target.namespace)
    except ApiError as e:
        if e.reason == "NotFound":
            return None
        raise


def _merged(call: Invocation, target: Target, live: Obj | None, *, lock: bool) -> Obj:
    """The object as apply would leave it: the server is asked, and keeps nothing."""
    options = WriteOptions(dry_run=True, field_manager=server_side.manager(call), force=call.flags.force_conflicts)
    if call.flags.server_side:
        return server_side.send(call, target, target.obj or {}, options)
    if live is None:
        return requests.create(call, target, target.obj or {}, options)
    try:
        return Patcher(call, target, options, lock=lock).patch(live, last_applied.bare(target.obj or {}))[1]
    except Failed as e:
        raise e.error from None


COMMAND = Command(
    name="diff",
    summary="Diff the live version against a would-be applied version",
    group="Advanced",
    use="diff -f FILENAME",
    description=(
        "Show what apply would change, object by object, as YAML. KUBECTL_EXTERNAL_DIFF may name another program than "
        "diff, with arguments. Exit status: 0 no differences, 1 differences, more than 1 an error."
    ),
    examples=(
        ("What a file would change", "diff -f web.yaml"),
        ("What another program writes", "diff -f - < web.yaml"),
        ("In colours", 'KUBECTL_EXTERNAL_DIFF="diff -u --color=always" kubectl diff -f web.yaml'),
    ),
    options=(
        *filename_options("to compare"),
        *server_side.OPTIONS,
        SELECTOR,
        SHOW_MANAGED_FIELDS,
        prune.PRUNE,
        prune.PRUNE_ALLOWLIST,
        field_manager(server_side.CLIENT_MANAGER),
        Option("concurrency", INT, default=1, help="How many objects to look at together (here: always one)."),
        Option("show-secrets", BOOL, help="Show the values of secrets."),
    ),
    failure_code=2,
    run=run,
)
