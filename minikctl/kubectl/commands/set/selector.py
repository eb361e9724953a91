"""`kubectl set selector`."""

from __future__ import annotations

from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj
from minikctl.api.patch import three_way
from minikctl.api.selectors import SelectorError, parse_label_selector
from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.commands.set._changing import LOCAL, typed
from minikctl.kubectl.common_options import RECORD, field_manager, write_options
from minikctl.kubectl.dry_run import CLIENT, DRY_RUN, strategy
from minikctl.kubectl.flags import BOOL, LIST, Option
from minikctl.kubectl.printers import PRINT_OPTIONS, printer
from minikctl.kubectl.resolve import ALL, Target
from minikctl.kubectl.selecting import has_files, select
from minikctl.kubectl.words import NOTHING_GIVEN
from minikctl.util.errors import Aggregate, UsageError

_OPERATORS = {"in": "In", "notin": "NotIn", "exists": "Exists", "!": "DoesNotExist"}


def run(call: Invocation) -> None:
    dry_run = strategy(call)
    show = printer(call, "selector updated", dry_run=dry_run, typed=True)
    if not call.args:
        raise UsageError("one selector is required")
    *words, text = call.args
    wanted = parse(text)
    if call.flags.local and not has_files(call):
        raise UsageError(NOTHING_GIVEN)
    found = select(call, words, local=call.flags.local, latest=True)
    wrong = list(found.errors)
    for target in found.targets:
        try:
            before, after = typed(target), change(target, wanted)
            if not call.flags.local and dry_run != CLIENT:
                after = _write(call, target, before, after, dry_run)
            show(after, target.kind)
        except (UsageError, ApiError) as e:
            wrong.append(e)
    if wrong:
        raise wrong[0] if len(wrong) == 1 else Aggregate(wrong)


def parse(text: str) -> dict[str, str]:
    """Equalities only: a Service knows nothing else. Raises UsageError."""
    try:
        requirements = parse_label_selector(text).requirements
    except SelectorError as e:
        raise UsageError(f'couldn\'t parse the selector string "{text}": {e}') from None
    others = [r for r in requirements if r.operator != "="]
    if unknown := [r.operator for r in others if r.operator not in _OPERATORS]:
        raise UsageError(f'"{unknown[0]}" is not a valid label selector operator')
    if others:
        shown = " ".join(f"{{{r.key} {_OPERATORS[r.operator]} [{' '.join(r.values)}]}}" for r in others)
        raise UsageError(f"match expression [{shown}] not supported on this object")
    return {r.key: r.values[0] for r in requirements}


def change(target: Target, wanted: dict[str, str]) -> Obj:
    if (target.kind.group, target.kind.kind) != ("", "Service"):
        raise UsageError("setting a selector is only supported for Services")
    obj = typed(target)
    obj["spec"] = {**(obj.get("spec") or {}), "selector": wanted}
    return obj


def _write(call: Invocation, target: Target, before: Obj, after: Obj, dry_run: str) -> Obj:
    patch = three_way.create_two_way(before, after, target.kind.type)
    if call.flags.resource_version:
        patch = {**patch, "metadata": {**(patch.get("metadata") or {}), "resourceVersion": call.flags.resource_version}}
    options = write_options(call, dry_run)
    return call.client.patch(target.kind, target.name, patch, target.namespace, patch_type="strategic", options=options)


COMMAND = Command(
    name="selector",
    summary="Set the selector on a resource",
    use="selector (-f FILENAME | TYPE NAME) EXPRESSIONS [--resource-version=version]",
    description="Give a Service a new selector; the old one is replaced whole.",
    examples=(
        ("Send a Service to other pods", "set selector service front app=web"),
        ("On the way from one command to the next", "set selector --local -f - 'environment=qa' -o yaml"),
    ),
    options=(
        *PRINT_OPTIONS,
        Option(
            "filename", LIST, short="f", help="File, folder or URL with the objects to change.", complete="manifests"
        ),
        Option("recursive", BOOL, short="R", default=True, help="Take the folders below those of -f as well."),
        RECORD,
        DRY_RUN,
        LOCAL,
        ALL,
        field_manager("kubectl-set"),
        Option("resource-version", help="Only if this is the version of the object; for a single object."),
    ),
    complete="resources:services",
    run=run,
)
