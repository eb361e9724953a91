"""Scheduler and kubelets in one function call: assigns pods to nodes and makes them Running and Ready.

No processes, no threads: `step` does everything that is due and says how much that was. What it does can be held back
(`limit`, `ready`), so that tests see every state in between.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minikctl.api import scheduling
from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj, is_deleting, name, namespace, timestamp
from minikctl.client import Client, DeleteOptions
from minikctl.util.clock import Clock, SystemClock
from tests.support.nodes import untainted


def running_status(pod: Obj, ip: str, now: str, *, ready: bool = True, phase: str = "Running") -> Obj:
    """The status that a kubelet reports for a pod whose containers all run (phase Running) or have ended."""
    truth = "True" if ready and phase == "Running" else "False"
    kinds = (("PodReadyToStartContainers", "True"), ("Initialized", "True"), ("Ready", truth))
    conditions = [
        {"type": t, "status": s, "lastProbeTime": None, "lastTransitionTime": now}
        for t, s in (*kinds, ("ContainersReady", truth), ("PodScheduled", "True"))
    ]
    statuses = [
        {
            "name": c["name"],
            "state": {"running": {"startedAt": now}},
            "lastState": {},
            "ready": truth == "True",
            "restartCount": 0,
            "image": c.get("image", ""),
            "imageID": "",
            "started": True,
        }
        for c in pod["spec"]["containers"]
    ]
    return {
        "phase": phase,
        "conditions": conditions,
        "hostIP": "192.168.0.1",
        "podIP": ip,
        "podIPs": [{"ip": ip}],
        "startTime": now,
        "containerStatuses": statuses,
    }


def pinned(pod: Obj) -> str:
    """The node that a DaemonSet's pod was made for, "" for other pods."""
    for term in scheduling.required_terms(pod["spec"]) or []:
        for field in term.get("matchFields") or []:
            return str(field["values"][0])
    return ""


class FakeKubelet:
    """Serves the nodes given, which it creates when they are missing."""

    def __init__(
        self,
        client: Client,
        nodes: tuple[str, ...] = ("node-1", "node-2", "node-3"),
        *,
        clock: Clock | None = None,
        ready: Callable[[Obj], bool] = lambda _pod: True,
        create_nodes: bool = True,
    ):
        self.client = client.for_actor("fake-kubelet")
        self.nodes = nodes
        self.clock = clock or SystemClock()
        self.ready = ready
        """Which running pods are Ready; asked again at every step."""
        self._assigned = self._addresses = 0
        for node in nodes if create_nodes else ():
            room = {"cpu": "4", "memory": "8Gi", "pods": "110"}
            ready = {"type": "Ready", "status": "True", "reason": "KubeletReady"}
            status = {"capacity": room, "allocatable": room, "conditions": [ready]}
            untainted(self.client, {"metadata": {"name": node}, "status": status})

    def step(self, limit: int | None = None) -> int:
        """Bring up to `limit` pods (all when None) one state further; the number of writes."""
        done = 0
        for pod in self.client.list("pods")["items"]:
            if limit is not None and done >= limit:
                break
            try:
                done += self._advance(pod)
            except ApiError as e:
                if e.reason not in ("NotFound", "Conflict"):
                    raise
        return done

    def _advance(self, pod: Obj) -> int:
        where: dict[str, Any] = {"namespace": namespace(pod)}
        if is_deleting(pod):
            if not pod["spec"].get("nodeName"):
                return 0
            if pod["metadata"].get("finalizers"):  # somebody wants to see how it ended
                if pod.get("status", {}).get("phase") in ("Succeeded", "Failed"):
                    return 0
                self.finish(pod, "Failed")
                return 1
            self.client.delete("pods", name(pod), **where, options=DeleteOptions(grace_period=0))
            return 1
        if not pod["spec"].get("nodeName"):
            node = pinned(pod) or self.nodes[self._assigned % len(self.nodes)]
            if node not in self.nodes:
                return 0
            if (waiting := self._wait_for_claims(pod)) is not None:
                return waiting
            self._assigned += 1
            binding = {"metadata": {"name": name(pod)}, "target": {"kind": "Node", "name": node}}
            self.client.create("pods", binding, **where, name=name(pod), subresource="binding")
            return 1
        if pod["spec"]["nodeName"] not in self.nodes or pod.get("status", {}).get("phase") in ("Succeeded", "Failed"):
            return 0
        return self._report(pod)

    def _wait_for_claims(self, pod: Obj) -> int | None:
        """No pod is bound whose claims are gone or going, and it says so. None: nothing to wait for."""
        volumes = pod["spec"].get("volumes") or []
        named = [v["persistentVolumeClaim"]["claimName"] for v in volumes if v.get("persistentVolumeClaim")]
        if not named:
            return None
        there = {name(c): is_deleting(c) for c in self.client.list("persistentvolumeclaims", namespace(pod))["items"]}
        why = [f"{n} is being deleted" if there.get(n) else f"{n} not found" for n in named if there.get(n, True)]
        if not why:
            return None
        known = pod.get("status", {})
        condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": ", ".join(why)}
        if known.get("conditions") == [condition]:
            return 0
        self.client.update("pods", {**pod, "status": {**known, "conditions": [condition]}}, subresource="status")
        return 1

    def _report(self, pod: Obj) -> int:
        known = pod.get("status", {})
        ready = self.ready(pod)
        if known.get("phase") == "Running" and ready == any(
            c["type"] == "Ready" and c["status"] == "True" for c in known.get("conditions") or []
        ):
            return 0
        self.client.update(
            "pods",
            {**pod, "status": running_status(pod, self._ip(pod), self._now(), ready=ready)},
            subresource="status",
        )
        return 1

    def finish(self, pod: Obj, phase: str = "Succeeded") -> Obj:
        """End a pod: Succeeded or Failed."""
        status = running_status(pod, self._ip(pod), self._now(), phase=phase)
        return self.client.update("pods", {**pod, "status": status}, subresource="status")

    def _ip(self, pod: Obj) -> str:
        known = pod.get("status", {}).get("podIP")
        if known:
            return str(known)
        self._addresses += 1
        return f"10.244.{self._addresses // 250}.{self._addresses % 250 + 1}"

    def _now(self) -> str:
        return timestamp(self.clock.now())
