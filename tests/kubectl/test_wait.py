from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from minikctl.kubectl.commands.wait import has_condition, matches, split_json_path
from minikctl.util.errors import UsageError
from tests.kubectl.objects import pod, set_status
from tests.support.cluster import TestCluster

Obj = dict[str, Any]


def later(action: Callable[[], object]) -> threading.Timer:
    timer = threading.Timer(0.1, action)
    timer.start()
    return timer


@pytest.fixture
def web(cluster: TestCluster) -> TestCluster:
    for name in ("a", "b"):
        cluster.client.create("pods", pod(name), "default")
    return cluster


def ready(cluster: TestCluster, name: str, status: str = "True") -> Obj:
    condition = {"type": "Ready", "status": status}
    return set_status(cluster, "pods", name, {"phase": "Running", "conditions": [condition]})


@pytest.mark.parametrize(
    "condition",
    ["condition=Ready", "condition=ready=TRUE", "jsonpath={.status.phase}=Running", "jsonpath=.status.phase"],
)
def test_conditions_that_are_met(web: TestCluster, condition: str) -> None:
    ready(web, "a")
    for flags in ([], ["--timeout=0"]):
        result = web.cli("wait", f"--for={condition}", "pod/a", *flags)
        assert (result.code, result.out, result.err) == (0, "pod/a condition met\n", "")


def test_conditions_that_come_later(web: TestCluster) -> None:
    ready(web, "a")
    timer = later(lambda: ready(web, "b"))
    result = web.cli("wait", "--for=condition=Ready", "pod", "--all", "--timeout=10s")
    timer.join()
    assert (result.code, result.out) == (0, "pod/a condition met\npod/b condition met\n")


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--for=condition=Ready", "pod/a", "--timeout=50ms"], "error: timed out waiting for the condition on pods/a"),
        (["--for=delete", "pod/a", "--timeout=50ms"], "error: timed out waiting for the condition on pods/a"),
        (["--for=create", "pod/x", "--timeout=50ms"], "error: timed out waiting for the condition"),
        (["--for=condition=Ready", "pod/a", "--timeout=0"], "error: condition not met for pods/a"),
        (["--for=condition=Ready", "pod/x"], 'Error from server (NotFound): pods "x" not found'),
        (["--for=condition=Ready", "pod", "-l", "app=x"], "error: no matching resources found"),
        (["pod/a"], "error: unrecognized condition: []"),
        (["--for=x", "pod/a"], 'error: unrecognized condition: "x"'),
        (
            ["--for=jsonpath={.a}=", "pod/a"],
            "error: jsonpath wait has to have a value after equal sign, like --for=jsonpath='{.status.readyReplicas}'=3",
        ),
        (
            ["--for=jsonpath={.metadata.labels}=x", "pod/a"],
            "error: jsonpath leads to a nested object or list which is not supported",
        ),
    ],
)
def test_what_is_not_met(web: TestCluster, argv: list[str], message: str) -> None:
    result = web.cli("wait", *argv)
    assert (result.code, result.out, result.err) == (1, "", message + "\n")


def test_deletion(web: TestCluster) -> None:
    assert web.cli("wait", "--for=delete", "pod/x").out == ""
    timer = later(lambda: web.client.delete("pods", "a", "default"))
    result = web.cli("wait", "--for=delete", "pod/a", "--timeout=10s")
    timer.join()
    assert (result.code, result.out) == (0, "pod/a condition met\n")


def test_creation_then_a_condition(web: TestCluster) -> None:
    def create() -> None:
        web.client.create("pods", pod("c"), "default")
        ready(web, "c")

    timer = later(create)
    result = web.cli("wait", "--for=condition=Ready", "--for=create", "pod/c", "--timeout=10s")
    timer.join()
    assert (result.code, result.out) == (0, "pod/c condition met\npod/c condition met\n")


@pytest.mark.parametrize(
    ("obj", "met"),
    [
        ({"status": {"conditions": [{"type": "Ready", "status": "True"}]}}, True),
        ({"status": {"conditions": [{"type": "READY", "status": "true"}]}}, True),
        ({"status": {"conditions": [{"type": "Ready", "status": "False"}]}}, False),
        ({"status": {}}, False),
        (
            {
                "metadata": {"generation": 2},
                "status": {"observedGeneration": 1, "conditions": [{"type": "Ready", "status": "True"}]},
            },
            False,
        ),
        (
            {
                "metadata": {"generation": 2},
                "status": {"conditions": [{"type": "Ready", "status": "True", "observedGeneration": 2}]},
            },
            True,
        ),
    ],
)
def test_conditions_must_be_about_the_newest_generation(obj: Obj, met: bool) -> None:
    assert has_condition(obj, "Ready", "true") is met


@pytest.mark.parametrize(
    ("text", "parts"),
    [("{.a}", ["{.a}"]), ("{.a}=1", ["{.a}", "1"]), ('{.a[?(@.b=="c")]}=1', ['{.a[?(@.b=="c")]}', "1"])],
)
def test_json_path_and_value(text: str, parts: list[str]) -> None:
    assert split_json_path(text) == parts


def test_values_are_compared_as_text() -> None:
    assert matches([[3]], "3")
    assert matches([[True]], "true")
    assert not matches([[]], None)
    with pytest.raises(UsageError, match="more than one value"):
        matches([[1, 2]], "1")
