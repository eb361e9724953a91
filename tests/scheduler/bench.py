"""A scheduler whose news come from the journal and whose decisions are made when a test asks."""

from __future__ import annotations

import random

from minikctl.api.meta import Obj, condition
from minikctl.client.decisions import DecisionLog
from minikctl.client.informer import InformerFactory
from minikctl.scheduler.scheduler import Scheduler
from tests.scheduler.builders import node_object, pod_object
from tests.support.cluster import TestCluster
from tests.support.nodes import untainted
from tests.support.waiting import eventually


class Bench:
    def __init__(self, cluster: TestCluster):
        self.client = cluster.client
        self.informers = InformerFactory(cluster.client)
        (cluster.root / "run").mkdir(exist_ok=True)
        self.scheduler = Scheduler(
            self.client,
            self.informers,
            rng=random.Random(1),
            submit=lambda work: work(),
            decisions=DecisionLog(cluster.root),
        )
        self.informers.start()

    def add_node(self, name: str = "node-1", **fields: object) -> Obj:
        made = untainted(self.client, _bare(node_object(name, **fields)))  # type: ignore[arg-type]
        status = node_object(name, **fields)["status"]  # type: ignore[arg-type]
        return self.client.patch("nodes", name, {"status": status}, subresource="status") if status else made

    def add_pod(self, name: str = "web", **spec: object) -> Obj:
        return self.client.create("pods", _bare(pod_object(name, **spec)), "default")  # type: ignore[arg-type]

    def pod(self, name: str = "web") -> Obj:
        return self.client.get("pods", name, "default")

    def node_of(self, name: str = "web") -> str:
        self.scheduler.drain()
        return str(self.pod(name)["spec"].get("nodeName", ""))

    def goes_to(self, node: str, name: str = "web") -> None:
        """Wait until a pod has this node."""
        eventually(lambda: self.node_of(name) == node)

    def refusal(self, name: str = "web") -> str:
        """Wait until a pod was tried in vain; what it was told."""
        eventually(lambda: self.node_of(name) == "" and condition(self.pod(name), "PodScheduled") is not None)
        return str((condition(self.pod(name), "PodScheduled") or {})["message"])

    def close(self) -> None:
        self.scheduler.stop()
        self.informers.stop()


def _bare(obj: Obj) -> Obj:
    meta = {k: v for k, v in obj["metadata"].items() if k not in ("uid", "resourceVersion")}
    return {k: v for k, v in obj.items() if k != "status"} | {"metadata": meta}
