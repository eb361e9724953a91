"""Which pod, and which of its containers, a command means: `web`, `pod/web`, `deploy/web`, `-c app`.

Source: kubectl `polymorphichelpers` (attachablepodforobject.go, logsforobject.go, helpers.go), `util/podutils`,
`cmd/util/podcmd`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cmp_to_key
from typing import Any

from minikctl.api.meta import Obj, annotations_of, condition, condition_is, is_deleting, name, namespace
from minikctl.api.selectors import from_label_selector
from minikctl.kubectl.command import Invocation
from minikctl.kubectl.flags import BOOL, DURATION, STRING, Option
from minikctl.kubectl.resolve import Target, from_args
from minikctl.kubectl.waiting import Deadline, TimedOut
from minikctl.util.errors import UsageError

DEFAULT_CONTAINER = "kubectl.kubernetes.io/default-container"
RUNNING_TIMEOUT = Option(
    "pod-running-timeout",
    DURATION,
    default=60.0,
    help="How long to wait until at least one pod is there (5s, 2m, 3h).",
)
CONTAINER = Option(
    "container",
    STRING,
    short="c",
    help=f"The container. Without it, the one that the annotation {DEFAULT_CONTAINER} names, else the first.",
    complete="containers",
)
STDIN = Option("stdin", BOOL, short="i", help="Pass standard input to the container.")
TTY = Option("tty", BOOL, short="t", help="Standard input is a terminal.")
QUIET = Option("quiet", BOOL, short="q", help="Print nothing but the output of the session.")

Less = Callable[[Obj, Obj], int]
"""Negative when the first pod comes first."""


def target_of(call: Invocation, words: Sequence[str]) -> Target:
    """The object that the words mean; a word alone is a pod. Raises UsageError, ApiError."""
    if len(words) == 1 and "/" not in words[0]:
        words = ["pods", words[0]]
    found = from_args(call, words).check()
    if len(found) != 1:
        raise UsageError("expected a resource")
    return found[0]


def pod_to_enter(call: Invocation, target: Target, seconds: float) -> Obj:
    """The pod to attach to or to run a command in: of a workload, the one that is most alive."""
    if target.kind.resource == "pods":
        return target.obj or {}
    selector = selector_of(target, "cannot attach to")
    return pods_of(call, target.namespace, selector, seconds, most_active)[0]


def selector_of(target: Target, verb: str) -> str:
    """The label selector of an object's pods. Raises UsageError for objects that have none."""
    obj = target.obj or {}
    selector = (obj.get("spec") or {}).get("selector")
    kind = target.kind
    if kind.resource in ("services", "replicationcontrollers"):
        if not selector:
            why = f"invalid service '{target.name}': Service is defined without a selector"
            raise UsageError(f"{verb} {_go_type(target)}: {why}")
        return ",".join(f"{k}={v}" for k, v in sorted(selector.items()))
    known = ("deployments.apps", "replicasets.apps", "statefulsets.apps", "daemonsets.apps", "jobs.batch")
    if kind.resource not in known:
        raise UsageError(f"{verb} {_go_type(target)}: selector for {_go_type(target)} not implemented")
    return str(from_label_selector(selector or {}))


def _go_type(target: Target) -> str:
    return f"*{target.kind.version}.{target.kind.kind}"


def pods_of(call: Invocation, where: str, selector: str, seconds: float, order: Less) -> list[Obj]:
    """The selected pods, the best first; waits for one to appear. Raises UsageError when none does."""
    listing = call.client.list("pods", where, label_selector=selector)
    found: list[Obj] = sorted(listing["items"], key=cmp_to_key(order))
    if found:
        return found
    deadline = Deadline(call, seconds)
    version = listing["metadata"]["resourceVersion"]
    try:
        events = call.client.watch(
            "pods", where, resource_version=version, label_selector=selector, timeout=deadline.left()
        )
        for event in events:
            if event.type in ("ADDED", "MODIFIED"):
                return [event.object]
    except TimedOut:
        pass
    raise UsageError("timed out waiting for the condition")


# ---------------------------------------------------------------------- containers


def find_container(pod: Obj, wanted: str) -> tuple[Obj, str] | None:
    """A container by name, and how a reference names it: `spec.containers{app}`."""
    for field in ("containers", "initContainers", "ephemeralContainers"):
        for container in pod["spec"].get(field) or []:
            if container["name"] == wanted:
                return container, f"spec.{field}{{{wanted}}}"
    return None


