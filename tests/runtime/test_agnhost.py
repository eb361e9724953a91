"""agnhost's commands, as Kubernetes' own tests use them."""

from __future__ import annotations

import base64
import importlib
import json
import socket
import ssl
import subprocess
import urllib.parse
import urllib.request
from pathlib import Path

import pytest

from minikctl.runtime import images
from minikctl.runtime.interface import Mount
from tests.runtime.conftest import Node, until
from tests.runtime.test_images import get, listening

IMAGE = "registry.k8s.io/e2e-test-images/agnhost:2.53"


def out(node: Node, *args: str, **more: object) -> tuple[int, list[str]]:
    """Exit code and lines of a command that ends."""
    container = node.run(image=IMAGE, name=args[0], args=args, **more)
    code = node.ended(container).exit_code
    return code, [line.split(" ", 2)[2] for line in node.log(container)]


def start(node: Node, port: int, *args: str, **more: object) -> tuple[str, str]:
    container = node.run(image=IMAGE, name=args[0], args=args, **more)
    address = node.sandbox.ip
    until(lambda: listening(address, port), f"{args} listens")
    return container, address


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "tls.crt", folder / "tls.key"
    words = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=hook"]
    done = subprocess.run([*words, "-keyout", key, "-out", cert], capture_output=True, check=False)
    if done.returncode:
        pytest.skip("openssl makes no certificate here")
    return cert, key


def post(url: str, body: object) -> object:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=5, context=context) as answer:
        return json.loads(answer.read())


@pytest.mark.parametrize(
    ("args", "shown"),
    [
        (("entrypoint-tester", "foo", "--bar"), ["[/agnhost entrypoint-tester foo --bar]"]),
        (("entrypoint-tester",), ["[/agnhost entrypoint-tester]"]),
    ],
)
def test_entrypoint_tester(node: Node, args: tuple[str, ...], shown: list[str]) -> None:
    assert out(node, *args) == (0, shown)


def test_another_entrypoint(node: Node) -> None:
    container = node.run("/agnhost-2", "entrypoint-tester", "override", image=IMAGE)
    assert node.ended(container).exit_code == 0
    assert node.log(container) == ["stdout F [/agnhost-2 entrypoint-tester override]"]


def test_mounttest(node: Node, tmp_path: Path) -> None:
    volume = tmp_path / "volume"
    volume.mkdir()
    volume.chmod(0o1777)
    (volume / "data").write_text("value-1\n")
    (volume / "data").chmod(0o400)
    mounts = (Mount(str(volume), "/test-volume"),)
    code, lines = out(
        node,
        "mounttest",
        "--new_file_0660=/test-volume/test-file",
        "--file_perm=/test-volume/test-file",
        "--file_mode=/test-volume",
        "--file_owner=/test-volume/data",
        "--file_content=/test-volume/data",
        mounts=mounts,
    )
    assert code == 0
    assert [line for line in lines if line] == [
        'content of file "/test-volume/test-file": mount-tester new file',
        'mode of file "/test-volume": dtrwxrwxrwx',
        'perms of file "/test-volume/test-file": -rw-rw----',
        f'owner UID of "/test-volume/data": {(volume / "data").stat().st_uid}',
        f'owner GID of "/test-volume/data": {(volume / "data").stat().st_gid}',
        'content of file "/test-volume/data": value-1',
    ]
    assert out(node, "mounttest", "--file_content_in_loop=/test-volume/test-file", mounts=mounts, attempt=1)[0] == 0


def test_mounttest_says_what_is_wrong(node: Node) -> None:
    code, lines = out(node, "mounttest", "--file_content=/no/such", "--fs_type=/proc")
    assert code == 1 and lines == [
        'mount type of "/proc": 40864',
        'error reading file content for "/no/such": open /no/such: no such file or directory',
    ]


