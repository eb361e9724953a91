"""Static pods on real processes: what a manifest brings, what its mirror shows, and what ends it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from minikctl.api.errors import service_unavailable
from minikctl.api.meta import Obj, condition_is, uid
from minikctl.client import DeleteOptions
from minikctl.kubelet import static_pods
from minikctl.kubelet.agent import RUNTIME, kill_everything
from tests.kubelet.test_process_agent import Running, first
from tests.runtime.conftest import processes_of, until

NAME = "web-node-1"


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    monkeypatch.setenv(RUNTIME, "process")
    monkeypatch.setattr(static_pods, "PERIOD", 0.05)
    made = Running(tmp_path / "state")
    folder(made).mkdir(parents=True)
    yield made
    made.agent.stop()
    kill_everything(made.root)
    made.cluster.close()
    assert processes_of(made.root) == []


def folder(node: Running) -> Path:
    return node.root / "nodes" / "node-1" / "manifests"


def write(node: Running, script: str = "sleep 600", file: str = "web.yaml", **spec: object) -> Path:
    container = {"name": "app", "image": "busybox", "command": ["sh", "-c", script]}
    full = {"containers": [container], "terminationGracePeriodSeconds": 0, **spec}
    path = folder(node) / file
    path.write_text(json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"}, "spec": full}))
    return path


def ready(node: Running, *, not_uid: str = "") -> Obj:
    found: Obj = node.wait(lambda p: condition_is(p, "Ready") and uid(p) != not_uid, name=NAME, seconds=60)
    return found


def container_id(pod: Obj) -> str:
    return str(first(pod)["containerID"])


def running(node: Running) -> int:
    return len([c for u in node.kubelet.runtime.pod_uids() for c in node.kubelet.runtime.pod_state(u).containers])


def test_a_manifest_comes_and_goes(node: Running) -> None:
    path = write(node, "echo here; sleep 600")
    pod = ready(node)
    number = pod["metadata"]["annotations"]["kubernetes.io/config.mirror"]
    assert uid(pod) != number and node.kubelet.runtime.pod_uids() == [number]
    assert pod["metadata"]["ownerReferences"][0]["kind"] == "Node" and pod["status"]["podIP"]
    events = node.client.list("events", "default")["items"]
    assert {e["involvedObject"]["uid"] for e in events if e["involvedObject"]["name"] == NAME} == {number}
    path.unlink()
    until(lambda: node.pod(NAME) is None and not processes_of(node.root), "it has ended", 60)
    until(lambda: not node.kubelet.runtime.pod_folder(number).exists(), "its folder goes", 60)


def test_deleting_the_mirror_changes_nothing(node: Running) -> None:
    write(node)
    before = ready(node)
    node.client.delete("pods", NAME, "default")
    again = ready(node, not_uid=uid(before))
    node.client.delete("pods", NAME, "default", options=DeleteOptions(grace_period=0))
    last = ready(node, not_uid=uid(again))
    assert container_id(before) == container_id(again) == container_id(last)
    assert last["status"]["startTime"] == before["status"]["startTime"]


def test_a_changed_manifest_is_another_pod(node: Running) -> None:
    write(node)
    before = ready(node)
    write(node, "sleep 700")
    after = ready(node, not_uid=uid(before))
    assert container_id(before) != container_id(after)
    until(lambda: running(node) == 1, "the first is gone", 60)
    started = first(after)["state"]["running"]["startedAt"]
    assert started >= first(before)["state"]["running"]["startedAt"]


def test_the_mirror_shows_how_it_goes(node: Running) -> None:
    write(node, "exit 3", restartPolicy="Never")
    pod = node.wait(lambda p: p["status"].get("phase") == "Failed", name=NAME, seconds=60)
    assert first(pod)["state"]["terminated"]["exitCode"] == 3
    write(node, "exit 4")
    pod = node.wait(lambda p: first(p)["restartCount"] == 1, name=NAME, seconds=60)
    assert first(pod)["lastState"]["terminated"]["exitCode"] == 4


def test_it_outlives_the_agent(node: Running) -> None:
    write(node)
    before = ready(node)
    node.restart()
    until(lambda: node.agent.queue.idle, "the agent has looked", 60)
    assert container_id(ready(node)) == container_id(before) and uid(ready(node)) == uid(before)


def test_a_manifest_changed_while_no_agent_ran(node: Running) -> None:
    path = write(node)
    before = ready(node)
    node.agent.stop()
    write(node, "sleep 700")
    node.agent = node.new_agent()
    after = ready(node, not_uid=uid(before))
    assert container_id(after) != container_id(before)
    node.agent.stop()
    path.unlink()
    node.agent = node.new_agent()
    until(lambda: node.pod(NAME) is None and not processes_of(node.root), "it has ended", 60)


class Away:
    """A client whose API server does not answer while `away`. The rest is the real one."""

    def __init__(self, client: object):
        self.client, self.away = client, True

    def __getattr__(self, verb: str) -> object:
        if self.away and verb in ("get", "list", "create", "update", "patch", "delete"):
            return self._refuse
        return getattr(self.client, verb)

    def _refuse(self, *_args: object, **_more: object) -> object:
        raise service_unavailable("no API server")


def test_it_needs_no_api_server(node: Running) -> None:
    away = Away(node.kubelet.client)
    node.kubelet.client = node.kubelet.writer._client = away  # type: ignore[assignment]
    path = write(node)
    until(lambda: processes_of(node.root), "it runs", 60)
    assert node.pod(NAME) is None
    away.away = False
    ready(node)
    away.away = True
    path.unlink()
    until(lambda: not processes_of(node.root), "it has ended", 60)
    away.away = False
    until(lambda: node.pod(NAME) is None, "its mirror goes", 60)


def test_it_waits_for_a_pod_of_its_name(node: Running) -> None:
    node.create(NAME)
    there = node.ready(NAME)
    path = write(node)
    until(lambda: len(node.kubelet.records) == 2, "the manifest is read", 60)
    assert uid(node.pod(NAME)) == uid(there) and running(node) == 1
    node.client.delete("pods", NAME, "default")
    ready(node, not_uid=uid(there))
    assert path.exists() and running(node) == 1


def test_a_manifest_that_is_none(node: Running, caplog: pytest.LogCaptureFixture) -> None:
    (folder(node) / "bad.yaml").write_text("kind: Nonsense\n")
    (folder(node) / "note.txt").write_text("not looked at")
    until(lambda: "it is not a Pod" in caplog.text, "it is complained of", 60)
    write(node)
    ready(node)
    assert caplog.text.count("it is not a Pod") == 1


def test_logs_and_exec_by_the_name_of_the_mirror(node: Running) -> None:
    write(node, "echo said; sleep 600")
    ready(node)
    until(lambda: node.cluster.cli("logs", NAME).out == "said\n", "its log", 60)
