"""Pulls that take their time: a thread of their own, one after the other, so that no pod waits for another's image.

Source: kubelet `images/puller.go`; serializeImagePulls is true by default.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from minikctl.runtime.interface import ImageFailure, ImageStatus
from minikctl.util.clock import Clock


@dataclass
class Job:
    """One pull. Times are monotonic; `result` counts once `done` is set."""

    run: Callable[[], ImageStatus]
    tell: Callable[[], None]
    asked: float
    began: float = 0.0
    ended: float = 0.0
    result: ImageStatus | ImageFailure | None = None
    done: threading.Event = field(default_factory=threading.Event)


class PullQueue:
    """`side_by_side` pulls run at a time; their threads end when there is nothing to do."""

    def __init__(self, clock: Clock, side_by_side: int = 1):
        self._clock, self._most = clock, side_by_side
        self._jobs: dict[str, Job] = {}
        self._waiting: deque[Job] = deque()
        self._running = 0
        self._lock = threading.Lock()

    def submit(self, key: str, run: Callable[[], ImageStatus], tell: Callable[[], None]) -> Job:
        """`tell` is called after the end, from the thread of the pull."""
        job = Job(run, tell, self._clock.monotonic())
        with self._lock:
            self._jobs[key] = job
            self._waiting.append(job)
            if self._running < self._most:
                self._running += 1
                threading.Thread(target=self._work, name="image-pull", daemon=True).start()
        return job

    def find(self, key: str) -> Job | None:
        """The pull of a key; one that ended is given once."""
        with self._lock:
            job = self._jobs.get(key)
            if job is not None and job.done.is_set():
                del self._jobs[key]
            return job

    def forget(self, prefix: str) -> None:
        """Nobody asks for these any more. Those that run come to their end."""
        with self._lock:
            for key in [k for k in self._jobs if k.startswith(prefix)]:
                job = self._jobs.pop(key)
                if job in self._waiting:
                    self._waiting.remove(job)

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._running -= 1
                    return
                job = self._waiting.popleft()
            job.began = self._clock.monotonic()
            try:
                job.result = job.run()
            except ImageFailure as e:
                job.result = e
            except Exception as e:  # a bug must not keep the pod waiting for ever
                job.result = ImageFailure(f"{type(e).__name__}: {e}")
            job.ended = self._clock.monotonic()
            job.done.set()
            job.tell()
