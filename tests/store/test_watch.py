"""Watching: everything once, in order, from any version that is still in the journal."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from minikctl.store import Compacted, FutureVersion, Notifier, Store, Watch, journal


def thing(n: int = 0) -> dict:
    return {"metadata": {"name": "x"}, "n": n}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "state")


def fill(store: Store, count: int, prefix: str = "pods/default/p") -> None:
    for i in range(count):
        store.create(f"{prefix}{i}", thing(i), actor="me")


def test_from_any_version(store: Store) -> None:
    fill(store, 5)
    assert [r.rv for r in Watch(store, 0).poll()] == [1, 2, 3, 4, 5]
    assert [r.rv for r in Watch(store, 3).poll()] == [4, 5]
    watch = Watch(store, 5)
    assert watch.poll() == []
    fill(store, 2, "pods/default/q")
    assert [r.rv for r in watch.poll()] == [6, 7]


def test_by_prefix(store: Store) -> None:
    fill(store, 2, "pods/default/a")
    fill(store, 2, "pods/defaults/a")
    fill(store, 2, "podtemplates/default/a")
    assert [r.key for r in Watch(store, 0, ("pods/default",)).poll()] == ["pods/default/a0", "pods/default/a1"]
    assert len(Watch(store, 0, ("pods",)).poll()) == 4


def test_across_segments(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "SEGMENT_BYTES", 500)
    watch = Watch(store, 0)
    seen = []
    for i in range(60):
        store.create(f"pods/default/p{i}", thing(i), actor="me")
        if i % 7 == 0:
            seen += [r.rv for r in watch.poll()]
    seen += [r.rv for r in watch.poll()]
    assert seen == list(range(1, 61)) and len(journal.segments(store.journal_dir)) > 5


def test_compaction_is_reported(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "SEGMENT_BYTES", 500)
    monkeypatch.setattr(journal.expired, "__kwdefaults__", {"retain_bytes": 1500})
    slow = Watch(store, 0)
    fill(store, 100)
    with pytest.raises(Compacted):
        Watch(store, 1)
    with pytest.raises(Compacted):
        slow.poll()
    with pytest.raises(FutureVersion):
        Watch(store, 1000)


def test_a_half_written_line_waits_for_its_end(store: Store) -> None:
    fill(store, 1)
    watch = Watch(store, 1)
    assert watch.poll() == []
    line = journal.Record(2, "t", "ADDED", "pods/default/z", "me", None, thing()).line()
    segment = store.journal_dir / journal.segment_name(1)
    with segment.open("ab", buffering=0) as f:
        f.write(line[:30])
        assert watch.poll() == []
        f.write(line[30:])
    assert [r.rv for r in watch.poll()] == [2]


def test_waiting_readers_are_woken(store: Store) -> None:
    fill(store, 1)
    notifier = Notifier(store.journal_dir).start()
    try:
        watch = Watch(store, 1, (), notifier)
        threading.Timer(0.05, fill, (Store(store.root), 1, "pods/default/late")).start()
        assert [r.key for r in watch.next_batch(10)] == ["pods/default/late0"]
    finally:
        notifier.stop()


def test_a_reader_can_be_stopped(store: Store) -> None:
    fill(store, 1)
    notifier = Notifier(store.journal_dir)
    watch = Watch(store, 1, (), notifier)
    threading.Timer(0.05, watch.close).start()
    assert watch.next_batch(30) == []


def test_who_has_seen_a_record_finds_its_file(tmp_path: Path) -> None:
    """A writer commits in the journal before it puts the file in place; a watcher must not be faster."""
    writer, reader = Store(tmp_path), Store(tmp_path)
    writer.create("pods/a", {"metadata": {"name": "a"}}, actor="t")
    watch = Watch(reader, reader.current_rv())
    place, missing = writer._place, []

    def slow(path: Path, temporary: str) -> None:
        time.sleep(0.02)
        place(path, temporary)

    writer._place = slow  # type: ignore[method-assign]
    thread = threading.Thread(
        target=lambda: [writer.create(f"pods/b{i}", {"metadata": {"name": "b"}}, actor="t") for i in range(5)]
    )
    thread.start()
    seen = 0
    while seen < 5:
        for record in watch.next_batch(10):
            seen += 1
            if reader.get(record.key) is None:
                missing.append(record.key)
    thread.join()
    assert missing == []
