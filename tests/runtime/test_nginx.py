"""nginx's configuration: what is read, what is refused, what is answered."""

from __future__ import annotations

import http.server
import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from minikctl.runtime.interface import Mount
from tests.runtime.conftest import Node, until
from tests.runtime.test_images import get, listening

SITE = """
map $http_x_kind $kind { default plain; gold shiny; }
log_format short '$request_method $uri $status $kind';
upstream behind { server BACKEND weight=2; }
server {
    listen 8091;
    server_name _;
    access_log /dev/stdout short;
    root /usr/share/nginx/html;
    error_page 404 /missing.html;
    add_header X-Served-By $hostname always;
    location / { try_files $uri $uri/ =404; }
    location = /exact { return 200 "exactly\\n"; }
    location ^~ /static/ { alias /data/; autoindex on; }
    location ~ \\.php$ { return 403; }
    location ~* ^/users/(\\d+)$ { default_type application/json; return 200 '{"user":"$1","kind":"$kind"}'; }
    location /old { rewrite ^/old/(.*)$ /new/$1 permanent; }
    location /inside { rewrite ^/inside$ /exact last; }
    location /go { return 302 /there; }
    location /api/ { proxy_pass http://behind/; proxy_set_header X-Real-IP $remote_addr; proxy_set_header Host $host; }
    location /down { proxy_pass http://POD_ADDRESS:1; }
    location /status { stub_status; }
    location /secret { deny all; }
    location /spa { try_files $uri @fallback; }
    location @fallback { return 200 "fallback $request_uri"; }
    location /if { if ($arg_a = b) { return 418; } return 200 "no"; }
    location /hidden { internal; }
}
server { listen 8091; server_name other.local *.wild.local; return 200 "other\\n"; }
server { listen 8092 default_server; return 301 http://elsewhere$request_uri; }
"""


class Echo(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = f"{self.path} {self.headers['X-Real-IP']} {self.headers['Host']}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def backend() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, backend: str) -> Iterator[tuple[Node, str, str]]:
    """(node, container, url) of a server with `SITE`."""
    from minikctl.runtime.process.killing import kill_everything
    from tests.runtime.conftest import open_node

    folder = tmp_path_factory.mktemp("nginx")
    conf, data, html = folder / "conf", folder / "data", folder / "html"
    for made in (conf, data, html / "sub"):
        made.mkdir(parents=True)
    (data / "a.txt").write_text("from data")
    (html / "index.html").write_text("front")
    (html / "sub" / "index.html").write_text("sub")
    (html / "missing.html").write_text("my 404")
    node = open_node(folder / "state")
    ip = node.pod().ip
    (conf / "site.conf").write_text(SITE.replace("BACKEND", backend).replace("POD_ADDRESS", ip))
    (conf / "ignored.txt").write_text("not read")
    places = ((conf, "/etc/nginx/conf.d"), (data, "/data"), (html, "/usr/share/nginx/html"))
    container = node.run(image="nginx:1.25", mounts=tuple(Mount(str(a), b) for a, b in places))
    until(lambda: listening(ip, 8091), "nginx listens")
    yield node, container, f"http://{ip}:8091"
    node.runtime.stop()
    kill_everything(folder / "state")


@pytest.mark.parametrize(
    ("path", "headers", "status", "body"),
    [
        ("/", {}, 200, "front"),
        ("/sub/", {}, 200, "sub"),
        ("/none", {}, 404, "my 404"),
        ("/exact", {}, 200, "exactly\n"),
        ("/static/a.txt", {}, 200, "from data"),
        ("/x.php", {}, 403, "403 Forbidden"),
        ("/users/17", {}, 200, '{"user":"17","kind":"plain"}'),
        ("/users/17", {"X-Kind": "gold"}, 200, '{"user":"17","kind":"shiny"}'),
        ("/inside", {}, 200, "exactly\n"),
        ("/api/v1?q=1", {"Host": "shop.local"}, 200, "/v1?q=1 127.0.0.1 shop.local"),
        ("/down", {}, 502, "502 Bad Gateway"),
        ("/status", {}, 200, "Active connections: 1"),
        ("/secret", {}, 403, "403 Forbidden"),
        ("/spa/x", {}, 200, "fallback /spa/x"),
        ("/if?a=b", {}, 418, ""),
        ("/if?a=c", {}, 200, "no"),
        ("/hidden", {}, 404, ""),
        ("/", {"Host": "other.local"}, 200, "other\n"),
        ("/", {"Host": "deep.wild.local:80"}, 200, "other\n"),
        ("/", {"Host": "nobody.local"}, 200, "front"),
    ],
)
def test_answers(site: tuple[Node, str, str], path: str, headers: dict[str, str], status: int, body: str) -> None:
    found = get(site[2] + path, headers=headers)
    assert found[0] == status and body in found[2]


@pytest.mark.parametrize(
    ("port", "path", "status", "target"),
    [
        (8091, "/old/a", 301, "/new/a"),
        (8091, "/go", 302, "/there"),
        (8091, "/sub", 301, "/sub/"),
        (8092, "/x?y", 301, "http://elsewhere/x?y"),
    ],
)
def test_redirects(site: tuple[Node, str, str], port: int, path: str, status: int, target: str) -> None:
    ip = site[0].sandbox.ip
    with socket.create_connection((ip, port)) as s:
        s.sendall(f"GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n".encode())
        head = b"".join(iter(lambda: s.recv(4096), b"")).decode().split("\r\n\r\n")[0]
    assert head.startswith(f"HTTP/1.1 {status} ")
    assert f"Location: {target if '://' in target else 'http://h' + target}" in head


def test_headers_and_log(site: tuple[Node, str, str]) -> None:
    node, container, url = site
    assert get(url + "/exact")[1]["X-Served-By"] == "web"
    assert "a.txt" in get(url + "/static/")[2]
    until(lambda: "stdout F GET /exact 200 plain" in node.log(container), "the log has the line")


def test_reload(node: Node, tmp_path: Path) -> None:
    conf = tmp_path / "site.conf"
    conf.write_text('server { listen 8093; return 200 "one"; }')
    container = node.run(image="nginx", mounts=(Mount(str(tmp_path), "/etc/nginx/conf.d"),))
    url = f"http://{node.sandbox.ip}:8093/"
    until(lambda: listening(node.sandbox.ip, 8093))
    conf.write_text('server { listen 8093; return 200 "two"; }')
    assert node.runtime.exec_sync(container, ["nginx", "-s", "reload"], 5).exit_code == 0
    until(lambda: get(url)[2] == "two", "the new configuration")
    conf.write_text("server { listen 8093; retrun 200; }")
    node.runtime.exec_sync(container, ["nginx", "-s", "reload"], 5)
    until(lambda: any('unknown directive "retrun"' in line for line in node.log(container)), "the error is told")
    assert get(url)[2] == "two"
    tested = node.runtime.exec_sync(container, ["nginx", "-t"], 5)
    assert tested.exit_code == 1 and b"test failed" in tested.output


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("server { listen 8094 }", 'unexpected "}" in /etc/nginx/conf.d/a.conf:1'),
        ("server { listen 8094;", 'unexpected end of file, expecting "}" in /etc/nginx/conf.d/a.conf:1'),
        ("server { worker_processes 2; }", '"worker_processes" directive is not allowed here in'),
        ("server {\n  lsten 80;\n}", 'unknown directive "lsten" in /etc/nginx/conf.d/a.conf:2'),
        ("server { location / ; }", 'directive "location" has no opening "{" in'),
        ("server { root; }", 'invalid number of arguments in "root" directive in'),
        ("include /etc/nginx/none.conf;", 'open() "/etc/nginx/none.conf" failed (2: No such file or directory) in'),
        ("server { return 200 'open; }", 'unexpected end of file, expecting "\'" in'),
    ],
)
def test_refused(node: Node, tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "a.conf").write_text(text)
    container = node.run(image="nginx", mounts=(Mount(str(tmp_path), "/etc/nginx/conf.d"),))
    assert node.ended(container).exit_code == 1
    assert f"nginx: [emerg] {said}" in node.log(container)[-1].removeprefix("stderr F ")


