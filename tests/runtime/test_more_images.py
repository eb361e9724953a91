"""The smaller images: redis, stress, whoami, http-echo, fluentd, curl."""

from __future__ import annotations

import json
import os
import shutil
import socket
from pathlib import Path

import pytest

from minikctl.runtime import images
from minikctl.runtime.interface import ImageFailure, Mount
from minikctl.runtime.process import proc
from minikctl.runtime.reference import parse
from tests.runtime.conftest import Node, until
from tests.runtime.test_images import get, listening


def test_without_a_redis(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images.shutil, "which", lambda _program: None)
    with pytest.raises(ImageFailure, match=r"this machine has none: install the package redis-server \(Debian: apt"):
        images.find(parse("redis:7"))


@pytest.mark.skipif(shutil.which("redis-server") is None, reason="this machine has no redis-server")
def test_redis(node: Node) -> None:
    container = node.run(image="redis:7", args=("--port", "6390"))
    ip = node.sandbox.ip
    until(lambda: listening(ip, 6390), "redis listens")
    with socket.create_connection((ip, 6390)) as s:
        s.sendall(b"SET a b\r\nGET a\r\n")
        assert s.recv(100).startswith(b"+OK\r\n")
    done = node.runtime.exec_sync(container, ["redis-cli", "-p", "6390", "get", "a"], 5)
    assert done.output.strip() == b"b"
    node.runtime.stop_container(container, 10)
    assert node.ended(container).exit_code == 0


def workers(parent: int) -> list[proc.Stat]:
    return [s for pid in proc.everything() if (s := proc.stat(pid)) is not None and s.parent == parent]


def test_stress_uses_memory(node: Node) -> None:
    words = ("stress", "--vm", "1", "--vm-bytes", "40M", "--vm-hang", "1")
    container = node.run(*words, image="polinux/stress")
    main = node.main(container)

    def used() -> int:
        children = workers(main.pid)
        return sum(int(Path(f"/proc/{s.pid}/statm").read_text().split()[1]) * 4096 for s in children)

    until(lambda: used() > 40 << 20, "the memory is in use")
    line = f"stdout F stress: info: [{main.pid}] dispatching hogs: 0 cpu, 0 io, 1 vm, 0 hdd"
    assert node.log(container) == [line]
    for child in workers(main.pid):
        os.kill(child.pid, 9)
    assert node.ended(container).exit_code == 1
    assert any("got signal 9" in line for line in node.log(container))


@pytest.mark.parametrize(
    ("image", "words"),
    [("progrium/stress", ("--cpu", "1", "-t", "1s")), ("alexeiled/stress-ng", ("--cpu=1", "--timeout=1s"))],
)
def test_stress_ends_in_time(node: Node, image: str, words: tuple[str, ...]) -> None:
    container = node.run(image=image, args=words)
    assert node.ended(container).exit_code == 0
    assert "successful run completed in 1s" in node.log(container)[-1]


def test_stress_refuses(node: Node) -> None:
    container = node.run("stress", "--warp", "9", image="polinux/stress")
    assert node.ended(container).exit_code == 1
    assert node.log(container)[0].endswith("unrecognized option: --warp")


def test_whoami(node: Node) -> None:
    container = node.run(image="traefik/whoami", args=("--port", "8096"), env=(("WHOAMI_NAME", "me"),))
    ip = node.sandbox.ip
    until(lambda: listening(ip, 8096), "whoami listens")
    body = get(f"http://{ip}:8096/a?b=c", headers={"X-Mine": "yes"})[2]
    assert body.startswith("Name: me\nHostname: web\nIP: 127.0.0.1\n")
    assert "\nGET /a?b=c HTTP/1.1\nHost: " in body and "\nX-Mine: yes\n" in body
    assert json.loads(get(f"http://{ip}:8096/api")[2])["hostname"] == "web"
    assert len(get(f"http://{ip}:8096/data?size=2&unit=KB")[2]) == 2048
    assert get(f"http://{ip}:8096/health", "POST", b"500")[0] == 200
    assert get(f"http://{ip}:8096/health")[0] == 500
    node.runtime.stop_container(container, 5)
    assert node.ended(container).exit_code == 2


def test_http_echo(node: Node) -> None:
    node.run(image="hashicorp/http-echo", args=("-text=apple", "-listen=:8097"))
    ip = node.sandbox.ip
    until(lambda: listening(ip, 8097), "http-echo listens")
    assert get(f"http://{ip}:8097/any")[2] == "apple\n"
    silent = node.run(image="hashicorp/http-echo", name="silent")
    assert node.ended(silent).exit_code == 127 and node.log(silent) == ["stderr F Missing -text option!"]


def test_fluentd_follows_the_logs_of_containers(node: Node, tmp_path: Path) -> None:
    logs = tmp_path / "log"
    (logs / "containers").mkdir(parents=True)
    one = logs / "containers" / "app_default_main-1.log"
    one.write_text("2026-01-01T00:00:00.0Z stdout F first\n")
    mounts = (Mount(str(logs), "/var/log"),)
    container = node.run(image="quay.io/fluentd_elasticsearch/fluentd:v5.0.1", mounts=mounts)
    record = '{"stream":"stdout","log":"first","time":"2026-01-01T00:00:00.0Z"}'
    until(lambda: any(line.endswith(record) for line in node.log(container)), "the line is read")
    with one.open("a") as f:
        f.write("2026-01-01T00:00:01.0Z stderr F second\n")
    one.rename(logs / "old")
    one.write_text("2026-01-01T00:00:02.0Z stdout F third\n")
    until(lambda: any('"log":"third"' in line for line in node.log(container)), "the new file is read")


def test_fluent_bit_reads_its_configuration(node: Node, tmp_path: Path) -> None:
    conf = "[INPUT]\n    Name tail\n    Tag app\n    Path /var/log/app*.log\n[OUTPUT]\n    Name es\n"
    (tmp_path / "fluent-bit.conf").write_text(conf)
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / "app1.log").write_text("hello\n")
    mounts = (Mount(str(tmp_path / "log"), "/var/log"), Mount(str(tmp_path), "/fluent-bit/etc"))
    container = node.run(image="fluent/fluent-bit:3.0", mounts=mounts)
    until(
        lambda: any("] app: [" in line and '{"log"=>"hello"}' in line for line in node.log(container)),
        "the line is read",
    )
    assert any("writes to its output only, not to es" in line for line in node.log(container))


@pytest.mark.skipif(shutil.which("curl") is None, reason="this machine has no curl")
@pytest.mark.parametrize(
    ("words", "shown"), [(("--version",), "stdout F curl "), (("sh", "-c", "echo hi"), "stdout F hi")]
)
def test_curl(node: Node, words: tuple[str, ...], shown: str) -> None:
    container = node.run(image="curlimages/curl", args=words)
    assert node.ended(container).exit_code == 0 and node.log(container)[0].startswith(shown)


@pytest.mark.parametrize("name", ["nautilus", "kitten"])
def test_the_update_demo_names_its_picture(node: Node, name: str) -> None:
    node.run(image=f"registry.k8s.io/e2e-test-images/{name}:1.7", args=("--port", "8099"))
    ip = node.sandbox.ip
    until(lambda: listening(ip, 8099), "it listens")
    assert json.loads(get(f"http://{ip}:8099/data.json")[2]) == {"image": f"{name}.jpg"}
