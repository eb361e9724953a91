"""`kubectl patch`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj
from minikctl.api.patch import json_patch, merge_patch, strategic
from minikctl.api.patch.values import identical
from minikctl.client.protocol import WriteOptions
from minikctl.kubectl import visiting
from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.common_options import RECORD, field_manager, recorded
from minikctl.kubectl.dry_run import CLIENT, DRY_RUN, SERVER, strategy
from minikctl.kubectl.flags import BOOL, Option
from minikctl.kubectl.generating.key_values import os_reason
from minikctl.kubectl.manifest import decode_text, filename_options
from minikctl.kubectl.printers import PRINT_OPTIONS, json_out, printer
from minikctl.kubectl.resolve import Target
from minikctl.kubectl.selecting import select
from minikctl.util.errors import Aggregate, UsageError

TYPES = {
    "json": "application/json-patch+json",
    "merge": "application/merge-patch+json",
    "strategic": "application/strategic-merge-patch+json",
}


def run(call: Invocation) -> None:
    dry_run = strategy(call)
    patch_type = _check(call, dry_run)
    printer(call, "")
    text = _patch_text(call)
    found = select(call, local=call.flags.local)
    problems = list(found.errors)
    for target in found.targets:
        try:
            if call.flags.local or dry_run == CLIENT:
                before = target.obj or {}
                after = apply_locally(target, patch_type, text)
            else:
                before, after = _send(call, target, patch_type, text, dry_run)
            operation = "patched (no change)" if identical(before, after) else "patched"
            printer(call, operation, dry_run=dry_run)(after, target.kind)
        except (ApiError, UsageError, Aggregate) as e:
            problems.append(e)
    visiting.raise_all(problems)
    if not found.targets:
        raise UsageError("no objects passed to patch")


def _check(call: Invocation, dry_run: str) -> str:
    """The kind of patch. Raises UsageError."""
    flags = call.flags
    if flags.patch and flags.patch_file:
        raise UsageError("cannot specify --patch and --patch-file together")
    if not flags.patch and not flags.patch_file:
        raise UsageError("must specify --patch or --patch-file containing the contents of the patch")
    if flags.local and call.args:
        raise UsageError("cannot specify --local and server resources")
    if flags.local and dry_run == SERVER:
        raise UsageError("cannot specify --local and --dry-run=server - did you mean --dry-run=client?")
    wanted: str = flags.type.lower() or "strategic"
    if wanted not in TYPES:
        raise UsageError(f'--type must be one of [{" ".join(sorted(TYPES))}], not "{flags.type}"')
    return wanted


def _patch_text(call: Invocation) -> str:
    """The patch as JSON; what begins like JSON is left for the server to judge. Raises UsageError."""
    text: str = call.flags.patch
    if call.flags.patch_file:
        path = call.flags.patch_file
        try:
            text = decode_text(Path(call.env.cwd, path).read_bytes())
        except OSError as e:
            raise UsageError(f"unable to read patch file: open {path}: {os_reason(e)}") from None
    if text.lstrip().startswith("{"):
        return text
    from minikctl.kubectl import yaml_in

    try:
        return json_out.compact(yaml_in.loads(text))
    except yaml_in.YAMLError as e:
        raise UsageError(f'unable to parse "{call.flags.patch}": {e}') from None


def _send(call: Invocation, target: Target, patch_type: str, text: str, dry_run: str) -> tuple[Obj, Obj]:
    """(the object before, the object afterwards). Raises ApiError, UsageError."""
    flags, kind = call.flags, target.kind
    options = WriteOptions(dry_run=dry_run == SERVER, field_manager=flags.field_manager)
    before = target.obj or {}
    if flags.subresource and not target.source:
        before = call.client.get(kind, target.name, target.namespace, subresource=flags.subresource)
    try:
        after = call.client.patch(
            kind,
            target.name,
            text,
            target.namespace,
            patch_type=patch_type,
            subresource=flags.subresource,
            options=options,
        )
    except ApiError as e:
        if e.code == 415:
            gvk = f"{kind.group}/{kind.version}, Kind={kind.kind}"
            raise UsageError(f"{TYPES[patch_type]} is not supported by {gvk}: {e.message}") from None
        raise
    noted = merge_patch.diff(after, recorded(call, after))
    if noted:
        after = call.client.patch(kind, target.name, noted, target.namespace, options=options)
    return before, after


def apply_locally(target: Target, patch_type: str, text: str) -> Obj:
    """The object with the patch applied by this command. Raises UsageError."""
    from minikctl.util.jsonio import JSONError, loads

    obj = target.obj or {}
    try:
        patch: Any = loads(text)
        if patch_type == "json":
            copy: Obj = loads(json_out.compact(obj))
            patched: Obj = json_patch.apply(copy, patch)
            return patched
        if not isinstance(patch, dict):
            raise UsageError("invalid JSON document")
        if patch_type == "merge":
            merged: Obj = merge_patch.apply(obj, patch)
            return merged
        if not target.kind.type:
            gvk = f"{target.kind.group}/{target.kind.version}, Kind={target.kind.kind}"
            raise UsageError(f"strategic merge patch is not supported for {gvk} locally, try --type merge")
        return strategic.apply(obj, patch, target.kind.type)
    except JSONError:
        raise UsageError("invalid JSON document") from None
    except (json_patch.PatchError, strategic.PatchError) as e:
        raise UsageError(str(e)) from None


COMMAND = Command(
    name="patch",
    summary="Update fields of a resource",
    group="Advanced",
    use="patch (-f FILENAME | TYPE NAME) [-p PATCH|--patch-file FILE]",
    description=(
        "Change fields of an object by a patch, in JSON or YAML. A strategic merge patch merges lists by the key that "
        "the kind's structure names (containers by name); a merge patch replaces lists; a JSON patch is a list of "
        "operations. Custom resources know no strategic patches."
    ),
    examples=(
        ("Set a field", """patch deployment web -p '{"spec":{"replicas":3}}'"""),
        ("The same in YAML", "patch deployment web -p $'spec:\\n replicas: 3'"),
        (
            "Another image for one container",
            """patch deployment web -p '{"spec":{"template":{"spec":{"containers":[{"name":"nginx","image":"nginx:1.27"}]}}}}'""",
        ),
        (
            "The first container, whatever its name",
            """patch pod web --type=json -p '[{"op":"replace","path":"/spec/containers/0/image","value":"nginx:1.27"}]'""",
        ),
        ("Remove a key", """patch configmap settings --type=merge -p '{"data":{"colour":null}}'"""),
        (
            "Through a subresource",
            """patch deployment web --subresource=scale --type=merge -p '{"spec":{"replicas":2}}'""",
        ),
    ),
    options=(
        *PRINT_OPTIONS,
        *filename_options("to patch"),
        RECORD,
        DRY_RUN,
        field_manager("kubectl-patch"),
        Option("local", BOOL, help="Patch what the file says, without a server."),
        Option("patch", short="p", help="The patch."),
        Option("patch-file", help="File with the patch.", complete="files"),
        Option("subresource", help="Patch this subresource."),
        Option("type", default="strategic", help="What the patch is.", complete=tuple(sorted(TYPES))),
    ),
    complete="resources",
    run=run,
)
