"""What clients do wrong, by mistake or on purpose: a clean answer, and the server goes on answering others."""

from __future__ import annotations

import gzip
import resource
import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import httpx
import pytest

from minikctl.apiserver.http.messages import MAX_BODY
from tests.support.https import HTTPS, serving_https
from tests.support.waiting import eventually

CMS = "/api/v1/namespaces/default/configmaps"


@pytest.fixture(scope="module")
def https(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HTTPS]:
    with serving_https(tmp_path_factory.mktemp("robust") / "state") as made:
        yield made


@pytest.fixture(scope="module")
def admin(https: HTTPS) -> httpx.Client:
    return https.admin()


@pytest.fixture(autouse=True)
def still_answers(https: HTTPS, admin: httpx.Client) -> Iterator[None]:
    """After each test the server is the same process, and answers."""
    yield
    assert https.process.poll() is None
    assert admin.get(CMS, headers={"connection": "close"}).status_code == 200


@contextmanager
def connected(https: HTTPS, certificate: bool = True) -> Iterator[ssl.SSLSocket]:
    context = https.context()
    if certificate:
        context.load_cert_chain(https.root.parent / "kubernetes-admin.pem")
    with (
        socket.create_connection(("127.0.0.1", https.port), timeout=20) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as made,
    ):
        yield made


def raw(https: HTTPS, data: bytes, certificate: bool = True) -> bytes:
    """Everything that the server answers to bytes, until it closes the connection."""
    answer = b""
    with connected(https, certificate) as connection:
        try:
            connection.sendall(data)
            while chunk := connection.recv(65536):
                answer += chunk
        except (ConnectionError, ssl.SSLError):
            pass
    return answer


def get(https: HTTPS, path: str, certificate: bool = True) -> tuple[int, bytes]:
    """(status, body) for a path that is sent exactly as it is."""
    request = f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
    head, _, body = raw(https, request, certificate).partition(b"\r\n\r\n")
    return int(head.split(b" ")[1]), body


# ---------------------------------------------------------------------- paths


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/../../etc/passwd",
        "/api/v1/namespaces/../../../etc/passwd",
        "/api/v1/namespaces/default/pods/../secrets",
        "/api/v1/namespaces/default/pods/..%2f..%2fsecrets",
        "/api/v1/namespaces/%2e%2e/pods",
        "/api/v1/namespaces/default/pods/%2e%2e",
        "/api/v1/namespaces/default/configmaps/a%2fb",
        "/api/v1/namespaces/default/configmaps/a%00b",
        "/api/v1/namespaces/default/configmaps/%ff%fe",
        "/api/v1/namespaces/default/configmaps/.hidden",
        "/api/v1/namespaces/default/configmaps/" + "x" * 300,
        "/api/v1/namespaces//configmaps",
        "/api//v1/pods",
        "/apis/../api/v1/pods",
        "/apis/apps%2fv1/deployments",
        "/openapi/../../etc/passwd",
        "/openapi/v3/../../../etc/passwd",
        "/readyz/../api/v1/secrets",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/..",
        "/.",
        "/no/such/path",
        "/healthzz",
        "/livez/nope",
    ],
)
def test_paths_that_lead_nowhere(https: HTTPS, path: str) -> None:
    status, body = get(https, path)
    assert status == 404, body
    assert b'"reason":"NotFound"' in body and b"root:" not in body
    refused, body = get(https, path, certificate=False)
    assert refused in (403, 404) and b'"kind":"Status"' in body


@pytest.mark.parametrize(
    "data",
    [
        b"nonsense\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET /api HTTP/9.9\r\n\r\n",
        b"GET /api HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"GET /api HTTP/1.1\r\nBad Header\r\n\r\n",
        b"POST /api HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
        b"GET /" + b"a" * (2 << 20) + b" HTTP/1.1\r\n\r\n",
        b"GET /api HTTP/1.1\r\nX: " + b"a" * (2 << 20) + b"\r\n\r\n",
        b"GET /api HTTP/1.1\r\n" + b"X: y\r\n" * 400_000 + b"\r\n",
        bytes(range(256)) * 16,
    ],
    ids=lambda d: d[:24].decode("latin-1").replace("\r\n", " "),
)
def test_what_is_no_request(https: HTTPS, data: bytes) -> None:
    answer = raw(https, data)
    assert answer == b"" or answer.startswith((b"HTTP/1.1 400", b"HTTP/1.1 404", b"HTTP/1.1 405", b"HTTP/1.1 431")), (
        answer[:200]
    )


