"""A pod's status from its spec and from what the runtime has of it: pure functions.

Source: Kubernetes concept "Pod Lifecycle"; kubelet `kubelet_pods.go` (getPhase, convertStatusToAPIStatus),
`status/generate.go`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from minikctl.api.meta import Obj, find_condition, generation, get_path, timestamp
from minikctl.kubelet import restart_all
from minikctl.kubelet.pod_worker import (
    Health,
    containers_of,
    ephemeral_containers_of,
    init_containers_of,
    is_sidecar,
    restarts_after,
    should_restart,
)
from minikctl.kubelet.resize import Behind, Progress
from minikctl.runtime.interface import CREATED, EXITED, READY, ContainerStatus, PodState

PENDING, RUNNING, SUCCEEDED, FAILED = "Pending", "Running", "Succeeded", "Failed"
TERMINAL = frozenset({SUCCEEDED, FAILED})
OWN_CONDITIONS = ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")
"""The conditions that the kubelet writes always, in its order; all others, but for a resize, belong to somebody else."""

INITS, MAINS, EPHEMERAL = "initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses"
RESIZE_PENDING, RESIZING = "PodResizePending", "PodResizeInProgress"

Waiting = Mapping[str, tuple[str, str]]
"""Container name → (reason, message) of the last start that did not succeed or is being held back."""


@dataclass(frozen=True, slots=True)
class View:
    """All that a status is made of. `terminal`: the pod is over, what ended will not be run again.

    scheme: the runtime's name in container ids. failure: (reason, message) of a pod that the node itself ended.
    """

    pod: Obj
    state: PodState
    now: datetime
    scheme: str
    host_ips: tuple[str, ...] = ()
    waiting: Waiting = field(default_factory=dict)
    health: Health = field(default_factory=Health)
    terminal: bool = False
    failure: tuple[str, str] = ("", "")
    allotted: Mapping[str, Obj] = field(default_factory=dict)
    """Container → the resources that it has been granted, where they may be others than it asks for."""
    behind: Mapping[str, Behind] = field(default_factory=dict)
    """Container → the run of it in which others are still in force."""
    resizing: Progress | None = None
    pending_resize: tuple[str, str] = ("", "")
    """(reason, message) of new resources that this node has not granted."""
    disruption: str = ""
    """Why the node ends a pod that would have run on."""


def pod_status(view: View) -> Obj:
    """The whole status, as the kubelet writes it."""
    pod = view.pod
    before: Obj = pod.get("status") or {}
    inits = [_container_status(view, c, INITS) for c in init_containers_of(pod)]
    mains = [_container_status(view, c, MAINS) for c in containers_of(pod)]
    extras = [_container_status(view, c, EPHEMERAL) for c in ephemeral_containers_of(pod)]
    reason, message = view.failure
    if any(c.is_running for c in view.state.containers):  # it has not failed before the last one has ended
        reason = message = ""
    phase = FAILED if reason else _phase(view, inits, mains)
    if not reason and not view.terminal and restart_all.is_underway(pod, view.state):
        phase = RUNNING
    if before.get("phase") in TERMINAL:
        phase = before["phase"]
        reason, message = reason or before.get("reason", ""), message or before.get("message", "")
    status: Obj = {}
    if generation(pod):
        status["observedGeneration"] = generation(pod)
    status["phase"] = phase
    status["conditions"] = _conditions(view, before, phase, inits, mains)
    status |= {k: v for k, v in (("message", message), ("reason", reason)) if v}
    status |= _addresses(view, before)
    status["startTime"] = before.get("startTime") or timestamp(view.now)
    if inits:
        status["initContainerStatuses"] = inits
    status["containerStatuses"] = mains
    if extras:
        status["ephemeralContainerStatuses"] = extras
    if before.get("qosClass"):
        status["qosClass"] = before["qosClass"]
    return status


def merge(stored: Obj, computed: Obj) -> Obj:
    """What to write over a stored status: the kubelet's fields, and everybody else's conditions as they stand."""
    replaced = {*OWN_CONDITIONS, RESIZE_PENDING, RESIZING, *(c["type"] for c in computed["conditions"])}
    others = [c for c in stored.get("conditions") or [] if c["type"] not in replaced]
    scheduled = find_condition(stored.get("conditions") or [], "PodScheduled")
    own = [
        scheduled if scheduled and c["type"] == "PodScheduled" and c["status"] == scheduled["status"] else c
        for c in computed["conditions"]
    ]
    kept = {k: v for k, v in stored.items() if k in ("nominatedNodeName", "resize", "resourceClaimStatuses")}
    if stored.get("phase") in TERMINAL and computed["phase"] not in TERMINAL:
        computed = {**computed, "phase": stored["phase"]}
    return {**kept, **computed, "conditions": [*others, *own]}


def failed_status(pod: Obj, reason: str, message: str, now: datetime) -> Obj:
    """The status of a pod that this node will not run at all."""
    before = pod.get("status") or {}
    return {
        **before,
        "conditions": before.get("conditions") or [],
        "phase": FAILED,
        "reason": reason,
        "message": message,
        "startTime": before.get("startTime") or timestamp(now),
    }


def _addresses(view: View, before: Obj) -> Obj:
    found: Obj = {}
    if view.host_ips:
        found["hostIP"] = view.host_ips[0]
        found["hostIPs"] = [{"ip": ip} for ip in view.host_ips]
    sandbox = view.state.sandbox
    if sandbox is not None and sandbox.state == READY:
        ip = view.host_ips[0] if sandbox.host_network and view.host_ips else sandbox.ip
        ips = [{"ip": ip}] if ip else []
    else:
        ip, ips = before.get("podIP", ""), before.get("podIPs") or []
    if ip:
        found["podIP"], found["podIPs"] = ip, ips
    return found


# ---------------------------------------------------------------------- containers


def _container_status(view: View, spec: Obj, among: str) -> Obj:
    """`among`: the list of statuses that it goes into."""
    runs = view.state.of(spec["name"])
    newest = runs[0] if runs else None
    init = among == INITS
    before = _status_before(view.pod, spec["name"], among)
    state, last = _states(view, spec, runs, before, among)
    running = newest is not None and newest.is_running
    if init and not is_sidecar(spec):
        is_ready = get_path(state, "terminated", "exitCode") == 0 and "terminated" in state
        is_started = running
    else:
        is_started = running and newest is not None and newest.id not in view.health.unstarted
        is_ready = is_started and newest is not None and newest.id not in view.health.unready
    is_ready = is_ready and among != EPHEMERAL
    known = newest is not None and newest.state != CREATED
    out: Obj = {
        "name": spec["name"],
        "state": state,
        "lastState": last,
        "ready": bool(is_ready),
        "restartCount": newest.attempt if newest else int(before.get("restartCount", 0)),
        "image": _image(newest, spec),
        "imageID": newest.image_ref if newest else before.get("imageID", ""),
    }
    if known and newest is not None:
        out["containerID"] = f"{view.scheme}://{newest.id}"
    elif before.get("containerID"):
        out["containerID"] = before["containerID"]
    if among != EPHEMERAL:
        out["started"] = bool(is_started)
    if running:
        own = {k: v for k, v in (spec.get("resources") or {}).items() if k != "claims"}
        granted = view.allotted.get(spec["name"], own)
        behind = view.behind.get(spec["name"])
        in_force = behind is None or newest is None or behind.container_id != newest.id
        if granted.get("requests"):
            out["allocatedResources"] = granted["requests"]
        out["resources"] = granted if in_force or behind is None else behind.resources
    mounts = [_mount(m) for m in spec.get("volumeMounts") or []]
    if mounts:
        out["volumeMounts"] = mounts
    return out


def _image(newest: ContainerStatus | None, spec: Obj) -> str:
    return newest.image if newest and newest.image else str(spec.get("image", ""))


def _mount(mount: Obj) -> Obj:
    shown: Obj = {k: mount[k] for k in ("name", "mountPath") if k in mount}
    if mount.get("readOnly"):
        shown |= {"readOnly": True, "recursiveReadOnly": mount.get("recursiveReadOnly", "Disabled")}
    return shown


def _status_before(pod: Obj, name: str, among: str) -> Obj:
    listed = get_path(pod, "status", among, default=[])
    return next((s for s in listed if s["name"] == name), {})


def _states(view: View, spec: Obj, runs: list[ContainerStatus], before: Obj, among: str) -> tuple[Obj, Obj]:
    """(state, lastState)."""
    newest = next((r for r in runs if r.state != CREATED), None)
    older = next((r for r in runs if newest is not None and r is not newest and r.state == EXITED), None)
    last: Obj = _terminated(view, older) if older else {}
    if newest is None:
        return _never_ran(view, spec, before)
    if newest.is_running:
        return {"running": {"startedAt": timestamp(newest.started_at or newest.created_at)}}, last
    ended = _terminated(view, newest)
    held = view.waiting.get(spec["name"])
    if held and not view.terminal and _runs_again(view, spec, newest, among):
        return {"waiting": _reason(*held)}, ended
    return ended, last


def _never_ran(view: View, spec: Obj, before: Obj) -> tuple[Obj, Obj]:
    """A container without a run here: not started yet, or its runs were lost with the node."""
    past = before.get("state") or {}
    if view.terminal or get_path(view.pod, "status", "phase") in TERMINAL:
        if "terminated" in past:
            return past, before.get("lastState") or {}
        if "running" in past:
            unknown = {
                "exitCode": 137,
                "reason": "ContainerStatusUnknown",
                "message": "The container could not be located when the pod was terminated",
            }
            return {"terminated": {**unknown, "startedAt": None, "finishedAt": None}}, before.get("lastState") or {}
    reason, message = view.waiting.get(spec["name"]) or ("", "")
    if not reason:
        reason = "PodInitializing" if init_containers_of(view.pod) else "ContainerCreating"
    last = before.get("lastState") or {}
    if "running" in past or "terminated" in past:
        last = {"terminated": past["terminated"]} if "terminated" in past else last
    return {"waiting": _reason(reason, message)}, last


def _runs_again(view: View, spec: Obj, newest: ContainerStatus, among: str) -> bool:
    if among == EPHEMERAL:
        return False
    init = among == INITS
    if init and not is_sidecar(spec):
        return newest.exit_code != 0 and restarts_after(view.pod, spec, newest.exit_code)
    if init:
        return True
    return should_restart(view.pod, newest, view.health)


def _reason(reason: str, message: str = "") -> Obj:
    return {"reason": reason, "message": message} if message else {"reason": reason}


def _terminated(view: View, run: ContainerStatus) -> Obj:
    ended: Obj = {"exitCode": run.exit_code}
    if run.reason:
        ended["reason"] = run.reason
    if run.message:
        ended["message"] = run.message
    ended["startedAt"] = timestamp(run.started_at) if run.started_at else None
    ended["finishedAt"] = timestamp(run.finished_at) if run.finished_at else None
    ended["containerID"] = f"{view.scheme}://{run.id}"
    return {"terminated": ended}


# ---------------------------------------------------------------------- phase


def _phase(view: View, inits: list[Obj], mains: list[Obj]) -> str:
    specs = {c["name"]: c for c in init_containers_of(view.pod)}
    begun = any("running" in s["state"] or _ended(s) for s in mains)
    pending = failed = hopeless = 0
    sidecars_running = 0
    for status in inits:
        if is_sidecar(specs[status["name"]]):
            sidecars_running += "running" in status["state"]
            pending += not status["started"] and not begun
            continue
        code = _exit_code(status)
        failed += bool(code)
        hopeless += bool(code) and not restarts_after(view.pod, specs[status["name"]], code or 0)
        pending += code is None and not begun
    if hopeless:
        return FAILED
    if (pending or failed) and not begun:
        return FAILED if view.terminal else PENDING
    running = sum("running" in s["state"] for s in mains)
    stopped = sum(_ended(s) for s in mains)
    if running + stopped < len(mains):
        return FAILED if view.terminal and not running else PENDING
    if running:
        return RUNNING
    return _ended_phase(view, mains, sidecars_running)


def _ended_phase(view: View, mains: list[Obj], sidecars_running: int) -> str:
    """None of the containers runs; some will, perhaps, again."""
    good = all(_exit_code(s) == 0 for s in mains)
    if view.terminal:
        return SUCCEEDED if good else FAILED
    specs = {c["name"]: c for c in containers_of(view.pod)}
    if sidecars_running or any(restarts_after(view.pod, specs[s["name"]], _exit_code(s) or 0) for s in mains):
        return RUNNING
    return SUCCEEDED if good else FAILED


def _ended(status: Obj) -> bool:
    if "terminated" in status["state"]:
        return True
    return "waiting" in status["state"] and "terminated" in (status.get("lastState") or {})


def _exit_code(status: Obj) -> int | None:
    ended = status["state"].get("terminated")
    if ended is None and "waiting" in status["state"]:
        ended = (status.get("lastState") or {}).get("terminated")
    return None if ended is None else int(ended["exitCode"])


# ---------------------------------------------------------------------- conditions


def _conditions(view: View, before: Obj, phase: str, inits: list[Obj], mains: list[Obj]) -> list[Obj]:
    specs = {c["name"]: c for c in init_containers_of(view.pod)}
    sandbox = view.state.sandbox
    containers_ready = _containers_ready(phase, [s for s in inits if is_sidecar(specs[s["name"]])] + mains)
    found = {
        "PodReadyToStartContainers": (sandbox is not None and sandbox.state == READY and phase not in TERMINAL, "", ""),
        "Initialized": _initialized(phase, inits, specs, mains),
        "Ready": _ready(view.pod, before, containers_ready),
        "ContainersReady": containers_ready,
        "PodScheduled": (True, "", ""),
    }
    conditions = [_condition(view, before, kind, *found[kind]) for kind in OWN_CONDITIONS]
    if view.pending_resize[0]:
        conditions.append(_condition(view, before, RESIZE_PENDING, True, *view.pending_resize))
    if view.resizing is not None:
        reason = "Error" if view.resizing.error else ""
        shown = _condition(view, before, RESIZING, True, reason, view.resizing.error)
        conditions.append({**shown, "observedGeneration": view.resizing.generation})
    if restart_all.since(view.pod, view.state) is not None:
        stopping = restart_all.is_stopping(view.pod, view.state)
        conditions.append(_condition(view, before, restart_all.CONDITION, stopping, "", ""))
    if view.disruption:
        conditions.append(_condition(view, before, "DisruptionTarget", True, "TerminationByKubelet", view.disruption))
    return conditions


def _condition(view: View, before: Obj, kind: str, ok: bool, reason: str, message: str) -> Obj:
    status = "True" if ok else "False"
    old = find_condition(before.get("conditions") or [], kind)
    same = old is not None and old.get("status") == status
    out: Obj = {"type": kind}
    if generation(view.pod):
        out["observedGeneration"] = generation(view.pod)
    out |= {"status": status, "lastProbeTime": None}
    out["lastTransitionTime"] = old["lastTransitionTime"] if same and old else timestamp(view.now)
    out |= {k: v for k, v in (("reason", reason), ("message", message)) if v}
    return out


def _names(names: list[str]) -> str:
    return "[" + " ".join(names) + "]"


def _containers_ready(phase: str, statuses: list[Obj]) -> tuple[bool, str, str]:
    if phase == SUCCEEDED:
        return False, "PodCompleted", ""
    if phase == FAILED:
        return False, "PodFailed", ""
    unready = [s["name"] for s in statuses if not s["ready"]]
    if unready:
        return False, "ContainersNotReady", f"containers with unready status: {_names(unready)}"
    return True, "", ""


def _ready(pod: Obj, before: Obj, containers: tuple[bool, str, str]) -> tuple[bool, str, str]:
    if not containers[0]:
        return containers
    problems: list[str] = []
    for gate in pod["spec"].get("readinessGates") or []:
        kind = gate["conditionType"]
        found: Any = find_condition(before.get("conditions") or [], kind)
        if found is None:
            problems.append(f'corresponding condition of pod readiness gate "{kind}" does not exist.')
        elif found.get("status") != "True":
            problems.append(f'the status of pod readiness gate "{kind}" is not "True", but {found.get("status")}')
    if problems:
        return False, "ReadinessGatesNotReady", ", ".join(problems)
    return True, "", ""


def _initialized(phase: str, inits: list[Obj], specs: dict[str, Obj], mains: list[Obj]) -> tuple[bool, str, str]:
    if phase == SUCCEEDED:
        return True, "PodCompleted", ""
    if any("running" in s["state"] or _ended(s) for s in mains):
        return True, "", ""
    incomplete = [s["name"] for s in inits if not (s["started"] if is_sidecar(specs[s["name"]]) else s["ready"])]
    if incomplete:
        return False, "ContainersNotInitialized", f"containers with incomplete status: {_names(incomplete)}"
    return True, "", ""
