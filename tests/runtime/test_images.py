"""The catalogue, and the servers that it runs."""

from __future__ import annotations

import json
import shutil
import socket
import urllib.error
import urllib.request

import pytest

from minikctl.runtime import images
from minikctl.runtime.images.nginx.versions import version
from minikctl.runtime.interface import ImageFailure
from minikctl.runtime.process import proc
from minikctl.runtime.reference import parse
from tests.runtime.conftest import until

EXIST = [
    "nginx",
    "nginx:latest",
    "nginx:stable",
    "nginx:alpine",
    "nginx:stable-alpine",
    "nginx:1",
    "nginx:1.7.9",
    "nginx:1.14.2",
    "nginx:1.16.1",
    "nginx:1.25",
    "nginx:1.25-alpine",
    "nginx:1.27.0-alpine-slim",
    "nginx:1.25.3-bookworm",
    "nginx:mainline-alpine3.20",
    "nginx:1.28",
    "httpd",
    "httpd:2.4",
    "httpd:2.4-alpine",
    "httpd:2.4.62",
    "busybox",
    "busybox:1.36",
    "busybox:1.36.1",
    "busybox:stable",
    "busybox:1.28",
    "busybox:musl",
    "alpine",
    "alpine:3",
    "alpine:3.20",
    "alpine:3.20.3",
    "alpine:edge",
    "ubuntu",
    "ubuntu:22.04",
    "ubuntu:24.04",
    "ubuntu:jammy",
    "debian",
    "debian:12",
    "debian:12-slim",
    "debian:bookworm-slim",
    "python",
    "python:3.12",
    "python:3.12-slim",
    "python:3.12.1-alpine3.19",
    "python:3-bookworm",
    "perl",
    "perl:5.34",
    "perl:5.34.0",
    "registry.k8s.io/pause:3.9",
    "k8s.gcr.io/pause:3.2",
    "gcr.io/google-samples/hello-app:1.0",
    "us-docker.pkg.dev/google-samples/containers/gke/hello-app:2.0",
    "gcr.io/google-samples/kubernetes-bootcamp:v1",
    "jocatalin/kubernetes-bootcamp:v2",
    "registry.k8s.io/echoserver:1.4",
    "registry.k8s.io/echoserver:1.10",
    "registry.k8s.io/e2e-test-images/echoserver:2.5",
    "registry.k8s.io/e2e-test-images/agnhost:2.39",
    "registry.k8s.io/e2e-test-images/agnhost:2.53",
    "registry.k8s.io/e2e-test-images/httpd:2.4.38-4",
    "registry.k8s.io/e2e-test-images/nginx:1.15-4",
    "registry.k8s.io/e2e-test-images/busybox:1.37.0-1",
    "k8s.gcr.io/e2e-test-images/busybox:1.29-2",
    "maho/webapi:0.1",
    "bash:5.2",
    "redis:7.2-alpine",
    "redis:6.0.5",
    "polinux/stress",
    "progrium/stress",
    "alexeiled/stress-ng",
    "traefik/whoami",
    "traefik/whoami:v1.10",
    "hashicorp/http-echo:0.2.3",
    "fluent/fluentd:v1.16-1",
    "fluent/fluent-bit:3.0",
    "quay.io/fluentd_elasticsearch/fluentd:v5.0.1",
    "curlimages/curl:8.5.0",
    "radial/busyboxplus:curl",
]
DO_NOT = [
    "nginx:1.161",
    "nginx:1.25.99",
    "nginx:2",
    "nginx:1.6",
    "nginx:newest",
    "nginx:1.25-alpnie",
    "httpd:3",
    "busybox:9",
    "registry.k8s.io/e2e-test-images/busybox:1.37",
    "alpine:4",
    "ubuntu:12.99",
    "python:5",
    "perl:4",
    "gcr.io/google-samples/hello-app:3.0",
    "gcr.io/google-samples/kubernetes-bootcamp:v10",
]


@pytest.mark.parametrize("name", EXIST)
def test_there_is(name, monkeypatch):
    images.catalogue()  # made once a process: not of what is only said to be here
    monkeypatch.setattr(images.shutil, "which", lambda program: program)
    assert images.find(parse(name))


@pytest.mark.parametrize("name", DO_NOT)
def test_there_is_no(name):
    reference = parse(name)
    with pytest.raises(ImageFailure) as caught:
        images.find(reference)
    text = str(caught.value)
    assert text.startswith(f'failed to pull and unpack image "{reference}": failed to resolve reference "{reference}":')
    assert f"{reference}: not found" in text and "minikctl image pull " in text


