"""`kubectl annotate`."""

from __future__ import annotations

from collections.abc import Sequence

from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj, with_metadata
from minikctl.api.patch import merge_patch
from minikctl.kubectl import pairs
from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.commands.label import list_pairs
from minikctl.kubectl.common_options import CHANGE_CAUSE, RECORD, change_cause, field_manager, write_options
from minikctl.kubectl.dry_run import CLIENT, DRY_RUN, SERVER, strategy
from minikctl.kubectl.flags import BOOL, Option
from minikctl.kubectl.manifest import filename_options
from minikctl.kubectl.printers import PRINT_OPTIONS, printer
from minikctl.kubectl.resolve import ALL, ALL_NAMESPACES, FIELD_SELECTOR, SELECTOR, Target
from minikctl.kubectl.selecting import has_files, select
from minikctl.util.errors import Aggregate, UsageError


def run(call: Invocation) -> None:
    dry_run = strategy(call)
    words, changes = pairs.split(call.args, "annotation")
    new, removed = pairs.parse(changes, "annotation", removal=True)
    _check(call, words, dry_run, new, removed)
    show = printer(call, "annotated", dry_run=dry_run)
    found = select(call, words, local=call.flags.local, latest=True)
    if call.flags.resource_version and not found.single:
        raise UsageError("--resource-version may only be used with a single resource")
    problems = list(found.errors)
    for target in found.targets:
        try:
            obj = _one(call, target, new, removed, dry_run)
            if call.flags.list:
                list_pairs(
                    call, target, (obj.get("metadata") or {}).get("annotations") or {}, found.single, "annotations"
                )
            else:
                show(obj, target.kind)
        except (ApiError, UsageError, Aggregate) as e:
            problems.append(e)
    if problems:
        raise problems[0] if len(problems) == 1 else Aggregate(problems)


def _check(call: Invocation, words: Sequence[str], dry_run: str, new: dict[str, str], removed: Sequence[str]) -> None:
    flags = call.flags
    if flags.list and flags.output:
        raise UsageError("--list and --output may not be specified together")
    for name in ("selector", "field-selector"):
        if flags.all and flags.get(name):
            raise UsageError(f"cannot set --all and --{name} at the same time")
    if not flags.local:
        if not words and not has_files(call):
            raise UsageError("one or more resources must be specified as <resource> <name> or <resource>/<name>")
    elif dry_run == SERVER:
        raise UsageError("cannot specify --local and --dry-run=server - did you mean --dry-run=client?")
    elif words:
        raise UsageError("can only use local files by -f rsrc.yaml or --filename=rsrc.json when --local=true is set")
    elif not has_files(call):
        raise UsageError("one or more files must be specified as -f rsrc.yaml or --filename=rsrc.json")
    if not new and not removed and not flags.list:
        raise UsageError("at least one annotation update is required")
    both = [k for k in removed if k in new]
    if both:
        text = "can not both modify and remove the following annotation(s) in the same command: "
        raise UsageError(text + ", ".join(both))


def refuse_overwriting(old: dict[str, str], new: dict[str, str]) -> None:
    """Raises UsageError for annotations that have another value; the change cause may always change."""
    clashes = [k for k in new if k != CHANGE_CAUSE and k in old and old[k] != new[k]]
    if clashes:
        found = "; ".join(f"'{k}' already has a value ({old[k]})" for k in clashes)
        raise UsageError(f"--overwrite is false but found the following declared annotation(s): {found}")


def _one(call: Invocation, target: Target, new: dict[str, str], removed: Sequence[str], dry_run: str) -> Obj:
    """The object with its annotations changed, written unless this is only for show."""
    before: Obj = target.obj or {}
    old: dict[str, str] = (before.get("metadata") or {}).get("annotations") or {}
    writes = dry_run != CLIENT and not call.flags.local and not call.flags.list
    if not call.flags.overwrite:
        refuse_overwriting(old, new)
    cause = {CHANGE_CAUSE: change_cause(call)} if call.flags.record and writes else {}
    after = {k: v for k, v in (old | cause | new).items() if k not in removed}
    version = call.flags.resource_version
    obj = with_metadata(before, annotations=after, **({"resourceVersion": version} if version else {}))
    if writes:
        patch = merge_patch.diff(before, obj)
        if version:
            patch = merge_patch.apply(patch, {"metadata": {"resourceVersion": version}})
        options = write_options(call, dry_run)
        return call.client.patch(target.kind, target.name, patch, target.namespace, patch_type="merge", options=options)
    return obj


COMMAND = Command(
    name="annotate",
    summary="Update the annotations of an object",
    group="Settings",
    use="annotate [--overwrite] (-f FILENAME | TYPE NAME) KEY_1=VAL_1 ... KEY_N=VAL_N [--resource-version=version]",
    description=(
        "Set annotations (KEY=VALUE) and remove them (KEY-). Annotations hold what no selector asks for: notes, "
        "and data of tools. One that has another value already is only changed with --overwrite."
    ),
    examples=(
        ("Note something about a pod", "annotate pods web description='my front end'"),
        ("Change it", "annotate --overwrite pods web description='my back end'"),
        ("Remove it", "annotate pods web description-"),
    ),
    options=(
        *PRINT_OPTIONS,
        *filename_options("to annotate"),
        RECORD,
        DRY_RUN,
        field_manager("kubectl-annotate"),
        SELECTOR,
        FIELD_SELECTOR,
        ALL,
        ALL_NAMESPACES,
        Option("list", BOOL, help="Show the annotations of the objects."),
        Option("local", BOOL, help="Work on the files alone, without a server."),
        Option("overwrite", BOOL, help="Change annotations that are there already."),
        Option("resource-version", help="Only if this is the version of the object; for a single object."),
    ),
    complete="resources",
    run=run,
)
