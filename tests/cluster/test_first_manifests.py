"""The manifests that a beginner's course begins with run as they are written, and leave no trace on the host."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from minikctl.api.durations import parse_time
from minikctl.api.meta import condition_is
from minikctl.runtime.sandbox import bwrap
from tests.support.daemon import Daemon
from tests.support.ordinary_user import as_ordinary_user, commands_as_ordinary_user, open_folder
from tests.support.waiting import eventually

ROOT = Path(__file__).parents[2]
MANIFESTS = ROOT / "examples" / "manifests"
ELSEWHERE = {"/proc", "/sys", "/tmp", "/dev", "/run", "/work", "/root", "/var/lib/apt", "/var/cache", "/var/log"}
"""Folders that others write to while a test runs."""


def host_tree(depth: int = 3) -> set[str]:
    """The names of the host's files, not too deep, apart from places where others are at work."""
    found: set[str] = set()

    def look(folder: str, left: int) -> None:
        try:
            entries = list(os.scandir(folder))
        except OSError:
            return
        for entry in entries:
            if entry.path in ELSEWHERE:
                continue
            found.add(entry.path)
            if left and entry.is_dir(follow_symlinks=False):
                look(entry.path, left - 1)

    look("/", depth)
    return found


def written(path: str) -> tuple[int, int]:
    """When a folder of the host's was changed, and who owns it."""
    entry = os.stat(path)
    return entry.st_mtime_ns, entry.st_uid


PLACES = [p for p in ("/", "/mnt", "/opt", "/srv", "/etc", "/usr", "/usr/bin", "/usr/share") if os.path.isdir(p)]


@contextmanager
def untouched_host() -> Iterator[None]:
    """What runs inside leaves the host's files as they are."""
    before, places = host_tree(), {p: written(p) for p in PLACES}
    yield
    assert {p: written(p) for p in PLACES} == places
    assert host_tree() ^ before == set()


@pytest.fixture(params=["who runs this", "nobody"])
def cluster(request: pytest.FixtureRequest) -> Iterator[Daemon]:
    """A cluster of this user's, who is often root, or of an ordinary one's."""
    nobody = request.param == "nobody"
    if nobody and os.geteuid() != 0:
        pytest.skip("this user is an ordinary one already")
    with open_folder() as folder:
        if refused := bwrap.probe(folder / "probe"):
            pytest.skip(f"no sandbox on this machine: {refused}")
        if nobody:
            as_ordinary_user(folder, lambda: None)  # who then owns it
        made = Daemon(folder / "state", prefix=commands_as_ordinary_user(ROOT) if nobody else [])
        if nobody and (problem := made.run("version", "--client").err):
            pytest.skip(f"nobody cannot run this interpreter: {problem}")
        try:
            with untouched_host():
                yield made
                made.close()
        finally:
            made.close()


@dataclass
class Student:
    """Does what the course says, and looks whether it is so."""

    cluster: Daemon

    def does(self, *argv: str) -> str:
        done = self.cluster.run(*argv)
        assert (done.code, done.err) == (0, ""), (argv, done)
        return done.out

    def sees(self, wanted: str, *argv: str, timeout: float = 60) -> None:
        """Some time the answer is this one."""
        eventually(lambda: self.cluster.run(*argv).out.strip() == wanted, timeout, 0.2)

    def pods(self, label: str = "") -> list[dict]:
        found = self.cluster.client.list("pods", "default")["items"]
        return [p for p in found if not label or p["metadata"].get("labels", {}).get("run") == label]

    def ready(self, number: int, label: str) -> None:
        eventually(lambda: [condition_is(p, "Ready") for p in self.pods(label)] == [True] * number, 90)

    def waits_for(self, *pods: str) -> None:
        self.does("wait", "--for=condition=Ready", "--timeout=90s", *(f"pod/{name}" for name in pods))


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_they_run_as_written(cluster: Daemon) -> None:
    cluster.start()
    student = Student(cluster)
    student.does("apply", "-f", str(MANIFESTS / "webapi.yaml"))  # takes its time
    prepared_volume(student)
    port_80 = cluster.has_network or not cluster.prefix  # where this machine refuses networks: not for ordinary users
    if port_80:
        pods_and_a_service(student)
    health(student)
    if port_80:
        replicas(student)
    student.does("delete", "-f", str(MANIFESTS), "--now", "--ignore-not-found")
    student.does("delete", "pods", "--all", "--now")
    assert student.pods() == []


