"""`minikctl flow`: words, order and drawing of a story."""

from __future__ import annotations

import json
from typing import Any

import pytest

from minikctl.api.meta import Obj
from minikctl.kubectl.flow import text, words
from minikctl.kubectl.flow.story import Story
from tests.apiserver.test_history import label, make
from tests.support.cluster import TestCluster


def pod(
    node: str = "", phase: str = "Pending", ready: str = "", waiting: str = "", restarts: int = 0, **meta: Any
) -> Obj:
    conditions = [{"type": "Ready", "status": ready}] if ready else []
    state = {"waiting": {"reason": waiting}} if waiting else {"running": {}}
    return {
        "kind": "Pod",
        "metadata": {"name": "web", "uid": "u", **meta},
        "spec": {"containers": [{"name": "c", "image": "nginx:1"}], **({"nodeName": node} if node else {})},
        "status": {
            "phase": phase,
            "conditions": conditions,
            "containerStatuses": [{"name": "c", "restartCount": restarts, "state": state}],
        },
    }


def deployment(replicas: int = 3, image: str = "nginx:1", ready: int = 0, **status: Any) -> Obj:
    return {
        "kind": "Deployment",
        "metadata": {"name": "web", "uid": "d"},
        "spec": {"replicas": replicas, "template": {"spec": {"containers": [{"name": "c", "image": image}]}}},
        "status": {"readyReplicas": ready, **status},
    }


GONE = "2026-01-01T00:00:30Z"
AVAILABLE = [{"type": "Available", "status": "True", "reason": "Enough"}]


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (None, pod(), "created: nginx:1"),
        (pod(), pod(node="node-1"), "assigned to node-1"),
        (pod(node="a"), pod(node="a", phase="Running", ready="True"), "Running, ready"),
        (pod(ready="True"), pod(ready="False"), "not ready"),
        (pod(), pod(waiting="ImagePullBackOff"), "c ImagePullBackOff"),
        (pod(), pod(restarts=2), "c restarted (2)"),
        (
            pod(),
            pod(deletionTimestamp=GONE, deletionGracePeriodSeconds=30),
            "to be deleted within 30 s",
        ),
        (None, deployment(), "created: 3 replicas, nginx:1"),
        (deployment(3), deployment(5), "replicas 3 → 5"),
        (deployment(1), deployment(1, "nginx:2"), "image nginx:1 → nginx:2"),
        (deployment(), deployment(ready=1, updatedReplicas=3), "1/3 ready, 3 updated"),
        (deployment(), deployment(conditions=AVAILABLE), "Available (Enough)"),
        (deployment(), deployment(observedGeneration=1), "has seen generation 1"),
        ({"kind": "X", "a": {"b": 2}}, {"kind": "X", "a": {"b": True, "c": [1, 2]}}, "a.b 2 → true, a.c: [2]"),
        ({"kind": "X", "a": 1}, {"kind": "X"}, "a removed"),
        ({"kind": "X"}, {"kind": "X", **{str(i): i for i in range(5)}}, "0: 0, 1: 1, 2: 2 and 2 more"),
    ],
)
def test_words(before: Obj | None, after: Obj, said: str) -> None:
    after.setdefault("metadata", {})
    if before is not None:
        before.setdefault("metadata", {})
    kind = "ADDED" if before is None else "MODIFIED"
    assert words.summary({"type": kind, "object": after, "before": before}) == said


def test_differences_name_list_items() -> None:
    before, after = pod(ready="False"), pod(ready="True")
    assert words.differences(before, after) == [
        {"path": "status.conditions[Ready].status", "from": "False", "to": "True"}
    ]
    assert words.differences({"a": [1]}, {"a": [1, 2]}) == [{"path": "a", "from": [1], "to": [1, 2]}]


def change(rv: int, because: int | None, actor: str, obj: Obj, before: Obj | None = None, kind: str = "") -> Obj:
    return {
        "resourceVersion": str(rv),
        "time": f"2026-01-01T00:00:00.{rv:03d}Z",
        "type": kind or ("MODIFIED" if before else "ADDED"),
        "actor": actor,
        "because": None if because is None else str(because),
        "role": "subject",
        "object": obj,
        "before": before,
    }


