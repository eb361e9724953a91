"""What is to be done for one pod: pure decisions from its spec and from what the runtime has of it.

Source: Kubernetes concept "Pod Lifecycle" and "Sidecar Containers", kubelet `kuberuntime_manager.go`
(computePodActions), `pod_workers.go`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from minikctl.api import restart_rules
from minikctl.api.meta import Obj, get_path
from minikctl.api.restart_rules import ALWAYS, NEVER
from minikctl.kubelet import restart_all
from minikctl.runtime.interface import CREATED, EXITED, READY, ContainerStatus, PodState
from minikctl.util.jsonio import compact

LIVENESS, STARTUP = "liveness", "startup"


@dataclass(frozen=True, slots=True)
class Start:
    """Start a container: its spec, whether it is an init container, the number of this run."""

    spec: Obj
    init: bool
    attempt: int


@dataclass(frozen=True, slots=True)
class Kill:
    """Stop a running container; `message` goes into the Event. `restart`: run it again whatever the policy says."""

    container_id: str
    name: str
    message: str
    restart: bool = False
    grace: float | None = None
    """Seconds that a probe allows instead of the pod."""


@dataclass(frozen=True, slots=True)
class Actions:
    """One step. kill_pod: stop the sandbox and all in it."""

    kill_pod: bool = False
    create_sandbox: bool = False
    sandbox_attempt: int = 0
    start: tuple[Start, ...] = ()
    kill: tuple[Kill, ...] = ()


@dataclass(frozen=True, slots=True)
class Health:
    """What the probes found, by container id. Containers without a probe appear in no set.

    failed: id → LIVENESS or STARTUP. unstarted: a startup probe has not passed yet. restarting: killed in order to be
    run again although the restart policy would not (their definition changed). resized: have to be, for the resources
    that they were given.
    """

    failed: Mapping[str, str] = field(default_factory=dict)
    unstarted: frozenset[str] = frozenset()
    unready: frozenset[str] = frozenset()
    restarting: frozenset[str] = frozenset()
    resized: frozenset[str] = frozenset()


def containers_of(pod: Obj) -> list[Obj]:
    return pod["spec"].get("containers") or []


def init_containers_of(pod: Obj) -> list[Obj]:
    return pod["spec"].get("initContainers") or []


def spec_of(pod: Obj, container: str) -> Obj | None:
    """The container of that name, whatever sort it is."""
    everyone = [*containers_of(pod), *init_containers_of(pod), *ephemeral_containers_of(pod)]
    return next((c for c in everyone if c["name"] == container), None)


def unstarted_with(pod: Obj, state: PodState, volume: str) -> list[Obj]:
    """The containers that never ran and are to have a volume."""
    found = [*init_containers_of(pod), *containers_of(pod)]
    found = [c for c in found if any(m["name"] == volume for m in c.get("volumeMounts") or [])]
    return [c for c in found if state.newest(c["name"]) is None]


def ephemeral_containers_of(pod: Obj) -> list[Obj]:
    return pod["spec"].get("ephemeralContainers") or []


def is_sidecar(container: Obj) -> bool:
    """An init container that goes on running beside the others."""
    return container.get("restartPolicy") == ALWAYS


def restart_policy(pod: Obj) -> str:
    return str(pod["spec"].get("restartPolicy") or ALWAYS)


def restarts_after(pod: Obj, container: Obj, exit_code: int) -> bool:
    """Whether a container that ended with this code is to run again: by the first of its rules that fits, else by its
    own policy, else by its pod's. Source: KEP-5307."""
    return restart_rules.restarts_after(container, restart_policy(pod), exit_code)


def may_restart(pod: Obj, container: Obj) -> bool:
    """Whether there is any end after which it would run again."""
    own = container.get("restartPolicy")
    return bool(own and container.get("restartPolicyRules")) or (own or restart_policy(pod)) != NEVER


def spec_hash(container: Obj) -> str:
    """Changes when the container must be restarted: its name or its image changed."""
    parts = {"name": container.get("name"), "image": container.get("image")}
    return hashlib.sha256(compact(parts)).hexdigest()[:8]


def compute_actions(pod: Obj, state: PodState, health: Health = Health()) -> Actions:
    """The next step for a pod that is to run."""
    sandbox = state.sandbox
    if sandbox is None or sandbox.state != READY:
        return _new_sandbox(pod, state)
    current = PodState(state.uid, state.sandboxes, tuple(c for c in state.containers if c.sandbox_id == sandbox.id))
    stale = [c for c in restart_all.outdated(pod, current) if c.is_running]
    if stale:
        return Actions(kill=tuple(Kill(c.id, c.name, "Restarting all containers", grace=0.0) for c in stale))
    current = restart_all.without_outdated(pod, current)
    start = [Start(c, False, 0) for c in ephemeral_containers_of(pod) if state.newest(c["name"]) is None]
    kill: list[Kill] = []
    initialized, failed = _init_actions(pod, state, current, health, start, kill)
    if failed:
        return Actions(kill_pod=True)
    if not initialized:
        return Actions(start=tuple(start), kill=tuple(kill))
    sidecar_starts = len(start)
    kept = 0
    for spec in containers_of(pod):
        status = current.newest(spec["name"])
        if status is None or not status.is_running:
            if should_restart(pod, status, health):
                start.append(Start(spec, False, _attempt(state, spec["name"])))
            continue
        reason = _kill_reason(pod, spec, status, health)
        if reason is None:
            kept += 1
        else:
            kill.append(reason)
    if kept == 0 and not kill and len(start) == sidecar_starts:
        return Actions(kill_pod=True)
    return Actions(start=tuple(start), kill=tuple(kill))


