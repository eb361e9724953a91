"""pods/proxy, services/proxy, nodes/proxy over HTTP, against a real node in this process."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest

from minikctl.apiserver.http.streaming.backends import choices, split
from minikctl.kubelet.agent import RUNTIME, kill_everything
from tests.kubelet.test_process_agent import Running
from tests.runtime.conftest import processes_of
from tests.support.http import serving
from tests.support.websocket import opened, refused

DEFAULT = "/api/v1/namespaces/default"
SERVER = """
import http.server, json, os

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def do_GET(self):
        if self.path.startswith('/away'):
            return self.answer(302, b'', ('Location', self.path.partition('?')[2]))
        if self.path == '/cookies':
            return self.answer(200, b'', ('Set-Cookie', 'a=1'), ('Set-Cookie', 'b=2'))
        if self.path == '/pieces':
            self.send_response(200)
            self.send_header('Transfer-Encoding', 'chunked')
            self.end_headers()
            for piece in (b'one', b'two'):
                self.wfile.write(b'%x\\r\\n%s\\r\\n' % (len(piece), piece))
            self.wfile.write(b'0\\r\\n\\r\\n')
            return
        if self.path == '/page':
            page = b'<a href="/rewriteme">test</a><img src=x><script src=/js?a=1&amp;b=2></script>'
            return self.answer(200, page, ('Content-Type', 'text/html; charset=utf-8'))
        if self.path == '/rude':
            self.close_connection = True
            return
        self.echo()

    def echo(self):
        body = b''
        if self.headers.get('Transfer-Encoding') == 'chunked':
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            body = self.rfile.read(int(self.headers.get('Content-Length', 0)))
        said = {'method': self.command, 'path': self.path, 'length': len(body), 'start': body[:20].decode('latin-1'),
                'headers': {k.lower(): v for k, v in self.headers.items()}}
        self.answer(418 if self.path == '/teapot' else 200, json.dumps(said).encode(), ('X-From', 'the pod'))

    do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_HEAD = echo

    def answer(self, code, body, *headers):
        self.send_response(code)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        if self.command != 'HEAD':
            self.wfile.write(body)

    def log_message(self, *a):
        pass

