"""The controllers as a whole: found by their files, and alive in threads."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj, name
from minikctl.client.informer import InformerFactory
from minikctl.controllers.base import Context, wait_until
from minikctl.controllers.common import pods as pod_state
from minikctl.controllers.deployment.progress import is_complete
from minikctl.controllers.manager import Manager, controller_classes
from minikctl.store import Watch
from tests.controllers.objects import deployment, rolling
from tests.support.cluster import TestCluster
from tests.support.fake_kubelet import FakeKubelet


def test_every_file_is_a_controller_of_its_own_name() -> None:
    names = [c.name for c in controller_classes()]
    assert len(names) == len(set(names)) >= 11 and all(re.fullmatch(r"[a-z][a-z0-9./-]+", n) for n in names)


def test_no_controller_hides_what_keeps_its_worker_alive() -> None:
    for controller in controller_classes():
        assert not {"process", "drain", "_work", "_report"} & set(vars(controller)), controller.name


@pytest.fixture
def live(tmp_path: Path) -> Iterator[TestCluster]:
    """A cluster with every controller running in its threads, woken by the file system."""
    cluster = TestCluster(tmp_path / "state", live=True)
    manager = Manager(Context(cluster.client, InformerFactory(cluster.client)))
    manager.start()
    yield cluster
    manager.stop()
    cluster.close()


@pytest.mark.parametrize(("surge", "unavailable", "most", "fewest"), [(2, 1, 10, 7), (3, 0, 11, 8), (0, 2, 8, 6)])
def test_the_bounds_of_a_rolling_update_hold_at_every_version(
    live: TestCluster, surge: int, unavailable: int, most: int, fewest: int
) -> None:
    """Read back from the journal, so that nothing can happen between two looks."""
    client, kubelet = live.client, FakeKubelet(live.client)
    client.create("deployments.apps", deployment(replicas=8, strategy=rolling(surge, unavailable)), "default")

    def rolled_out() -> bool:
        kubelet.step(3)
        d = client.get("deployments.apps", "web", "default")
        status = d.get("status", {})
        return is_complete(d, status) and status["observedGeneration"] == d["metadata"]["generation"]

    assert wait_until(rolled_out, 30)
    since = live.store.current_rv()
    for image in ("nginx:2", "nginx:3"):
        change = {"spec": {"template": {"spec": {"containers": [{"name": "main", "image": image}]}}}}
        client.patch("deployments.apps", "web", change, "default")
        assert wait_until(rolled_out, 30)
    pods: dict[str, Obj] = {}
    with closing(Watch(live.store, 0, ("pods/default",))) as watch:
        records = watch.poll()
    for record in records:
        pods.pop(record.key, None)
        if record.type != "DELETED":
            pods[record.key] = record.object
        if record.rv > since:
            active = pod_state.active(list(pods.values()))
            assert len(active) <= most and sum(map(pod_state.is_ready, active)) >= fewest, record.rv


def test_alive(tmp_path: Path) -> None:
    """All of them in their threads: a Deployment behind a Service up, updated, and gone with its namespace."""
    cluster = TestCluster(tmp_path / "state", live=True)
    kubelet = FakeKubelet(cluster.client)
    manager = Manager(Context(cluster.client, InformerFactory(cluster.client)))
    manager.start()
    client = cluster.client
    try:
        client.create("namespaces", {"metadata": {"name": "dev"}})
        assert wait_until(lambda: bool(client.list("serviceaccounts", "dev")["items"]), 10)
        obj = deployment(replicas=4)
        obj["metadata"]["namespace"] = "dev"
        client.create("deployments.apps", obj, "dev")
        client.create(
            "services",
            {"metadata": {"name": "web"}, "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]}},
            "dev",
        )

        def rolled_out() -> bool:
            kubelet.step()
            d = client.get("deployments.apps", "web", "dev")
            return is_complete(d, d.get("status", {}))

        assert wait_until(rolled_out, 30)
        change = {"spec": {"template": {"spec": {"containers": [{"name": "main", "image": "nginx:2"}]}}}}
        client.patch("deployments.apps", "web", change, "dev")
        assert wait_until(rolled_out, 30)

        def served() -> bool:
            (each,) = client.list("endpointslices", "dev")["items"]
            return len([e for e in each.get("endpoints") or [] if e["conditions"]["ready"]]) == 4

        assert wait_until(served, 10) and wait_until(lambda: manager.idle, 10)
        client.delete("namespaces", "dev")

        def gone() -> bool:
            kubelet.step()
            return "dev" not in [name(n) for n in client.list("namespaces")["items"]]

        assert wait_until(gone, 30)
        with pytest.raises(ApiError, match="not found"):
            client.get("deployments.apps", "web", "dev")
        for controller in manager.controllers:
            assert controller.recorder.flush()
        assert wait_until(lambda: manager.idle, 10)
    finally:
        manager.stop()
        cluster.close()
