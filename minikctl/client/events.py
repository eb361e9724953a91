"""Recording Events: what a component did or met, attached to the object concerned.

The same thing happening again raises the count of the first Event instead of making another; an object that keeps
failing in new words is let through 25 times at once and then once in five minutes. Recording never blocks and never
fails the work it speaks of. Source: client-go `tools/record/events_cache.go`.
"""

from __future__ import annotations

import logging
import os
import queue
import threading
from collections import OrderedDict
from typing import Any

from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj, timestamp
from minikctl.client.cause import because, reacting_to
from minikctl.client.protocol import Client
from minikctl.util.clock import Clock, SystemClock

log = logging.getLogger("events")
NORMAL, WARNING = "Normal", "Warning"
BURST, REFILL_SECONDS = 25, 300.0
_REMEMBERED = 4096
_NAMES = 50


class _Writer:
    """One thread a process writes for all recorders: dozens of them would only wait for each other at the store."""

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[tuple[EventRecorder, Any]] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._pid = 0

    def put(self, recorder: EventRecorder, item: Any) -> None:
        with self._lock:
            if self._pid != os.getpid():  # the first Event of this process, which may be a fork of one that had some
                self._pid, self._queue = os.getpid(), queue.SimpleQueue()
                threading.Thread(target=self._run, args=(self._queue,), name="events", daemon=True).start()
        self._queue.put((recorder, item))

    @staticmethod
    def _run(items: queue.SimpleQueue[tuple[EventRecorder, Any]]) -> None:
        while True:
            recorder, item = items.get()
            recorder.write(item)


_writer = _Writer()


class EventRecorder:
    """Records under a component's name. A background thread writes; `flush` waits for it."""

    def __init__(self, client: Client, component: str, *, host: str = "", clock: Clock | None = None):
        self._client = client
        self._source = {"component": component, **({"host": host} if host else {})}
        self._clock = clock or SystemClock()
        self._seen: OrderedDict[tuple[str, ...], Obj] = OrderedDict()
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._pending = 0
        self._idle = threading.Condition()

    def event(self, obj: Obj, event_type: str, reason: str, message: str, *, field_path: str = "") -> None:
        """Note something about `obj`. type: Normal or Warning."""
        reference = reference_to(obj, field_path)
        with self._idle:
            self._pending += 1
        _writer.put(self, (reference, event_type, reason, message, self._clock.now(), because()))

    def normal(self, obj: Obj, reason: str, message: str, *, field_path: str = "") -> None:
        self.event(obj, NORMAL, reason, message, field_path=field_path)

    def warning(self, obj: Obj, reason: str, message: str, *, field_path: str = "") -> None:
        self.event(obj, WARNING, reason, message, field_path=field_path)

    def flush(self, timeout: float = 5.0) -> bool:
        """Wait until everything noted is written."""
        with self._idle:
            return self._idle.wait_for(lambda: self._pending == 0, timeout)

    def stop(self) -> None:
        self.flush()

    def write(self, item: Any) -> None:
        """Called by the background thread."""
        *what, cause = item
        try:
            with reacting_to(cause):
                self._write(*what)
        except ApiError:
            pass  # the namespace is going away, or the disk is full: the work itself will say so
        except Exception:
            log.exception("an Event could not be written")
        finally:
            with self._idle:
                self._pending -= 1
                if not self._pending:
                    self._idle.notify_all()

    def _write(self, reference: Obj, event_type: str, reason: str, message: str, now: Any) -> None:
        namespace = reference.get("namespace") or "default"
        identity = (
            reference.get("uid", ""),
            reference.get("fieldPath", ""),
            reference["name"],
            event_type,
            reason,
            message,
        )
        stamp = timestamp(now)
        known = self._seen.get(identity)
        if not self._admit(reference.get("uid", "") or reference["name"]):
            return
        if known is not None:
            patch = {"count": known["count"] + 1, "lastTimestamp": stamp}
            try:
                self._client.patch("events", known["name"], patch, namespace)
                known["count"] += 1
                self._seen.move_to_end(identity)
                return
            except ApiError as e:
                if e.reason != "NotFound":
                    raise
        event = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"namespace": namespace},
            "involvedObject": reference,
            "reason": reason,
            "message": message[:1024],
            "source": self._source,
            "firstTimestamp": stamp,
            "lastTimestamp": stamp,
            "count": 1,
            "type": event_type,
            "reportingComponent": self._source["component"],
            "reportingInstance": self._source.get("host", ""),
        }
        self._seen[identity] = {"name": self._create(event, namespace, now), "count": 1}
        if len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)

    def _create(self, event: Obj, namespace: str, now: Any) -> str:
        """Named for the object and the moment; the next name when another component has noted something just then."""
        serial = int(now.timestamp() * 1e6) * 1000 + len(self._seen) % 1000
        for attempt in range(_NAMES):
            name = f"{event['involvedObject']['name'][:200]}.{serial + attempt:x}"
            try:
                self._client.create("events", {**event, "metadata": {**event["metadata"], "name": name}}, namespace)
                return name
            except ApiError as e:
                if e.reason != "AlreadyExists" or attempt == _NAMES - 1:
                    raise
        raise AssertionError("unreachable")

    def _admit(self, about: str) -> bool:
        """A token bucket an object."""
        now = self._clock.monotonic()
        tokens, at = self._buckets.get(about, (float(BURST), now))
        tokens = min(float(BURST), tokens + (now - at) / REFILL_SECONDS)
        allowed = tokens >= 1
        self._buckets[about] = (tokens - 1 if allowed else tokens, now)
        self._buckets.move_to_end(about)
        if len(self._buckets) > _REMEMBERED:
            self._buckets.popitem(last=False)
        return allowed


def reference_to(obj: Obj, field_path: str = "") -> Obj:
    """An ObjectReference; a reference is returned as it is."""
    if "metadata" not in obj:
        return obj
    meta = obj["metadata"]
    reference = {
        "kind": obj.get("kind", ""),
        "namespace": meta.get("namespace", ""),
        "name": meta.get("name", ""),
        "uid": meta.get("uid", ""),
        "apiVersion": obj.get("apiVersion", ""),
        "resourceVersion": meta.get("resourceVersion", ""),
        "fieldPath": field_path,
    }
    return {k: v for k, v in reference.items() if v}