server = http.server.ThreadingHTTPServer((os.environ['POD_IP'], 8080), Handler)
print('listening', flush=True)
server.serve_forever()
"""


@dataclass
class Served:
    node: Running
    url: str
    http: httpx.Client


@pytest.fixture(scope="module")
def served(tmp_path_factory) -> Iterator[Served]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv(RUNTIME, "process")  # one of its pods runs a library of the tests' environment
        node = Running(tmp_path_factory.mktemp("proxying") / "state")
    try:
        address = [{"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}]
        ports = [{"containerPort": 8080, "name": "http"}]
        node.create("web", image="python", command=["python3", "-c", SERVER], env=address, ports=ports)
        ip = node.ready()["status"]["podIP"]
        node.said("listening")
        create = node.client.create
        ports = [{"name": "http", "port": 80, "targetPort": 8080}]
        create("services", {"metadata": {"name": "web"}, "spec": {"ports": ports}}, "default")
        create("services", {"metadata": {"name": "empty"}, "spec": {"ports": ports}}, "default")
        piece = {
            "metadata": {"name": "web-1", "labels": {"kubernetes.io/service-name": "web"}},
            "addressType": "IPv4",
            "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
            "endpoints": [
                {"addresses": ["192.0.2.99"], "conditions": {"ready": False}},
                {"addresses": [ip], "conditions": {"ready": True}, "targetRef": {"kind": "Pod", "name": "web"}},
            ],
        }
        create("endpointslices.discovery.k8s.io", piece, "default")
        with serving(node.cluster) as url, httpx.Client(base_url=url, timeout=20) as http:
            yield Served(node, url, http)
    finally:
        node.agent.stop()
        kill_everything(node.root)
        node.cluster.close()
    assert processes_of(node.root) == []


POD = f"{DEFAULT}/pods/web:8080/proxy"


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("base", ["pods/web", "pods/http:web:8080", "services/web:http", "services/web:80"])
def test_every_method(served, method, base):
    found = served.http.request(method, f"{DEFAULT}/{base}/proxy/a%2Fb/c/?x=1&y=%20", content=b"body")
    assert found.status_code == 200 and found.headers["x-from"] == "the pod"
    said = found.json()
    assert (said["method"], said["path"], said["length"]) == (method, "/a%2Fb/c/?x=1&y=%20", 4)


def test_head_and_answers_that_are_not_200(served):
    found = served.http.head(f"{POD}/x")
    assert (found.status_code, found.content) == (200, b"") and int(found.headers["content-length"]) > 0
    assert served.http.get(f"{POD}/teapot").status_code == 418
    assert served.http.get(f"{POD}/cookies").headers.get_list("set-cookie") == ["a=1", "b=2"]
    assert served.http.get(f"{POD}/pieces").text == "onetwo"


def test_large_bodies_both_of_known_length_and_not(served):
    size = 5 << 20
    assert served.http.post(f"{POD}/up", content=b"x" * size).json()["length"] == size
    chunked = served.http.post(f"{POD}/up", content=iter([b"x" * 1000] * 1000)).json()
    assert chunked["length"] == 1_000_000 and chunked["headers"]["transfer-encoding"] == "chunked"


def test_headers(served):
    given = {"Authorization": "Bearer secret", "X-Own": "kept", "Connection": "x-gone", "X-Gone": "1"}
    headers = served.http.get(f"{POD}/h", headers=given).json()["headers"]
    assert headers["x-own"] == "kept" and not {"authorization", "x-gone"} & headers.keys()
    assert headers["x-forwarded-uri"] == f"{POD}/h"
    assert headers["host"] == headers["x-forwarded-host"] == served.url.partition("//")[2]


def test_redirects(served):
    root = served.http.get(f"{DEFAULT}/pods/web:8080/proxy?a=b")
    assert (root.status_code, root.headers["location"]) == (301, f"{POD}/?a=b")
    assert served.http.post(f"{DEFAULT}/pods/web:8080/proxy").json()["path"] == "/"
    for given, shown in [
        ("/login", f"{POD}/login"),
        ("relative", "relative"),
        ("http://example.org/x", "http://example.org/x"),
        (f"{POD}/there", f"{POD}/there"),
    ]:
        assert served.http.get(f"{POD}/away?{given}").headers["location"] == shown


def test_links_of_pages(served):
    page = served.http.get(f"{POD}/page")
    assert page.text == (f'<a href="{POD}/rewriteme">test</a><img src=x><script src="{POD}/js?a=1&amp;b=2"></script>')
    assert page.headers["content-type"] == "text/html; charset=utf-8"


@pytest.mark.parametrize(
    ("path", "code", "message"),
    [
        ("pods/missing/proxy/", 404, 'pods "missing" not found'),
        ("pods/web:81/proxy/", 503, "connect: connection refused"),
        ("pods/web:http/proxy/", 400, 'invalid port "http"'),
        ("pods/ftp:web:80/proxy/", 400, 'invalid pod request "ftp:web:80"'),
        ("pods/https:web:8080/proxy/", 503, "error trying to reach service"),
        ("pods/web/proxy/rude", 503, "error trying to reach service: EOF"),
        ("services/missing/proxy/", 404, 'services "missing" not found'),
        ("services/web:81/proxy/", 503, 'no service port 81 found for service "web"'),
        ("services/empty:http/proxy/", 503, 'no endpoints available for service "empty:http"'),
    ],
)
def test_what_cannot_be_reached(served, path, code, message):
    found = served.http.get(f"{DEFAULT}/{path}")
    assert found.status_code == code and message in found.json()["message"]


def test_nodes(served):
    node = "/api/v1/nodes/node-1:10250/proxy"
    assert served.http.get(f"{node}/healthz").text == "ok"
    assert [p["metadata"]["name"] for p in served.http.get(f"{node}/pods").json()["items"]] == ["web"]
    assert served.http.get(f"{node}/containerLogs/default/web/app").text == "listening\n"
    used = served.http.get(f"{node}/stats/summary").json()
    assert used["pods"][0]["containers"][0]["memory"]["workingSetBytes"] > 0
    assert served.http.get(f"{node}/what").status_code == 404
    assert served.http.get("/api/v1/nodes/missing/proxy/healthz").status_code == 404
    assert served.http.get("/api/v1/nodes/node-1:22/proxy/").status_code == 400
    assert served.http.post(f"{node}/healthz").status_code == 405


ECHO = """
import base64, hashlib, os, socket
server = socket.create_server((os.environ['POD_IP'], 8080))
print('listening', flush=True)
while True:
    connection, _ = server.accept()
    file = connection.makefile('rb')
    key = b''
    while (line := file.readline().strip()):
        if line.lower().startswith(b'sec-websocket-key:'):
            key = line.split(b':')[1].strip()
    accept = base64.b64encode(hashlib.sha1(key + b'258EAFA5-E914-47DA-95CA-C5AB0DC85B11').digest())
    connection.sendall(b'HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\n'
                       b'Sec-WebSocket-Protocol: chat\\r\\nSec-WebSocket-Accept: ' + accept + b'\\r\\n\\r\\n')
    while len(head := file.read(2)) == 2:
        size, mask = head[1] & 127, file.read(4)
        data = bytes(b ^ mask[i % 4] for i, b in enumerate(file.read(size)))
        connection.sendall(bytes((head[0], size)) + data)
