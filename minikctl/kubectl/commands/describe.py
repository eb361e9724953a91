"""`kubectl describe`."""

from __future__ import annotations

from minikctl.api.errors import ApiError
from minikctl.kubectl import PROGRAM, describe
from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.common_options import CHUNK_SIZE
from minikctl.kubectl.flags import BOOL, Option
from minikctl.kubectl.manifest import filename_options
from minikctl.kubectl.resolve import ALL_NAMESPACES, SELECTOR, Resolved, Target, from_args
from minikctl.kubectl.selecting import has_files, select
from minikctl.util.errors import Aggregate, UsageError


def run(call: Invocation) -> None:
    if not call.args and not has_files(call):
        raise UsageError(
            f'You must specify the type of resource to describe. Use "{PROGRAM} api-resources" for a complete list of '
            "supported resources."
        )
    found = select(call, allow_empty_selector=True)
    events = call.flags.show_events
    if (found.errors or len(found.targets) > 1) and not call.flags.changed("show-events"):
        events = False
    if len(found.errors) == 1 and not found.targets and len(call.args) == 2 and _is_missing(found.errors[0]):
        _by_prefix(call, found.errors[0], events)
        return
    problems = _all(call, found, events)
    if not found.targets and not problems:
        where = "" if call.flags.all_namespaces else f" in {call.namespace} namespace."
        call.err(f"No resources found{where}")
    if problems:
        raise problems[0] if len(problems) == 1 else Aggregate(problems)


def _is_missing(error: Exception) -> bool:
    return isinstance(error, ApiError) and error.reason == "NotFound"


def _all(call: Invocation, found: Resolved, events: bool) -> list[Exception]:
    """Describe each; gives what went wrong, each thing once."""
    problems = list(found.errors)
    known = {str(e) for e in problems}
    is_first = True
    for target in found.targets:
        try:
            text = _text(call, target, events)
        except ApiError as e:
            if str(e) not in known:
                known.add(str(e))
                problems.append(e)
            continue
        call.out(("" if is_first else "\n\n") + text, end="")
        is_first = False
    return problems


def _text(call: Invocation, target: Target, events: bool) -> str:
    now = call.env.clock.now()
    return describe.describe(call.client, target.kind, target.namespace, target.name, now=now, show_events=events)


def _by_prefix(call: Invocation, missing: Exception, events: bool) -> None:
    """All whose names begin as the given one. Raises `missing` when there are none."""
    word, prefix = call.args
    found = from_args(call, [word], allow_empty_selector=True, single_type=True).check()
    matching = [t for t in found if t.name.startswith(prefix)]
    for target in matching:
        call.out(_text(call, target, events))
    if not matching:
        raise missing


COMMAND = Command(
    name="describe",
    summary="Show details of a specific resource or group of resources",
    group="Troubleshooting and Debugging",
    use="describe (-f FILENAME | TYPE [NAME_PREFIX | -l label] | TYPE/NAME)",
    description=(
        "Show an object with what belongs to it: events, the pods of a workload, the endpoints of a Service. When no "
        "object is called as given, those are shown whose names begin so."
    ),
    examples=(
        ("A node", "describe nodes node-1"),
        ("A pod", "describe pods/web"),
        ("What a file names", "describe -f pod.yaml"),
        ("All pods with a label", "describe pods -l app=web"),
        ("All pods whose names begin so", "describe pods web"),
    ),
    options=(
        *filename_options("to describe"),
        SELECTOR,
        ALL_NAMESPACES,
        CHUNK_SIZE,
        Option(
            "show-events",
            BOOL,
            default=True,
            help="Show the events about the object. Off by default for several objects and for prefixes.",
        ),
    ),
    complete="resources",
    run=run,
)
