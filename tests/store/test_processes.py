"""Many processes on one store, and processes killed at any instant."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from minikctl.store import Store, Watch, journal

COUNT_UP = """
import sys
from minikctl.store import Store, StoreMoved
store, me, times = Store(sys.argv[1]), sys.argv[2], int(sys.argv[3])
conflicts = 0
for i in range(times):
    store.create(f"pods/default/{me}-{i}", {"metadata": {"name": f"{me}-{i}"}}, actor=me)
    while True:
        counter = store.get("counters/shared")
        try:
            new = {**counter, "n": counter["n"] + 1}
            store.update("counters/shared", new, expect=counter["metadata"]["resourceVersion"], actor=me)
            break
        except StoreMoved:
            conflicts += 1
print(conflicts)
"""

WRITE_FOR_EVER = """
import sys
from minikctl.store import Store, journal
journal.SEGMENT_BYTES = 20000
store, me, i = Store(sys.argv[1]), sys.argv[2], 0
while True:
    name = f"{me}-{i % 40}"
    key = f"pods/default/{name}"
    body = {"metadata": {"name": name}, "text": "x" * (i * 37 % 3000), "i": i}
    old = store.get(key)
    if old is None:
        done = store.create(key, body, actor=me)
    elif i % 5 == 0:
        done = store.delete(key, expect=old["metadata"]["resourceVersion"], actor=me)
        done = {"metadata": done["metadata"], "gone": True}
    else:
        done = store.update(key, body, expect=old["metadata"]["resourceVersion"], actor=me)
    sys.stdout.write(f"{name} {done['metadata']['resourceVersion']} {'gone' if done.get('gone') else i}\\n")
    sys.stdout.flush()
    i += 1
"""


def spawn(code: str, *args: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", code, *args], stdout=subprocess.PIPE, text=True)


def test_eight_processes_lose_nothing_and_meet_conflicts(tmp_path: Path) -> None:
    root, times = tmp_path / "state", 40
    store = Store(root)
    store.create("counters/shared", {"metadata": {"name": "shared"}, "n": 0}, actor="me")
    writers = [spawn(COUNT_UP, str(root), f"w{n}", str(times)) for n in range(8)]
    conflicts = sum(int(w.communicate(timeout=120)[0]) for w in writers)
    assert all(w.returncode == 0 for w in writers)
    assert store.get("counters/shared")["n"] == 8 * times
    assert len(store.keys("pods")) == 8 * times
    assert store.current_rv() == 1 + 2 * 8 * times
    assert [r.rv for r in Watch(store, 0).poll()] == list(range(1, store.current_rv() + 1))
    assert conflicts > 0


def check_whole(root: Path, acknowledged: dict[str, tuple[int, str]]) -> None:
    """No torn file, no lost acknowledged write, no gap in the versions."""
    store = Store(root)
    listing = store.list("pods")
    assert listing.corrupt == []
    files = {o["metadata"]["name"]: o for o in listing.items}
    last: dict[str, journal.Record] = {}
    versions = []
    for first in journal.segments(store.journal_dir):
        for record in journal.read_records(store.journal_dir / journal.segment_name(first)):
            last[record.key.rsplit("/", 1)[1]] = record
            versions.append(record.rv)
    assert versions == list(range(1, len(versions) + 1)) and store.current_rv() == len(versions)
    for name, record in last.items():
        assert (name in files) == (record.type != "DELETED"), name
        if name in files:
            assert files[name] == record.object
    for name, (rv, state) in acknowledged.items():
        assert last[name].rv >= rv, f"{name}: acknowledged version {rv} is lost"
        if last[name].rv == rv:
            assert (last[name].type == "DELETED") == (state == "gone")
    store.close()


@pytest.mark.parametrize("seed", range(12))
def test_kill_9_at_any_instant_loses_nothing(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    root = tmp_path / "state"
    acknowledged: dict[str, tuple[int, str]] = {}
    for round_ in range(2):
        writers = [spawn(WRITE_FOR_EVER, str(root), f"s{seed}r{round_}w{n}") for n in range(3)]
        lines: list[str] = []
        for writer in writers:
            assert writer.stdout is not None
            for _ in range(rng.randrange(1, 60)):
                lines.append(writer.stdout.readline())
            os.kill(writer.pid, signal.SIGKILL)
            rest = writer.stdout.read()
            lines += rest.splitlines(keepends=True)
            writer.wait()
            writer.stdout.close()
        for line in lines:
            if line.endswith("\n"):
                name, rv, state = line.split()
                if int(rv) > acknowledged.get(name, (0, ""))[0]:
                    acknowledged[name] = (int(rv), state)
        check_whole(root, acknowledged)
    assert acknowledged