def test_netexec(node: Node) -> None:
    container, ip = start(node, 8083, "netexec", "--http-port", "8083", "--udp-port", "8081")
    url = f"http://{ip}:8083"
    assert get(url + "/hostName")[2] == get(url + "/hostname")[2] == "web"
    assert get(url + "/clientip")[2].startswith("127.")
    assert get(url + "/healthz")[0] == 200
    assert get(url + "/serverport")[2] == "8083"
    assert get(url + "/echo?msg=hi%20you&code=201")[::2] == (201, "hi you")
    assert (
        get(url + "/echo", "POST", b"msg=posted", {"Content-Type": "application/x-www-form-urlencoded"})[2] == "posted"
    )
    assert get(url + "/redirect?location=/echo%3Fmsg=there&code=307")[2] == "there"
    assert json.loads(get(url + "/shell?cmd=echo%20one;exit%203")[2]) == {"output": "one\n", "error": "exit status 3"}
    asked = urllib.parse.urlencode({"host": ip, "port": 8083, "request": "hostname", "protocol": "http", "tries": 2})
    assert json.loads(get(f"{url}/dial?{asked}")[2]) == {"responses": ["web", "web"]}
    asked = urllib.parse.urlencode({"host": ip, "port": 8081, "request": "echo Over UDP", "protocol": "udp"})
    assert json.loads(get(f"{url}/dial?{asked}")[2]) == {"responses": ["over udp"]}
    asked = urllib.parse.urlencode({"host": ip, "port": 1, "request": "x", "protocol": "http"})
    assert "errors" in json.loads(get(f"{url}/dial?{asked}")[2])
    assert get(url + "/dial?host=x&port=1")[0] == 400
    assert get(url + "/anything")[2].startswith("NOW: ")
    form = b'--B\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\ncontent\r\n--B--\r\n'
    status, _, body = get(url + "/upload", "POST", form, {"Content-Type": "multipart/form-data; boundary=B"})
    assert status == 201 and json.loads(body)["output"].startswith("/uploads/upload")
    assert get(url + "/exit?code=5&wait=10ms&timeout=1s")[0] == 200
    assert node.ended(container).exit_code == 5


def test_netexec_speaks_chunks_and_goes_on(node: Node) -> None:
    _, ip = start(node, 8083, "netexec", "--http-port=8083", "--udp-port=-1")
    with socket.create_connection((ip, 8083)) as raw:
        head = b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n"
        raw.sendall(head + b"Content-Type: application/x-www-form-urlencoded\r\n\r\n")
        assert raw.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        raw.sendall(b"4\r\nmsg=\r\n3\r\nyes\r\n0\r\n\r\n")
        assert raw.recv(1000).endswith(b"\r\n\r\nyes")
        raw.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert raw.recv(1000).startswith(b"HTTP/1.1 412 ")


def test_serve_hostname(node: Node) -> None:
    _, ip = start(node, 9376, "serve-hostname", "--http=false", "--tcp", "--udp")
    with socket.create_connection((ip, 9376)) as tcp:
        assert tcp.recv(100) == b"web"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.settimeout(5)
        udp.sendto(b"?", (ip, 9376))
        assert udp.recv(100) == b"web"


def test_porter_and_connect(node: Node) -> None:
    env = (("SERVE_PORT_8085", "first"), ("SERVE_TCP_PORT_8086", "second"))
    _, ip = start(node, 8085, "porter", env=env)
    assert get(f"http://{ip}:8085/")[2] == "first" and get(f"http://{ip}:8086/x")[2] == "second"
    assert out(node, "connect", f"{ip}:8085", "--timeout=2s") == (0, [])
    assert out(node, "connect", "--timeout", "2s", f"{ip}:1", attempt=1) == (1, ["REFUSED"])
    assert out(node, "connect", "127.0.0.1", attempt=2)[1][0].startswith("UNKNOWN: ")


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ('<a href="/elsewhere">link</a>', "text/html; charset=utf-8"),
        (" <!-- a page -->", "text/html; charset=utf-8"),
        ("<abbr>", "text/plain; charset=utf-8"),
        ("<a", "text/plain; charset=utf-8"),
    ],
)
def test_what_looks_like_a_page_is_one(node: Node, value: str, kind: str) -> None:
    _, ip = start(node, 8085, "porter", env=(("SERVE_PORT_8085", value),))
    status, headers, body = get(f"http://{ip}:8085/")
    assert (status, headers["Content-Type"], body) == (200, kind, value)


def test_porter_has_a_certificate(node: Node) -> None:
    _, ip = start(node, 8443, "porter", "--json-response", env=(("SERVE_TLS_PORT_8443", "secret"),))
    assert post(f"https://{ip}:8443/x", {}) == {"Method": "POST", "Body": "secret"}


