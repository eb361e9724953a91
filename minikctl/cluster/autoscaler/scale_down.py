"""Which nodes are unneeded, and what keeps the others. Nothing is written here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from minikctl.api.meta import Obj, annotations_of, is_deleting, name, namespace
from minikctl.api.policy import disruption
from minikctl.cluster.autoscaler.simulation import ENDED, FitError, Simulation
from minikctl.scheduler.node_info import NodeInfo, PodInfo

SAFE = "cluster-autoscaler.kubernetes.io/safe-to-evict"
DISABLED = "cluster-autoscaler.kubernetes.io/scale-down-disabled"
TO_BE_DELETED = "ToBeDeletedByClusterAutoscaler"
MIRROR = "kubernetes.io/config.mirror"


@dataclass(frozen=True, slots=True)
class Unneeded:
    """A node that could go, and the pods that would have to move (none: it is empty)."""

    node: str
    pods: tuple[PodInfo, ...]


def utilization(info: NodeInfo) -> float:
    """The larger of the shares of cpu and memory that are requested."""
    shares = [0.0]
    for resource in ("cpu", "memory"):
        total = info.allocatable.get(resource, 0)
        if total:
            shares.append(sum(p.requests.get(resource, 0) for p in info.pods.values()) / total)
    return max(shares)


def blocked_by(pod: Obj, budgets: Sequence[Obj]) -> str:
    """Why a pod keeps its node; empty when it may be moved. Source: FAQ, "What types of pods can prevent CA from
    removing a node?"."""
    covered = disruption.of_pod(budgets, pod)
    if any(int((b.get("status") or {}).get("disruptionsAllowed") or 0) < 1 for b in covered):
        return "not enough pod disruption budget"
    answer = annotations_of(pod).get(SAFE)
    if answer == "true":
        return ""
    if answer == "false":
        return f"annotated {SAFE}: false"
    if not any(r.get("controller") for r in pod["metadata"].get("ownerReferences") or []):
        return "not replicated"
    if namespace(pod) == "kube-system" and not covered:
        return "in kube-system without a pod disruption budget"
    for volume in pod["spec"].get("volumes") or []:
        if "hostPath" in volume or ("emptyDir" in volume and (volume["emptyDir"] or {}).get("medium") != "Memory"):
            return "with local storage"
    return ""


def to_move(pods: Iterable[Obj], budgets: Sequence[Obj]) -> tuple[list[PodInfo], str]:
    """The pods of a node that would have to move, and why one of them may not."""
    found = []
    for pod in pods:
        if _stays(pod):
            continue
        why = blocked_by(pod, budgets)
        if why:
            return [], f"pod {namespace(pod)}/{name(pod)} is {why}"
        found.append(PodInfo(pod))
    return found, ""


def _stays(pod: Obj) -> bool:
    """Pods that need no other node: those of a DaemonSet, mirrors of static ones, ended ones, and who is leaving."""
    owners = pod["metadata"].get("ownerReferences") or []
    if any(o.get("kind") == "DaemonSet" and o.get("controller") for o in owners):
        return True
    return MIRROR in annotations_of(pod) or (pod.get("status") or {}).get("phase") in ENDED or is_deleting(pod)


def unneeded(
    simulation: Simulation,
    candidates: Sequence[Obj],
    spare: Mapping[str, int],
    group_of: Mapping[str, str],
    pods: Mapping[str, Sequence[Obj]],
    budgets: Sequence[Obj],
    threshold: float,
) -> tuple[list[Unneeded], dict[str, str]]:
    """Those of the candidates that could all go together, and why each of the others stays.

    spare: how many nodes a group may lose. pods: by node. The simulation is left as if the unneeded ones were gone.
    """
    found: list[Unneeded] = []
    kept: dict[str, str] = {}
    left = dict(spare)
    receivers: set[str] = set()
    for node in sorted(candidates, key=lambda n: len(pods.get(name(n), ()))):
        title = name(node)
        info = simulation.cache.node(title)
        if info is None:
            continue
        if annotations_of(node).get(DISABLED) == "true":
            kept[title] = "scale down is disabled by its annotation"
        elif title in receivers:
            kept[title] = "it takes pods of others"
        elif left.get(group_of[title], 0) < 1:
            kept[title] = "its group has its minimum size"
        elif (share := utilization(info)) >= threshold:
            kept[title] = f"its utilization is {share:.0%}"
        else:
            moving, why = to_move(pods.get(title, ()), budgets)
            why = why or _move(simulation, node, moving, receivers)
            if why:
                kept[title] = why
                continue
            left[group_of[title]] -= 1
            found.append(Unneeded(title, tuple(moving)))
    return found, kept


def _move(simulation: Simulation, node: Obj, moving: Sequence[PodInfo], receivers: set[str]) -> str:
    """Suppose the node away and its pods elsewhere; why that cannot be, and then nothing has changed."""
    title, cache = name(node), simulation.cache
    before = list(info.pods.values()) if (info := cache.node(title)) else []
    for pod in before:
        cache.remove_pod(pod.uid)
    cache.remove_node(title)
    placed: list[PodInfo] = []
    targets: set[str] = set()
    for pod in moving:
        free = PodInfo({**pod.obj, "spec": {k: v for k, v in pod.obj["spec"].items() if k != "nodeName"}})
        try:
            targets.add(simulation.place(free))
            placed.append(free)
        except FitError:
            simulation.take_back(placed)
            cache.set_node(node)
            for pod_before in before:
                cache.set_pod(pod_before)
            return f"there is no place to move pod {free.key}"
    receivers |= targets
    return ""
