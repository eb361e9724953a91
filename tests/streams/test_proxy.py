"""proxy through every door: filters, prefixes, files, and the real kubectl behind it."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.streams.conftest import Cluster, Program


@pytest.fixture(params=["kubectl", "minikctl"])
def program(request: pytest.FixtureRequest, cluster: Cluster) -> Program:
    """minikctl's proxy always goes over HTTP."""
    return cluster.program(request.param)


@contextmanager
def proxied(program: Program, *argv: str) -> Iterator[httpx.Client]:
    with program.running("proxy", "--port=0", *argv) as running:
        found = re.fullmatch(r"Starting to serve on (127\.0\.0\.1:\d+)\n", running.until("\n"))
        assert found
        with httpx.Client(base_url=f"http://{found[1]}", timeout=15) as client:
            yield client


def test_the_api(program: Program, cluster: Cluster) -> None:
    with proxied(program) as http:
        found = http.get("/api/v1/namespaces/default/pods/web")
        assert found.status_code == 200 and found.json()["metadata"]["name"] == "web"
        assert http.get("/nothing").status_code == 404
        name = f"made-by-{program.name}"
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"a": "x" * 200_000}}
        assert http.post("/api/v1/namespaces/default/configmaps", json=body).status_code == 201
        assert http.delete(f"/api/v1/namespaces/default/configmaps/{name}").status_code == 200
        chunked = http.post(
            "/api/v1/namespaces/default/configmaps",
            content=iter([b'{"kind":"ConfigMap","apiVersion":"v1",', b'"metadata":{"name":"%s"}}' % name.encode()]),
            headers={"content-type": "application/json"},
        )
        assert chunked.status_code == 201
        watch = {"watch": "1", "timeoutSeconds": "1", "resourceVersion": "0"}
        with http.stream("GET", "/api/v1/namespaces/default/pods", params=watch) as events:
            assert '"ADDED"' in next(events.iter_lines())
        kubectl = cluster.program("kubectl")
        done = kubectl.run("--kubeconfig=/dev/null", "-s", str(http.base_url), "get", "pod", "web", "-o", "name")
        assert (done.code, done.out) == (0, "pod/web\n")


def test_what_is_rejected(program: Program) -> None:
    with proxied(program) as http:
        assert http.get("/version", headers={"Host": "example.org"}).status_code == 403
        refused = http.get("/api/v1/namespaces/default/pods/web/exec")
        assert (refused.status_code, refused.text) == (403, "Forbidden\n")
        assert http.get("/api/v1/namespaces/default/pods/web/%65xec").status_code == 403
        assert http.get("/api/v1/namespaces/default//pods").status_code in (301, 307)
    with proxied(program, "--reject-methods=^POST$,^DELETE$", "--accept-paths=^/version,^/healthz") as http:
        assert http.get("/version").status_code == 200
        assert http.post("/version").status_code == 403
        assert http.get("/api").status_code == 403
    with proxied(program, "--disable-filter") as http:
        assert http.get("/version", headers={"Host": "example.org"}).status_code == 200


def test_prefixes_and_files(program: Program, tmp_path: Path) -> None:
    (tmp_path / "www").mkdir()
    (tmp_path / "www" / "page.html").write_text("<b>hello</b>")
    (tmp_path / "secret").write_text("not for you")
    with proxied(program, "--api-prefix=/custom", f"--www={tmp_path}/www", "--www-prefix=/files") as http:
        assert http.get("/custom/version").json()["major"] == "1"
        assert http.get("/version").status_code == 404
        page = http.get("/files/page.html")
        assert (page.text, page.headers["content-type"]) == ("<b>hello</b>", "text/html; charset=utf-8")
        assert '<a href="page.html">page.html</a>' in http.get("/files/").text
        assert http.get("/files/nothing").status_code == 404
        raw = _raw(http, b"GET /files/../secret HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert b"not for you" not in raw
        raw = _raw(http, b"GET /files/%2e%2e/secret HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert b"200 OK" not in raw


def _raw(http: httpx.Client, data: bytes) -> bytes:
    where = (http.base_url.host, http.base_url.port)
    with socket.create_connection(where, timeout=10) as connection:
        connection.sendall(data)
        answer = b""
        while part := connection.recv(65536):
            answer += part
        return answer


@pytest.mark.parametrize(
    "behind",
    [
        b"GET /api/v1/namespaces/default/secrets HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"\r\nDELETE /api/v1/namespaces/default/pods/web HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ],
)
def test_nothing_gets_past_the_filter_behind_a_request(cluster: Cluster, behind: bytes) -> None:
    with proxied(cluster.program("minikctl"), "--accept-paths=^/version") as http:
        for head in (b"", b"Content-Length: 0\r\n", b"Connection: Upgrade\r\nUpgrade: websocket\r\n"):
            raw = _raw(http, b"GET /version HTTP/1.1\r\nHost: localhost\r\n" + head + b"\r\n" + behind)
            assert raw.count(b"HTTP/1.1 ") == 1 and b"SecretList" not in raw
    assert cluster.phase("web") == "Running"


@pytest.mark.parametrize(
    "rubbish", [b"\0\1\2\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9\r\n\r\n", b"GET / HTTP/1.1\r\n x\r\n\r\n"]
)
def test_rubbish(cluster: Cluster, rubbish: bytes) -> None:
    with proxied(cluster.program("minikctl")) as http:
        assert _raw(http, rubbish).startswith(b"HTTP/1.1 400 Bad Request\r\n")
        assert http.get("/version").status_code == 200


def test_a_websocket_through_it(cluster: Cluster) -> None:
    from tests.support.websocket import opened

    with proxied(cluster.program("minikctl"), "--reject-paths=^$") as http:
        path = "/api/v1/namespaces/default/pods/web/exec"
        base = str(http.base_url).rstrip("/")
        query = {"command": ["echo", "hi"], "stdout": "true", "stderr": "true"}
        with opened(base, path, "v5.channel.k8s.io", **query) as session:
            assert session.end()[0] == b"hi\n"


def test_a_unix_socket(program: Program, tmp_path: Path) -> None:
    path = tmp_path / "sock"
    with program.running("proxy", f"--unix-socket={path}") as running:
        assert running.until("\n") == f"Starting to serve on {path}\n"
        with httpx.Client(transport=httpx.HTTPTransport(uds=str(path)), base_url="http://localhost") as http:
            assert http.get("/version").status_code == 200


def test_refused(program: Program) -> None:
    done = program.run("proxy", "--unix-socket=/tmp/x", "--port=1")
    assert (done.code, done.err) == (1, "error: cannot set --unix-socket and --port at the same time\n")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = program.run("proxy", f"--port={port}")
    assert (done.code, done.err) == (1, f"error: listen tcp 127.0.0.1:{port}: bind: address already in use\n")
