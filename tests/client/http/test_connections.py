"""Servers that cannot be reached, in kubectl's words; credentials; proxies. The texts are the real kubectl's."""

from __future__ import annotations

import base64
import json
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from minikctl.api.errors import ApiError
from minikctl.client.http import Endpoint, ExecPlugin, HttpClient, Impersonation
from minikctl.client.http.answers import warnings
from minikctl.client.http.endpoint import Url
from minikctl.client.http.proxies import from_environment
from minikctl.util.errors import Unreachable, UsageError
from tests.client.http.conftest import Scripted, certificate, http_answer

VERSION = http_answer(b'{"major":"1"}')
Make = Callable[..., Scripted]


def refusal(endpoint: Endpoint) -> str:
    with pytest.raises(Unreachable) as e:
        HttpClient(endpoint).version()
    return str(e.value).removeprefix("Unable to connect to the server: ")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as s:
        return int(s.getsockname()[1])


def test_nobody_listens() -> None:
    port = free_port()
    text = f"The connection to the server 127.0.0.1:{port} was refused - did you specify the right host or port?"
    assert refusal(Endpoint(f"https://127.0.0.1:{port}")) == text
    assert "no such host" in refusal(Endpoint("https://nobody.invalid"))
    assert refusal(Endpoint("ftp://127.0.0.1:1")) == 'unsupported protocol scheme "ftp"'
    with pytest.raises(UsageError, match='host must be a URL or a host:port pair: "https://a b"'):
        HttpClient(Endpoint("https://a b"))


NAMES = "x509: certificate is valid for"


@pytest.mark.parametrize(
    ("names", "days", "host", "wanted"),
    [
        (("127.0.0.1",), 1, "127.0.0.1", ""),
        (("localhost",), 1, "localhost", ""),
        (("10.0.0.1",), 1, "127.0.0.1", f"{NAMES} 10.0.0.1, not 127.0.0.1"),
        (("a.b", "c.d"), 1, "localhost", f"{NAMES} a.b, c.d, not localhost"),
        (("a.b",), 1, "127.0.0.1", "x509: cannot validate certificate for 127.0.0.1 because it doesn't contain any IP SANs"),
        (("127.0.0.1",), -1, "127.0.0.1", "x509: certificate has expired or is not yet valid: current time "),
    ],
)  # fmt: skip
def test_certificates(
    scripted: Make, tmp_path: Path, names: tuple[str, ...], days: int, host: str, wanted: str
) -> None:
    made = certificate(*names, days=days)
    server = scripted(lambda _: VERSION, made.context(tmp_path))
    url = f"https://{host}:{server.port}"
    if not wanted:
        assert HttpClient(Endpoint(url, ca=made.pem)).version() == {"major": "1"}
    else:
        assert refusal(Endpoint(url, ca=made.pem)).startswith("tls: failed to verify certificate: " + wanted)
    assert HttpClient(Endpoint(url, insecure=True)).version() == {"major": "1"}
    stranger = refusal(Endpoint(url, ca=certificate("x").pem))
    assert stranger == "tls: failed to verify certificate: x509: certificate signed by unknown authority"


def test_another_name_for_the_server(scripted: Make, tmp_path: Path) -> None:
    made = certificate("api.example")
    server = scripted(lambda _: VERSION, made.context(tmp_path))
    endpoint = Endpoint(f"https://127.0.0.1:{server.port}", ca=made.pem, tls_server_name="api.example")
    assert HttpClient(endpoint).version() == {"major": "1"}


def test_what_does_not_speak(scripted: Make) -> None:
    plain = scripted(lambda _: VERSION)
    assert refusal(Endpoint(f"https://127.0.0.1:{plain.port}")) == "http: server gave HTTP response to HTTPS client"
    closing = scripted(lambda _: b"")
    assert refusal(Endpoint(f"http://127.0.0.1:{closing.port}")) == "EOF"
    html = scripted(lambda _: http_answer(b"<html>"))
    with pytest.raises(UsageError, match="invalid character '<' looking for beginning of value"):
        HttpClient(Endpoint(f"http://127.0.0.1:{html.port}")).version()


@pytest.mark.parametrize(
    ("status", "wanted"),
    [
        ("400 Bad Request", "the server rejected our request for an unknown reason"),
        ("404 Not Found", "the server could not find the requested resource"),
        ("503 Service Unavailable", "the server is currently unable to handle the request"),
        ("418 Teapot", "the server responded with the status code 418 but did not return more information"),
    ],
)
def test_answers_without_a_status_object(scripted: Make, status: str, wanted: str) -> None:
    server = scripted(lambda _: http_answer(b"bad", status))
    with pytest.raises(ApiError) as e:
        HttpClient(Endpoint(f"http://127.0.0.1:{server.port}")).version()
    assert e.value.message == wanted


def test_time_limits(scripted: Make, tmp_path: Path) -> None:
    done = threading.Event()
    hanging = scripted(lambda _: (done.wait(20), VERSION)[1])
    late = "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
    assert refusal(Endpoint(f"http://127.0.0.1:{hanging.port}", timeout=0.2)) == late
    done.set()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}"
        waiting = "net/http: request canceled while waiting for connection"
        assert refusal(Endpoint(url, timeout=0.2)).startswith(waiting)