def test_plain_http_is_told_so(https: HTTPS) -> None:
    with socket.create_connection(("127.0.0.1", https.port), timeout=20) as plain:
        plain.sendall(b"GET /api HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = plain.recv(4096)
    assert answer.startswith(b"HTTP/1.0 400") and b"Client sent an HTTP request to an HTTPS server." in answer


def test_methods_that_nothing_answers(https: HTTPS) -> None:
    admin = https.admin()
    for method in ("OPTIONS", "TRACE", "PROPFIND"):
        for path in (CMS, "/version", "/"):
            answer = admin.request(method, path)
            assert answer.status_code in (404, 405), (method, path, answer.text)


# ---------------------------------------------------------------------- bodies


def too_large(answer: httpx.Response) -> None:
    assert answer.status_code == 413, answer.text
    assert answer.json()["reason"] == "RequestEntityTooLarge"


@pytest.mark.parametrize("size", [MAX_BODY + 1, 10 * MAX_BODY])
def test_bodies_over_3_MiB(https: HTTPS, size: int) -> None:
    body = b'{"data":{"x":"' + b"x" * size + b'"}}'
    headers = {"content-type": "application/json"}
    admin = https.admin()
    for _ in range(3):
        too_large(admin.post(CMS, content=body, headers=headers))
    too_large(admin.post(CMS, content=iter([body[i : i + 65536] for i in range(0, len(body), 65536)]), headers=headers))
    too_large(admin.put(f"{CMS}/a", content=body, headers=headers))


def test_a_small_body_that_becomes_large(https: HTTPS) -> None:
    body = gzip.compress(b" " * (50 << 20))
    headers = {"content-type": "application/json", "content-encoding": "gzip"}
    too_large(https.admin().post(CMS, content=body, headers=headers))


def test_a_body_of_just_3_MiB_is_read(https: HTTPS) -> None:
    body = b'{"metadata":{"name":"a"},"data":{"x":"'
    body += b"x" * (MAX_BODY - len(body) - 3) + b'"}}'
    assert len(body) == MAX_BODY
    answer = https.admin().post(CMS, content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 422 and "may not be more than 1048576 bytes" in answer.json()["message"]


def test_a_client_that_goes_in_the_middle_of_its_body(https: HTTPS) -> None:
    with connected(https) as connection:
        connection.sendall(b"POST " + CMS.encode() + b" HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{")


def test_deep_json(https: HTTPS) -> None:
    body = b'{"metadata":' * 100_000 + b"1" + b"}" * 100_000
    answer = https.admin().post(CMS, content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 400
    body = b"a: " + b"[" * 20_000
    answer = https.admin().post(CMS, content=body, headers={"content-type": "application/yaml"})
    assert answer.status_code == 400


# ---------------------------------------------------------------------- connections


@pytest.fixture
def many_files() -> Iterator[int]:
    """How many connections this process may open, at most 10,000."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 11_000
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, most), hard))
    yield min(10_000, most - 500)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def rss(pid: int) -> int:
    """MiB"""
    with open(f"/proc/{pid}/status") as f:  # noqa: PTH123
        return next(int(line.split()[1]) for line in f if line.startswith("VmRSS")) // 1024


@pytest.mark.parametrize("first", [b"", b"\x16"], ids=["silent", "begun"])
def test_10000_half_open_connections(https: HTTPS, many_files: int, first: bytes) -> None:
    if many_files < 5000:
        pytest.skip(f"this system allows {many_files} open files")
    before = rss(https.process.pid)
    with ExitStack() as stack:
        for _ in range(3000 if first else many_files):  # each of those who have begun costs a TLS object
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", https.port), timeout=20))
            if first:
                try:
                    connection.sendall(first)
                except ConnectionError:
                    continue  # the server has put it out already
        admin = https.admin()
        for _ in range(5):
            assert admin.get(CMS).status_code == 200
        assert https.anonymous().get("/readyz").text == "ok"
        assert rss(https.process.pid) - before < 150
    eventually(lambda: open_files(https.process.pid) < 500)


def open_files(pid: int) -> int:
    import os

    return len(os.listdir(f"/proc/{pid}/fd"))


def test_requests_that_never_end_do_not_keep_others_waiting(https: HTTPS) -> None:
    with ExitStack() as stack:
        for _ in range(50):
            connection = stack.enter_context(connected(https))
            connection.sendall(b"GET /api HTTP/1.1\r\nHost:")
        assert https.admin().get(CMS).status_code == 200
