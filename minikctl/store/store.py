"""Reading and writing objects: one JSON file each, in etcd's key layout below `registry/`.

Guarantees, for any number of processes and whatever is killed when:

* A write that returned is not lost. The journal line is its commit point; files follow it, and the next one who takes
  the lock replays journal lines whose files are not known to be in place.
* An object's file is always whole: the old version or the new one.
* resourceVersions rise by one with each write, across all kinds.
* Writers exclude each other by an flock that the system frees when a process dies; readers take no lock.

The `lock` file holds the head of the journal as last known to be in place: `rv segment size`. When the journal is
longer than that, a writer died on its way, and `_recover` finishes what it had committed.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from minikctl.api.meta import timestamp
from minikctl.store import journal
from minikctl.store.errors import CorruptObject, StoreError, StoreExists, StoreMissing, StoreMoved
from minikctl.store.journal import ADDED, DELETED, MODIFIED, Record
from minikctl.util.clock import Clock, SystemClock
from minikctl.util.files import flocked, place, private_folder, temporary_beside, write_private
from minikctl.util.jsonio import JSONError, indented, loads

Obj = dict[str, Any]
Objects = list[Obj]
Corrupt = list[CorruptObject]
LONG_NAME = 200
_LOOKS, _LOOK_PAUSE = 20, 0.0001


@dataclass(slots=True)
class Head:
    """The end of the journal: the last resourceVersion, the segment it is in (by first rv) and that segment's size."""

    rv: int
    segment: int
    size: int

    def encode(self) -> bytes:
        return f"{self.rv:020d} {self.segment:020d} {self.size:020d}\n".encode()

    @classmethod
    def decode(cls, data: bytes) -> Head | None:
        parts = data.split()
        if len(data) != 63 or len(parts) != 3 or not all(p.isdigit() for p in parts):
            return None
        return cls(*(int(p) for p in parts))


@dataclass(slots=True)
class Listing:
    """Objects below a prefix; `rv` is a version from which a watch misses nothing; `corrupt` names unreadable files."""

    items: list[Obj]
    rv: int
    corrupt: list[CorruptObject]


@contextlib.contextmanager
def _explained(root: Path) -> Iterator[None]:
    """Turn what the file system refuses into one clear line."""
    try:
        yield
    except OSError as e:
        what = {
            errno.ENOSPC: "no space left on the disk",
            errno.EDQUOT: "the disk quota is used up",
            errno.EROFS: "the file system is read-only",
            errno.EACCES: "permission denied",
            errno.EPERM: "operation not permitted",
            errno.ENAMETOOLONG: "file name too long",
        }.get(e.errno or 0, e.strerror or str(e))
        raise StoreError(f"cannot write the state directory {root}: {what}") from e