def test_who_does_not_speak_http_is_told_at_once(node: Node) -> None:
    """`echo hello | nc` waits for an answer, and ends no line with a carriage return."""
    _, ip = start(node, 8080, "netexec", "--http-port=8080", "--udp-port=-1")
    for said, answered in (
        (b"hello\n", b"HTTP/1.1 400 Bad Request"),
        (b"GET /hostname HTTP/1.0\n\n", b"HTTP/1.1 200 OK"),
    ):
        with socket.create_connection((ip, 8080)) as raw:
            raw.settimeout(10)
            raw.sendall(said)
            text = b"".join(iter(lambda: raw.recv(1000), b""))
            assert text.startswith(answered) and text.endswith((b"\r\n\r\n400 Bad Request", b"\r\n\r\nweb"))


def test_port_forward_tester(node: Node) -> None:
    env = (("BIND_PORT", "8087"), ("EXPECTED_CLIENT_DATA", "abc"), ("CHUNKS", "3"), ("CHUNK_SIZE", "4"))
    container = node.run(image=IMAGE, args=("port-forward-tester",), env=(*env, ("CHUNK_INTERVAL", "10")))

    def talk() -> bytes:
        try:
            with socket.create_connection((node.sandbox.ip, 8087)) as s:
                s.sendall(b"abc")
                return b"".join(iter(lambda: s.recv(100), b""))
        except ConnectionRefusedError:
            return b""

    assert until(talk) == b"x" * 12
    assert node.ended(container).exit_code == 0
    said = ["Accepted client connection", "Received expected client data", "Shutting down connection", "Done"]
    assert node.log(container) == [f"stdout F {text}" for text in said]


def test_guestbook(node: Node) -> None:
    _, ip = start(node, 6379, "guestbook", "--http-port", "6379")
    node.pod("u2")
    replica, other = start(node, 6379, "guestbook", f"--replicaof={ip}", "--http-port", "6379")
    until(lambda: any("Registered to node" in line for line in node.log(replica)), "the replica registers")
    url = f"http://{ip}:6379"
    assert json.loads(get(url + "/get?key=a")[2]) == {"data": ""}
    assert json.loads(get(url + "/set?key=a&value=b%20c")[2]) == {"message": "Updated"}
    assert json.loads(get(f"http://{other}:6379/get")[2]) == {"data": {"a": "b c"}}
    assert get(url + "/set?value=b")[0] == 400 and get(url + "/guestbook?cmd=x")[0] == 400


def test_net(node: Node) -> None:
    _, ip = start(node, 8889, "net", "--serve", ":8889")
    assert get(f"http://{ip}:8889/run/none", "POST", b"{}")[0] == 404
    wrong = get(f"http://{ip}:8889/run/nat-closewait-client", "POST", json.dumps({"RemoteAddr": f"{ip}:1"}).encode())
    assert wrong[0] == 500


def test_dns_and_hosts(node: Node, tmp_path: Path) -> None:
    (tmp_path / "resolv").write_text("nameserver 10.96.0.10\nsearch a.local b.local\noptions ndots:5\n")
    (tmp_path / "hosts").write_text("127.0.0.1 localhost\n")
    mounts = (Mount(str(tmp_path / "resolv"), "/etc/resolv.conf"), Mount(str(tmp_path / "hosts"), "/etc/hosts"))
    assert out(node, "dns-suffix", mounts=mounts)[1] == ["a.local,b.local"]
    assert out(node, "dns-server-list", mounts=mounts)[1] == ["10.96.0.10"]
    assert out(node, "etc-hosts", mounts=mounts)[1] == ["127.0.0.1 localhost"]


def test_logs_generator_needs_its_flags(node: Node) -> None:
    assert out(node, "logs-generator", "-t", "3", "-d", "20ms")[0] == 0
    assert out(node, "logs-generator", attempt=1)[0] == 255


POD = {"group": "", "version": "v1", "resource": "pods"}
CONFIG = {"group": "", "version": "v1", "resource": "configmaps"}


