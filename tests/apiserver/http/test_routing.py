"""URLs and media types."""

from __future__ import annotations

import pytest

from minikctl.api.errors import ApiError
from minikctl.apiserver.http import negotiation, routing
from minikctl.apiserver.http.negotiation import JSON, YAML, Form
from minikctl.apiserver.http.routing import BadPath, Target


@pytest.mark.parametrize(
    ("request_line", "wanted"),
    [
        ("GET /api/v1/pods", Target("list", "", "v1", "pods")),
        ("GET /api/v1/namespaces/d/pods", Target("list", "", "v1", "pods", "d")),
        ("GET /api/v1/namespaces/d/pods?watch=true", Target("watch", "", "v1", "pods", "d")),
        ("GET /api/v1/watch/namespaces/d/pods", Target("watch", "", "v1", "pods", "d")),
        ("GET /api/v1/watch/namespaces/d/pods/x", Target("watch", "", "v1", "pods", "d", "x")),
        ("GET /api/v1/namespaces/d/pods/x", Target("get", "", "v1", "pods", "d", "x")),
        ("GET /api/v1/namespaces/d/pods/x/log", Target("get", "", "v1", "pods", "d", "x", "log")),
        ("POST /apis/apps/v1/namespaces/d/deployments", Target("create", "apps", "v1", "deployments", "d")),
        ("PUT /apis/apps/v1/namespaces/d/deployments/w/scale", Target("update", "apps", "v1", "deployments", "d", "w", "scale")),
        ("PATCH /api/v1/nodes/n/status", Target("patch", "", "v1", "nodes", "", "n", "status")),
        ("DELETE /api/v1/namespaces/d/pods", Target("deletecollection", "", "v1", "pods", "d")),
        ("GET /api/v1/namespaces", Target("list", "", "v1", "namespaces")),
        ("GET /api/v1/namespaces/d", Target("get", "", "v1", "namespaces", "d", "d")),
        ("PUT /api/v1/namespaces/d/finalize", Target("update", "", "v1", "namespaces", "d", "d", "finalize")),
        ("GET /api/v1/namespaces/d/status", Target("get", "", "v1", "namespaces", "d", "d", "status")),
        ("GET /apis/x.io/v1/namespaces/d/status", Target("list", "x.io", "v1", "status", "d")),
        ("GET /api/v1/namespaces/d/services/s:80/proxy/a/../b//c", Target("get", "", "v1", "services", "d", "s:80", "proxy", "a/../b//c")),
        ("GET /api/v1/nodes/n/proxy/", Target("get", "", "v1", "nodes", "", "n", "proxy", "")),
        ("GET /apis/rbac.authorization.k8s.io/v1/clusterroles/system%3Anode", Target("get", "rbac.authorization.k8s.io", "v1", "clusterroles", "", "system:node")),
        ("GET /api", None),
        ("GET /api/v1", None),
        ("GET /apis/apps/v1", None),
        ("GET /healthz", None),
        ("GET /", None),
    ],
)  # fmt: skip
def test_targets(request_line: str, wanted: Target | None) -> None:
    method, url = request_line.split()
    path, _, query = url.partition("?")
    pairs = dict(p.split("=") for p in query.split("&") if p)
    assert routing.target(method, path, pairs) == wanted


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/namespaces/../pods",
        "/api/v1/pods/a%2Fb",
        "/api/v1/namespaces/d//pods",
        "/api/v1/pods/%00",
        "/api/v1/pods/%ff",
        "/api/v1/pods/%2e%2e",
    ],
)
def test_tricks_name_nothing(path: str) -> None:
    with pytest.raises(BadPath):
        routing.target("GET", path, {})


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        ("", Form(JSON)),
        ("*/*", Form(JSON)),
        ("application/json", Form(JSON)),
        ("application/yaml", Form(YAML)),
        ("application/vnd.kubernetes.protobuf,application/json", Form(JSON)),
        ("application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json", Form(JSON, "Table")),
        ("application/json;q=0.5,application/yaml", Form(YAML)),
        ("application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1", Form(JSON, "PartialObjectMetadataList")),
        ("application/json;as=Nonsense;g=meta.k8s.io;v=v1,application/json", Form(JSON)),
    ],
)  # fmt: skip
def test_accept(header: str, wanted: Form) -> None:
    assert negotiation.accept(header) == wanted


@pytest.mark.parametrize(
    "header", ["application/vnd.kubernetes.protobuf", "text/html", "application/json;q=0", "image/*"]
)
def test_unacceptable(header: str) -> None:
    with pytest.raises(ApiError) as e:
        negotiation.accept(header)
    assert e.value.code == 406


def test_bodies() -> None:
    assert negotiation.body_type("") == JSON
    assert negotiation.body_type("application/yaml; charset=utf-8") == YAML
    with pytest.raises(ApiError) as e:
        negotiation.body_type("application/cbor")
    assert e.value.code == 415
