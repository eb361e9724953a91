"""`kubectl label`."""

from __future__ import annotations

from collections.abc import Sequence

from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj, with_metadata
from minikctl.api.names import label_value
from minikctl.api.patch import merge_patch
from minikctl.kubectl import pairs
from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.common_options import RECORD, field_manager, recorded, write_options
from minikctl.kubectl.dry_run import CLIENT, DRY_RUN, SERVER, strategy
from minikctl.kubectl.flags import BOOL, Option
from minikctl.kubectl.manifest import filename_options
from minikctl.kubectl.printers import PRINT_OPTIONS, printer
from minikctl.kubectl.resolve import ALL, ALL_NAMESPACES, FIELD_SELECTOR, SELECTOR, Target
from minikctl.kubectl.selecting import has_files, select
from minikctl.util.errors import Aggregate, UsageError


def run(call: Invocation) -> None:
    dry_run = strategy(call)
    words, changes = pairs.split(call.args, "label")
    new, removed = parse(changes)
    _check(call, words, dry_run, bool(new or removed))
    found = select(call, words, local=call.flags.local, latest=True)
    if call.flags.resource_version and not found.single:
        raise UsageError("--resource-version may only be used with a single resource")
    problems = list(found.errors)
    for target in found.targets:
        try:
            _one(call, target, new, removed, dry_run, found.single)
        except (ApiError, UsageError, Aggregate) as e:
            problems.append(e)
    if problems:
        raise problems[0] if len(problems) == 1 else Aggregate(problems)


def parse(changes: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """(labels to set, keys to remove). Raises UsageError."""
    new: dict[str, str] = {}
    removed: list[str] = []
    for word in changes:
        key, equals, value = word.partition("=")
        if equals:
            if "=" in value:
                raise UsageError(f"invalid label spec: {word}")
            if wrong := label_value(value):
                raise UsageError(f'invalid label value: "{word}": {";".join(wrong)}')
            new[key] = value
        else:
            removed.append(word[:-1])
    if new.keys() & set(removed):
        raise UsageError("can not both modify and remove a label in the same command")
    return new, removed


def _check(call: Invocation, words: Sequence[str], dry_run: str, changes: bool) -> None:
    flags = call.flags
    if flags.list and flags.output:
        raise UsageError("--list and --output may not be specified together")
    for name in ("selector", "field-selector"):
        if flags.all and flags.get(name):
            raise UsageError(f"cannot set --all and --{name} at the same time")
    if flags.local:
        if dry_run == SERVER:
            raise UsageError("cannot specify --local and --dry-run=server - did you mean --dry-run=client?")
        if words:
            raise UsageError("can only use local files by -f pod.yaml or --filename=pod.json when --local=true is set")
        if not has_files(call):
            raise UsageError("one or more files must be specified as -f pod.yaml or --filename=pod.json")
    elif not words and not has_files(call):
        raise UsageError("one or more resources must be specified as <resource> <name> or <resource>/<name>")
    if not changes and not flags.list:
        raise UsageError("at least one label update is required")


def changed(old: dict[str, str], new: dict[str, str], removed: Sequence[str]) -> tuple[dict[str, str], str]:
    """The labels afterwards, and what messages call the change."""
    added = any(old.get(k) != v for k, v in new.items())
    after = {k: v for k, v in (old | new).items() if k not in removed}
    dropped = any(k in old for k in removed)
    if added and dropped:
        return after, "modified"
    return after, "labeled" if added else "unlabeled" if dropped else "not labeled"


def refuse_overwriting(old: dict[str, str], new: dict[str, str]) -> None:
    """Raises UsageError (several as an Aggregate) for labels that have another value already."""
    clashes = [k for k in new if k in old and old[k] != new[k]]
    problems: list[Exception] = [
        UsageError(f"'{k}' already has a value ({old[k]}), and --overwrite is false") for k in clashes
    ]
    if problems:
        raise problems[0] if len(problems) == 1 else Aggregate(problems)


def _one(
    call: Invocation, target: Target, new: dict[str, str], removed: Sequence[str], dry_run: str, single: bool
) -> None:
    before: Obj = target.obj or {}
    old: dict[str, str] = (before.get("metadata") or {}).get("labels") or {}
    writes = dry_run != CLIENT and not call.flags.local and not call.flags.list
    if writes:
        for key in removed:
            if key not in old:
                call.out(f'label "{key}" not found.')
    if not call.flags.overwrite:
        refuse_overwriting(old, new)
    after, message = changed(old, new, removed)
    version = call.flags.resource_version
    obj = with_metadata(before, labels=after, **({"resourceVersion": version} if version else {}))
    if writes and message != "not labeled":
        obj = recorded(call, obj)
        patch = merge_patch.diff(before, obj)
        if version:
            patch = merge_patch.apply(patch, {"metadata": {"resourceVersion": version}})
        options = write_options(call, dry_run)
        call.client.patch(target.kind, target.name, patch, target.namespace, patch_type="merge", options=options)
    if call.flags.list:
        list_pairs(call, target, after, single, "labels")
    else:
        printer(call, message, dry_run=dry_run)(obj, target.kind)


def list_pairs(call: Invocation, target: Target, values: dict[str, str], single: bool, what: str) -> None:
    """`key=value` lines, indented below a title when there are several objects."""
    if not single:
        call.out(f"Listing {what} for {target.kind.kind}.{target.kind.group}/{target.name}:")
    for key, value in sorted(values.items()):
        call.out(f"{'' if single else ' '}{key}={value}")


COMMAND = Command(
    name="label",
    summary="Update the labels of an object",
    group="Settings",
    use="label [--overwrite] (-f FILENAME | TYPE NAME) KEY_1=VAL_1 ... KEY_N=VAL_N [--resource-version=version]",
    description=(
        "Set labels (KEY=VALUE) and remove them (KEY-). A label that has another value already is only changed "
        "with --overwrite. A key may start with a domain and a slash: example.com/app."
    ),
    examples=(
        ("Set a label of a pod", "label pods web tier=front"),
        ("Change its value", "label --overwrite pods web tier=back"),
        ("Label all pods of the namespace", "label pods --all tier=front"),
        ("Remove a label", "label pods web tier-"),
    ),
    options=(
        *PRINT_OPTIONS,
        *filename_options("to label"),
        RECORD,
        DRY_RUN,
        field_manager("kubectl-label"),
        SELECTOR,
        FIELD_SELECTOR,
        ALL,
        ALL_NAMESPACES,
        Option("list", BOOL, help="Show the labels of the objects."),
        Option("local", BOOL, help="Work on the files alone, without a server."),
        Option("overwrite", BOOL, help="Change labels that are there already."),
        Option("resource-version", help="Only if this is the version of the object; for a single object."),
    ),
    complete="resources",
    run=run,
)
