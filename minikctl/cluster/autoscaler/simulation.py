"""The scheduler's filters on a supposed cluster: where would these pods go? Writes nothing."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import replace

from minikctl.api.meta import Obj
from minikctl.client.assume_cache import AssumeCache
from minikctl.client.informer import InformerFactory
from minikctl.scheduler import algorithm
from minikctl.scheduler.cache import Cache
from minikctl.scheduler.diagnosis import FitError
from minikctl.scheduler.framework import CycleState, Framework, Handle
from minikctl.scheduler.node_info import PodInfo
from minikctl.scheduler.plugins import all_plugins

ENDED = ("Succeeded", "Failed")


def scheduler_of(informers: InformerFactory) -> tuple[Framework, Handle]:
    """The default profile's filters and scores: nothing is preempted for a supposition."""
    plugins = [replace(p, post_filter=None) for p in all_plugins()]
    listers = {kind: informers.informer(kind) for p in plugins for kind in p.listers}
    assumed = {kind: AssumeCache(informers.informer(kind)) for kind in {k for p in plugins for k in p.assumes}}
    return Framework(plugins), Handle(listers, assumed)


class Simulation:
    """Nodes and the pods on them; more of both can be supposed."""

    def __init__(self, framework: Framework, handle: Handle, nodes: Iterable[Obj], pods: Iterable[Obj]):
        self.framework, self.handle = framework, handle
        self.cache = Cache()
        self._rng = random.Random(0)
        for node in nodes:
            self.cache.set_node(node)
        for pod in pods:
            if pod["spec"].get("nodeName") and (pod.get("status") or {}).get("phase") not in ENDED:
                self.cache.set_pod(PodInfo(pod))

    def place(self, pod: PodInfo) -> str:
        """Suppose the pod on the best node that takes it; its name. Raises FitError."""
        cycle = CycleState(self.cache, handle=self.handle)
        choice = algorithm.choose(self.framework, cycle, pod, 0, self._rng)
        self.cache.assume(pod, choice.node)
        return choice.node

    def take_back(self, pods: Iterable[PodInfo]) -> None:
        for pod in pods:
            self.cache.forget(pod.uid)

    def reasons(self, pod: PodInfo, node: str) -> list[str]:
        """Why a node would not take the pod; empty when it would."""
        cycle = CycleState(self.cache, handle=self.handle)
        cycle.framework = self.framework
        refused = self.framework.pre_filter(cycle, pod)
        info = self.cache.node(node)
        if refused is not None or info is None:
            return list(refused.reasons) if refused is not None else []
        if cycle.only_nodes and node not in frozenset.intersection(*cycle.only_nodes.values()):
            return ["node(s) didn't match Pod's node affinity/selector"]
        for _, ask in self.framework.filters(cycle):
            status = ask(cycle, pod, info)
            if status is not None:
                return list(status.reasons)
        return []


__all__ = ["FitError", "Simulation", "scheduler_of"]
