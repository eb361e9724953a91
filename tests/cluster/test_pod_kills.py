"""kill -9 of the daemon, of agents and of containers while pods start, run and stop: the statuses come to the truth.

`MINIKCTL_POD_KILLS=100` is how many kills there are in one run, `MINIKCTL_POD_KILL_SEED` where it begins; by default a few.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path

from minikctl.client import DeleteOptions
from minikctl.cluster import layout, processes, start
from minikctl.runtime.interface import READY
from minikctl.runtime.network.client import ClusterNetwork
from minikctl.runtime.process import memory, proc
from minikctl.runtime.process.folder import PodsFolder
from tests.runtime.conftest import processes_of
from tests.support.daemon import Daemon, processes_below
from tests.support.waiting import eventually

KILLS = int(os.environ.get("MINIKCTL_POD_KILLS", "10"))
SEED = int(os.environ.get("MINIKCTL_POD_KILL_SEED", "1"))
AGENT = "kubelet-node-1"
MOST_PODS = 12
NEVER_BEGAN = 128
"""The exit code of a container that lost its pod while it was being started."""


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
        components = [AGENT, AGENT, layout.SUPERVISOR, layout.CONTROLLER_MANAGER, layout.NETWORK]
        victim = self.rng.choice([*components, "container", "container", "pause"])
        if victim == "container":
            self.kill_container()
            return
        if victim == "pause":
            self.kill_pause()
            return
        if victim == layout.NETWORK:
            self.hit |= set(self.uids().values())  # it takes all pods along
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

    def kill_pause(self) -> None:
        """The process that has a pod's namespaces, where there is one."""
        pauses, names = pauses_of(self.daemon.root), self.uids()
        owners = {s.id: uid for uid in names for s, _, _ in PodsFolder(self.daemon.root).sandboxes(uid)}
        if found := sorted(i for i in pauses if i in owners):
            sandbox_id = self.rng.choice(found)
            self.hit.add(names[owners[sandbox_id]])
            with contextlib.suppress(ProcessLookupError):
                os.kill(pauses[sandbox_id], signal.SIGKILL)

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
            allowed = {code, 137, NEVER_BEGAN} if name in self.hit else {code}
            if ended.get("exitCode") not in allowed:
                wrong[name] = f"ended with {ended} and not with {code}"
        return wrong


def pauses_of(root: Path) -> dict[str, int]:
    """Sandbox → its pause process; empty without a cluster network."""
    network = ClusterNetwork.open(root)
    if network is None:
        return {}
    try:
        return dict(network.pods())
    finally:
        network.close()


def links_of(root: Path) -> int:
    """How many pods are connected to the cluster network, as its own namespace has it."""
    network = ClusterNetwork.open(root)
    if network is None:
        return 0
    network.close()
    return Path(f"/proc/{network.pid}/net/dev").read_text().count("veth")


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
    ready = {s.id for uid in known for s, _, _ in PodsFolder(daemon.root).sandboxes(uid) if s.state == READY}
    eventually(lambda: set(pauses_of(daemon.root)) <= ready and links_of(daemon.root) <= len(ready))
    for name in sorted(story.lasting):
        done = daemon.run("exec", name, "--", "echo", "there")
        assert done.out == "there\n", f"seed {SEED}: {name}: {done.err}\n{daemon.logs()}"
    assert mounts_of(daemon.root) == []
    assert daemon.run("cluster", "stop").code == 0
    assert processes_of(daemon.root) == [] and processes_below(daemon.root) == []
    assert not memory.root(PodsFolder(daemon.root).path).exists()