def test_files_can_be_changed_inside(node: Node) -> None:
    if os.geteuid() != 0:
        pytest.skip("an ordinary user may not listen on port 80")
    container = node.run(image="nginx:1.25")
    until(lambda: listening(node.sandbox.ip, 80))
    script = "echo mine > $MINIKCTL_ROOT/usr/share/nginx/html/index.html; cat $MINIKCTL_ROOT/etc/nginx/nginx.conf"
    done = node.runtime.exec_sync(container, ["sh", "-c", script], 5)
    assert b"include /etc/nginx/conf.d/*.conf;" in done.output
    assert get(f"http://{node.sandbox.ip}/")[2] == "mine\n"


def test_the_hosts_nginx_where_more_is_asked_for(tmp_path: Path) -> None:
    """`sub_filter` is not emulated: in a sandbox, the machine's own nginx takes over."""
    from minikctl.runtime.sandbox import bwrap
    from tests.runtime.test_sandbox_runtime import close, open_node

    if not os.access("/usr/sbin/nginx", os.X_OK):
        pytest.skip("this machine has no nginx")
    if refused := bwrap.probe(tmp_path / "probe"):
        pytest.skip(f"no sandbox on this machine: {refused}")
    if os.geteuid() != 0:
        pytest.skip("nginx wants to be root here")
    node = open_node(tmp_path / "state")
    conf = tmp_path / "conf"
    conf.mkdir()
    text = (
        'server { listen POD_ADDRESS:8095; location / { default_type text/plain; sub_filter a b; return 200 "real"; } }'
    )
    try:
        ip = node.pod().ip
        (conf / "a.conf").write_text(text.replace("POD_ADDRESS", ip))
        container = node.run(image="nginx:1.25", mounts=(Mount(str(conf), "/etc/nginx/conf.d"),))
        until(lambda: listening(ip, 8095) or node.status(container).state == "EXITED", "nginx listens")
        real = subprocess.run(["/usr/sbin/nginx", "-v"], capture_output=True, text=True, check=False).stderr
        assert get(f"http://{ip}:8095/")[1]["Server"] == real.split(": ")[1].split()[0], node.log(container)
        until(lambda: any('"GET / HTTP/1.1" 200' in line for line in node.log(container)), "the log has the line")
    finally:
        close(node)
