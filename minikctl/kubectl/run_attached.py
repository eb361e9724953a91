"""`run -i` and `run --attach`: wait for the pod, connect to its container, and end as the container ended.

Source: kubectl `cmd/run/run.go` (handleAttachPod, waitForPod).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from minikctl.api.errors import ApiError, not_found
from minikctl.api.meta import Obj, condition_is
from minikctl.kubectl.command import Invocation
from minikctl.kubectl.resolve import Target
from minikctl.kubectl.waiting import Deadline, TimedOut, changes
from minikctl.util.errors import UsageError

ENDED = ("Succeeded", "Failed")


def follow(call: Invocation, target: Target, restart: str) -> int:
    """The exit code of the container, where there is one to wait for. Raises UsageError, ApiError."""
    pod = _wait(call, target, lambda p: _phase(p) in ENDED or _is_ready(p))
    _connect(call, target, pod)
    if call.flags.leave_stdin_open or restart == "Always":
        return 0
    wanted = ENDED if restart == "Never" else ("Succeeded",)
    pod = _wait(call, target, lambda p: _phase(p) in wanted)
    return 0 if _phase(pod) == "Succeeded" else _failure(call, target, pod)


def _phase(pod: Obj) -> str:
    return str((pod.get("status") or {}).get("phase", ""))


def _is_ready(pod: Obj) -> bool:
    return _phase(pod) == "Running" and condition_is(pod, "Ready")


def _wait(call: Invocation, target: Target, done: Callable[[Obj], bool]) -> Obj:
    deadline = Deadline(call, call.flags.pod_running_timeout)
    try:
        for event in changes(call, target.kind, target.namespace, target.name, deadline):
            if event is not None and event.type == "DELETED":
                raise not_found("pods", "", "")
            if event is not None and done(event.object):
                return event.object
    except TimedOut:
        pass
    raise UsageError("timed out waiting for the condition")


def _connect(call: Invocation, target: Target, pod: Obj) -> None:
    """Attach; what the container said before comes first, and the log alone when there is nothing to attach to."""
    container = pod["spec"]["containers"][0]["name"]
    if _phase(pod) in ENDED:
        _print_log(call, target, {"container": container})
        return
    from minikctl.kubectl import remote
    from minikctl.kubectl.commands.attach import NOTE

    shown = 0
    try:
        shown = _print_log(call, target, {"container": container})
    except ApiError as e:
        call.err(f"warning: couldn't fetch pre-attach logs: {e}")
    flags = call.flags
    tty = bool(pod["spec"]["containers"][0].get("tty"))
    try:
        remote.attach(call, pod, container, flags.stdin, tty, flags.detach_keys, "" if flags.quiet else NOTE)
    except (ApiError, UsageError) as e:
        call.err(f"warning: couldn't attach to pod/{target.name}, falling back to streaming logs: {e}")
        _print_log(call, target, {"container": container}, shown)


def _print_log(call: Invocation, target: Target, options: Mapping[str, Any], skip: int = 0) -> int:
    """Print the log but for its first `skip` bytes; gives its length. Nothing is printed twice, unlike by kubectl."""
    length = 0
    for chunk in call.client.logs(target.name, target.namespace, options):
        fresh = chunk[max(0, skip - length) :]
        length += len(chunk)
        call.out(fresh.decode("utf-8", "replace"), end="")
    call.env.stdout.flush()
    return length


def _failure(call: Invocation, target: Target, pod: Obj) -> int:
    """The container's exit code, with a line that says so. Raises UsageError when it is unknown."""
    where = f"{target.namespace}/{target.name}"
    statuses = (pod.get("status") or {}).get("containerStatuses") or [{}]
    ended = (statuses[0].get("state") or {}).get("terminated") or {}
    code = int(ended.get("exitCode", 0))
    if not code:
        raise UsageError(f"pod {where} failed with unknown exit code")
    text = f"pod {where} terminated ({ended.get('reason', '')})\n{ended.get('message', '')}"
    call.err(text.removesuffix("\n"))
    return code
