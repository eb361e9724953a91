"""Reading /proc."""

from __future__ import annotations

import os
import subprocess

import pytest

from minikctl.runtime.process import proc
from minikctl.runtime.process.proc import Process, Stat, descendants, parse_stat

LINE = "42 (a (b) c) S 7 40 39 0 -1 4194304 1 2 3 4 50 60 70 80 20 0 1 0 12345 1000 99 18446744073709551615"


def test_parse():
    assert parse_stat(LINE) == Stat(42, "S", 7, 40, 39, 260, 12345, 99)
    for cut in ("", "42", "42 (sh) S 1"):
        with pytest.raises(ValueError):
            parse_stat(cut)


def test_descendants():
    def one(pid, parent, state="S"):
        return Stat(pid, state, parent, 0, 0, 0, pid, 0)

    table = {p.pid: p for p in (one(1, 0), one(2, 1), one(3, 2), one(4, 3, "Z"), one(5, 4), one(6, 1))}
    assert sorted(p.pid for p in descendants([2], table)) == [3, 5]


def test_a_process_is_its_pid_and_its_start():
    me = proc.stat(os.getpid()).process
    assert proc.is_alive(me)
    assert not proc.is_alive(Process(me.pid, me.started - 1))
    assert not proc.send(Process(me.pid, me.started - 1), 9)


def test_marks():
    with pytest.raises(ValueError):
        proc.marked("", proc.everything())
    child = subprocess.Popen(["sleep", "600"], env={"PATH": os.environ["PATH"], "MARK_OF_A_TEST": "/x/1"})
    try:
        found = [p.pid for p in proc.marked("MARK_OF_A_TEST=/x/1", proc.everything())]
        assert found == [child.pid]
        assert proc.marked("MARK_OF_A_TEST=/x/", proc.everything()) == []
        assert len(proc.marked("MARK_OF_A_TEST=/x/", proc.everything(), prefix=True)) == 1
    finally:
        child.kill()
        child.wait()
