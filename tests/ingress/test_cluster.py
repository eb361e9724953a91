"""The ingress of a real cluster: curl, wrk, WebSockets' handshake, a browser; updates, kills."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from minikctl.api.ingress_rules import origin
from minikctl.client.local import LocalClient
from minikctl.cluster import layout, processes
from tests.proxy.http_load import get, load
from tests.support.daemon import Daemon
from tests.support.forked_cluster import forked_cluster, import_for_others
from tests.support.ordinary_user import as_ordinary_user, open_folder
from tests.support.waiting import eventually as wait_for

Obj = dict[str, Any]
AGNHOST = "registry.k8s.io/e2e-test-images/agnhost:2.47"
BROWSERS = ("chromium-headless-shell", "chromium", "google-chrome")
SERVER = {
    "name": "web",
    "image": AGNHOST,
    "args": ["netexec", "--http-port=8080"],
    "ports": [{"containerPort": 8080}],
    "readinessProbe": {"httpGet": {"path": "/healthz", "port": 8080}, "periodSeconds": 1},
    "lifecycle": {"preStop": {"sleep": {"seconds": 1}}},
}
HOST = "shop.example.com"


REPLICAS, FEW = 4, 2
eventually = partial(wait_for, timeout=60)
"""Machines that test are busy."""


def workload(name: str, replicas: int, container: Obj = SERVER) -> list[Obj]:
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": {"terminationGracePeriodSeconds": 5, "containers": [container]}}
    spec = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}
    strategy = {"rollingUpdate": {"maxUnavailable": 0, "maxSurge": 2}}
    deployment = {"metadata": {"name": name}, "spec": {**spec, "strategy": strategy}}
    service = {"metadata": {"name": name}, "spec": {"selector": labels, "ports": [{"port": 80, "targetPort": 8080}]}}
    return [
        {"apiVersion": "apps/v1", "kind": "Deployment", **deployment},
        {"apiVersion": "v1", "kind": "Service", **service},
    ]


def rules(name: str, host: str = HOST, service: str = "web", **more: Any) -> Obj:
    path = {"path": "/", "pathType": "Prefix", "backend": {"service": {"name": service, "port": {"number": 80}}}}
    annotations = more.pop("annotations", {})
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": name, "annotations": annotations},
        "spec": {"rules": [{"host": host, "http": {"paths": [path]}}], **more},
    }


class Site:
    """A cluster with Deployment and Service `web`, and an Ingress for them."""

    def __init__(self, daemon: Daemon):
        self.daemon, self.client = daemon, daemon.client
        for obj in [*workload("web", REPLICAS), rules("web")]:
            self.create(obj)
        eventually(lambda: self.address("web") != "")
        eventually(lambda: self.ready("web") == REPLICAS)

    def create(self, obj: Obj) -> None:
        kind = self.client.kind_of(obj["apiVersion"], obj["kind"])
        assert kind is not None
        self.client.create(kind, obj, "default")

    def ready(self, name: str) -> int:
        return int((self.client.get("deployments.apps", name, "default").get("status") or {}).get("readyReplicas") or 0)

    def address(self, name: str, scheme: str = "http") -> str:
        return origin(self.client.get("ingresses.networking.k8s.io", name, "default"), scheme)

    def port(self) -> int:
        return int((self.address("web").rpartition(":")[2] if self.address("web").count(":") > 1 else "") or 80)

    def curl(self, *words: str) -> str:
        done = subprocess.run(["curl", "-s", "--max-time", "20", *words], capture_output=True, text=True, check=False)
        return done.stdout

    def get(self, path: str = "/hostname", host: str = HOST) -> str:
        return self.curl("-H", f"Host: {host}", f"{self.address('web')}{path}")

    def events(self, name: str) -> str:
        return self.daemon.run("describe", "ingress", name).out.partition("Events:")[2]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    daemon = Daemon(tmp_path_factory.mktemp("ingress") / "state").start()
    try:
        yield Site(daemon)
    finally:
        daemon.close()


def test_it_serves_and_says_where(site: Site) -> None:
    assert site.get().startswith("web-")
    assert {site.get() for _ in range(3 * REPLICAS)} == {
        p["metadata"]["name"] for p in site.client.list("pods", "default")["items"]
    }
    assert "404 Not Found" in site.get(host="other.example.com")
    shown = site.daemon.run("ingress")
    assert f"{HOST}" in shown.out and "web:80" in shown.out
    assert site.daemon.run("ingress", "web", "--url").out.strip() == site.address("web")
    assert "Scheduled for sync" in site.events("web")
    assert "127.0.0.1" in site.daemon.run("get", "ingress", "web").out
    assert '"GET /hostname HTTP/1.1" 200' in (site.daemon.root / "run" / "ingress.log").read_text()
    assert re.search(r"^ingress +running", site.daemon.run("cluster", "status").out, re.MULTILINE)


def test_tls(site: Site, tmp_path: Path) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    made = [tmp_path / "tls.crt", tmp_path / "tls.key"]
    command = f"openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=tls.example.com -addext subjectAltName=DNS:tls.example.com -out {made[0]} -keyout {made[1]}"
    subprocess.run(command.split(), check=True, capture_output=True)
    site.daemon.run("create", "secret", "tls", "pair", f"--cert={made[0]}", f"--key={made[1]}")
    junk = {"tls.crt": "anVuaw==", "tls.key": "anVuaw=="}
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "junk"},
        "type": "kubernetes.io/tls",
        "data": junk,
    }
    site.create(secret)
    for name in ("pair", "junk"):
        host = f"{'tls' if name == 'pair' else name}.example.com"
        site.create(rules(name, host, tls=[{"hosts": [host], "secretName": name}]))
        eventually(lambda name=name: site.address(name, "https") != "")
    port = site.address("pair", "https").rpartition(":")[2] if site.address("pair", "https").count(":") > 1 else "443"

    def secure(host: str, *words: str) -> str:
        return site.curl(*words, "--resolve", f"{host}:{port}:127.0.0.1", f"https://{host}:{port}/hostname")

    assert secure("tls.example.com", "--cacert", str(made[0])).startswith("web-")
    assert secure("junk.example.com", "--cacert", str(made[0])) == ""
    assert secure("junk.example.com", "-k").startswith("web-")
    assert "tls.crt or tls.key is not PEM" in site.events("junk")
    found = site.curl(
        "-o", "/dev/null", "-w", "%{http_code} %{redirect_url}", "-H", "Host: tls.example.com", site.address("pair")
    )
    assert found.startswith("308 https://tls.example.com")


def test_a_browser_shows_the_page(site: Site, tmp_path: Path) -> None:
    if not browser():
        pytest.skip("no Chromium is installed")
    site.daemon.run("create", "configmap", "page", "--from-literal=index.html=<title>Shop</title><p id=p></p><script>fetch('/', {credentials: 'include'}).then(r => document.getElementById('p').textContent = 'answered ' + r.status + ' ' + document.cookie)</script>")  # fmt: skip
    container = {
        "name": "nginx",
        "image": "nginx",
        "volumeMounts": [{"name": "page", "mountPath": "/usr/share/nginx/html"}],
    }
    pod = {"containers": [container], "volumes": [{"name": "page", "configMap": {"name": "page"}}]}
    site.create(
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "page", "labels": {"app": "page"}}, "spec": pod}
    )
    spec = {"selector": {"app": "page"}, "ports": [{"port": 80}]}
    site.create({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "page"}, "spec": spec})
    notes = {"nginx.ingress.kubernetes.io/affinity": "cookie"}
    site.create(rules("page", "page.example.com", "page", annotations=notes))
    eventually(lambda: "Shop" in site.get("/", "page.example.com"))
    shown = browsed(f"http://page.example.com:{site.port()}/", tmp_path)
    assert "<title>Shop</title>" in shown
    assert "answered 200" in shown


def browser() -> str:
    """The program; "" where none is installed."""
    return next((b for b in BROWSERS if shutil.which(b)), "")


def browsed(url: str, folder: Path) -> str:
    """The page as a browser of this user has it when its scripts have run; names below example.com are 127.0.0.1."""
    command = [
        browser(),
        "--no-sandbox",
        "--disable-gpu",
        "--headless",
        f"--user-data-dir={folder / 'profile'}",
        "--host-resolver-rules=MAP *.example.com 127.0.0.1",
        "--virtual-time-budget=5000",
        "--dump-dom",
        url,
    ]
    home = {**os.environ, "HOME": str(folder)}
    shown = subprocess.run(command, env=home, capture_output=True, text=True, timeout=90, check=False)
    assert shown.stdout, shown.stderr[-2000:]
    return shown.stdout


def test_a_rolling_update_fails_no_request(site: Site) -> None:
    def fallback(_: bool = False) -> bool:
        """Whatever the host: the load does not know of hosts."""
        there = {"service": {"name": "web", "port": {"number": 80}}}
        site.client.patch("ingresses.networking.k8s.io", "web", {"spec": {"defaultBackend": there}}, "default")
        return site.get(host="web").startswith("web-")

    eventually(fallback)
    update_under_load(site.client, site.port(), REPLICAS)


def update_under_load(client: LocalClient, port: int, replicas: int) -> None:
    """Replace all pods of Deployment `web` while requests go to them, on kept connections, on new ones, and, where
    there is wrk, on many at once. None of them may fail."""

    def names() -> set[str]:
        return {p["metadata"]["name"] for p in client.list("pods", "default", label_selector="app=web")["items"]}

    before = names()
    change = {"spec": {"template": {"metadata": {"annotations": {"updated": "yes"}}}}}
    one = partial(socket.create_connection, ("127.0.0.1", port), 10)
    with wrk(port) as many, load(one, keep=True) as kept, load(one, keep=False) as new:
        eventually(lambda: kept.answered > 50 and new.answered > 50)
        client.patch("deployments.apps", "web", change, "default")
        eventually(lambda: not names() & before and len(names()) == replicas, timeout=90, step=0.05)
        enough = [kept.answered + 50, new.answered + 50]
        eventually(lambda: kept.answered > enough[0] and new.answered > enough[1])
    assert kept.failures == [] and new.failures == []
    assert len(kept.bodies - before) == len(new.bodies - before) == replicas
    if many:
        assert "Non-2xx" not in many[0] and "Socket errors" not in many[0], many[0]
        requests = re.search(r"(\d+) requests in", many[0])
        assert requests is not None and int(requests[1]) > 200, many[0]


@contextlib.contextmanager
def wrk(port: int) -> Iterator[list[str]]:
    """Sixteen connections until the block ends; the list has what wrk says then, and stays empty where it is missing."""
    said: list[str] = []
    if shutil.which("wrk") is None:
        yield said
        return
    command = ["wrk", "-t1", "-c16", "-d120s", "-H", f"Host: {HOST}", f"http://127.0.0.1:{port}/hostname"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        try:
            yield said
            running.send_signal(signal.SIGINT)  # it sums up, then
            said.append(running.communicate(timeout=30)[0])
        finally:
            running.kill()


def test_it_comes_back_where_it_was(site: Site) -> None:
    before = site.address("web")
    killed = site.daemon.kill(layout.INGRESS)
    eventually(lambda: site.get().startswith("web-"))
    now = processes.read(layout.pid_file(site.daemon.root, layout.INGRESS))
    assert now is not None and now.pid != killed.pid
    assert site.address("web") == before


def test_slow_clients_do_not_hinder_others(site: Site) -> None:
    opened = []
    for _ in range(300):
        sock = socket.create_connection(("127.0.0.1", site.port()), 5)
        sock.sendall(b"GET / HTTP/1.1\r\nHost: shop.example.com\r\nX-Slow: ")
        opened.append(sock)
    assert site.get().startswith("web-")
    for sock in opened:
        sock.close()


def test_a_gateway(site: Site) -> None:
    assert site.daemon.run("cluster", "addons", "enable", "gateway-api").code == 0
    group = "gateway.networking.k8s.io/v1"
    listener = {"name": "http", "port": 80, "protocol": "HTTP", "hostname": "*.gw.example.com"}
    gateway = {"metadata": {"name": "gw"}, "spec": {"gatewayClassName": "minikctl", "listeners": [listener]}}
    change = {"type": "ResponseHeaderModifier", "responseHeaderModifier": {"set": [{"name": "X-From", "value": "gw"}]}}
    rewrite = {
        "type": "URLRewrite",
        "urlRewrite": {"path": {"type": "ReplaceFullPath", "replaceFullPath": "/hostname"}},
    }
    one = {"filters": [change, rewrite], "backendRefs": [{"name": "web", "port": 80}]}
    spec = {"parentRefs": [{"name": "gw"}], "hostnames": ["a.gw.example.com"], "rules": [one]}
    site.create({"apiVersion": group, "kind": "Gateway", **gateway})
    site.create({"apiVersion": group, "kind": "HTTPRoute", "metadata": {"name": "r"}, "spec": spec})
    waited = site.daemon.run("wait", "gateway/gw", "--for=condition=Programmed", "--timeout=20s")
    assert waited.code == 0, waited.err
    eventually(lambda: "X-From: gw" in site.curl("-i", "-H", "Host: a.gw.example.com", f"{site.address('web')}/x"))
    assert site.get("/any/path", "a.gw.example.com").startswith("web-")


def test_stopping_the_cluster_ends_it(site: Site) -> None:
    process = site.daemon.process(layout.INGRESS)
    process.send(signal.SIGTERM)
    eventually(lambda: not process.alive)
    eventually(lambda: site.get().startswith("web-"))


def test_a_cluster_without_ingresses_has_no_such_process(tmp_path: Path) -> None:
    daemon = Daemon(tmp_path / "state").start("--nodes", "1", "--simulated")
    try:
        daemon.run("create", "ingress", "web", "--rule=x.com/*=web:80")
        assert "\ningress " not in daemon.run("cluster", "status").out
    finally:
        daemon.close()
    assert sys.version_info >= (3, 11)


# ---------------------------------------------------------------------- users and runtimes

PERL = r"""
use IO::Socket::INET;
$SIG{CHLD} = "IGNORE";
$SIG{TERM} = sub { exit 0 };
my $socket = IO::Socket::INET->new(LocalAddr => $ENV{POD_IP} || "0.0.0.0", LocalPort => 8080, Listen => 128, ReuseAddr => 1) or die $!;
while (1) {
    my $client = $socket->accept or next;
    next if fork;
    my $close = 0;
    while (defined(my $line = <$client>)) {
        $close = 1 if $line =~ /^Connection: close/i;
        next if $line ne "\r\n";
        printf $client "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", length $ENV{HOSTNAME}, $ENV{HOSTNAME};
        $client->flush;
        last if $close;
    }
    exit 0;
}
"""
"""A server for users who may not read the Python that runs the tests."""


def test_as_an_ordinary_user() -> None:
    """Ports below 1024 are not theirs, as a rule."""
    import_for_others()
    with open_folder() as folder:
        try:
            as_ordinary_user(folder, partial(_serves, "sandbox", folder))
        except AssertionError as e:
            if str(e).startswith("Skipped: "):  # in the child
                pytest.skip(str(e).removeprefix("Skipped: "))
            raise


def test_pods_on_the_loopback_of_this_machine(tmp_path: Path) -> None:
    _serves("process", tmp_path)


def _serves(runtime: str, folder: Path) -> None:
    with forked_cluster(folder / "state", {"MINIKCTL_RUNTIME": runtime}, nodes=1) as cluster:
        if runtime == "sandbox" and cluster.network is None:
            pytest.skip("this machine does not let us make network namespaces")
        for obj in [*workload("web", FEW, {**SERVER, "image": "perl", "command": ["perl", "-e", PERL], "args": []}), rules("web", "")]:  # fmt: skip
            kind = cluster.client.kind_of(obj["apiVersion"], obj["kind"])
            assert kind is not None
            cluster.client.create(kind, obj, "default")
        names = {p["metadata"]["name"] for p in cluster.wait_for_pods("web", FEW)}

        def place() -> str:
            return origin(cluster.client.get("ingresses.networking.k8s.io", "web", "default"), "http")

        eventually(lambda: place() != "")
        port = int(place().rpartition(":")[2]) if place().count(":") > 1 else 80
        one = partial(socket.create_connection, ("127.0.0.1", port), 10)

        def reached() -> bool:
            try:
                return {get(one) for _ in range(2 * FEW)} == names
            except (OSError, ValueError):
                return False

        eventually(reached)
        if runtime == "sandbox" and browser():
            shown = browsed(f"http://{HOST}:{port}/", folder)
            assert any(name in shown for name in names), "a page for this user's browser, too"
        update_under_load(cluster.client, port, FEW)
