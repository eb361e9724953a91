"""The process `minikctl: cluster-autoscaler`: looks every scan interval, and carries out what was decided.

Groups and settings are read anew from cluster.json at every look. At rest nothing is written.
"""

from __future__ import annotations

import contextlib
import logging
import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj, Objects, condition_is, name, namespace, timestamp
from minikctl.api.scheduling import selects_node, untolerated
from minikctl.client import Client
from minikctl.client import state_dir as state
from minikctl.client.events import EventRecorder
from minikctl.client.informer import InformerFactory
from minikctl.client.state_dir import Cluster
from minikctl.cluster.autoscaler import groups as group_module
from minikctl.cluster.autoscaler import report, scale_down, scale_up
from minikctl.cluster.autoscaler.groups import Group, Settings
from minikctl.cluster.autoscaler.scale_down import TO_BE_DELETED, Unneeded
from minikctl.cluster.autoscaler.simulation import Simulation, scheduler_of
from minikctl.scheduler.node_info import PodInfo
from minikctl.util.clock import Clock, SystemClock

log = logging.getLogger("cluster-autoscaler")
ACTOR = "cluster-autoscaler"
EMPTY_AT_ONCE = 10


class Nodes(Protocol):
    """Where the nodes come from: the cloud provider."""

    def read(self) -> Cluster | None: ...

    def add(self, names: Sequence[str], group: Group) -> None: ...

    def remove(self, node: str) -> None: ...


class StateNodes:
    """Nodes of this cluster: what is wanted stands in cluster.json, and the supervisor follows it."""

    def __init__(self, state_dir: Path):
        self._state_dir = state_dir

    def read(self) -> Cluster | None:
        return state.load(self._state_dir)

    def add(self, names: Sequence[str], group: Group) -> None:
        from minikctl.cluster import nodes

        def decide(cluster: Cluster) -> Cluster:
            for one in names:
                cluster, _ = nodes.with_added(cluster, one, group_module.node_settings(group))
            return cluster

        nodes.change(self._state_dir, decide)

    def remove(self, node: str) -> None:
        from minikctl.cluster import nodes

        nodes.change(self._state_dir, lambda cluster: nodes.with_removed(cluster, node))
        nodes.wait_gone(self._state_dir, node)