def test_an_unknown_repository():
    with pytest.raises(ImageFailure, match="pull access denied, repository does not exist or may require auth"):
        images.find(parse("nobody/nothing:1"))


@pytest.mark.parametrize("name", ["mysql:8.4", "postgres:17", "mongo:8", "mariadb:11"])
def test_databases_are_no_part_of_the_catalogue(name):
    """They are too much to emulate; the pod says so, and how to have them."""
    with pytest.raises(ImageFailure) as caught:
        images.find(parse(name))
    said = str(caught.value)
    assert said.startswith(f'failed to pull and unpack image "docker.io/library/{name}": failed to resolve reference ')
    assert f"minikctl image pull {name}, minikctl image load -i FILE" in said


def test_registered_programs(tmp_path):
    own = {"image": "me/app:1", "command": ["PROGRAM", "ARGUMENT"]}
    (tmp_path / "NAME.json").write_text(json.dumps(own))
    (tmp_path / "broken.json").write_text("{")
    assert images.registered(tmp_path, parse("docker.io/me/app:1")).entrypoint == ("PROGRAM", "ARGUMENT")
    assert images.registered(tmp_path, parse("me/app:2")) is None


@pytest.mark.parametrize(
    ("tag", "want"),
    [("1.14.2", "1.14.2"), ("1.16", "1.16.1"), ("1.25-alpine", "1.25.5"), ("latest", "1.31.3"), ("stable", "1.30.4")],
)
def test_versions_of_nginx(tag, want):
    assert version(tag) == want
    assert images.find(parse(f"nginx:{tag}")).env["NGINX_VERSION"] == want


# ---------------------------------------------------------------------- servers


def listening(address, port):
    try:
        socket.create_connection((address, port), 1).close()
        return True
    except OSError:
        return False


@pytest.fixture
def serve(node):
    def start(image, *command, port, **more):
        container = node.run(*command, image=image, **more)
        address = node.sandbox.ip
        until(lambda: listening(address, port), f"{image} listens")
        return container, f"http://{address}:{port}"

    try:
        with socket.socket() as s:
            s.bind(("127.250.250.250", 80))
    except PermissionError:
        pytest.skip("this user may not bind ports below 1024")
    return start


def get(url, method="GET", data=None, headers=None):
    request = urllib.request.Request(url, method=method, data=data, headers=headers or {})
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.status, answer.headers, answer.read().decode()
    except urllib.error.HTTPError as e:
        with e:
            return e.code, e.headers, e.read().decode()


def test_nginx(node, serve):
    container, url = serve("nginx:1.16.1", port=80)
    status, headers, body = get(url + "/")
    assert (status, headers["Server"], headers["Content-Type"]) == (200, "nginx/1.16.1", "text/html")
    assert "<title>Welcome to nginx!</title>" in body and headers["ETag"]
    status, _, body = get(url + "/missing")
    assert status == 404 and "<center><h1>404 Not Found</h1></center>" in body and "nginx/1.16.1" in body
    assert get(url + "/", "DELETE")[0] == 405
    assert get(url + "/", "HEAD")[2] == ""
    until(lambda: any("/missing" in line and "404" in line for line in node.log(container)))
    lines = [line for line in node.log(container) if line.startswith("stdout")]
    assert lines[0].startswith("stdout F 127.0.0.1 - - [") and '"GET / HTTP/1.1" 200' in lines[0]
    assert any("[error]" in line and "No such file" in line for line in node.log(container))
    result = node.runtime.exec_sync(container, ["sh", "-c", "nginx -v"], 5)
    assert result.output == b"nginx version: nginx/1.16.1\n"
    node.runtime.stop_container(container, 10)
    assert node.ended(container).exit_code == 0


