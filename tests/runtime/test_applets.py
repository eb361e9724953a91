"""The network programs of base images, against servers on the loopback interface."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from dnslib import PTR, QTYPE, RR, SRV, A, DNSRecord

from minikctl.runtime.images import _applets

FOLDER = Path(_applets.__file__).parent
NAMES = {"web.default.svc.cluster.local.": "10.96.1.1", "kube-dns.kube-system.svc.cluster.local.": "10.96.0.10"}


def run(name: str, *words: str, image: str = "busybox:1.36", root: Path | None = None, stdin: str = "") -> subprocess.CompletedProcess[str]:  # fmt: skip
    env = {**os.environ, "MINIKCTL_IMAGE": image, "MINIKCTL_ROOT": str(root or "/nowhere")}
    command = [sys.executable, "-I", "-S", str(FOLDER / f"{name}.py"), *words]
    return subprocess.run(command, capture_output=True, text=True, env=env, input=stdin, timeout=30, check=False)


@pytest.fixture(scope="module")
def resolver() -> Iterator[tuple[str, int]]:
    """A DNS server at port 53 of an address that no other test has, where this user may."""
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    problem = ""
    for number in range(1, 255):
        try:
            server.bind((f"127.9.53.{number}", 53))
            break
        except OSError as e:
            problem = e.strerror or str(e)
    else:
        server.close()
        pytest.skip(f"cannot listen on port 53: {problem}")

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                packet, client = server.recvfrom(4096)
                query = DNSRecord.parse(packet)
                reply, name = query.reply(), str(query.q.qname)
                if name in NAMES and query.q.qtype == QTYPE.A:
                    reply.add_answer(RR(name, QTYPE.A, rdata=A(NAMES[name]), ttl=30))
                elif name == "1.1.96.10.in-addr.arpa.":
                    reply.add_answer(RR(name, QTYPE.PTR, rdata=PTR("web.default.svc.cluster.local"), ttl=30))
                elif name.startswith("_http._tcp.") and query.q.qtype == QTYPE.SRV:
                    reply.add_answer(
                        RR(name, QTYPE.SRV, rdata=SRV(0, 100, 80, "web.default.svc.cluster.local"), ttl=30)
                    )
                elif name not in NAMES:
                    reply.header.rcode = 3
                server.sendto(reply.pack(), client)

    threading.Thread(target=serve, daemon=True).start()
    yield server.getsockname()
    server.close()


@pytest.fixture
def root(tmp_path: Path, resolver: tuple[str, int]) -> Path:
    (tmp_path / "etc").mkdir()
    text = (
        f"search default.svc.cluster.local svc.cluster.local cluster.local\nnameserver {resolver[0]}\noptions ndots:5\n"
    )
    (tmp_path / "etc" / "resolv.conf").write_text(text)
    return tmp_path


def test_nslookup_as_each_image_has_it(root: Path, resolver: tuple[str, int]) -> None:
    ip, _ = resolver
    new = run("nslookup", "web", root=root)
    assert new.returncode == 0
    expected = f"Server:\t\t{ip}\nAddress:\t{ip}:53\n\nName:\tweb.default.svc.cluster.local\nAddress: 10.96.1.1\n\n"
    assert new.stdout == expected
    old = run("nslookup", "web", image="docker.io/library/busybox:1.28", root=root)
    assert old.stdout.splitlines()[-2:] == ["Name:      web", "Address 1: 10.96.1.1 web.default.svc.cluster.local"]
    bind = run("nslookup", "web.default", image="registry.k8s.io/e2e-test-images/agnhost:2.39", root=root)
    assert f"Address:\t{ip}#53" in bind.stdout


def test_nslookup_of_nothing(root: Path) -> None:
    found = run("nslookup", "nothing", root=root)
    assert (found.returncode, found.stdout.splitlines()[-2]) == (1, "** server can't find nothing: NXDOMAIN")
    old = run("nslookup", "nothing", image="busybox:1.28", root=root)
    assert (old.returncode, old.stderr) == (1, "nslookup: can't resolve 'nothing'\n")
    assert "name = web.default.svc.cluster.local" in run("nslookup", "10.96.1.1", root=root).stdout


def test_a_server_that_is_not_there_is_passed_over(root: Path, resolver: tuple[str, int]) -> None:
    conf = root / "etc" / "resolv.conf"
    conf.write_text("nameserver 127.9.54.1\n" + conf.read_text())
    found = run("nslookup", "web", root=root)
    assert found.returncode == 0 and found.stdout.startswith(f"Server:\t\t{resolver[0]}\n")


def test_dig(root: Path, resolver: tuple[str, int]) -> None:
    ip, _ = resolver
    name = "web.default.svc.cluster.local"
    assert run("dig", name, "+short", root=root).stdout == "10.96.1.1\n"
    assert run("dig", "+search", "+short", "web", root=root).stdout == "10.96.1.1\n"
    assert run("dig", "-x", "10.96.1.1", "+short", root=root).stdout == f"{name}.\n"
    whole = run("dig", f"@{ip}", "SRV", f"_http._tcp.{name}", root=root).stdout
    assert f"_http._tcp.{name}.\t30\tIN\tSRV\t0 100 80 {name}." in whole
    assert "status: NOERROR" in whole and f";; SERVER: {ip}#53" in whole
    only = run("dig", "+noall", "+answer", name, root=root).stdout
    assert only == f"{name}.\t30\tIN\tA\t10.96.1.1\n"
    assert "status: NXDOMAIN" in run("dig", "nothing", root=root).stdout


def test_host(root: Path) -> None:
    assert run("host", "web", root=root).stdout == "web.default.svc.cluster.local has address 10.96.1.1\n"
    gone = run("host", "nothing", root=root)
    assert (gone.returncode, gone.stderr) == (1, "Host nothing not found: 3(NXDOMAIN)\n")


# ---------------------------------------------------------------------- connections


class Page(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/there")
            self.end_headers()
            return
        body = f"{self.command} {self.path} {self.headers.get('X-Test', '')}\n".encode()
        self.send_response(404 if self.path == "/gone" else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_POST(self) -> None:
        sent = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"got " + sent)

    do_HEAD = do_GET

    def log_message(self, *_args: object) -> None:
        pass


@pytest.fixture
def page() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


def test_wget(page: int, tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{page}"
    assert run("wget", "-qO-", f"{url}/a?b").stdout == "GET /a?b \n"
    assert (
        run("wget", "-q", "-O", "-", "--header", "X-Test: yes", f"127.0.0.1:{page}/moved").stdout == "GET /there yes\n"
    )
    assert run("wget", "-qO-", "--post-data=x=1", url).stdout == "got x=1"
    assert run("wget", "--spider", "-T", "3", url).stderr.endswith("remote file exists\n")
    gone = run("wget", "-O-", f"{url}/gone")
    assert (gone.returncode, gone.stderr.splitlines()[-1]) == (1, "wget: server returned error: HTTP/1.1 404 Not Found")
    saved = run("wget", "-O", str(tmp_path / "page"), f"{url}/x")
    assert saved.returncode == 0
    assert (tmp_path / "page").read_text() == "GET /x \n"
    assert run("wget", "http://nothing.invalid/").stderr == "wget: bad address 'nothing.invalid'\n"
    free = closed_port()
    assert "can't connect to remote host (127.0.0.1): Connection refused" in run("wget", f"127.0.0.1:{free}").stderr


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])


def test_nc(page: int) -> None:
    found = run("nc", "-zv", "127.0.0.1", str(page))
    assert (found.returncode, found.stderr) == (
        0,
        f"Connection to 127.0.0.1 (127.0.0.1) {page} port [tcp/*] succeeded!\n",
    )
    free = closed_port()
    refused = run("nc", "-z", "-w", "2", "127.0.0.1", str(free))
    assert (refused.returncode, refused.stderr) == (1, f"nc: 127.0.0.1 ({free}): Connection refused\n")
    said = run("nc", "127.0.0.1", str(page), stdin="GET /by-hand HTTP/1.0\r\n\r\n").stdout
    assert said.endswith("GET /by-hand \n")


def test_nc_listens() -> None:
    port = closed_port()
    command = [sys.executable, "-I", "-S", str(FOLDER / "nc.py"), "-l", "-p", str(port), "-e", "cat"]
    with subprocess.Popen(command) as listener:
        try:
            for _ in range(500):
                with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)) as sock:
                    sock.sendall(b"echo")
                    sock.shutdown(socket.SHUT_WR)
                    assert sock.recv(10) == b"echo"
                    break
                threading.Event().wait(0.02)
            assert listener.wait(10) == 0
        finally:
            listener.kill()


def test_ping() -> None:
    found = run("ping", "-c", "2", "-i", "0.05", "-W", "2", "127.0.0.1")
    if "permission denied" in found.stderr:
        pytest.skip("this user may not send ICMP")
    assert found.returncode == 0, found.stderr
    assert "2 packets transmitted, 2 packets received, 0% packet loss" in found.stdout
    assert run("ping", "-c", "1", "nothing.invalid").stderr == "ping: bad address 'nothing.invalid'\n"


def test_only_what_the_host_lacks_is_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_applets, "which", lambda name, path=None: name if name in ("wget", "nslookup") else None)
    assert set(_applets.programs(always=("nslookup",))) == {
        f"/usr/bin/{n}" for n in ("nslookup", "dig", "host", "nc", "ping")
    }


def users_in(root: Path) -> dict[str, list[str]]:
    return {name: (root / "etc" / name).read_text().splitlines() for name in ("passwd", "group")}


def test_users_as_busybox_adds_them(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    (tmp_path / "etc/group").write_text("root:x:0:\nnogroup:x:65534:\n")
    for name, words in (
        ("addgroup", ["-S", "app"]),
        ("adduser", ["-S", "app", "-G", "app", "-H"]),
        ("adduser", ["-D", "me"]),
        ("adduser", ["-u", "1500", "-D", "-h", "/srv", "-s", "/bin/ash", "-g", "You", "you"]),
        ("addgroup", ["-g", "2000", "crew"]),
        ("addgroup", ["me", "crew"]),
        ("adduser", ["you", "crew"]),
    ):
        done = run(name, *words, root=tmp_path)
        assert (done.returncode, done.stderr) == (0, ""), (name, words)
    assert users_in(tmp_path) == {
        "passwd": [
            "root:x:0:0:root:/root:/bin/sh",
            "app:x:100:100:Linux User,,,:/home/app:/bin/false",
            "me:x:1000:1000:Linux User,,,:/home/me:/bin/sh",
            "you:x:1500:1500:You:/srv:/bin/ash",
        ],
        "group": ["root:x:0:", "nogroup:x:65534:", "app:x:100:", "me:x:1000:", "you:x:1500:", "crew:x:2000:me,you"],
    }
    assert (tmp_path / "home/me").is_dir() and not (tmp_path / "home/app").exists()
    for name, words, why in (
        ("adduser", ["-D", "me"], "adduser: user 'me' in use"),
        ("adduser", ["-G", "none", "x"], "adduser: unknown group none"),
        ("addgroup", ["-g", "2000", "x"], "addgroup: gid '2000' in use"),
        ("addgroup", ["nobody", "crew"], "addgroup: unknown user nobody"),
        ("addgroup", [], "addgroup: usage:"),
    ):
        done = run(name, *words, root=tmp_path)
        assert done.returncode == 1 and done.stderr.startswith(why), done.stderr


def test_packages_of_an_emulated_image() -> None:
    done = run("apt_get", "install", "-y", "sh", "no-such-thing")
    assert done.returncode == 100 and "sh: this machine's is used" in done.stdout
    assert done.stderr.startswith("apt-get: cannot install no-such-thing: this image is emulated")
    assert run("apk", "add", "--no-cache", "sh").returncode == 0
    assert run("apk", "update").returncode == 0
    assert run("apk", "frobnicate").returncode == 1