class Autoscaler:
    """`look` is one scan. Make it before the informers start."""

    def __init__(
        self,
        client: Client,
        informers: InformerFactory,
        nodes: Nodes,
        *,
        clock: Clock | None = None,
        rng: random.Random | None = None,
    ):
        self.client = client.for_actor(ACTOR)
        self.clock = clock or SystemClock()
        self.rng = rng or random.SystemRandom()
        self.cloud = nodes
        self.recorder = EventRecorder(self.client, ACTOR, clock=self.clock)
        self.framework, self.handle = scheduler_of(informers)
        self.nodes = informers.informer("nodes")
        self.pods = informers.informer("pods")
        self.budgets = informers.informer("poddisruptionbudgets")
        self.daemons = informers.informer("daemonsets.apps")
        self._since: dict[str, float] = {}
        """Since when a node has been unneeded."""
        self._leaving: dict[str, float] = {}
        """Until when a node that is being drained may take."""
        self._grown_at = float("-inf")
        self._told: dict[str, str] = {}
        """What the pods that wait have been told, by uid."""
        self._published: dict[str, Any] = {}
        self._status: Obj | None = None

    def look(self) -> float:
        """One scan; seconds until the next one."""
        cluster = self.cloud.read()
        if cluster is None:
            return 10.0
        groups, settings = group_module.read(cluster)
        sizes = {g.name: len(group_module.members(cluster, g.name)) for g in groups}
        grown = self._scale_up(cluster, groups, sizes, settings)
        candidates: list[Unneeded] = []
        if not grown:
            candidates = self._scale_down(cluster, groups, sizes, settings)
        self._report(cluster, groups, sizes, grown, candidates)
        return settings.scan_interval

    # ------------------------------------------------------------------ up

    def _scale_up(self, cluster: Cluster, groups: Sequence[Group], sizes: dict[str, int], settings: Settings) -> str:
        """The name of the group that grows, if any."""
        for group in groups:
            if sizes[group.name] < group.min:
                self._grow(group, sizes, group.min - sizes[group.name])
                return group.name
        pods = self.pods.list()
        pending = scale_up.unschedulable(pods)
        self._told = {p.uid: self._told[p.uid] for p in pending if p.uid in self._told}
        if not pending:
            return ""
        simulation = self._simulation(cluster, groups, pods)
        with_sizes = [(g, sizes[g.name]) for g in groups]
        plan = scale_up.plan(simulation, pending, with_sizes, self._template, settings.expander, self.rng)
        for pod, text in plan.helpless:
            if self._told.get(pod.uid) != text:
                self._told[pod.uid] = text
                self.recorder.normal(pod.obj, "NotTriggerScaleUp", text)
        if plan.option is None:
            return ""
        group, before = plan.option.group, plan.option.size
        self._grow(group, sizes, plan.option.count)
        what = f"[{{{group.name} {before}->{before + plan.option.count} (max: {group.max})}}]"
        for pod in plan.option.pods:
            self.recorder.normal(pod.obj, "TriggeredScaleUp", f"pod triggered scale-up: {what}")
        return group.name

    def _grow(self, group: Group, sizes: dict[str, int], count: int) -> None:
        before, after = sizes[group.name], sizes[group.name] + count
        text = f"setting group {group.name} size to {after} instead of {before} (max: {group.max})"
        self._note("ScaledUpGroup", f"Scale-up: {text}")
        self.cloud.add([group_module.new_name(group, self.rng) for _ in range(count)], group)
        sizes[group.name] = after
        self._grown_at = self.clock.monotonic()
        log.info("scale-up: %s", text)

    def _simulation(self, cluster: Cluster, groups: Sequence[Group], pods: Objects) -> Simulation:
        """Nodes that are ready, and those of groups that are on their way."""
        nodes = self._ready()
        there = {name(n) for n in nodes}
        simulation = Simulation(self.framework, self.handle, nodes, pods)
        for group in groups:
            for missing in group_module.members(cluster, group.name):
                node = self.nodes.get(missing)
                if missing not in there and (node is None or _is_new(node)):
                    made, *daemons = self._template(group, missing)
                    simulation.cache.set_node(made)
                    for daemon in daemons:
                        simulation.cache.assume(PodInfo(daemon), missing)
        return simulation

    def _ready(self) -> Objects:
        return [n for n in self.nodes.list() if condition_is(n, "Ready") and not _has_taint(n, TO_BE_DELETED)]

    def _template(self, group: Group, title: str) -> list[Obj]:
        """The node that the group would make, and the daemon pods that would come with it."""
        node = group_module.template(group, title)
        found = [node]
        for daemon in self.daemons.list():
            inner = daemon["spec"]["template"]
            spec = inner["spec"]
            taints = [t for t in node["spec"].get("taints") or [] if t.get("effect") != "PreferNoSchedule"]
            if untolerated(taints, spec.get("tolerations") or []) or not selects_node(
                spec, node["metadata"]["labels"], title
            ):
                continue
            meta = {**(inner.get("metadata") or {}), "namespace": namespace(daemon)}
            identity = {"name": f"{name(daemon)}-{title}", "uid": f"{daemon['metadata']['uid']}/{title}"}
            found.append({"metadata": {**meta, **identity}, "spec": spec})
        return found

    # ------------------------------------------------------------------ down

    def _scale_down(
        self, cluster: Cluster, groups: Sequence[Group], sizes: Mapping[str, int], settings: Settings
    ) -> list[Unneeded]:
        """Take away what has been unneeded for long enough; what is unneeded now."""
        group_of = {n: g.name for g in groups for n in group_module.members(cluster, g.name)}
        by_node = self._by_node()
        self._finish_leaving(by_node, settings)
        spare = {g.name: sizes[g.name] - g.min for g in groups}
        for node in self._leaving:
            spare[group_of.get(node, "")] = spare.get(group_of.get(node, ""), 0) - 1
        candidates = [n for n in self._ready() if name(n) in group_of and name(n) not in self._leaving]
        if not candidates or not any(v > 0 for v in spare.values()):
            self._since.clear()
            return []
        simulation = self._simulation(cluster, groups, self.pods.list())
        threshold = settings.scale_down_utilization_threshold
        found, kept = scale_down.unneeded(
            simulation, candidates, spare, group_of, by_node, self.budgets.list(), threshold
        )
        for node, why in kept.items():
            log.debug("%s stays: %s", node, why)
        now = self.clock.monotonic()
        self._since = {u.node: self._since.get(u.node, now) for u in found}
        if now - self._grown_at >= settings.scale_down_delay_after_add:
            due = [u for u in found if now - self._since[u.node] >= settings.scale_down_unneeded_time]
            self._take_away(due, settings)
        return [u for u in found if u.node in self._since]

    def _by_node(self) -> dict[str, list[Obj]]:
        found: dict[str, list[Obj]] = defaultdict(list)
        for pod in self.pods.list():
            if pod["spec"].get("nodeName"):
                found[pod["spec"]["nodeName"]].append(pod)
        return found

    def _take_away(self, due: Sequence[Unneeded], settings: Settings) -> None:
        """Empty nodes together, others one at a time."""
        empty = [u for u in due if not u.pods][:EMPTY_AT_ONCE]
        for one in empty:
            self._note("ScaleDownEmpty", f"Scale-down: removing empty node {one.node!r}".replace("'", '"'))
            self._mark(one.node)
            self._remove(one.node)
        draining = next((u for u in due if u.pods), None)
        if not empty and draining is not None and not self._leaving:
            self._mark(draining.node)
            pods = ",".join(p.name for p in draining.pods)
            self._note("ScaleDown", f'Scale-down: removing node "{draining.node}", pods to reschedule: {pods}')
            self._leaving[draining.node] = self.clock.monotonic() + settings.max_graceful_termination
            self._since.pop(draining.node, None)
            for pod in draining.pods:
                self.recorder.normal(pod.obj, "ScaleDown", "deleting pod for node scale down")
                self._evict(pod.obj)

    def _evict(self, pod: Obj) -> None:
        eviction = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": name(pod), "namespace": namespace(pod)},
        }
        try:
            self.client.create("pods", eviction, namespace(pod), name=name(pod), subresource="eviction")
        except ApiError as e:
            log.info("evicting %s/%s: %s", namespace(pod), name(pod), e.message)

    def _finish_leaving(self, by_node: Mapping[str, Sequence[Obj]], settings: Settings) -> None:
        """Remove nodes whose pods have gone; give those up that take too long."""
        budgets = self.budgets.list()
        for node, deadline in list(self._leaving.items()):
            moving, why = scale_down.to_move(by_node.get(node, ()), budgets)
            leaving = [p for p in by_node.get(node, ()) if p["metadata"].get("deletionTimestamp")]
            if not moving and not why and not leaving:
                del self._leaving[node]
                self._remove(node)
            elif self.clock.monotonic() > deadline:
                del self._leaving[node]
                self._mark(node, away=False)
                found = self.nodes.get(node)
                if found is not None:
                    self.recorder.warning(found, "ScaleDownFailed", "failed to drain the node, aborting ScaleDown")
            else:
                for pod in moving:
                    self._evict(pod.obj)

    def _mark(self, node: str, *, away: bool = True) -> None:
        """Taint a node so that nothing more is sent there; or take the taint off again."""
        found = self.nodes.get(node)
        if found is None:
            return
        taints = [t for t in found["spec"].get("taints") or [] if t.get("key") != TO_BE_DELETED]
        if away:
            moment = str(int(self.clock.now().timestamp()))
            taints.append({"key": TO_BE_DELETED, "value": moment, "effect": "NoSchedule"})
        with contextlib.suppress(ApiError):
            self.client.patch("nodes", node, {"spec": {"taints": taints or None}})
        if away:
            self.recorder.normal(found, "ScaleDown", "marked the node as toBeDeleted/unschedulable")

    def _remove(self, node: str) -> None:
        self.cloud.remove(node)
        with contextlib.suppress(ApiError):
            self.client.delete("nodes", node)
        self._since.pop(node, None)
        found = self.nodes.get(node)
        if found is not None:
            self.recorder.normal(found, "ScaleDown", "node removed by cluster autoscaler")
        log.info("scale-down: %s is gone", node)

    # ------------------------------------------------------------------ telling

    def _note(self, reason: str, text: str) -> None:
        """An Event about the status ConfigMap, where the autoscaler speaks of itself."""
        about = self._status or {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": report.NAME, "namespace": report.NAMESPACE},
        }
        self.recorder.normal({"apiVersion": "v1", "kind": "ConfigMap", **about}, reason, text)

    def _report(
        self,
        cluster: Cluster,
        groups: Sequence[Group],
        sizes: Mapping[str, int],
        grown: str,
        candidates: Sequence[Unneeded],
    ) -> None:
        shown = []
        for group in groups:
            names = group_module.members(cluster, group.name)
            there = [n for one in names if (n := self.nodes.get(one))]
            ready = sum(condition_is(n, "Ready") for n in there)
            could_go = sum(u.node in names for u in candidates)
            growing = grown == group.name or len(there) < sizes[group.name]
            shown.append(
                report.group_status(
                    group.name,
                    sizes[group.name],
                    ready,
                    len(there),
                    group.min,
                    group.max,
                    growing=growing,
                    candidates=could_go,
                )
            )
        nodes = self.nodes.list()
        found = report.status(len(nodes), sum(condition_is(n, "Ready") for n in nodes), shown)
        if found != self._published:
            try:
                self._status = report.publish(self.client, found, timestamp(self.clock.now()))
                self._published = found
            except ApiError as e:
                log.warning("%s: %s", report.NAME, e.message)


def _is_new(node: Obj) -> bool:
    """It has registered, and was never ready."""
    conditions = (node.get("status") or {}).get("conditions") or []
    return not any(c.get("type") == "Ready" and c.get("status") == "Unknown" for c in conditions)


def _has_taint(node: Obj, key: str) -> bool:
    return any(t.get("key") == key for t in (node.get("spec") or {}).get("taints") or [])


def run(state_dir: Path, cluster: Cluster) -> None:
    """Be the autoscaler until SIGTERM."""
    from minikctl.client.local import LocalClient
    from minikctl.util.signals import StopSignal

    stop = StopSignal()
    client = LocalClient.open(str(state_dir), actor=ACTOR, fsync=cluster.fsync, create=False)
    informers = InformerFactory(client)
    autoscaler = Autoscaler(client, informers, StateNodes(state_dir))
    informers.start()
    informers.wait_for_sync()
    pause = 0.0
    while not stop.wait_for(pause):
        try:
            pause = autoscaler.look()
        except Exception:
            log.exception("a scan failed")
            pause = 10.0
    autoscaler.recorder.stop()
    informers.stop()
    client.close()