@pytest.mark.parametrize(
    ("path", "request_", "allowed", "said", "patched"),
    [
        ("always-deny", {}, False, "this webhook denies all requests", ""),
        ("add-label", {"object": {"metadata": {}}}, True, "", "/metadata/labels"),
        ("add-label", {"object": {"metadata": {"labels": {"a": "b"}}}}, True, "", "/metadata/labels/added-label"),
        ("add-label", {"object": {"metadata": {"labels": {"added-label": "yes"}}}}, True, "", ""),
        (
            "pods",
            {"resource": POD, "object": {"metadata": {"labels": {"webhook-e2e-test": "webhook-disallow"}}}},
            False,
            "the pod contains unwanted label;",
            "",
        ),
        (
            "pods",
            {"resource": POD, "object": {"spec": {"containers": [{"name": "webhook-disallow"}]}}},
            False,
            "the pod contains unwanted container name;",
            "",
        ),
        ("pods", {"resource": CONFIG}, False, "expect resource to be", ""),
        (
            "pods/attach",
            {
                "name": "to-be-attached-pod",
                "subResource": "attach",
                "object": {"stdin": True, "container": "container1"},
            },
            False,
            "attaching to pod 'to-be-attached-pod' is not allowed",
            "",
        ),
        ("pods/attach", {"name": "another"}, True, "", ""),
        (
            "mutating-pods",
            {"resource": POD, "object": {"metadata": {"name": "webhook-to-be-mutated"}}},
            True,
            "",
            "/spec/initContainers",
        ),
        ("mutating-pods", {"resource": POD, "object": {"metadata": {"name": "other"}}}, True, "", ""),
        ("mutating-pods-sidecar", {"object": {}}, False, "No image specified", ""),
        (
            "configmaps",
            {"resource": CONFIG, "operation": "CREATE", "object": {"data": {"webhook-e2e-test": "webhook-disallow"}}},
            False,
            "the configmap contains unwanted key and value",
            "",
        ),
        (
            "configmaps",
            {
                "resource": CONFIG,
                "operation": "DELETE",
                "oldObject": {"data": {"webhook-e2e-test": "webhook-nondeletable"}},
            },
            False,
            "the configmap cannot be deleted",
            "",
        ),
        ("configmaps", {"resource": CONFIG, "operation": "CREATE", "object": {"data": {"a": "b"}}}, True, "", ""),
        (
            "mutating-configmaps",
            {"resource": CONFIG, "object": {"data": {"mutation-start": "yes"}}},
            True,
            "",
            "/data/mutation-stage-1",
        ),
        (
            "mutating-custom-resource",
            {"object": {"data": {"mutation-start": "yes", "mutation-stage-1": "yes"}}},
            True,
            "",
            "/data/mutation-stage-2",
        ),
        (
            "custom-resource",
            {"operation": "UPDATE", "object": {"data": {"webhook-e2e-test": "webhook-disallow"}}},
            False,
            "the custom resource contains unwanted data",
            "",
        ),
        (
            "crd",
            {
                "resource": {"group": "apiextensions.k8s.io", "version": "v1", "resource": "customresourcedefinitions"},
                "object": {"metadata": {"labels": {"webhook-e2e-test": "webhook-disallow"}}},
            },
            False,
            "the crd contains unwanted label",
            "",
        ),
    ],
)
def test_webhook_decisions(
    hook: str, path: str, request_: dict[str, object], allowed: bool, said: str, patched: str
) -> None:
    review = {"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1", "request": {"uid": "u1", **request_}}
    answer = post(f"{hook}/{path}", review)
    assert answer["apiVersion"] == "admission.k8s.io/v1" and answer["response"]["uid"] == "u1"
    response = answer["response"]
    assert response["allowed"] is allowed
    status = response.get("status", {})
    assert said in (status.get("message") or status.get("reason") or "")
    patch = json.loads(base64.b64decode(response.get("patch", "W10=")))
    assert [p["path"] for p in patch] == ([patched] if patched else [])


@pytest.fixture(scope="module")
def hook(tmp_path_factory: pytest.TempPathFactory, pair: tuple[Path, Path]) -> object:
    from minikctl.runtime.process.killing import kill_everything
    from tests.runtime.conftest import open_node

    state = tmp_path_factory.mktemp("hook")
    node = open_node(state)
    mounts = (Mount(str(pair[0].parent), "/certs"),)
    words = ("--port", "8444", "--tls-cert-file=/certs/tls.crt", "--tls-private-key-file=/certs/tls.key")
    _, ip = start(node, 8444, "webhook", *words, mounts=mounts)
    yield f"https://{ip}:8444"
    node.runtime.stop()
    kill_everything(state)


