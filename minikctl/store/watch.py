"""Watching: follow the journal from a resourceVersion on.

Guarantees: every committed record with a key below one of the prefixes is delivered once, in order, however fast others
write; or `Compacted` is raised at the start, when the journal does not reach back that far. Who has seen a record finds
its object's file at that version or a later one.

One watchdog observer a process wakes the readers (on the journal's folder only: recursive watching loses events in a
burst, measured); a slow poll is the net below it. Reading goes by offset, so a wake-up too many or too few only costs
time.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from minikctl.store import journal
from minikctl.store.errors import Compacted, FutureVersion
from minikctl.store.journal import Record
from minikctl.store.store import Store

NET_SECONDS = 5.0
"""How long a reader sleeps at most when no notification comes."""


class Notifier:
    """Wakes waiting threads when the journal grows. Start once a process; `stop` ends its thread."""

    def __init__(self, folder: Path):
        self.folder = folder
        self._changed = threading.Condition()
        self._generation = 0
        self._observer: Any = None

    def start(self) -> Notifier:
        if self._observer is None:
            from watchdog.events import FileCreatedEvent, FileModifiedEvent, FileSystemEventHandler
            from watchdog.observers import Observer

            notify = self.notify

            class Handler(FileSystemEventHandler):
                def on_modified(self, _event: object) -> None:
                    notify()

                def on_created(self, _event: object) -> None:
                    notify()

            self._observer = Observer()
            self._observer.daemon = True
            # opening and closing mean nothing here: without the filter every write would wake all processes three times
            wanted = [FileModifiedEvent, FileCreatedEvent]
            self._observer.schedule(Handler(), str(self.folder), recursive=False, event_filter=wanted)
            self._observer.start()
        return self

    def stop(self) -> None:
        if self._observer is not None:
            self._observer.stop()
            self._observer = None
        self.notify()

    def notify(self) -> None:
        """Wake everybody; also called by a process about its own writes, which saves it the way through the kernel."""
        with self._changed:
            self._generation += 1
            self._changed.notify_all()

    @property
    def generation(self) -> int:
        return self._generation

    def wait(self, seen: int, timeout: float) -> int:
        """Sleep until the generation differs from `seen` or `timeout` seconds are over; returns the generation."""
        with self._changed:
            if self._generation == seen:
                self._changed.wait(timeout)
            return self._generation


class Watch:
    """A reader of the journal. `poll` never blocks; `next_batch` waits. For one thread; only `close` is for any."""

    def __init__(
        self,
        store: Store,
        after: int,
        prefixes: tuple[str, ...] = (),
        notifier: Notifier | None = None,
    ):
        """Records with rv > `after` and a key below one of `prefixes` (all keys when empty).

        Raises Compacted, FutureVersion.
        """
        self._store = store
        self._folder = store.journal_dir
        self._prefixes = tuple(p.encode() for p in prefixes)
        self._after = after
        self.last_rv = after
        self._notifier = notifier
        self._seen = notifier.generation if notifier else 0
        self._closed = False
        self._turn = threading.RLock()
        """Nobody may close a descriptor that another thread is about to read: its number may be another file's by then."""
        current = store.current_rv()
        if after > current:
            raise FutureVersion(after, current)
        firsts = journal.segments(self._folder)
        at = [f for f in firsts if f <= after + 1]
        if firsts and not at:
            raise Compacted(f"too old resource version: {after} ({firsts[0]})")
        for first, following in zip(firsts[len(at) - 1 :], firsts[len(at) :], strict=False) if at else ():
            if journal.last_version(self._folder, first) + 1 != following:  # a snapshot was restored in between
                raise Compacted(f"too old resource version: {after} ({following})")
        self._segment = at[-1] if at else 1
        self._offset = 0
        self._fd = -1

    def close(self) -> None:
        with self._turn:
            self._closed = True
            self._leave()
        if self._notifier:
            self._notifier.notify()

    def poll(self) -> list[Record]:
        """What has come since the last call, without waiting. Raises Compacted when the reader fell too far behind."""
        return [Record.parse(line) for line in self.lines()]

    def lines(self) -> Iterator[bytes]:
        """The same as lines of the journal, for readers that need not parse them all."""
        while True:
            with self._turn:
                lines = self._next_lines()
            if lines is None:
                return
            yield from self._new_and_wanted(lines)

    def _next_lines(self) -> list[bytes] | None:
        """The next complete ones, [] for "ask again", None when that was all."""
        if self._closed or (self._fd < 0 and not self._open()):
            return None
        lines = self._read_lines()
        if lines:
            self._store.settle(_version(lines[-1]))
            return lines
        following = self._folder / journal.segment_name(self.last_rv + 1)
        if self.last_rv + 1 == self._segment or not following.exists():
            self._check_not_left_behind()
            return None
        if not self._read_more():  # the last lines of a segment can land between reading and looking
            self._leave()
            self._segment, self._offset = self.last_rv + 1, 0
        return []

    def _leave(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _open(self) -> bool:
        try:
            self._fd = os.open(self._folder / journal.segment_name(self._segment), os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            firsts = journal.segments(self._folder)
            if firsts and firsts[0] > self._segment:
                raise Compacted(f"too old resource version: {self.last_rv} ({firsts[0]})") from None
            return False
        return True

    def _check_not_left_behind(self) -> None:
        """The segment being read, and its successors, can be dropped while a slow reader holds it open."""
        if os.fstat(self._fd).st_nlink == 0:
            firsts = journal.segments(self._folder)
            if firsts and firsts[0] > self.last_rv + 1:
                raise Compacted(f"too old resource version: {self.last_rv} ({firsts[0]})")

    def _read_more(self) -> bool:
        return os.fstat(self._fd).st_size > self._offset and bool(journal.complete_lines(self._peek())[1])

    def _peek(self) -> bytes:
        return os.pread(self._fd, 1 << 20, self._offset)

    def _read_lines(self) -> list[bytes]:
        data = self._peek()
        lines, used = journal.complete_lines(data)
        if data and not used and len(data) == 1 << 20:  # a record larger than the window
            data = os.pread(self._fd, 64 << 20, self._offset)
            lines, used = journal.complete_lines(data)
        self._offset += used
        return lines

    def _new_and_wanted(self, lines: list[bytes]) -> Iterator[bytes]:
        for line in lines:
            rv = _version(line)
            self.last_rv = max(self.last_rv, rv)
            if rv <= self._after:
                continue
            if self._prefixes and not self._wanted(journal.key_of_line(line)):
                continue
            yield line

    def _wanted(self, key: bytes) -> bool:
        return any(key.startswith(p) and key[len(p) : len(p) + 1] in (b"/", b"") for p in self._prefixes)

    def next_batch(self, timeout: float, stopped: Callable[[], bool] = lambda: False) -> list[Record]:
        """Wait up to `timeout` seconds for records; an empty list when none came or `stopped()` holds."""
        import time

        deadline = time.monotonic() + timeout
        while not self._closed:
            seen = self._notifier.generation if self._notifier else 0
            if batch := self.poll():
                return batch
            left = deadline - time.monotonic()
            if left <= 0 or stopped():
                return []
            if self._notifier:
                self._notifier.wait(seen, min(left, NET_SECONDS))
            else:
                time.sleep(min(left, 0.02))
        return []


def _version(line: bytes) -> int:
    """`{"rv":123,…`."""
    return int(line[6 : line.index(b",")])