def prepared_volume(student: Student) -> None:
    """The first container makes a folder in the volume at /mnt for the second one, which has it at /docs."""
    student.does("apply", "-f", str(MANIFESTS / "init-sample.yaml"))
    student.waits_for("init-sample")
    seen = student.does("exec", "init-sample", "-c", "main", "--", "stat", "-c", "%u:%g %F", "/docs/html")
    owner = "33:33" if os.geteuid() == 0 and not student.cluster.prefix else "0:0"  # one user only: chown does nothing
    assert seen == f"{owner} directory\n"
    assert student.does("exec", "init-sample", "-c", "main", "--", "ls", "/mnt") == ""
    pod = next(p for p in student.pods() if p["metadata"]["name"] == "init-sample")
    assert pod["status"]["initContainerStatuses"][0]["state"]["terminated"]["reason"] == "Completed"


def pods_and_a_service(student: Student) -> None:
    """By its address, by the Service's address, by the Service's name; YAML and JSON say the same."""
    student.does("apply", "-f", str(MANIFESTS / "mynginx.yaml"), "-f", str(MANIFESTS / "pod.yaml"))
    assert student.does("apply", "-f", str(MANIFESTS / "pod.json")) == "pod/nginx unchanged\n"
    made = student.does("run", "ournginx", "--image=nginx", "--dry-run=client", "-o", "yaml")
    written = student.cluster.root.parent / "ournginx.yaml"
    written.write_text(made)
    student.does("apply", "-f", str(written))
    student.does("apply", "-f", str(MANIFESTS / "myservice.yaml"))
    student.does("run", "client", "--image=curlimages/curl", "--", "sleep", "600")
    student.waits_for("mynginx", "nginx", "ournginx", "client")
    pods = {p["metadata"]["name"]: p for p in student.pods()}
    service = student.cluster.client.get("services", "myservice", "default")
    address = service["spec"]["clusterIP"]
    by_service = (f"{address}:8080", "myservice:8080") if student.cluster.has_network else ()
    for url in (pods["mynginx"]["status"]["podIP"], *by_service):
        eventually(
            lambda url=url: "Welcome to nginx!" in student.cluster.run("exec", "client", "--", "curl", "-s", url).out
        )
    seen = student.does("exec", "client", "--", "printenv", "MYSERVICE_SERVICE_HOST", "MYSERVICE_SERVICE_PORT")
    assert seen == f"{address}\n8080\n"  # it began after the Service
    assert '"GET / HTTP/1.1" 200' in student.does("logs", "mynginx")


def replicas(student: Student) -> None:
    """Ten pods; two pods, of which one is lost. (New versions: the tutorial has them.)"""
    names = ("mydeploy.yaml", "myreplicaset.yaml", "nginx-deployment.yaml")
    student.does("apply", *(part for n in names for part in ("-f", str(MANIFESTS / n))))
    student.ready(10, "nginx")
    student.ready(2, "nginx-rs")
    lost = student.pods("nginx-rs")[0]["metadata"]["name"]
    student.does("delete", "pod", lost, "--now")
    student.ready(2, "nginx-rs")
    assert lost not in {p["metadata"]["name"] for p in student.pods("nginx-rs")}
    student.does("rollout", "status", "deployment/nginx-deployment", "--timeout=60s")


def health(student: Student) -> None:
    """It is asked whether it is ready after 15 seconds, not earlier; that it lives, after three."""
    student.waits_for("webapi")
    pod = next(p for p in student.pods() if p["metadata"]["name"] == "webapi")
    status = pod["status"]["containerStatuses"][0]
    started = parse_time(status["state"]["running"]["startedAt"])
    turned = next(c["lastTransitionTime"] for c in pod["status"]["conditions"] if c["type"] == "Ready")
    if status["restartCount"] == 0:  # it falls ill after 40 seconds
        assert (parse_time(turned) - started).total_seconds() >= 14
    asked = student.does("logs", "webapi")
    assert "/healthz" in asked and "/ready" in asked
