"""The behaviours that Kubernetes' conformance suite names and that need an API server, controllers and nodes without
containers. One test here for one there, by its name; the descriptions are in `docs/conformance` of every release.

Shared by all tests of a process: one cluster of simulated nodes. Each test has a namespace of its own.
"""

from __future__ import annotations

import base64
import itertools
import json
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from minikctl.kubectl.kubeconfig.files import read
from tests.support.daemon import Daemon
from tests.support.waiting import eventually

Json = Any
MERGE, APPLY = "application/merge-patch+json", "application/apply-patch+yaml"
_numbers = itertools.count(1)


class Api:
    """Requests with the administrator's certificate; answers are JSON, and errors end the test unless expected."""

    def __init__(self, http: httpx.Client):
        self.http = http

    def _ask(
        self, method: str, path: str, body: Json = None, *, code: int = 0, content: str = "", **query: Any
    ) -> Json:
        headers = {"Content-Type": content or "application/json"} if body is not None else {}
        data = json.dumps(body) if body is not None else None
        answer = self.http.request(method, path, content=data, headers=headers, params=query)
        if code:
            assert answer.status_code == code, f"{method} {path}: {answer.status_code} {answer.text}"
        else:
            assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json()

    def get(self, path: str, **more: Any) -> Json:
        return self._ask("GET", path, **more)

    def post(self, path: str, body: Json, **more: Any) -> Json:
        return self._ask("POST", path, body, **more)

    def put(self, path: str, body: Json, **more: Any) -> Json:
        return self._ask("PUT", path, body, **more)

    def patch(self, path: str, body: Json, content: str = MERGE, **more: Any) -> Json:
        return self._ask("PATCH", path, body, content=content, **more)

    def delete(self, path: str, body: Json = None, **more: Any) -> Json:
        return self._ask("DELETE", path, body, **more)

    def items(self, path: str, **query: Any) -> list[Json]:
        return list(self.get(path, **query)["items"])

    def is_gone(self, path: str) -> bool:
        return self.http.get(path).status_code == 404

    @contextmanager
    def watch(self, path: str, **query: Any) -> Iterator[Callable[[], Json]]:
        """A function that gives the next event; a watch that says nothing for ten seconds fails."""
        with self.http.stream("GET", path, params={"watch": "1", **query}, timeout=10) as answer:
            lines = answer.iter_lines()
            yield lambda: json.loads(next(lines))

    def event_of(self, path: str, wanted: str, **query: Any) -> Json:
        """The first event of a type, from now on."""
        with self.watch(path, **query) as following:
            while (event := following())["type"] != wanted:
                pass
            return event


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    made = Daemon(tmp_path_factory.mktemp("conformance") / "state")
    yield made.start("--nodes", "2", "--simulated")
    made.close()


@pytest.fixture(scope="session")
def api(cluster: Daemon, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with administrator(cluster, tmp_path_factory.mktemp("pki")) as made:
        yield made


@contextmanager
def administrator(cluster: Daemon, folder: Path) -> Iterator[Api]:
    """Requests as the kubeconfig of a cluster has them; `folder` is for its certificate."""
    config = read(cluster.root / "kubeconfig")
    server, user = config.clusters["minikctl"], config.users["minikctl-admin"]
    pair = folder / "pair.pem"
    pair.write_bytes(base64.b64decode(user["client-certificate-data"]) + base64.b64decode(user["client-key-data"]))
    context = ssl.create_default_context(cadata=base64.b64decode(server["certificate-authority-data"]).decode())
    context.load_cert_chain(pair)
    with httpx.Client(base_url=server["server"], verify=context, timeout=30) as client:
        yield Api(client)


@pytest.fixture
def ns(api: Api) -> str:
    """A fresh namespace, as the suite makes one for every test: waited for until it has its service account."""
    name = f"e2e-{next(_numbers)}"
    api.post("/api/v1/namespaces", {"metadata": {"name": name, "labels": {"e2e-framework": "own"}}})
    eventually(lambda: not api.is_gone(f"/api/v1/namespaces/{name}/serviceaccounts/default"))
    eventually(lambda: not api.is_gone(f"/api/v1/namespaces/{name}/configmaps/kube-root-ca.crt"))
    return name


@pytest.fixture
def unique() -> str:
    return f"x{next(_numbers)}"