def test_nginx_serves_what_is_mounted(node, serve, tmp_path):
    from minikctl.runtime.interface import Mount

    content = tmp_path / "content"
    (content / "sub").mkdir(parents=True)
    (content / "index.html").write_text("mine")
    (content / "sub" / "a.json").write_text("{}")
    (tmp_path / "secret").write_text("secret")
    _, url = serve("nginx", port=80, mounts=(Mount(str(content), "/usr/share/nginx/html"),))
    assert get(url + "/")[2] == "mine"
    assert get(url + "/sub/a.json")[1]["Content-Type"] == "application/json"
    assert get(url + "/sub/")[0] == 403
    with socket.create_connection((node.sandbox.ip, 80)) as raw:
        raw.sendall(b"GET /../secret HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        answer = b""
        while part := raw.recv(4096):
            answer += part
    assert b"secret" not in answer.partition(b"\r\n\r\n")[2]


def test_two_servers_on_one_port_of_a_pod(node, serve):
    serve("nginx", port=80)
    second = node.run(image="nginx", name="second")
    assert node.ended(second).exit_code == 1
    assert "[emerg] bind() to" in node.log(second)[-1] and "Address already in use" in node.log(second)[-1]


def test_httpd(serve):
    _, url = serve("httpd:2.4", port=80)
    status, headers, body = get(url + "/")
    assert status == 200 and "It works!" in body and headers["Server"].startswith("Apache/2.4.")
    assert get(url + "/no")[0] == 404


def test_the_page_of_httpd_is_a_file_that_can_be_taken_away(node, serve):
    container, url = serve("httpd:2.4", port=80)
    page = "/usr/local/apache2/htdocs/index.html"
    assert get(url + "/index.html")[0] == 200
    assert node.runtime.exec_sync(container, ["sh", "-c", f"mv ${{MINIKCTL_ROOT%/}}{page} elsewhere"], 5).exit_code == 0
    assert get(url + "/index.html")[0] == 404


@pytest.mark.skipif(shutil.which("bash") is None, reason="the host has no bash")
@pytest.mark.parametrize("image", ["busybox", "alpine", "registry.k8s.io/e2e-test-images/busybox:1.36.1-1"])
def test_the_shell_knows_what_busybox_knows(node, image):
    container = node.run("sh", "-c", "[[ -r /dev/null ]] && echo -e 'a\\tb'", image=image)
    assert node.ended(container).exit_code == 0 and node.log(container)[-1].endswith("a\tb")


def test_hpa_example(serve):
    _, url = serve("registry.k8s.io/hpa-example", port=80)
    assert get(url + "/")[2] == "OK!"


@pytest.mark.parametrize(("tag", "shown"), [("1.0", "1.0.0"), ("2.0", "2.0.0")])
def test_hello_app(serve, tag, shown):
    _, url = serve(f"gcr.io/google-samples/hello-app:{tag}", port=8080)
    assert get(url + "/")[2] == f"Hello, world!\nVersion: {shown}\nHostname: web\n"


@pytest.mark.parametrize("tag", ["v1", "v2"])
def test_kubernetes_bootcamp(serve, tag):
    _, url = serve(f"jocatalin/kubernetes-bootcamp:{tag}", port=8080)
    assert get(url + "/")[2] == f"Hello Kubernetes bootcamp! | Running on: web | v={tag[1]}\n"


@pytest.mark.parametrize(("tag", "word"), [("1.4", "CLIENT VALUES:"), ("1.10", "Hostname: web")])
def test_echoserver(serve, tag, word):
    _, url = serve(f"registry.k8s.io/echoserver:{tag}", port=8080)
    body = get(url + "/a?b=c", "POST", b"data", {"X-Mine": "yes"})[2]
    assert word in body and "x-mine=yes" in body and "data" in body and "real path=/a?b=c" in body


def test_agnhost(node, serve):
    image = "registry.k8s.io/e2e-test-images/agnhost:2.53"
    container, url = serve(image, port=8081, args=("netexec", "--http-port=8081"))
    assert get(url + "/hostname")[2] == "web"
    assert get(url + "/echo?msg=hi%20you")[2] == "hi you"
    assert get(url + "/header?key=X-A", headers={"X-A": "1"})[2] == "1"
    assert get(url + "/nothing")[2].startswith("NOW: ")
    with pytest.raises(OSError):  # it ends at once, without an answer
        get(url + "/exit?code=5")
    assert node.ended(container).exit_code == 5
    paused = node.run(image=image, name="paused")
    until(lambda: node.log(paused) == ["stdout F Paused"])
    unknown = node.run(image=image, name="unknown", args=("audit-proxy",))
    assert node.ended(unknown).exit_code == 1
    assert 'unknown command "audit-proxy"' in node.log(unknown)[0]
    lines = node.run(image=image, name="lines", args=("logs-generator", "--log-lines-total=3", "--run-duration=30ms"))
    assert node.ended(lines).exit_code == 0 and len(node.log(lines)) == 3


def test_pause(node):
    container = node.run(image="registry.k8s.io/pause:3.9")
    main = node.main(container)
    until(lambda: proc.catches(main.pid, 15), "it listens to the signal")
    node.runtime.stop_container(container, 5)
    assert node.ended(container).exit_code == 0
