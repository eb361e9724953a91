"""A running cluster with one node that runs containers, for clients that other people wrote."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.daemon import Daemon
from tests.support.waiting import eventually


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """Shared by the tests of a process; each works in a namespace of its own."""
    made = Daemon(tmp_path_factory.mktemp("clients") / "state")
    yield made.start()
    made.close()


@pytest.fixture(scope="session")
def kubeconfig(running: Daemon) -> Path:
    return running.root / "kubeconfig"


_numbers = itertools.count(1)


@pytest.fixture
def namespace(running: Daemon, request: pytest.FixtureRequest) -> str:
    """A fresh namespace with what controllers put into it."""
    words = re.sub("[^a-z0-9]+", "-", request.node.name.removeprefix("test_").lower())[:40].strip("-")
    name = f"t{next(_numbers)}-{words}"
    running.client.create("namespaces", {"metadata": {"name": name}})
    eventually(lambda: bool(running.client.list("sa", name)["items"] and running.client.list("cm", name)["items"]))
    return name
