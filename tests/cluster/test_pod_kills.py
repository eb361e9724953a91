"""kill -9 of the daemon, of agents and of containers while pods start, run and stop: the statuses come to the truth.

`MINIKCTL_POD_KILLS=100` is how many kills there are in one run, `MINIKCTL_POD_KILL_SEED` where it begins; by default a few.
"""

from __future__ import annotations

import os
import random
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path

from minikctl.client import DeleteOptions
from minikctl.cluster import layout, processes, start
from minikctl.runtime.process import proc
from minikctl.runtime.process.folder import PodsFolder
from tests.runtime.conftest import processes_of
from tests.support.daemon import Daemon, processes_below
from tests.support.waiting import eventually

KILLS = int(os.environ.get("MINIKCTL_POD_KILLS", "10"))
SEED = int(os.environ.get("MINIKCTL_POD_KILL_SEED", "1"))
AGENT = "kubelet-node-1"
MOST_PODS = 12


@dataclass
class Story:
    """What was done to a cluster, and so what has to come of it."""

    daemon: Daemon
    rng: random.Random
    codes: dict[str, int] = field(default_factory=dict)
    """Pod → the code that its container ends with by itself."""
    lasting: set[str] = field(default_factory=set)
    deleted: set[str] = field(default_factory=set)
    hit: set[str] = field(default_factory=set)
    """Pods whose container was killed."""
    number: int = 0

    def act(self) -> None:
        """Something that a user does."""
        roll = self.rng.random()
        there = sorted(self.lasting | set(self.codes))
        if there and (roll < 0.25 or len(there) >= MOST_PODS):
            self.delete(self.rng.choice(there))
        elif roll < 0.6:
            self.create(self.rng.randrange(1, 100))
        else:
            self.create(None)

    def create(self, code: int | None) -> None:
        self.number += 1
        name = f"p{self.number}"
        script = "sleep 600" if code is None else f"echo begun; sleep {self.rng.random():.2f}; exit {code}"
        container = {"name": "app", "image": "busybox", "command": ["sh", "-c", script]}
        spec = {"containers": [container], "terminationGracePeriodSeconds": self.rng.choice([0, 1])}
        policy = {"restartPolicy": "Always" if code is None else "Never"}
        self.daemon.client.create("pods", {"metadata": {"name": name}, "spec": {**spec, **policy}}, "default")
        if code is None:
            self.lasting.add(name)
        else:
            self.codes[name] = code

    def delete(self, name: str) -> None:
        self.lasting.discard(name)
        self.codes.pop(name, None)
        self.deleted.add(name)
        grace = self.rng.choice([0, 1])
        self.daemon.client.delete("pods", name, "default", options=DeleteOptions(grace_period=grace))

    def kill(self) -> None:
        victim = self.rng.choice([AGENT, AGENT, layout.SUPERVISOR, layout.CONTROLLER_MANAGER, "container", "container"])
        if victim == "container":
            self.kill_container()
            return
        process = processes.read(layout.pid_file(self.daemon.root, victim))
        if process is not None and process.send(signal.SIGKILL):
            eventually(lambda: not process.alive)
        if not start.is_running(self.daemon.root):
            self.daemon.start()

    def kill_container(self) -> None:
        folder, names = PodsFolder(self.daemon.root), self.uids()
        for uid in self.rng.sample(sorted(names), len(names)):
            for container in folder.containers(uid):
                main = container.process("main")
                if main is not None and container.exit() is None and proc.send(main, signal.SIGKILL):
                    self.hit.add(names[uid])
                    return

    def uids(self) -> dict[str, str]:
        pods = self.daemon.client.list("pods", "default")["items"]
        return {p["metadata"]["uid"]: p["metadata"]["name"] for p in pods}

    def outcome(self) -> dict[str, str]:
        """Pod → what is wrong with it."""
        pods = {p["metadata"]["name"]: p for p in self.daemon.client.list("pods", "default")["items"]}
        wrong = {name: "is still there" for name in self.deleted if name in pods}
        for name in self.lasting:
            statuses = pods[name].get("status", {}).get("containerStatuses") or [{}]
            if pods[name].get("status", {}).get("phase") != "Running" or not statuses[0].get("ready"):
                wrong[name] = f"does not run: {statuses[0].get('state')}"
        for name, code in self.codes.items():
            statuses = pods[name].get("status", {}).get("containerStatuses") or [{}]
            ended = statuses[0].get("state", {}).get("terminated", {})
            allowed = {code, 137} if name in self.hit else {code}
            if ended.get("exitCode") not in allowed:
                wrong[name] = f"ended with {ended} and not with {code}"
        return wrong


def mounts_of(root: Path) -> list[str]:
    return [line for line in Path("/proc/self/mounts").read_text().splitlines() if str(root) in line]


def test_pods_under_kill_9(daemon: Daemon) -> None:
    story = Story(daemon, random.Random(SEED))
    daemon.start()
    for _ in range(KILLS):
        for _ in range(story.rng.randrange(1, 4)):
            story.act()
        time.sleep(story.rng.random() * 0.3)  # so that the kill comes at any point of what was begun
        story.kill()
    eventually(lambda: start.ready_nodes(daemon.root) == {"node-1"})
    deadline = time.monotonic() + 60
    while wrong := story.outcome():
        assert time.monotonic() < deadline, f"seed {SEED}: {wrong}\n{daemon.logs()}"
        time.sleep(0.05)
    known = set(story.uids())
    eventually(lambda: set(PodsFolder(daemon.root).uids()) <= known)
    assert mounts_of(daemon.root) == []
    assert daemon.run("cluster", "stop").code == 0
    assert processes_of(daemon.root) == [] and processes_below(daemon.root) == []
