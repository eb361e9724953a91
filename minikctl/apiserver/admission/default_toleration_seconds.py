"""DefaultTolerationSeconds: a pod stays five minutes on a node that is not ready or cannot be reached."""

from __future__ import annotations

from minikctl.apiserver.admission import Cluster, Plugin
from minikctl.apiserver.request import Attributes

SECONDS = 300
TAINTS = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")


def mutate(a: Attributes, _api: Cluster) -> None:
    if a.obj is None:
        return
    spec = a.obj["spec"]
    present = spec.get("tolerations") or []
    added = []
    for taint in TAINTS:
        if any(
            t.get("key", taint) in (taint, "") and t.get("effect", "NoExecute") in ("NoExecute", "") for t in present
        ):
            continue
        added.append({"key": taint, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": SECONDS})
    if added:
        spec["tolerations"] = [*present, *added]


PLUGIN = Plugin("DefaultTolerationSeconds", order=60, mutate=mutate, handles=frozenset({"pods"}))