def test_kept_connections(scripted: Make) -> None:
    """A kept connection that the server has closed is not used again; a busy server is asked again when it says so."""
    answers = iter([VERSION, http_answer(b"", "429 Too Many", Retry_After="0"), VERSION])
    server = scripted(lambda _: next(answers))
    client = HttpClient(Endpoint(f"http://127.0.0.1:{server.port}"))
    assert client.version() == client.version() == {"major": "1"}
    assert len(server.requests) == 3
    closing = scripted(lambda _: http_answer(b'{"major":"1"}', Connection="close"))
    client = HttpClient(Endpoint(f"http://127.0.0.1:{closing.port}"))
    assert client.version() == client.version()


# ---------------------------------------------------------------------- credentials


def sent(server: Scripted, name: str) -> list[str]:
    """The values of a header in the last request."""
    lines = [line.partition(": ") for line in server.requests[-1].decode().split("\r\n")]
    return [value for key, _, value in lines if key.lower() == name.lower()]


def test_ways_to_log_in(scripted: Make, tmp_path: Path) -> None:
    server = scripted(lambda _: VERSION)
    url = f"http://127.0.0.1:{server.port}"
    HttpClient(Endpoint(url, token="t")).version()
    assert sent(server, "Authorization") == ["Bearer t"]
    HttpClient(Endpoint(url, username="u", password="p")).version()
    assert sent(server, "Authorization") == ["Basic " + base64.b64encode(b"u:p").decode()]
    (tmp_path / "token").write_text("one\n")
    client = HttpClient(Endpoint(url, token_file=str(tmp_path / "token")))
    client.version()
    assert sent(server, "Authorization") == ["Bearer one"]
    (tmp_path / "token").write_text("two\n")
    client.version()
    assert sent(server, "Authorization") == ["Bearer two"]
    HttpClient(Endpoint(url)).version()
    assert sent(server, "Authorization") == []


def test_impersonation(scripted: Make) -> None:
    server = scripted(lambda _: VERSION)
    who = Impersonation("ann", ("a", "b,c"), "7", {"Some/Key": ("x", "y")})
    HttpClient(Endpoint(f"http://127.0.0.1:{server.port}", impersonation=who)).version()
    assert sent(server, "Impersonate-User") == ["ann"] and sent(server, "Impersonate-Group") == ["a", "b,c"]
    assert sent(server, "Impersonate-Uid") == ["7"] and sent(server, "Impersonate-Extra-Some%2FKey") == ["x", "y"]
    nobody = Endpoint(f"http://127.0.0.1:{server.port}", impersonation=Impersonation(groups=("a",)))
    with pytest.raises(UsageError, match="without impersonating a user"):
        HttpClient(nobody).version()


V1 = "client.authentication.k8s.io/v1"


def plugin(tmp_path: Path, *answers: object, **options: object) -> ExecPlugin:
    """A program that gives these answers one after the other, and keeps what it was told."""
    script = tmp_path / "plugin"
    for i, answer in enumerate(answers):
        (tmp_path / f"answer-{i}").write_text(answer if isinstance(answer, str) else json.dumps(answer))
    script.write_text(
        f'#!/bin/sh\ncd {tmp_path}\nprintf %s "$KUBERNETES_EXEC_INFO" > told\n'
        "n=$(cat calls 2>/dev/null || echo 0); echo $((n + 1)) > calls\n"
        'cat answer-$n && exit "${CODE:-0}"\n'
    )
    script.chmod(0o755)
    return ExecPlugin(str(script), interactive_mode="Never", **options)  # type: ignore[arg-type]


def credential(token: str, **more: object) -> dict[str, object]:
    return {"kind": "ExecCredential", "apiVersion": V1, "status": {"token": token, **more}}


def test_plugins_hand_out_tokens(scripted: Make, tmp_path: Path) -> None:
    answers = iter([VERSION, VERSION, http_answer(b"", "401 Unauthorized"), VERSION, VERSION])
    server = scripted(lambda _: next(answers))
    expired = credential("c", expirationTimestamp="2020-01-01T00:00:00Z")
    program = plugin(tmp_path, credential("a"), expired, credential("d"), provide_cluster_info=True)
    client = HttpClient(
        Endpoint(f"http://127.0.0.1:{server.port}", exec_plugin=program, environ={"PATH": "/usr/bin:/bin"})
    )
    client.version()
    assert sent(server, "Authorization") == ["Bearer a"]
    told = json.loads((tmp_path / "told").read_text())
    assert told["spec"]["interactive"] is False and told["spec"]["cluster"]["server"].startswith("http://127")
    client.version()
    assert (tmp_path / "calls").read_text() == "1\n"
    client.version()  # refused once, asked for another: which has ended already
    assert sent(server, "Authorization") == ["Bearer c"]
    client.version()
    assert sent(server, "Authorization") == ["Bearer d"]