"""


def test_websockets_through_the_proxy(served):
    address = [{"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}]
    served.node.create("ws", image="python", command=["python3", "-c", ECHO], env=address)
    served.node.ready("ws")
    served.node.said("listening", "ws")
    with opened(served.url, f"{DEFAULT}/pods/ws:8080/proxy/chat", "chat") as session:
        assert session.protocol == "chat"
        for message in ("text", b"bytes"):
            session.connection.send(message)
            assert session.connection.recv(timeout=5) == message
    assert refused(served.url, f"{DEFAULT}/pods/web:8080/proxy/x", "chat")["code"] == 503
    assert refused(served.url, f"{DEFAULT}/pods/web:81/proxy/x")["code"] == 503


# ---------------------------------------------------------------------- pure


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("web", ("", "web", "")),
        ("web:80", ("", "web", "80")),
        ("https:web:", ("https", "web", "")),
        (":web:80", ("", "web", "80")),
        ("", None),
        (":80", None),
        ("ftp:web:80", None),
        ("a:b:c:d", None),
    ],
)
def test_names_with_ports(words, found):
    assert split(words) == found


def test_endpoints_that_can_be_chosen():
    pieces = [
        {"ports": None, "endpoints": [{"addresses": ["10.0.0.1"]}]},
        {"ports": [{"port": 1}], "endpoints": None},
        {
            "ports": [{"name": "", "port": 1}, {"name": "b", "port": 2}],
            "endpoints": [
                {"addresses": ["10.0.0.2"], "conditions": {"ready": True}, "targetRef": {"kind": "Pod", "name": "p"}},
                {"addresses": ["10.0.0.3"], "conditions": {"ready": False}},
                {"addresses": ["10.0.0.4"]},
            ],
        },
    ]
    assert choices(pieces, "") == [("10.0.0.2", 1, "p"), ("10.0.0.4", 1, "")]
    assert choices(pieces, "b") == [("10.0.0.2", 2, "p"), ("10.0.0.4", 2, "")]
    assert choices(pieces, "c") == []
