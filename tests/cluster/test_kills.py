"""kill -9 of everything at random points: nothing acknowledged is lost, nothing is torn, and the cluster goes on.

`MINIKCTL_KILL_SEEDS=100` runs as many scripts; by default a few.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from minikctl.cluster import layout, processes, start
from minikctl.store.journal import read_records
from tests.support.daemon import Daemon
from tests.support.waiting import eventually

SEEDS = int(os.environ.get("MINIKCTL_KILL_SEEDS", "2"))
OPERATIONS, KILLS = 200, 12
AGENT = "kubelet-simulated-nodes"

WRITER = textwrap.dedent(
    """
    import random, sys
    from minikctl.api.errors import ApiError
    from minikctl.client.local import LocalClient

    root, seed, first, last = sys.argv[1], *map(int, sys.argv[2:])
    rng, client = random.Random(seed * 1000 + first), LocalClient.on_files(root, actor="kubectl-script")
    for i in range(first, last):
        name, roll = f"cm-{rng.randrange(20)}", rng.random()
        try:
            if roll < 0.5:
                done = client.create("configmaps", {"metadata": {"name": name}, "data": {"i": str(i)}}, "default")
            elif roll < 0.8:
                done = client.patch("configmaps", name, {"data": {"i": str(i)}}, "default")
            elif roll < 0.9:
                client.delete("configmaps", name, "default")
                done = None
            else:
                done = client.patch("deployments", "web", {"spec": {"replicas": rng.randrange(6)}}, "default")
        except ApiError as e:
            assert e.reason in ("AlreadyExists", "NotFound"), e.message
            done = None
        print(i, done["metadata"]["resourceVersion"] if done else "-", flush=True)
    """
)


class Script:
    """The 200 operations, in a process that is killed and goes on behind its last acknowledged operation."""

    def __init__(self, daemon: Daemon, seed: int):
        self.daemon, self.seed = daemon, seed
        self.acknowledged: dict[int, str] = {}

    @property
    def done(self) -> int:
        return max(self.acknowledged, default=-1) + 1

    def run(self, until: int) -> None:
        """Go on until this operation is acknowledged, then kill -9 in the middle of the next."""
        words = [sys.executable, "-c", WRITER, str(self.daemon.root), str(self.seed), str(self.done), str(OPERATIONS)]
        with subprocess.Popen(
            words, stdout=subprocess.PIPE, text=True, env=self.daemon.environment(), cwd=Path(__file__).parents[2]
        ) as process:
            assert process.stdout is not None
            for line in process.stdout:
                number, version = line.split()
                self.acknowledged[int(number)] = version
                if int(number) >= until:
                    process.kill()
                    break


@pytest.mark.parametrize("seed", range(SEEDS))
def test_a_script_under_kill_9(daemon: Daemon, seed: int) -> None:
    rng = random.Random(seed)
    daemon.start("--nodes", "2", "--simulated")
    daemon.run("create", "deployment", "web", "--image=nginx", "--replicas=2")
    script = Script(daemon, seed)
    for _ in range(KILLS):
        script.run(script.done + rng.randrange(OPERATIONS // KILLS))
        victim = rng.choice([layout.SUPERVISOR, layout.CONTROLLER_MANAGER, AGENT, ""])
        if victim:
            kill_now(daemon, victim)
        if not start.is_running(daemon.root):
            daemon.start()
    script.run(OPERATIONS)
    assert script.done == OPERATIONS
    check_files(daemon.root, script.acknowledged)
    wanted = daemon.client.get("deployments", "web", "default")["spec"].get("replicas", 0)
    eventually(lambda: ready(daemon) == wanted)


def kill_now(daemon: Daemon, component: str) -> None:
    """It may be on its way out or not started again yet: then it is spared."""
    process = processes.read(layout.pid_file(daemon.root, component))
    if process is not None and process.send(9):
        eventually(lambda: not process.alive)


def ready(daemon: Daemon) -> int:
    return int(daemon.client.get("deployments", "web", "default").get("status", {}).get("readyReplicas") or 0)


def check_files(root: Path, acknowledged: dict[int, str]) -> None:
    """The journal is whole and without gaps, has every acknowledged write, and files hold what it says last."""
    records = [r for f in sorted((root / "journal").glob("*.jsonl")) for r in read_records(f)]
    versions = [r.rv for r in records]
    assert versions == list(range(1, len(versions) + 1))
    assert {int(v) for v in acknowledged.values() if v != "-"} <= set(versions)
    last = {r.key: r for r in records if r.key.startswith("configmaps/default/cm-")}
    for key, record in last.items():
        path = root / "registry" / f"{key}.json"
        if record.type == "DELETED":
            assert not path.exists()
        else:
            assert json.loads(path.read_text()) == record.object
