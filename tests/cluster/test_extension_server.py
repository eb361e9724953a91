"""[sig-api-machinery] Aggregator: an API server in a pod, behind the cluster's own, from its Deployment to its objects."""

from __future__ import annotations

import base64
import socket
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.conformance.conftest import Api, administrator
from tests.support.daemon import Daemon
from tests.support.waiting import eventually
from tests.support.webhook import certificates

SPACE, SERVICE, GROUP = "wardle", "sample-api", "wardle.example.com"
NAME = f"v1alpha1.{GROUP}"
CERTIFICATES = "/apiserver.local.config/certificates"
API_SERVICES = "/apis/apiregistration.k8s.io/v1/apiservices"
FLUNDERS = f"/apis/{GROUP}/v1alpha1/namespaces/{SPACE}/flunders"
MODERN = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    folder = tmp_path_factory.mktemp("extension")
    cluster = Daemon(folder / "state")
    try:
        cluster.start()
        if not cluster.has_network:
            pytest.skip("pods have no network of their own here, and no way to the API server")
        with administrator(cluster, folder) as made:
            yield made
    finally:
        cluster.close()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def deployment(port: int, etcd: int) -> dict[str, Any]:
    """Ports of their own: where pods share the host's network, other tests run there, too."""
    where = f"http://127.0.0.1:{etcd}"
    pair = [f"--tls-cert-file={CERTIFICATES}/tls.crt", f"--tls-private-key-file={CERTIFICATES}/tls.key"]
    ready = {"httpGet": {"scheme": "HTTPS", "path": "/readyz", "port": port}, "periodSeconds": 1}
    server = {
        "name": "sample-apiserver",
        "image": "registry.k8s.io/e2e-test-images/sample-apiserver:1.29.2",
        "args": [f"--etcd-servers={where}", *pair, f"--secure-port={port}"],
        "volumeMounts": [{"name": "certificates", "readOnly": True, "mountPath": CERTIFICATES}],
        "readinessProbe": ready,
    }
    store = {
        "name": "etcd",
        "image": "registry.k8s.io/etcd:3.6.4-0",
        "command": ["/usr/local/bin/etcd", "--listen-client-urls", where, "--advertise-client-urls", where],
    }
    volumes = [{"name": "certificates", "secret": {"secretName": "pair"}}]
    pod = {"containers": [server, store], "volumes": volumes, "terminationGracePeriodSeconds": 0}
    labels = {"apiserver": "true"}
    template = {"metadata": {"labels": labels}, "spec": pod}
    return {"metadata": {"name": "sample"}, "spec": {"selector": {"matchLabels": labels}, "template": template}}


def binding(role: str, kind: str, name: str) -> dict[str, Any]:
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": role}
    subject = {"kind": "ServiceAccount", "name": "default", "namespace": SPACE}
    return {"metadata": {"name": name}, "roleRef": reference, "subjects": [subject]}


@pytest.fixture(scope="module")
def registered(api: Api, tmp_path_factory: pytest.TempPathFactory) -> Api:
    bundle, chain = certificates(tmp_path_factory.mktemp("pair"), (f"{SERVICE}.{SPACE}.svc",))
    pem = base64.b64encode(chain.read_bytes()).decode()
    core, rbac = f"/api/v1/namespaces/{SPACE}", "/apis/rbac.authorization.k8s.io/v1"
    api.post("/api/v1/namespaces", {"metadata": {"name": SPACE}})
    api.post(f"{core}/secrets", {"metadata": {"name": "pair"}, "data": {"tls.crt": pem, "tls.key": pem}})
    api.post(f"{rbac}/clusterrolebindings", binding("system:auth-delegator", "ClusterRole", "wardle-delegator"))
    reader = binding("extension-apiserver-authentication-reader", "Role", "wardle-reader")
    api.post(f"{rbac}/namespaces/kube-system/rolebindings", reader)
    port = free_port()
    apps = f"/apis/apps/v1/namespaces/{SPACE}/deployments"
    eventually(lambda: not api.is_gone(f"{core}/serviceaccounts/default"))
    api.post(apps, deployment(port, free_port()))
    eventually(lambda: api.get(f"{apps}/sample")["status"].get("availableReplicas") == 1, 100)
    ports = [{"port": 7443, "targetPort": port}]
    api.post(
        f"{core}/services", {"metadata": {"name": SERVICE}, "spec": {"selector": {"apiserver": "true"}, "ports": ports}}
    )
    where = {"namespace": SPACE, "name": SERVICE, "port": 7443}
    spec = {"group": GROUP, "version": "v1alpha1", "service": where, "caBundle": bundle}
    spec |= {"groupPriorityMinimum": 2000, "versionPriority": 200}
    api.post(API_SERVICES, {"metadata": {"name": NAME}, "spec": spec})
    eventually(lambda: api.http.get(FLUNDERS).is_success)
    return api


def flunder(name: str) -> dict[str, Any]:
    return {"apiVersion": f"{GROUP}/v1alpha1", "kind": "Flunder", "metadata": {"name": name}}


def test_an_api_server_behind_the_api_server(registered: Api) -> None:
    api = registered
    api.post(FLUNDERS, flunder("a"), code=201)
    assert [f["metadata"]["name"] for f in api.items(FLUNDERS)] == ["a"]
    with api.watch(FLUNDERS) as following:
        assert following()["type"] == "ADDED"
        api.delete(f"{FLUNDERS}/a")
        assert following()["type"] == "DELETED"
    assert api.items(FLUNDERS) == []
    refused = api.http.get(FLUNDERS, headers={"Impersonate-User": "nobody"})
    assert refused.status_code == 403 and 'User "nobody" cannot list resource "flunders"' in refused.json()["message"]
    is_discovered_and_goes_with_its_registration(api)


def is_discovered_and_goes_with_its_registration(api: Api) -> None:

    def resources() -> list[str]:
        groups = api.http.get("/apis", headers={"Accept": MODERN}).json()["items"]
        found = next((g for g in groups if g["metadata"]["name"] == GROUP), None)
        return [r["resource"] for r in found["versions"][0].get("resources", [])] if found else []

    eventually(lambda: resources() == ["fischers", "flunders"])
    assert f"apis/{GROUP}/v1alpha1" in api.get("/openapi/v3")["paths"]

    def available() -> bool:
        conditions = api.get(f"{API_SERVICES}/{NAME}").get("status", {}).get("conditions") or []
        return any(c["type"] == "Available" and c["status"] == "True" for c in conditions)

    eventually(available)
    api.delete(f"{API_SERVICES}/{NAME}")
    eventually(lambda: api.http.get(FLUNDERS).status_code == httpx.codes.NOT_FOUND)
    assert resources() == []