def thing(name: str, kind: str = "Thing", **fields: Any) -> Obj:
    return {"kind": kind, "metadata": {"name": name, "namespace": "default", "uid": f"uid-{name}"}, **fields}


def event(about: str, reason: str, event_type: str = "Normal") -> Obj:
    return {
        "kind": "Event",
        "metadata": {"name": "e"},
        "involvedObject": {"kind": "Thing", "name": about, "uid": f"uid-{about}"},
        "type": event_type,
        "reason": reason,
        "message": f"about {about}",
    }


def drawn(*changes: Obj, **style: Any) -> list[str]:
    story = Story(changes)
    return [" ".join(line.split()) for line in text.draw(story.roots, text.Style(**style))]


def test_a_tree_of_causes() -> None:
    lines = drawn(
        change(1, None, "kubectl-create", thing("a")),
        change(2, 1, "robot", thing("b")),
        change(3, 2, "other", thing("b", x=1), thing("b")),
        change(4, 1, "robot", thing("c")),
        change(9, None, "kubectl-scale", thing("a", x=2), thing("a")),
    )
    assert lines == [
        "00:00:00.001 kubectl-create Thing a created",
        "+1 ms robot ├ Thing b created",
        "+2 ms other │ └ x: 1",
        "+3 ms robot └ Thing c created",
        "",
        "00:00:00.009 kubectl-scale Thing a x: 2",
    ]


def test_a_component_that_goes_on_stays_on_its_level() -> None:
    lines = drawn(
        change(1, None, "kubectl-create", thing("a")),
        change(2, 1, "robot", thing("b")),
        change(3, 2, "robot", thing("b", x=1), thing("b")),
        change(4, 3, "robot", thing("b", x=2), thing("b", x=1)),
    )
    assert [line.split(" ", 3)[3] for line in lines[1:]] == ["├ Thing b created", "├ Thing b x: 1", "└ Thing b x 1 → 2"]


def test_the_end_of_a_deletion_belongs_to_it_whoever_notes_it_without_a_cause() -> None:
    going = thing("a")
    going["metadata"] |= {"deletionTimestamp": GONE}
    story = Story(
        [
            change(1, None, "kubectl-create", thing("a")),
            change(2, None, "kubectl-delete", going, thing("a")),
            change(3, None, "kubelet/n", going, going, "DELETED"),
            change(4, None, "kubelet/n", thing("b", x=1), thing("b")),
        ]
    )
    assert [s.version for s in story.last_command()] == ["2", "4"]
    lines = [" ".join(line.split()) for line in text.draw(story.last_command(), text.Style())]
    assert lines[1:] == ["+1 ms kubelet/n └ gone", "00:00:00.004 kubelet/n Thing b x: 1"]


def test_what_repeats_is_folded_but_trouble_is_shown() -> None:
    pods = [change(i, 1, "robot", thing(f"p{i}")) for i in range(2, 9)]
    warning = change(20, 5, "kubelet/n", event("p5", "Failed", "Warning"))
    lines = drawn(change(1, None, "kubectl-create", thing("a")), *pods, warning)
    assert lines[1:] == [
        "+1 ms robot ├ Thing p2 created",
        "+2 ms robot ├ Thing p3 created",
        "│ … and 4 more Things alike, until +7 ms (--all shows them)",
        "+4 ms robot └ Thing p5 created",
        "+19 ms kubelet/n └ · Failed: about p5",
    ]
    assert len(drawn(change(1, None, "kubectl-create", thing("a")), *pods, fold=False)) == 8


def test_events_that_repeat_a_write_are_left_out_and_a_kubelets_share_a_line() -> None:
    changes = [
        change(1, None, "kubectl-create", thing("a")),
        change(2, 1, "robot", event("a", "Scaled")),
        change(3, 1, "kubelet/n", event("a", "Pulled")),
        change(4, 1, "kubelet/n", event("a", "Started")),
    ]
    assert drawn(*changes)[1:] == ["+2 ms kubelet/n └ · Pulled, Started"]
    story = Story(changes, all_events=True)
    plain = [" ".join(line.split()) for line in text.draw(story.roots, text.Style(fold=False))]
    assert plain[1] == "+1 ms robot ├ · Scaled: about a"


