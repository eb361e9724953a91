"""A client as client-go's informers are: list or stream, watch with bookmarks, begin again after 410."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from minikctl.kubectl.kubeconfig.files import read
from tests.support.daemon import Daemon
from tests.support.waiting import eventually

AGENT = "kube-controller-manager/v1.36.0 (linux/amd64) kubernetes/abc/informers"
ACCEPT = "application/vnd.kubernetes.protobuf,application/json"


@pytest.fixture(scope="session")
def http(kubeconfig: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A bare HTTPS client with the administrator's certificate."""
    import base64

    config = read(kubeconfig)
    cluster, user = config.clusters["minikctl"], config.users["minikctl-admin"]
    folder = tmp_path_factory.mktemp("pki")
    pair = folder / "pair.pem"
    pair.write_bytes(base64.b64decode(user["client-certificate-data"]) + base64.b64decode(user["client-key-data"]))
    context = ssl.create_default_context(cadata=base64.b64decode(cluster["certificate-authority-data"]).decode())
    context.load_cert_chain(pair)
    headers = {"User-Agent": AGENT, "Accept": ACCEPT}
    with httpx.Client(base_url=cluster["server"], verify=context, headers=headers, timeout=30) as client:
        yield client


class Informer:
    """What a reflector of client-go does, one request at a time, in a thread."""

    def __init__(self, http: httpx.Client, path: str, *, streaming: bool):
        self._http, self._path, self._streaming = http, path, streaming
        self.objects: dict[str, str] = {}
        self.version = ""
        self.synced, self.stopped = threading.Event(), threading.Event()
        self.lists = self.bookmarks = 0
        self.problem: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self.stopped.set()
        self._thread.join(20)
        assert self.problem is None, self.problem

    def _run(self) -> None:
        try:
            while not self.stopped.is_set():
                if not self.version and not self._streaming:
                    self._list()
                self._watch()
        except BaseException as e:
            self.problem = e

    def _list(self) -> None:
        found = self._http.get(self._path, params={"limit": 2, "resourceVersion": "0"}).raise_for_status().json()
        items, self.lists = found["items"], self.lists + 1
        while token := found["metadata"].get("continue"):
            found = self._http.get(self._path, params={"limit": 2, "continue": token}).raise_for_status().json()
            items += found["items"]
        self.objects = {i["metadata"]["name"]: i["metadata"]["resourceVersion"] for i in items}
        self.version = found["metadata"]["resourceVersion"]
        self.synced.set()

    def _watch(self) -> None:
        query = {"watch": "true", "allowWatchBookmarks": "true", "timeoutSeconds": "2"}
        if self.version:
            query["resourceVersion"] = self.version
        else:
            query |= {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan"}
        with self._http.stream("GET", self._path, params=query) as answer:
            if answer.status_code == 410:
                self.version = ""
                return
            assert answer.status_code == 200, answer.read()
            for line in answer.iter_lines():
                if not self._event(json.loads(line)):
                    return

    def _event(self, event: dict) -> bool:
        obj = event["object"]
        if event["type"] == "ERROR":
            assert obj["code"] == 410
            self.version = ""
            return False
        self.version = obj["metadata"]["resourceVersion"]
        if event["type"] == "BOOKMARK":
            self.bookmarks += 1
            if obj["metadata"].get("annotations", {}).get("k8s.io/initial-events-end") == "true":
                self.synced.set()
        elif event["type"] == "DELETED":
            del self.objects[obj["metadata"]["name"]]
        else:
            self.objects[obj["metadata"]["name"]] = self.version
        return True


@pytest.mark.parametrize("streaming", [False, True])
def test_an_informer_sees_everything(running: Daemon, http: httpx.Client, namespace: str, streaming: bool) -> None:
    """Through watches that end every two seconds: nothing is lost in between."""
    path, client = f"/api/v1/namespaces/{namespace}/secrets", running.client
    for i in range(5):
        client.create("secrets", {"metadata": {"name": f"s{i}"}}, namespace)
    informer = Informer(http, path, streaming=streaming)
    assert informer.synced.wait(30) and set(informer.objects) == {f"s{i}" for i in range(5)}
    for i in range(5, 40):
        client.create("secrets", {"metadata": {"name": f"s{i}"}}, namespace)
        client.delete("secrets", f"s{i - 5}", namespace)
        informer.stopped.wait(0.1)
    wanted = {
        o["metadata"]["name"]: o["metadata"]["resourceVersion"] for o in client.list("secrets", namespace)["items"]
    }
    eventually(lambda: informer.objects == wanted)
    informer.stop()
    assert informer.lists == (0 if streaming else 1) and (informer.bookmarks > 0) == streaming


def test_a_version_that_is_gone(http: httpx.Client, namespace: str) -> None:
    """Whether it comes as an answer or as an event, it is 410 and says Expired."""
    with http.stream(
        "GET",
        f"/api/v1/namespaces/{namespace}/pods",
        params={"watch": "1", "resourceVersion": "1", "timeoutSeconds": "1"},
    ) as answer:
        if answer.status_code == 200:  # the journal still reaches back so far
            return
        found = json.loads(answer.read())
    assert answer.status_code == 410 and found["reason"] == "Expired"


def test_leases_make_one_leader(http: httpx.Client, namespace: str) -> None:
    """client-go's leader election: whoever is late meets a conflict."""
    path = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"
    spec = {
        "holderIdentity": "one",
        "leaseDurationSeconds": 15,
        "renewTime": "2026-11-21T00:00:00.000001Z",
        "leaseTransitions": 0,
    }
    body = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "lock"}, "spec": spec}
    made = http.post(path, json=body)
    assert made.status_code == 201 and made.json()["spec"]["renewTime"] == "2026-11-21T00:00:00.000001Z"
    assert http.post(path, json=body).status_code == 409
    first, second = made.json(), made.json()
    assert http.put(f"{path}/lock", json={**first, "spec": {**spec, "holderIdentity": "two"}}).status_code == 200
    late = http.put(f"{path}/lock", json={**second, "spec": {**spec, "holderIdentity": "three"}})
    assert late.status_code == 409 and late.json()["reason"] == "Conflict"
