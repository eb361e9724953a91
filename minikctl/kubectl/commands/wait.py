"""`kubectl wait`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj
from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.flags import ARRAY, BOOL, DURATION, LIST, Option
from minikctl.kubectl.printers import PRINT_OPTIONS, Printer, printer
from minikctl.kubectl.resolve import ALL, ALL_NAMESPACES, FIELD_SELECTOR, SELECTOR, Resolved, Target
from minikctl.kubectl.selecting import select
from minikctl.kubectl.waiting import WEEK, Deadline, TimedOut, changes
from minikctl.util.errors import Aggregate, UsageError

TIMED_OUT = "timed out waiting for the condition"
CREATE_POLL_SECONDS = 0.1
Check = Callable[[Obj], bool]


@dataclass(frozen=True)
class Condition:
    """One --for: `create`, `delete`, or `check` of the object."""

    what: str
    check: Check | None = None


def run(call: Invocation) -> None:
    show = printer(call, "condition met")
    conditions = parse_all(call.flags.get("for"))
    timeout = call.flags.timeout
    deadline = Deadline(call, WEEK if timeout < 0 else timeout)
    is_deletion = any(c.what == "delete" for c in conditions)
    if any(c.what == "create" for c in conditions):
        _until_created(call, deadline)
    found = select(call, local=call.flags.local, latest=True)
    problems = [e for e in found.errors if not (is_deletion and _is_missing(e))]
    for target in found.targets:
        try:
            for condition in conditions:
                _wait_for(call, target, condition, deadline, timeout, show)
        except (ApiError, UsageError) as e:
            problems.append(e)
    if problems:
        raise problems[0] if len(problems) == 1 else Aggregate(problems)
    if not found.targets and not is_deletion:
        raise UsageError("no matching resources found")


def _is_missing(error: Exception) -> bool:
    return isinstance(error, ApiError) and error.reason == "NotFound"


# ---------------------------------------------------------------------- what is waited for


def parse_all(texts: Iterable[str]) -> list[Condition]:
    """The conditions of all --for. Raises UsageError."""
    found = [parse(text) for text in texts]
    if not found:
        raise UsageError("unrecognized condition: []")
    return found


def parse(text: str) -> Condition:
    """`create`, `delete`, `condition=Ready[=false]`, `jsonpath={.status.phase}[=Running]`. Raises UsageError."""
    if text.lower() in ("create", "delete"):
        return Condition(text.lower())
    if text.startswith("condition="):
        name, equals, status = text.removeprefix("condition=").partition("=")
        wanted = status if equals else "true"
        return Condition("condition", lambda obj: has_condition(obj, name, wanted))
    if text.startswith("jsonpath="):
        return Condition("jsonpath", _json_path(text.removeprefix("jsonpath=")))
    raise UsageError(f'unrecognized condition: "{text}"')


def has_condition(obj: Obj, name: str, wanted: str) -> bool:
    """Whether the condition has the status, and is about the newest generation of the object."""
    status = obj.get("status") or {}
    for condition in status.get("conditions") or []:
        if not isinstance(condition, dict) or str(condition.get("type", "")).casefold() != name.casefold():
            continue
        if "status" not in condition:
            continue
        generation = (obj.get("metadata") or {}).get("generation")
        observed = condition.get("observedGeneration", status.get("observedGeneration"))
        if generation is not None and observed is not None and observed < generation:
            return False
        return str(condition["status"]).casefold() == wanted.casefold()
    return False


def _json_path(text: str) -> Check:
    from minikctl.kubectl.printers.custom_columns import relaxed
    from minikctl.kubectl.printers.jsonpath import JSONPath, JSONPathError

    parts = split_json_path(text)
    if len(parts) > 2:
        raise UsageError(
            "jsonpath wait format must be --for=jsonpath='{.status.readyReplicas}'=3 "
            "or --for=jsonpath='{.status.readyReplicas}'"
        )
    expression = relaxed(parts[0])
    wanted = parts[1].strip("'\"") if len(parts) == 2 else None
    if wanted == "":
        raise UsageError(
            "jsonpath wait has to have a value after equal sign, like --for=jsonpath='{.status.readyReplicas}'=3"
        )
    if not expression:
        raise UsageError("jsonpath expression cannot be empty")
    try:
        path = JSONPath(expression)
    except JSONPathError as e:
        raise UsageError(str(e)) from None
    return lambda obj: matches(path.find(obj), wanted)


def split_json_path(text: str) -> list[str]:
    """At single `=`; `==` belongs to the expression."""
    parts, i = [""], 0
    while i < len(text):
        if text[i] != "=":
            parts[-1] += text[i]
        elif text[i + 1 : i + 2] == "=":
            parts[-1] += "=="
            i += 1
        else:
            parts.append("")
        i += 1
    return parts


def matches(results: list[list[Any]], wanted: str | None) -> bool:
    """Whether the one value found is the one wanted (None: any). Raises UsageError for more than one."""
    from minikctl.util import go_format

    if not results or not results[0]:
        return False
    if len(results) > 1:
        raise UsageError("given jsonpath expression matches more than one list")
    if len(results[0]) > 1:
        raise UsageError("given jsonpath expression matches more than one value")
    if wanted is None:
        return True
    value = results[0][0]
    if isinstance(value, dict | list):
        raise UsageError("jsonpath leads to a nested object or list which is not supported")
    return str(go_format.sprint(value)).strip() == wanted.strip()


# ---------------------------------------------------------------------- waiting


def _until_created(call: Invocation, deadline: Deadline) -> None:
    """Until the words mean something that is there. Raises UsageError when it takes too long."""
    import time

    while True:
        found = select(call, local=call.flags.local)
        others = [e for e in found.errors if not _is_missing(e)]
        if others:
            raise others[0]
        if found.targets and not found.errors and _exist(call, found):
            return
        try:
            left = deadline.left()
        except TimedOut:
            raise UsageError(TIMED_OUT) from None
        if call.flags.timeout == 0:
            raise UsageError(TIMED_OUT)
        time.sleep(CREATE_POLL_SECONDS if left is None else min(CREATE_POLL_SECONDS, left))


def _exist(call: Invocation, found: Resolved) -> bool:
    """Objects of files are known without the server."""
    if not call.flags.filename or call.flags.local:
        return True
    try:
        for target in found.targets:
            call.client.get(target.kind, target.name, target.namespace)
    except ApiError as e:
        if e.reason != "NotFound":
            raise
        return False
    return True


def _wait_for(
    call: Invocation, target: Target, condition: Condition, deadline: Deadline, timeout: float, show: Printer
) -> None:
    """Raises UsageError, ApiError."""
    if condition.what == "create":
        show(target.obj or {}, target.kind)
        return
    if not timeout:
        show(_now(call, target, condition), target.kind)
        return
    try:
        show(_until(call, target, condition, deadline), target.kind)
    except TimedOut:
        raise UsageError(f"{TIMED_OUT} on {target.kind.plural}/{target.name}") from None


def _now(call: Invocation, target: Target, condition: Condition) -> Obj:
    """Look once."""
    unmet = UsageError(f"condition not met for {target.kind.plural}/{target.name}")
    try:
        obj = call.client.get(target.kind, target.name, target.namespace)
    except ApiError as e:
        if condition.what == "delete" and e.reason == "NotFound":
            return target.obj or {}
        raise
    if condition.check is None or not condition.check(obj):
        raise unmet
    return obj


def _until(call: Invocation, target: Target, condition: Condition, deadline: Deadline) -> Obj:
    """The object as it met the condition. Raises TimedOut."""
    last = target.obj or {}
    for event in changes(call, target.kind, target.namespace, target.name, deadline):
        is_gone = event is None or event.type == "DELETED"
        if condition.what == "delete" and is_gone:
            return last
        if event is None:
            target.fetch(call.client)  # raises that it does not exist
            continue
        if not is_gone:
            last = event.object
            if condition.check is not None and condition.check(last):
                return last
    raise TimedOut


COMMAND = Command(
    name="wait",
    summary="Wait for a specific condition on one or many resources",
    group="Advanced",
    use=(
        "wait ([-f FILENAME] | resource.group/resource.name | resource.group [(-l label | --all)]) "
        "[--for=create|--for=delete|--for condition=available|--for=jsonpath='{}'[=value]]"
    ),
    description=(
        "Wait until objects are created, deleted, have a condition in their status, or a field with a value. "
        "Several --for must hold one after the other; create comes first."
    ),
    examples=(
        ("Until a pod is ready", "wait --for=condition=Ready pod/web"),
        ("Until it is not", "wait --for=condition=Ready=false pod/web"),
        ("Until a field has a value", "wait --for=jsonpath='{.status.phase}'=Running pod/web"),
        ("Until it is gone, but no longer than a minute", "wait --for=delete pod/web --timeout=60s"),
    ),
    options=(
        *PRINT_OPTIONS,
        ALL,
        ALL_NAMESPACES,
        SELECTOR,
        FIELD_SELECTOR,
        Option("filename", LIST, short="f", help="File, folder or URL with the objects.", complete="manifests"),
        Option("recursive", BOOL, short="R", default=True, help="Take the folders below those of -f as well."),
        Option("for", ARRAY, help="create, delete, condition=NAME[=VALUE] or jsonpath='{PATH}'[=VALUE]."),
        Option("local", BOOL, help="Work on the files alone, without a server."),
        Option(
            "timeout",
            DURATION,
            default=30.0,
            help="Give up after this time; 0: look once and do not wait; negative: a week.",
        ),
    ),
    complete="resources",
    run=run,
)