def _new_sandbox(pod: Obj, state: PodState) -> Actions:
    """The pod has no (living) sandbox: a first one, or another after the node went down."""
    sandbox = state.sandbox
    attempt = sandbox.attempt + 1 if sandbox else 0
    if sandbox and state.containers and not any(may_restart(pod, c) for c in containers_of(pod)):
        return Actions(kill_pod=True)
    wanted = [c for c in containers_of(pod) if not _is_done(pod, c, state.newest(c["name"]))]
    if not wanted:
        return Actions(kill_pod=True)
    inits = init_containers_of(pod)
    first = inits[:1] or wanted
    start = tuple(Start(c, bool(inits), _attempt(state, c["name"])) for c in first)
    return Actions(kill_pod=sandbox is not None, create_sandbox=True, sandbox_attempt=attempt, start=start)


def _is_done(pod: Obj, container: Obj, newest: ContainerStatus | None) -> bool:
    """It ended by itself, and would not run again."""
    if newest is None or newest.state != EXITED or newest.started_at is None:
        return False
    return not restarts_after(pod, container, newest.exit_code)


def _init_actions(
    pod: Obj, state: PodState, current: PodState, health: Health, start: list[Start], kill: list[Kill]
) -> tuple[bool, bool]:
    """Fill in what init containers need; (all are through, the pod has failed)."""
    inits = init_containers_of(pod)
    past = any(current.newest(c["name"]) for c in containers_of(pod))
    reached = max((i for i, c in enumerate(inits) if current.newest(c["name"])), default=0)
    for i, spec in enumerate(inits):
        status = current.newest(spec["name"])
        if is_sidecar(spec):
            if not _sidecar(pod, spec, status, state, health, start, kill) and not past:
                return False, False
            continue
        if past or i < reached or _succeeded(status):
            continue
        if status is None or status.state == CREATED:
            start.append(Start(spec, True, _attempt(state, spec["name"])))
        elif status.state == EXITED:
            if not restarts_after(pod, spec, status.exit_code):
                return False, True
            start.append(Start(spec, True, _attempt(state, spec["name"])))
        elif (reason := _kill_reason(pod, spec, status, health)) is not None:
            kill.append(reason)
        return False, False
    return True, False


def _sidecar(
    pod: Obj,
    spec: Obj,
    status: ContainerStatus | None,
    state: PodState,
    health: Health,
    start: list[Start],
    kill: list[Kill],
) -> bool:
    """Keep a sidecar running; True when those after it may start."""
    if status is None or not status.is_running:
        start.append(Start(spec, True, _attempt(state, spec["name"])))
        return False
    reason = _kill_reason(pod, spec, status, health)
    if reason is not None:
        kill.append(reason)
        return False
    return status.id not in health.unstarted


def _kill_reason(pod: Obj, spec: Obj, status: ContainerStatus, health: Health) -> Kill | None:
    restarts = may_restart(pod, spec)
    grace: float | None = None
    changed = bool(status.spec_hash) and status.spec_hash != spec_hash(spec)
    if changed:
        message, restarts = f"Container {spec['name']} definition changed", True
    elif status.id in health.resized:
        return Kill(status.id, status.name, f"Container {spec['name']} resize requires restart", restart=True)
    elif status.id in health.failed:
        message = f"Container {spec['name']} failed {health.failed[status.id]} probe"
        asked = get_path(spec, f"{health.failed[status.id]}Probe", "terminationGracePeriodSeconds")
        grace = None if asked is None else float(asked)
    else:
        return None
    text = f"{message}, will be restarted" if restarts else message
    return Kill(status.id, status.name, text, restart=changed, grace=grace)


def should_restart(pod: Obj, status: ContainerStatus | None, health: Health = Health()) -> bool:
    """Whether a container that does not run is to be started."""
    if status is None or status.state == CREATED or status.id in health.restarting:
        return True
    if status.is_running:
        return False
    return restarts_after(pod, spec_of(pod, status.name) or {}, status.exit_code)


def _succeeded(status: ContainerStatus | None) -> bool:
    return status is not None and status.state == EXITED and status.exit_code == 0


def _attempt(state: PodState, container: str) -> int:
    newest = state.newest(container)
    return newest.attempt + 1 if newest else 0


# ---------------------------------------------------------------------- ending


def stop_order(pod: Obj, state: PodState) -> list[ContainerStatus]:
    """Which running containers of a pod that ends are to be asked to stop now.

    All at once, but sidecars only when the others are gone, the last one first.
    """
    running = [c for c in state.containers if c.is_running]
    sidecars = [c["name"] for c in init_containers_of(pod) if is_sidecar(c)]
    others = [c for c in running if c.name not in sidecars]
    if others:
        return others
    for name in reversed(sidecars):
        found = [c for c in running if c.name == name]
        if found:
            return found
    return []


def grace_period(pod: Obj) -> float:
    """Seconds that the pod's containers get to end by themselves."""
    asked = get_path(pod, "metadata", "deletionGracePeriodSeconds")
    if asked is None:
        asked = get_path(pod, "spec", "terminationGracePeriodSeconds", default=30)
    return float(asked)


def deadline_exceeded(pod: Obj, started: datetime | None, now: datetime) -> float | None:
    """Seconds until the pod's activeDeadlineSeconds are over (0 or less: they are); None without a deadline."""
    limit = pod["spec"].get("activeDeadlineSeconds")
    if limit is None or started is None:
        return None
    return float(limit) - (now - started).total_seconds()


def superfluous(state: PodState) -> list[ContainerStatus]:
    """Ended runs that are no longer of use: all but the newest two of each container (current and previous)."""
    found: list[ContainerStatus] = []
    for name in dict.fromkeys(c.name for c in state.containers):
        runs = state.of(name)
        found += [c for c in runs[2:] if not c.is_running]
    return found