class Store:
    """The state directory at `root`. Thread-safe; open as many as you like, in as many processes.

    With `create=False` the directory must be there: one that has been removed is not brought back.
    """

    def __init__(self, root: Path | str, *, fsync: bool = False, clock: Clock | None = None, create: bool = True):
        self.root = Path(root)
        self.create_root = create
        self.registry = self.root / "registry"
        self.journal_dir = self.root / "journal"
        self.fsync = fsync
        self.clock = clock or SystemClock()
        self._thread_lock = threading.RLock()
        self._lock_fd = -1
        self._segment_fd = -1
        self._segment = -1
        self._made_folders: set[str] = set()
        self.on_recovered: Callable[[int], None] = lambda _count: None
        self.fence: Callable[[], None] | None = None
        """Called before each write of this Store, while nobody else writes; it raises to prevent the write."""

    # ------------------------------------------------------------------ reading

    def path(self, key: str) -> Path:
        """The file of a key such as `pods/default/web`. Raises StoreError for keys that would leave the registry."""
        if (
            not key
            or key.startswith("/")
            or "\0" in key
            or any(p in ("", ".", "..") or p[0] == "." for p in key.split("/"))
        ):
            raise StoreError(f"not a storage key: {key!r}")
        if len(key) > LONG_NAME:
            folder, _, name = key.rpartition("/")
            if len(name) > LONG_NAME:  # a file name holds 255 bytes, a Kubernetes name 253 and we add to it
                digest = hashlib.sha256(name.encode()).hexdigest()[:16]
                key = f"{folder}/{name[: LONG_NAME - 20]}~{digest}"
        return self.registry / f"{key}.json"

    def get(self, key: str) -> Obj | None:
        """The object, or None. Raises CorruptObject."""
        return self._read(self.path(key), key)

    def _read(self, path: Path, key: str) -> Obj | None:
        try:
            with open(path, "rb") as f:  # noqa: PTH123 - a third faster than Path.open, and this is the hot path
                data = f.read()
        except FileNotFoundError:
            return None
        except OSError as e:
            if e.errno == errno.ENAMETOOLONG:  # nothing can be called so, and nothing is
                return None
            raise CorruptObject(path, key, e.strerror or "cannot be read") from None
        try:
            obj = loads(data)
        except JSONError as e:
            raise CorruptObject(path, key, f"not valid JSON: {e}") from None
        if not isinstance(obj, dict) or not isinstance(obj.get("metadata"), dict):
            raise CorruptObject(path, key, "not a Kubernetes object: no metadata")
        return obj

    def keys(self, prefix: str) -> list[str]:
        """All keys below a prefix (`pods`, `pods/default`), sorted."""
        found: list[str] = []
        stack = [(str(self.registry / prefix), prefix)]
        while stack:
            folder, at = stack.pop()
            try:
                entries = list(os.scandir(folder))
            except OSError as e:
                if e.errno not in (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG):
                    raise
                continue
            for entry in entries:
                name = entry.name
                if name.startswith("."):
                    continue
                if name.endswith(".json"):
                    found.append(f"{at}/{name[:-5]}")
                elif entry.is_dir(follow_symlinks=False):
                    stack.append((entry.path, f"{at}/{name}" if at else name))
        return sorted(found)

    def list(self, prefix: str) -> Listing:
        """Every object below a prefix, sorted by key. Unreadable ones are named, not raised: the rest goes on."""
        rv = self.current_rv()
        items, corrupt = self._read_below(prefix)
        return Listing(items, rv, corrupt)

    def glance(self, prefix: str) -> Objects:
        """The readable objects below a prefix, sorted by key, of no particular version; a microsecond where none are."""
        return self._read_below(prefix)[0]

    def _read_below(self, prefix: str) -> tuple[Objects, Corrupt]:
        items, corrupt = [], []
        for key in self.keys(prefix):
            try:
                obj = self._read(self.registry / f"{key}.json", key)
            except CorruptObject as e:
                corrupt.append(e)
                continue
            if obj is not None:
                items.append(obj)
        return items, corrupt

    def current_rv(self) -> int:
        """The last resourceVersion whose object is in place."""
        with self._thread_lock:
            if self._lock_fd < 0:
                try:
                    self._open_lock()
                except StoreError:
                    return self._scan_head().rv  # a directory we may only read
            head = Head.decode(os.pread(self._lock_fd, 64, 0))
            if head is None or self._journal_is_longer(head):
                try:
                    with flocked(self._lock_fd):
                        head = self._recover()
                except OSError:
                    return self._scan_head().rv
            return head.rv

    def settle(self, rv: int) -> None:
        """Return when every write up to `rv` is in place: a writer can be between its commit and its file.

        That is a matter of microseconds, so a few looks come before waiting for the lock (and finishing the work of a
        writer that died).
        """
        for _ in range(_LOOKS):
            if self._lock_fd < 0:
                break
            head = Head.decode(os.pread(self._lock_fd, 64, 0))
            if head is not None and head.rv >= rv:
                return
            time.sleep(_LOOK_PAUSE)
        self.current_rv()

    # ------------------------------------------------------------------ writing

    def create(self, key: str, obj: Obj, *, actor: str, because: int | None = None) -> Obj:
        """Store a new object; returns it with its resourceVersion. Raises StoreExists."""

        def decide(current: Obj | None) -> tuple[str, Obj]:
            if current is not None:
                raise StoreExists(key)
            return ADDED, obj

        return self._commit(key, decide, actor, because, None)

    def update(
        self, key: str, obj: Obj, *, expect: str, actor: str, because: int | None = None, was: Obj | None = None
    ) -> Obj:
        """Replace an object whose resourceVersion is still `expect`. Raises StoreMissing, StoreMoved, CorruptObject."""

        def decide(current: Obj | None) -> tuple[str, Obj]:
            self._check(key, current, expect)
            return MODIFIED, obj

        return self._commit(key, decide, actor, because, was)

    def delete(self, key: str, *, expect: str, actor: str, because: int | None = None, last: Obj | None = None) -> Obj:
        """Remove an object; returns its last state with the deletion's resourceVersion. Raises as `update`.

        `last` is recorded as that state when the deletion itself changed something (a final status).
        """

        def decide(current: Obj | None) -> tuple[str, Obj]:
            return DELETED, last or self._check(key, current, expect)

        return self._commit(key, decide, actor, because, None)

    @contextlib.contextmanager
    def quiet(self) -> Iterator[None]:
        """Nobody writes meanwhile: what differs between a file and the journal now was done by hand."""
        with _explained(self.root), self._locked():
            yield

    def restore(self, key: str, obj: Obj | None, *, seen: bytes | None) -> bool:
        """Put a file back to what the journal says (None: take it away), if it still holds `seen` (None: is missing).

        False when it has changed meanwhile; then nothing is done.
        """
        path = self.path(key)
        with self.quiet():
            try:
                present: bytes | None = path.read_bytes()
            except FileNotFoundError:
                present = None
            if present != seen:
                return False
            self._place(path, self._stage(path, obj) if obj is not None else "")
            return True

    @staticmethod
    def _check(key: str, current: Obj | None, expect: str) -> Obj:
        if current is None:
            raise StoreMissing(key)
        if expect and current["metadata"].get("resourceVersion") != expect:
            raise StoreMoved(current)
        return current

    def _commit(
        self,
        key: str,
        decide: Callable[[Obj | None], tuple[str, Obj]],
        actor: str,
        because: int | None,
        was: Obj | None,
    ) -> Obj:
        """The write cycle: lock, read, decide, next version, object beside its place, journal line, into place."""
        path = self.path(key)
        with _explained(self.root), self._locked() as head:
            if self.fence is not None:
                self.fence()
            event, obj = decide(self._read(path, key))
            rv = head.rv + 1
            obj = {**obj, "metadata": {**obj["metadata"], "resourceVersion": str(rv)}}
            record = Record(rv, timestamp_ms(self.clock), event, key, actor, because, obj, was)
            temporary = self._stage(path, obj) if event != DELETED else ""
            try:
                self._append(head, record)
            except OSError:
                if temporary:
                    os.unlink(temporary)
                raise
            self._place(path, temporary)
            head.rv = rv
            os.pwrite(self._lock_fd, head.encode(), 0)
            return obj

    def _stage(self, path: Path, obj: Obj) -> str:
        """Write the new version beside its place, so that a full disk is met before the commit point."""
        folder = str(path.parent)
        if folder not in self._made_folders:
            self._make_folder(path.parent)
            self._made_folders.add(folder)
        temporary = temporary_beside(path)
        try:
            write_private(temporary, indented(obj))
        except FileNotFoundError:  # somebody tidied up empty folders
            self._make_folder(path.parent)
            write_private(temporary, indented(obj))
        return temporary

    def _make_folder(self, folder: Path) -> None:
        if not folder.is_dir():
            if folder == self.root:  # it was there when the lock was opened: do not bring it back
                raise StoreError(f"the state directory {self.root} is gone")
            self._make_folder(folder.parent)
            private_folder(folder)

    @staticmethod
    def _place(path: Path, temporary: str) -> None:
        if temporary:
            place(temporary, str(path))
            return
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)

    # ------------------------------------------------------------------ the journal's end

    def _open_lock(self) -> None:
        with _explained(self.root):
            if self.create_root:
                private_folder(self.root)
            for folder in (self.journal_dir, self.registry):
                folder.mkdir(mode=0o700, exist_ok=True)
            self._lock_fd = os.open(self.root / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[Head]:
        with self._thread_lock:
            if self._lock_fd < 0:
                self._open_lock()
            with flocked(self._lock_fd):
                head = Head.decode(os.pread(self._lock_fd, 64, 0))
                if head is None or self._journal_is_longer(head):
                    head = self._recover()
                yield head

    def _journal_is_longer(self, head: Head) -> bool:
        """True when a writer died between its commit point and its last step."""
        if head.segment == 0:
            return bool(journal.segments(self.journal_dir))
        self._use_segment(head.segment)
        if os.fstat(self._segment_fd).st_size != head.size:
            return True
        following = self.journal_dir / journal.segment_name(head.rv + 1)
        return head.segment != head.rv + 1 and following.exists()

    def _use_segment(self, first: int) -> None:
        """Have the segment open for appending (O_APPEND keeps every write at the end)."""
        if self._segment == first:
            return
        if self._segment_fd >= 0:
            os.close(self._segment_fd)
            self._segment_fd, self._segment = -1, -1
        path = self.journal_dir / journal.segment_name(first)
        self._segment_fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._segment = first

    def _append(self, head: Head, record: Record) -> None:
        if head.segment == 0 or head.size >= journal.SEGMENT_BYTES:
            head.segment, head.size = record.rv, 0
            self._use_segment(record.rv)
            self._drop_expired()
        self._use_segment(head.segment)
        line = record.line()
        journal.append(self._segment_fd, head.size, line, sync=self.fsync)
        head.size += len(line)

    def _drop_expired(self) -> None:
        firsts = journal.segments(self.journal_dir)
        for path in journal.expired(self.journal_dir, firsts, time.time()):
            path.unlink(missing_ok=True)

    def _recover(self) -> Head:
        """Finish what a dead writer had committed, cut off what it had not, and write the head anew. Lock held."""
        known = Head.decode(os.pread(self._lock_fd, 64, 0)) or Head(0, 0, 0)
        firsts = journal.segments(self.journal_dir)
        if known.segment and known.segment not in firsts:
            known = Head(0, 0, 0)
        if not firsts and not known.rv:  # no journal at all: go on above every version that a file carries
            known.rv = max((self._version_in(key) for key in self.keys("")), default=0)
        head, replayed = known, 0
        for first in [f for f in firsts if f >= known.segment]:
            offset = known.size if first == known.segment else 0
            self._use_segment(first)
            size = os.fstat(self._segment_fd).st_size
            if offset > size:  # the journal is shorter than the head says: it was cut by hand
                offset = 0
            data = os.pread(self._segment_fd, size - offset, offset)
            lines, used = journal.complete_lines(data)
            if offset + used < size:
                os.ftruncate(self._segment_fd, offset + used)
            rv = head.rv if first == known.segment and offset else max(head.rv, first - 1)
            for line in lines:
                record = self._parse(line, first)
                self._replay(record)
                rv, replayed = record.rv, replayed + 1
            head = Head(rv, first, offset + used)
        os.pwrite(self._lock_fd, head.encode(), 0)
        self.on_recovered(replayed)
        return head

    def _version_in(self, key: str) -> int:
        with contextlib.suppress(CorruptObject, ValueError):
            obj = self._read(self.registry / f"{key}.json", key)
            return int(obj["metadata"].get("resourceVersion") or 0) if obj else 0
        return 0

    def _parse(self, line: bytes, segment: int) -> Record:
        try:
            return Record.parse(line)
        except (JSONError, KeyError, TypeError) as e:
            name = self.journal_dir / journal.segment_name(segment)
            raise StoreError(f"{name}: damaged journal record: {e}") from None

    def _replay(self, record: Record) -> None:
        """Bring one object's file up to a journal record; a file that is newer stays."""
        path = self.path(record.key)
        try:
            current = self._read(path, record.key)
        except CorruptObject:
            current = None
        if current is not None and int(current["metadata"].get("resourceVersion") or 0) >= record.rv:
            return
        if record.type == DELETED:
            self._place(path, "")
        else:
            self._place(path, self._stage(path, record.object))

    def _scan_head(self) -> Head:
        """The journal's end by reading it: for a directory that cannot be written."""
        firsts = journal.segments(self.journal_dir)
        if not firsts:
            return Head(0, 0, 0)
        path = self.journal_dir / journal.segment_name(firsts[-1])
        lines, used = journal.complete_lines(path.read_bytes())
        return Head(self._parse(lines[-1], firsts[-1]).rv if lines else firsts[-1] - 1, firsts[-1], used)

    def close(self) -> None:
        with self._thread_lock:
            for fd in (self._lock_fd, self._segment_fd):
                if fd >= 0:
                    os.close(fd)
            self._lock_fd = self._segment_fd = self._segment = -1

    def __del__(self) -> None:  # as Python's own files do: one that nobody closed leaves no descriptors behind
        if hasattr(self, "_segment_fd"):
            self.close()


def timestamp_ms(clock: Clock) -> str:
    """RFC 3339 with milliseconds: what the journal notes."""
    moment = clock.now()
    return f"{timestamp(moment)[:-1]}.{moment.microsecond // 1000:03d}Z"
