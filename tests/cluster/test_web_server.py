"""A web server in a Deployment, on real processes: the life of an application as a first course shows it."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from minikctl.store import Record
from minikctl.store.journal import read_records, segment_name, segments
from tests.support.daemon import Daemon
from tests.support.waiting import eventually

NGINX_OLD, NGINX_NEW = "nginx:1.25", "nginx:1.27"
REPLICAS, LEAST_READY, MOST_PODS = 4, 3, 5
"""With the default bounds of 25% of 4: one pod missing at most, one too many at most."""


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """One real node with a Deployment of four web servers, all ready."""
    made = Daemon(tmp_path_factory.mktemp("web") / "state")
    try:
        made.start()
        make = ["create", "deployment", "web", f"--image={NGINX_OLD}", f"--replicas={REPLICAS}", "--port=80"]
        assert made.run(*make).code == 0
        assert made.run("rollout", "status", "deployment/web", "--timeout=60s").code == 0
        yield made
    finally:
        made.close()


def pods(web: Daemon) -> list[dict]:
    return [p for p in web.client.list("pods", "default")["items"] if "deletionTimestamp" not in p["metadata"]]


def is_ready(pod: dict) -> bool:
    return any(c["type"] == "Ready" and c["status"] == "True" for c in pod.get("status", {}).get("conditions") or [])


def settled(web: Daemon, image: str = NGINX_OLD) -> bool:
    found = pods(web)
    images = {p["spec"]["containers"][0]["image"] for p in found}
    return len(found) == REPLICAS and all(map(is_ready, found)) and images == {image}


def fetch(web: Daemon, pod: dict) -> str:
    """Through the API server: from here, a pod in a network of its own is out of reach."""
    done = web.run("get", "--raw", f"/api/v1/namespaces/default/pods/{pod['metadata']['name']}:80/proxy/")
    return done.out


def answers(web: Daemon, pod: dict) -> bool:
    return "nginx" in fetch(web, pod)  # it runs, and will listen in a moment


def container(pod: dict) -> dict:
    return pod["status"]["containerStatuses"][0]


def test_it_answers_on_its_address_and_its_log_follows(web: Daemon) -> None:
    pod = pods(web)[0]
    lines: list[str] = []
    with web.popen("logs", "-f", pod["metadata"]["name"]) as follower:
        assert follower.stdout is not None
        reader = threading.Thread(target=lambda: lines.extend(iter(follower.stdout.readline, "")))  # type: ignore[union-attr]
        reader.start()
        try:
            eventually(lambda: bool(lines))  # it follows
            assert "nginx" in fetch(web, pod)
            eventually(lambda: any('"GET / HTTP/1.1" 200' in line for line in lines))
        finally:
            follower.send_signal(signal.SIGINT)
            reader.join(10)


def test_exec_enters_it(web: Daemon) -> None:
    name = pods(web)[0]["metadata"]["name"]
    assert web.run("exec", name, "--", "sh", "-c", 'echo "in $HOSTNAME"; exit 3').out == f"in {name}\n"
    done = web.run("exec", name, "--", "sh", "-c", "exit 3")
    assert (done.code, done.err) == (3, "command terminated with exit code 3\n")


def main_process(pod: dict) -> int:
    """The process of the web server itself, not the one that looks after it."""
    mark = f"HOSTNAME={pod['metadata']['name']}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if (
                mark in (entry / "environ").read_bytes().split(b"\0")
                and b"nginx/server.py" in (entry / "cmdline").read_bytes()
            ):
                found.append(int(entry.name))
        except (OSError, ValueError):
            continue  # not a process, or gone
    return min(found)


def test_its_death_is_counted(web: Daemon) -> None:
    pod = pods(web)[0]
    name, before = pod["metadata"]["name"], container(pod)
    os.kill(main_process(pod), signal.SIGKILL)

    def again() -> bool:
        now = container(web.client.get("pods", name, "default"))
        return now["restartCount"] == before["restartCount"] + 1 and bool(now["ready"])

    eventually(again, timeout=60)
    assert container(web.client.get("pods", name, "default"))["lastState"]["terminated"]["exitCode"] == 137
    eventually(lambda: answers(web, web.client.get("pods", name, "default")))


def test_a_deleted_pod_is_replaced(web: Daemon) -> None:
    gone = pods(web)[0]["metadata"]["name"]
    assert web.run("delete", "pod", gone).out == f'pod "{gone}" deleted from default namespace\n'
    eventually(lambda: settled(web), timeout=60)
    assert gone not in [p["metadata"]["name"] for p in pods(web)]


def test_scale(web: Daemon) -> None:
    for count in (6, REPLICAS):
        web.run("scale", "deployment/web", f"--replicas={count}")
        eventually(lambda n=count: sum(map(is_ready, pods(web))) == n == len(pods(web)), timeout=60)


def records_after(web: Daemon, version: int) -> Iterator[Record]:
    folder = web.root / "journal"
    for first in segments(folder):
        for record in read_records(folder / segment_name(first)):
            if record.rv > version:
                yield record


def bounds(web: Daemon, before: dict[str, dict], version: int) -> tuple[int, int]:
    """Fewest ready pods and most pods at any moment since `version`: after each single write, from the journal."""
    alive = dict(before)
    fewest, most = REPLICAS, REPLICAS
    for record in records_after(web, version):
        if not record.key.startswith("pods/default/web-"):
            continue
        name = record.key.rsplit("/", 1)[1]
        if record.type == "DELETED" or "deletionTimestamp" in record.object["metadata"]:
            alive.pop(name, None)
        else:
            alive[name] = record.object
        fewest, most = min(fewest, sum(map(is_ready, alive.values()))), max(most, len(alive))
    return fewest, most


def test_no_moment_of_too_few_ready_pods_through_update_bad_image_and_undo(web: Daemon) -> None:
    eventually(lambda: settled(web), timeout=60)
    listing = web.client.list("pods", "default")
    before, version = {p["metadata"]["name"]: p for p in listing["items"]}, int(listing["metadata"]["resourceVersion"])

    assert web.run("set", "image", "deployment/web", f"nginx={NGINX_NEW}").code == 0
    assert web.run("rollout", "status", "deployment/web", "--timeout=90s").code == 0
    eventually(lambda: settled(web, NGINX_NEW), timeout=60)

    web.run("set", "image", "deployment/web", "nginx=nginx:1.161")
    waiting = ["get", "pods", "-o", "jsonpath={.items[*].status.containerStatuses[*].state.waiting.reason}"]
    eventually(lambda: "ErrImagePull" in web.run(*waiting).out or "ImagePullBackOff" in web.run(*waiting).out)
    assert web.run("rollout", "status", "deployment/web", "--timeout=1s").code == 1
    assert sum(map(is_ready, pods(web))) >= LEAST_READY

    assert web.run("rollout", "undo", "deployment/web").out == "deployment.apps/web rolled back\n"
    assert web.run("rollout", "status", "deployment/web", "--timeout=90s").code == 0
    eventually(lambda: settled(web, NGINX_NEW), timeout=60)
    fewest, most = bounds(web, before, version)
    assert fewest >= LEAST_READY and most <= MOST_PODS
