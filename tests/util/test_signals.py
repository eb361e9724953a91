"""A process with many threads ends when it is told to, whichever thread the system tells."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

PROGRAM = """
import os, signal, sys, threading
from minikctl.util.signals import StopSignal
stop = StopSignal()
def other():
    print("ready", flush=True)
    sys.stdin.read(1)
    signal.pthread_kill(threading.get_ident(), signal.{0})
threading.Thread(target=other, daemon=True).start()
stop.wait()
print("over", flush=True)
"""


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_a_signal_that_another_thread_gets_wakes_the_main_thread(name: str) -> None:
    assert hasattr(signal, name)
    command = [sys.executable, "-c", PROGRAM.format(name)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout and process.stdout.readline() == "ready\n"
            out, _ = process.communicate("x", timeout=20)
            assert out == "over\n" and process.returncode == 0
        finally:
            process.kill()