@pytest.mark.parametrize(
    ("obj", "version", "want"),
    [
        ({"apiVersion": "stable.example.com/v1", "hostPort": "h:80"}, "v2", {"host": "h", "port": "80"}),
        ({"apiVersion": "stable.example.com/v2", "host": "h", "port": "80"}, "v1", {"hostPort": "h:80"}),
        ({"apiVersion": "stable.example.com/v2"}, "v1", {}),
        ({"apiVersion": "stable.example.com/v1"}, "v1", "conversion from a version to itself"),
        ({"apiVersion": "stable.example.com/v1", "hostPort": "h"}, "v2", "invalid hostPort value"),
        ({"apiVersion": "stable.example.com/v1"}, "v9", "unexpected conversion version"),
    ],
)
def test_conversion(hook: str, obj: dict[str, str], version: str, want: object) -> None:
    asked = {"uid": "u1", "desiredAPIVersion": f"stable.example.com/{version}", "objects": [obj]}
    review = {"kind": "ConversionReview", "apiVersion": "apiextensions.k8s.io/v1", "request": asked}
    response = post(f"{hook}/crdconvert", review)["response"]
    assert response["uid"] == "u1"
    if isinstance(want, str):
        assert response["result"]["status"] == "Failure" and want in response["result"]["message"]
    else:
        assert response["convertedObjects"] == [{"apiVersion": f"stable.example.com/{version}", **want}]


def test_grpc_health(node: Node) -> None:
    from minikctl.kubelet import probe_handlers

    _, ip = start(node, 5000, "grpc-health-checking", "--service", "fine", "--http-port", "8088")

    def probe(service: str) -> object:
        return probe_handlers._grpc(node.runtime, node.sandbox.id, ip, 5000, {"port": 5000, "service": service}, 3)

    assert probe("fine").ok is True
    assert probe("other").ok is False
    assert get(f"http://{ip}:8088/make-not-serving")[0] == 200
    assert probe("fine").ok is False


def test_liveness(node: Node) -> None:
    """Healthy for ten seconds; the test does not wait for the end of them."""
    _, ip = start(node, 8080, "liveness")
    url = f"http://{ip}:8080"
    status, _, body = get(url + "/healthz")
    assert (status, body) == (200, "ok") or status == 500  # on a slow machine
    age = get(url + "/started")[2]
    assert age.endswith("s") and float(age[:-1]) >= 0
    assert get(url + "/nothing")[0] == 404


def test_test_webserver(node: Node) -> None:
    _, ip = start(node, 8088, "test-webserver", "--port", "8088")
    url = f"http://{ip}:8088"
    status, _, body = get(url + "/")
    assert status == 200 and body.startswith("<pre>\n")
    assert get(url + "/nothing/here")[0] == 404


def test_tcp_reset(node: Node) -> None:
    container, ip = start(node, 8089, "tcp-reset", "--port", "8089")
    with socket.create_connection((ip, 8089)) as s:
        s.sendall(b"more than one byte")
        with pytest.raises(ConnectionResetError):
            s.recv(1)
    until(lambda: any("Connection from" in line for line in node.log(container)), "it says who came")


def test_nettest_alone(node: Node) -> None:
    """Without an API server it finds nobody, says why, and still answers."""
    _, ip = start(node, 8091, "nettest", "--port", "8091", "--peers", "1")
    url = f"http://{ip}:8091"
    assert get(url + "/status")[2] == "running"
    with urllib.request.urlopen(url + "/write", data=b'{"Source": "me"}', timeout=5) as answer:
        assert "Hostname" in json.load(answer)
    assert json.loads(get(url + "/read")[2])["Received"] == {"me": 1}
    until(lambda: json.loads(get(url + "/read")[2])["Errors"], "it tells of what went wrong")


def test_inclusterclient_needs_a_service_account(node: Node) -> None:
    code, lines = out(node, "inclusterclient")
    assert code == 1 and "unable to load in-cluster configuration" in lines[-1]


def test_tokens_are_checked_as_openid_connect_has_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from minikctl.apiserver.auth import tokens

    folder = Path(images.__file__).parent
    for path in (folder, folder / "agnhost", folder / "agnhost" / "commands"):
        monkeypatch.syspath_prepend(str(path))
    module = importlib.import_module("test_service_account_issuer_discovery")
    claims = {"iss": "https://issuer", "aud": ["me"], "exp": 100}
    token, keys = tokens.sign(tmp_path, claims), [tokens.public_jwk(tmp_path)]
    module.verify(token, claims, "me", keys, 99)
    for audience, known, now, words in (
        ("you", keys, 99, "expected audience"),
        ("me", keys, 101, "expired"),
        ("me", [], 99, "failed to verify signature"),
        ("me", [{**keys[0], "n": keys[0]["n"][:-4] + "AAAA"}], 99, "failed to verify signature"),
    ):
        with pytest.raises(module.Refused, match=words):
            module.verify(token, claims, audience, known, now)
