"""Which nodes a DaemonSet is for, and the pods that it makes for them. Pure.

The scheduler places these pods like all others; a node affinity for the node's name leaves it no choice.
Sources: concept "DaemonSet"; Kubernetes `pkg/controller/daemon/util/daemonset_util.go`.
"""

from __future__ import annotations

from minikctl.api import scheduling
from minikctl.api.meta import Obj, annotations_of, labels_of, name
from minikctl.controllers.common.history import HASH_LABEL

GENERATION_ANNOTATION, GENERATION_LABEL = "deprecated.daemonset.template.generation", "pod-template-generation"
_PRESSURES = ("disk-pressure", "memory-pressure", "pid-pressure", "unschedulable")


def tolerations(pod: Obj) -> list[Obj]:
    """The pod's own, and those that keep a daemon where others have to leave. pod: a PodSpec."""
    added = [(f"node.kubernetes.io/{k}", scheduling.NO_EXECUTE) for k in ("not-ready", "unreachable")]
    added += [(f"node.kubernetes.io/{k}", scheduling.NO_SCHEDULE) for k in _PRESSURES]
    if pod.get("hostNetwork"):
        added.append(("node.kubernetes.io/network-unavailable", scheduling.NO_SCHEDULE))
    out = list(pod.get("tolerations") or [])
    for key, effect in added:
        new = {"key": key, "operator": "Exists", "effect": effect}
        same = [i for i, t in enumerate(out) if (t.get("key"), t.get("effect")) == (key, effect)]
        if any(out[i].get("operator") == "Exists" for i in same):
            out[same[0]] = new
        else:
            out.append(new)
    return out


def fits(daemon_set: Obj, node: Obj) -> tuple[bool, bool]:
    """(whether a pod is to be on the node, whether one that is there may stay)."""
    pod = daemon_set["spec"].get("template", {}).get("spec") or {}
    if pod.get("nodeName") not in (None, "", name(node)):
        return False, False
    if not scheduling.selects_node(pod, labels_of(node), name(node)):
        return False, False
    taints, tolerated = node.get("spec", {}).get("taints") or [], tolerations(pod)
    if scheduling.untolerated(taints, tolerated) is None:
        return True, True
    return False, scheduling.untolerated(taints, tolerated, (scheduling.NO_EXECUTE,)) is None


def target(pod: Obj) -> str:
    """The node that a pod runs on, or was made for; "" when it does not say."""
    spec = pod.get("spec", {})
    if spec.get("nodeName"):
        return str(spec["nodeName"])
    for term in scheduling.required_terms(spec) or []:
        for field in term.get("matchFields") or []:
            if field.get("key") == "metadata.name" and field.get("operator") == "In" and len(field["values"]) == 1:
                return str(field["values"][0])
    return ""


def template(daemon_set: Obj, hash_: str) -> Obj:
    """The template of all its pods, with what a DaemonSet adds."""
    given = daemon_set["spec"].get("template", {})
    labels = {**labels_of(given), HASH_LABEL: hash_}
    generation = annotations_of(daemon_set).get(GENERATION_ANNOTATION)
    if generation:
        labels[GENERATION_LABEL] = generation
    spec = given.get("spec") or {}
    return {
        **given,
        "metadata": {**(given.get("metadata") or {}), "labels": labels},
        "spec": {**spec, "tolerations": tolerations(spec)},
    }


def for_node(whole: Obj, node: str) -> Obj:
    """The template of the pod of one node: its required node affinity is the node's name, and nothing else."""
    spec = whole["spec"]
    affinity = spec.get("affinity") or {}
    term = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node]}]}
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}
    own = {**(affinity.get("nodeAffinity") or {}), **required}
    return {**whole, "spec": {**spec, "affinity": {**affinity, "nodeAffinity": own}}}
