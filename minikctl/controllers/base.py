"""What all controllers are made of: a queue of keys, informers to read from, a client to write through.

`sync(key)` brings the cluster closer to what the object of that key asks for. It reads from caches, decides by pure
functions, writes through the client, and may be called at any time, any number of times. Raising means: again, later.
A conflict or a missing object is no failure of the controller's and is retried without noise.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj, key
from minikctl.client import Client, reacting_to
from minikctl.client.events import EventRecorder
from minikctl.client.informer import Handler, Informer, InformerFactory
from minikctl.client.workqueue import WorkQueue
from minikctl.util.clock import Clock, SystemClock

log = logging.getLogger("controllers")
QUIET = frozenset({"Conflict", "NotFound", "AlreadyExists"})


@dataclass
class Context:
    """What a controller is given. `settings` are the cluster's (cluster.json)."""

    client: Client
    informers: InformerFactory
    clock: Clock = field(default_factory=SystemClock)
    rng: random.Random = field(default_factory=random.SystemRandom)
    settings: dict[str, Any] = field(default_factory=dict)


class Controller:
    """Base class. Subclasses set `name`, subscribe in `setup` and implement `sync`."""

    name = ""
    workers = 1

    def __init__(self, context: Context):
        self.context = context
        self.client = context.client.for_actor(self.name)
        self.informers = context.informers
        self.clock = context.clock
        self.recorder = EventRecorder(self.client, self.name, clock=context.clock)
        self.queue = WorkQueue(self.name, context.clock.monotonic)
        self.syncs = self.failures = 0
        self._threads: list[threading.Thread] = []
        self.setup()

    def setup(self) -> None:
        """Ask for informers and say which changes put which keys into the queue."""
        raise NotImplementedError

    def sync(self, object_key: str) -> float | None:
        """Reconcile one key; the returned number of seconds, if any, is when to look at it again."""
        raise NotImplementedError

    # ------------------------------------------------------------------ subscribing

    def enqueue(self, obj: Obj) -> None:
        """Put the object's own key into the queue, with its version as the cause."""
        self.queue.add(key(obj), cause_of(obj))

    def watch(
        self,
        word: str,
        enqueue: Callable[[Obj], None] | None = None,
        *,
        on_update: Callable[[Obj, Obj], None] | None = None,
        on_delete: Callable[[Obj], None] | None = None,
        **informer_options: Any,
    ) -> Informer:
        """The informer of a kind; every change goes to `enqueue` (default: the object's own key)."""
        put = enqueue or self.enqueue
        informer = self.informers.informer(word, **informer_options)
        update = on_update or (lambda _old, new: put(new))
        informer.add_handler(Handler(put, update, on_delete or put))
        return informer

    def watch_deletions(self, word: str, on_delete: Callable[[Obj], None]) -> Informer:
        """The informer of a kind of which only deletions matter."""
        informer = self.informers.informer(word)
        informer.add_handler(Handler(lambda _obj: None, lambda _old, _new: None, on_delete))
        return informer

    # ------------------------------------------------------------------ running

    def start(self) -> None:
        for i in range(self.workers):
            thread = threading.Thread(target=self._work, name=f"{self.name}-{i}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        self.queue.shut_down()
        for thread in self._threads:
            thread.join(timeout=5)
        self.recorder.stop()

    def _work(self) -> None:
        while (item := self.queue.get()) is not None:
            self.process(*item)

    def process(self, object_key: str, because: int | None) -> None:
        """One turn of the loop; tests call it without threads."""
        self.syncs += 1
        try:
            with reacting_to(because):
                again = self.sync(object_key)
        except Exception as e:
            self.failures += 1
            self._report(object_key, e)
            self.queue.add_rate_limited(object_key, because)
        else:
            self.queue.forget(object_key)
            if again is not None:
                self.queue.add_after(object_key, again, because)
        finally:
            self.queue.done(object_key)

    def drain(self, limit: int = 1000) -> int:
        """Work off the queue in this thread, for tests; the number of syncs."""
        count = 0
        while count < limit and (item := self.queue.get(timeout=0)) is not None:
            self.process(*item)
            count += 1
        return count

    def _report(self, object_key: str, error: Exception) -> None:
        if isinstance(error, ApiError):
            if error.reason not in QUIET:
                log.warning("%s: %s: %s", self.name, object_key, error.message)
            return
        log.exception("%s: %s", self.name, object_key)


def cause_of(obj: Obj) -> int | None:
    """The version of a change, for the journal's `because`."""
    with suppress(KeyError, ValueError):
        return int(obj["metadata"]["resourceVersion"])
    return None


def wait_until(condition: Callable[[], bool], timeout: float, step: float = 0.005) -> bool:
    """Poll a condition with a deadline: for start-up and tests, never for a controller's logic."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(step)
    return True