@pytest.mark.parametrize(
    ("answer", "options", "wanted"),
    [
        ("nonsense", {}, "getting credentials: decoding stdout: couldn't get version/kind; json parse error"),
        ({"kind": "ExecCredential", "apiVersion": V1}, {}, "getting credentials: exec plugin didn't return a status field"),
        (credential(""), {}, "getting credentials: exec plugin didn't return a token or cert/key pair"),
        (credential("x"), {"api_version": f"{V1}beta1"}, f"getting credentials: exec plugin is configured to use API version {V1}beta1, plugin returned version {V1}"),
        (credential("x"), {"env": {"CODE": "3"}}, "failed with exit code 3"),
    ],
)  # fmt: skip
def test_plugins_that_fail(tmp_path: Path, answer: object, options: dict[str, object], wanted: str) -> None:
    program = plugin(tmp_path, answer, **options)
    found = refusal(Endpoint("http://127.0.0.1:1", exec_plugin=program, environ={"PATH": "/usr/bin:/bin"}))
    assert wanted in found


def test_a_plugin_that_is_not_there() -> None:
    program = ExecPlugin("/no/such", install_hint="get it there")
    found = refusal(Endpoint("http://127.0.0.1:1", exec_plugin=program))
    assert found == "getting credentials: exec: executable /no/such not found\n\nget it there"


# ---------------------------------------------------------------------- proxies


@pytest.mark.parametrize(
    ("url", "environ", "wanted"),
    [
        ("https://k8s.example", {}, ""),
        ("https://k8s.example", {"HTTPS_PROXY": "http://p:3128"}, "http://p:3128"),
        ("https://k8s.example", {"https_proxy": "p:3128"}, "http://p:3128"),
        ("http://k8s.example", {"HTTPS_PROXY": "http://p:3128"}, ""),
        ("https://127.0.0.1:6443", {"HTTPS_PROXY": "http://p:3128"}, ""),
        ("https://localhost:6443", {"HTTPS_PROXY": "http://p:3128"}, ""),
        ("https://k8s.example", {"HTTPS_PROXY": "p", "NO_PROXY": "example"}, ""),
        ("https://k8s.example", {"HTTPS_PROXY": "p", "NO_PROXY": ".example"}, ""),
        ("https://example", {"HTTPS_PROXY": "p", "NO_PROXY": ".example"}, "http://p"),
        ("https://10.1.2.3", {"HTTPS_PROXY": "p", "NO_PROXY": "10.0.0.0/8"}, ""),
        ("https://k8s.example", {"HTTPS_PROXY": "p", "NO_PROXY": "*"}, ""),
        ("https://k8s.example:6443", {"HTTPS_PROXY": "p", "NO_PROXY": "k8s.example:443"}, "http://p"),
    ],
)
def test_proxies_of_the_environment(url: str, environ: dict[str, str], wanted: str) -> None:
    assert from_environment(Url.parse(url), environ) == wanted


def test_through_a_proxy(scripted: Make, tmp_path: Path) -> None:
    made = certificate("k8s.example")
    server = scripted(lambda _: VERSION, made.context(tmp_path))
    proxy = Tunnel(server.port)
    endpoint = Endpoint("https://k8s.example", ca=made.pem, proxy=f"http://me:secret@127.0.0.1:{proxy.port}")
    assert HttpClient(endpoint).version() == {"major": "1"}
    assert proxy.head.startswith(b"CONNECT k8s.example:443 HTTP/1.1\r\n")
    assert base64.b64encode(b"me:secret") in proxy.head
    closed = scripted(lambda _: http_answer(b"", "407 Proxy Authentication Required"))
    endpoint = Endpoint("https://k8s.example", proxy=f"http://127.0.0.1:{closed.port}")
    assert refusal(endpoint) == "proxyconnect tcp: Proxy Authentication Required"


class Tunnel:
    """An HTTP proxy for one connection, whatever host is asked for."""

    def __init__(self, target: int):
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.head = b""
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        sock, _ = self._listener.accept()
        self._listener.close()
        with sock, socket.create_connection(("127.0.0.1", self._target)) as server:
            while b"\r\n\r\n" not in self.head:
                self.head += sock.recv(65536)
            sock.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            back = threading.Thread(target=_copy, args=(server, sock), daemon=True)
            back.start()
            _copy(sock, server)
            back.join(20)


def _copy(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def test_warning_headers() -> None:
    assert warnings({"Warning": '299 - "one \\"two\\""'}) == ['one "two"']
    assert warnings({"Warning": '299 - "a" "Sat, 21 Nov 2026", 299 - "b", 199 - "c"'}) == ["a", "b"]
    assert warnings({}) == []


def test_importing_takes_no_http(tmp_path: Path) -> None:
    """The local door pays nothing for the other."""
    import subprocess
    import sys

    code = "import sys, minikctl.kubectl.connection, minikctl.client.local; print([m for m in ('ssl','http.client') if m in sys.modules])"
    started = time.monotonic()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]", time.monotonic() - started