def test_lines_are_cut_to_the_terminal_and_coloured_only_there() -> None:
    story = Story([change(1, None, "kubectl-create", thing("a" * 50))])
    (plain,) = text.draw(story.roots, text.Style())
    assert "\x1b" not in plain and plain.endswith("a created")
    (cut,) = text.draw(story.roots, text.Style(width=60))
    assert len(cut) == 60 and cut.endswith("…")
    (coloured,) = text.draw(story.roots, text.Style(width=60, colour=True))
    assert "\x1b[1;36mkubectl-create" in coloured and coloured.endswith("…\x1b[0m")


@pytest.mark.parametrize(("ms", "shown"), [(0, "0 ms"), (9999, "9999 ms"), (12_340, "12.3 s"), (200_000, "3m20s")])
def test_durations(ms: int, shown: str) -> None:
    assert text.duration(ms) == shown


def test_the_command(cluster: TestCluster) -> None:
    parent = make(cluster.client.for_actor("kubectl-create"), "parent")
    make(cluster.client.for_actor("robot"), "child", owner=parent, because=parent)
    label(cluster.client.for_actor("kubectl-label"), "parent", "x")
    done = cluster.cli("flow", "configmap/parent")
    assert done.code == 0, done.err
    first, second, empty, third = done.out.splitlines()
    assert first.endswith("kubectl-create            ConfigMap parent created") and empty == ""
    assert second.endswith(" robot                     └ ConfigMap child created")
    assert third.endswith("kubectl-label             ConfigMap parent metadata.labels: {…}")
    assert len(cluster.cli("flow", "cm", "parent", "--last").out.splitlines()) == 1


def test_the_shape_for_programs(cluster: TestCluster) -> None:
    parent = make(cluster.client.for_actor("kubectl-create"), "parent")
    make(cluster.client.for_actor("robot"), "child", owner=parent, because=parent)
    label(cluster.client.for_actor("kubectl-label"), "parent", "x")
    flow = json.loads(cluster.cli("flow", "cm/parent", "-o", "json").out)
    assert (flow["apiVersion"], flow["kind"]) == ("minikctl/v1", "Flow")
    assert flow["subject"] == {"apiVersion": "v1", "kind": "ConfigMap", "namespace": "default", "name": "parent"}
    first, second, third = flow["steps"]
    assert set(first) == {
        "resourceVersion",
        "time",
        "elapsedMilliseconds",
        "depth",
        "actor",
        "because",
        "parent",
        "role",
        "type",
        "object",
        "summary",
    }
    assert second["parent"] == second["because"] == first["resourceVersion"] and second["depth"] == 1
    assert second["object"]["name"] == "child" and second["summary"] == "created"
    assert third["differences"] == [{"path": "metadata.labels", "to": {"x": "x"}}]


def test_watching(cluster: TestCluster) -> None:
    parent = make(cluster.client.for_actor("kubectl-create"), "parent")
    make(cluster.client.for_actor("robot"), "child", owner=parent, because=parent)
    done = cluster.cli("flow", "cm/parent", "-w", "--timeout=100ms")
    assert done.out.splitlines()[0].split()[1:] == ["kubectl-create", "ConfigMap", "parent", "created"]
    lines = cluster.cli("flow", "cm/parent", "-w", "-o", "json", "--timeout=100ms").out.splitlines()
    assert [json.loads(line)["type"] for line in lines] == ["ADDED", "ADDED"]


@pytest.mark.parametrize(
    ("argv", "error"),
    [
        ((), "error: say which object the story is about"),
        (("cm/nosuch",), 'Error from server (NotFound): configmaps "nosuch" not found'),
        (("cm/a", "cm/b"), "error: a story is about one object"),
        (("cm",), "error: resource(s) were provided, but no name was specified"),
        (("nosuch/x",), 'error: the server doesn\'t have a resource type "nosuch"'),
        (("cm/a", "-o", "yaml"), "error: unknown output format 'yaml', allowed formats are: json"),
    ],
)
def test_errors(cluster: TestCluster, argv: tuple[str, ...], error: str) -> None:
    done = cluster.cli("flow", *argv)
    assert done.code == 1 and done.err.startswith(error)
