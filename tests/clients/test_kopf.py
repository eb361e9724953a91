"""kopf: an operator in a process of its own, on a custom resource of ours, end to end."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj
from tests.support.daemon import Daemon
from tests.support.waiting import eventually

PROGRAM = Path(__file__).parent / "operator_program.py"
FINALIZER = "finalizer"


def definition(group: str) -> Obj:
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    properties = {
        "spec": {"type": "object", "required": ["text"], "properties": {"text": {"type": "string"}}},
        "status": anything,
    }
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": {"type": "object", "properties": properties}},
        "subresources": {"status": {}},
        "additionalPrinterColumns": [{"name": "Text", "type": "string", "jsonPath": ".spec.text"}],
    }
    names = {"kind": "Greeting", "plural": "greetings", "shortNames": ["gr"]}
    spec = {"group": group, "scope": "Namespaced", "names": names, "versions": [version]}
    return {"metadata": {"name": f"greetings.{group}"}, "spec": spec}


@pytest.fixture
def group(running: Daemon, namespace: str) -> Iterator[str]:
    name = f"{namespace}.example.com"
    running.client.create("customresourcedefinitions", definition(name))
    eventually(lambda: running.client.kind(f"greetings.{name}") is not None)
    yield name
    running.client.delete("customresourcedefinitions", f"greetings.{name}")


@pytest.fixture
def operator(group: str, namespace: str, kubeconfig: Path, tmp_path: Path) -> Iterator[Path]:
    """The running operator; gives its log."""
    log = tmp_path / "log"
    words = [sys.executable, "-m", "kopf", "run", "--standalone", "-n", namespace, str(PROGRAM)]
    environ = {**os.environ, "KUBECONFIG": str(kubeconfig), "OPERATOR_GROUP": group}
    with log.open("wb") as out, subprocess.Popen(words, env=environ, stdout=out, stderr=out, cwd=tmp_path) as process:
        yield log
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()


def test_an_operator(running: Daemon, namespace: str, group: str, operator: Path) -> None:
    client = running.client
    kind = f"greetings.{group}"

    def find(word: str, name: str) -> Obj | None:
        try:
            return client.get(word, name, namespace)
        except ApiError as e:
            assert e.reason == "NotFound"
            return None

    def text(name: str) -> str:
        return ((find("cm", name) or {}).get("data") or {}).get("text", "")

    try:
        client.create(kind, {"metadata": {"name": "hello"}, "spec": {"text": "one"}}, namespace)
        eventually(lambda: text("hello") == "one", timeout=60)
        owner = client.get("cm", "hello", namespace)["metadata"]["ownerReferences"][0]
        made = client.get(kind, "hello", namespace)
        assert (owner["kind"], owner["uid"]) == ("Greeting", made["metadata"]["uid"])
        assert made["metadata"]["finalizers"] == [f"{group}/finalizer"]
        eventually(
            lambda: (client.get(kind, "hello", namespace).get("status") or {}).get("created") == {"page": "hello"}
        )
        client.patch(kind, "hello", {"spec": {"text": "two"}}, namespace)
        eventually(lambda: text("hello") == "two", timeout=60)
        eventually(lambda: (client.get(kind, "hello", namespace).get("status") or {}).get("changed") == "two")
        eventually(lambda: any(e["reason"] == "Greeted" for e in client.list("events", namespace)["items"]))
        client.delete(kind, "hello", namespace)
        eventually(lambda: find(kind, "hello") is None, timeout=60)
        assert text("hello-farewell") == "bye"
        eventually(lambda: find("cm", "hello") is None, timeout=60)  # its owner is gone
    except AssertionError as e:
        raise AssertionError(f"{e}\n{operator.read_text()[-4000:]}") from e
