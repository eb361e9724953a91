"""Waiting for the signal to stop, in processes with many threads.

The system may hand a signal to any thread. Python runs handlers in the main thread only, and a main thread that waits
for a lock or an Event is not woken by a signal that another thread has received: it would sleep on for ever. It is
woken when it reads from the pipe that the interpreter writes to for every signal.
"""

from __future__ import annotations

import os
import signal
import threading
import time

from minikctl.util.polling import readable


class StopSignal:
    """Make it in the main thread. `event` is set by SIGTERM and SIGINT, for other threads to look at; `number` is the
    first that came, 0 before."""

    def __init__(self) -> None:
        self.event = threading.Event()
        self.number = 0
        self._signals, signals_in = os.pipe()
        os.set_blocking(signals_in, False)
        signal.set_wakeup_fd(signals_in, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)

    def _stop(self, number: int, _frame: object) -> None:
        self.number = self.number or number
        self.event.set()

    def wait(self) -> None:
        """Block the main thread until a signal has come."""
        while not self.event.is_set():
            os.read(self._signals, 64)

    def wait_for(self, seconds: float) -> bool:
        """Block the main thread until a signal has come, or for some seconds; whether one has come."""
        deadline = time.monotonic() + seconds
        while not self.event.is_set() and (left := deadline - time.monotonic()) > 0:
            if readable([self._signals], left):
                os.read(self._signals, 64)
        return self.event.is_set()
