"""What the journal last wrote to each key, as a digest: tells a file that a person changed from one that we wrote.

Kept current by reading the journal's new lines, without parsing them. Keys whose last record is no longer in the
journal are unknown until `note` tells of them.
"""

from __future__ import annotations

from binascii import crc32

from minikctl.store import journal
from minikctl.store.errors import Compacted
from minikctl.store.journal import DELETED, Record
from minikctl.store.store import Store
from minikctl.store.watch import Watch
from minikctl.util.jsonio import compact, loads

_OBJECT = b',"object":{'
_DELETED = f'"type":"{DELETED}"'.encode()


def digest(data: bytes) -> int:
    """Of a file's content, whatever its white space. Raises JSONError."""
    return crc32(compact(loads(data)))


class Written:
    """`catch_up`, then ask. Not thread-safe."""

    def __init__(self, store: Store):
        self._store = store
        self._digests: dict[str, int] = {}
        self._watch: Watch | None = None
        self.oldest = 1 << 62
        """The first resourceVersion that was read."""

    def catch_up(self) -> None:
        """Read what has been written since the last call."""
        try:
            for line in self._reader().lines():
                self._take(line)
        except Compacted:  # fell behind: begin again with what is left
            self.close()
            for line in self._reader().lines():
                self._take(line)

    def _reader(self) -> Watch:
        if self._watch is None:
            firsts = journal.segments(self._store.journal_dir)
            after = firsts[0] - 1 if firsts else 0
            self._watch = Watch(self._store, min(after, self._store.current_rv()))
        return self._watch

    def _take(self, line: bytes) -> None:
        key = journal.key_of_line(line).decode()
        self.oldest = min(self.oldest, int(line[6 : line.index(b",")]))
        if _DELETED in line[:120]:
            self._digests.pop(key, None)
        else:
            start = line.index(_OBJECT) + len(_OBJECT) - 1
            self._digests[key] = crc32(line[start:-1])

    def close(self) -> None:
        if self._watch is not None:
            self._watch.close()
            self._watch = None

    def __contains__(self, key: str) -> bool:
        return key in self._digests

    def keys(self) -> set[str]:
        return set(self._digests)

    def get(self, key: str) -> int | None:
        return self._digests.get(key)

    def note(self, key: str, value: int) -> None:
        """A file older than the journal is taken as it is."""
        self._digests[key] = value

    def last_record(self, key: str) -> Record | None:
        """The newest record of a key that the journal still has. Reads the journal: for rare occasions."""
        wanted = key.encode()
        for first in reversed(journal.segments(self._store.journal_dir)):
            path = self._store.journal_dir / journal.segment_name(first)
            lines, _ = journal.complete_lines(path.read_bytes())
            for line in reversed(lines):
                if journal.key_of_line(line) == wanted:
                    return Record.parse(line)
        return None