def all_names(pod: Obj) -> str:
    """As messages list a pod's containers."""
    spec = pod["spec"]
    names = [c["name"] for c in spec.get("containers") or []]
    names += [f"{c['name']} (ephem)" for c in spec.get("ephemeralContainers") or []]
    names += [f"{c['name']} (init)" for c in spec.get("initContainers") or []]
    return ", ".join(names)


def has_several(pod: Obj) -> bool:
    spec = pod["spec"]
    return len(spec["containers"]) > 1 or bool(spec.get("initContainers") or spec.get("ephemeralContainers"))


def not_valid(pod: Obj, wanted: str) -> UsageError:
    return UsageError(f"container {wanted} is not valid for pod {name(pod)} out of: {all_names(pod)}")


def container_of(call: Invocation, pod: Obj, wanted: str, *, quiet: bool = False) -> Obj:
    """The container that is meant, else the default one, with a note when there are several. Raises UsageError."""
    if not pod["spec"].get("containers"):
        raise UsageError(f"pod {namespace(pod)}/{name(pod)} does not have any containers")
    wanted = wanted or annotations_of(pod).get(DEFAULT_CONTAINER, "")
    if wanted:
        found = find_container(pod, wanted)
        if found is None:
            raise not_valid(pod, wanted)
        return found[0]
    first: Obj = pod["spec"]["containers"][0]
    if has_several(pod) and not quiet:
        call.err(f'Defaulted container "{first["name"]}" out of: {all_names(pod)}')
    return first


# ---------------------------------------------------------------------- which pod is best


def _phase(pod: Obj) -> str:
    return str((pod.get("status") or {}).get("phase", ""))


def _ready_since(pod: Obj) -> str:
    """RFC 3339, "" when it is not ready: such times sort as text."""
    found = condition(pod, "Ready")
    return str(found.get("lastTransitionTime") or "") if found and found.get("status") == "True" else ""


def _restarts(pod: Obj) -> int:
    return max(
        (int(s.get("restartCount", 0)) for s in (pod.get("status") or {}).get("containerStatuses") or []), default=0
    )


def _created(pod: Obj) -> str:
    return str(pod["metadata"].get("creationTimestamp") or "")


def _compare(*pairs: tuple[Any, Any]) -> int:
    """By the first pair that differs; the smaller value comes first."""
    for one, other in pairs:
        if one != other:
            return -1 if one < other else 1
    return 0


def by_logging(one: Obj, other: Obj) -> int:
    """The pod whose log is shown first: assigned, running, ready, for the longest time, restarted most, oldest."""
    rank = {"Running": 0, "Unknown": 1, "Pending": 2}
    assigned = [not p["spec"].get("nodeName") for p in (one, other)]
    ready = [not condition_is(p, "Ready") for p in (one, other)]
    since = [_ready_since(p) or "~" for p in (one, other)]
    return _compare(
        (assigned[0], assigned[1]),
        (rank.get(_phase(one), 0), rank.get(_phase(other), 0)),
        (ready[0], ready[1]),
        (since[0], since[1]),
        (-_restarts(one), -_restarts(other)),
        (_created(one) or "~", _created(other) or "~"),
    )


def most_active(one: Obj, other: Obj) -> int:
    """The pod that is most alive first: the reverse of the order in which a controller would delete them."""
    rank = {"Pending": 0, "Unknown": 1, "Running": 2}
    return -_compare(
        (bool(one["spec"].get("nodeName")), bool(other["spec"].get("nodeName"))),
        (rank.get(_phase(one), 0), rank.get(_phase(other), 0)),
        (condition_is(one, "Ready"), condition_is(other, "Ready")),
        (not is_deleting(one), not is_deleting(other)),
        (_newer_first(_ready_since(one)), _newer_first(_ready_since(other))),
        (-_restarts(one), -_restarts(other)),
        (_newer_first(_created(one)), _newer_first(_created(other))),
    )


def _newer_first(time: str) -> tuple[int, ...]:
    """Sorts later times before earlier ones, and no time before all."""
    return tuple(-ord(c) for c in time) if time else (-(10**6),)
