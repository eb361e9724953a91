"""The store: versions, conflicts, layout, damage, recovery."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from minikctl.store import (
    CorruptObject,
    Store,
    StoreError,
    StoreExists,
    StoreMissing,
    StoreMoved,
    journal,
)
from tests.support.ordinary_user import as_ordinary_user


def pod(name: str, **spec: object) -> dict:
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "default"}, "spec": spec}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "state")


def version(obj: dict) -> str:
    return obj["metadata"]["resourceVersion"]


def test_versions_rise_across_kinds(store: Store) -> None:
    first = store.create("pods/default/a", pod("a"), actor="me")
    second = store.create("nodes/n", {"metadata": {"name": "n"}}, actor="me")
    third = store.update("pods/default/a", pod("a", x=1), expect=version(first), actor="me")
    assert [int(version(o)) for o in (first, second, third)] == [1, 2, 3]
    removed = store.delete("nodes/n", expect=version(second), actor="me")
    assert version(removed) == "4" and store.get("nodes/n") is None and store.current_rv() == 4


def test_one_readable_private_file_an_object(store: Store) -> None:
    store.create("pods/default/web", pod("web"), actor="me")
    path = store.root / "registry/pods/default/web.json"
    text = path.read_text()
    assert json.loads(text)["metadata"]["resourceVersion"] == "1"
    assert text.startswith('{\n  "apiVersion": "v1",\n  "kind": "Pod"') and text.endswith("}\n")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for folder in (store.root, path.parent, store.journal_dir):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for file in store.journal_dir.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_the_journal_tells_who_and_why(store: Store) -> None:
    first = store.create("pods/default/a", pod("a"), actor="kubectl-run")
    store.update("pods/default/a", pod("a", n=1), expect=version(first), actor="kube-scheduler", because=1)
    records = list(journal.read_records(store.journal_dir / journal.segment_name(1)))
    assert [(r.rv, r.type, r.key, r.actor, r.because) for r in records] == [
        (1, "ADDED", "pods/default/a", "kubectl-run", None),
        (2, "MODIFIED", "pods/default/a", "kube-scheduler", 1),
    ]


def test_refusals(store: Store) -> None:
    made = store.create("pods/default/a", pod("a"), actor="me")
    with pytest.raises(StoreExists):
        store.create("pods/default/a", pod("a"), actor="me")
    with pytest.raises(StoreMoved):
        store.update("pods/default/a", pod("a"), expect="77", actor="me")
    with pytest.raises(StoreMoved):
        store.delete("pods/default/a", expect="77", actor="me")
    with pytest.raises(StoreMissing):
        store.update("pods/default/b", pod("b"), expect=version(made), actor="me")
    assert store.current_rv() == 1


@pytest.mark.parametrize("key", ["", "/etc/passwd", "../x", "pods/../../x", "pods//x", "pods/.hidden", "pods/a\0b"])
def test_keys_stay_inside_the_registry(store: Store, key: str) -> None:
    with pytest.raises(StoreError, match="not a storage key"):
        store.get(key)


def test_the_longest_names_have_files(store: Store) -> None:
    long = ".".join(["a" * 60] * 4) + ".abcdefghi"
    assert len(long) == 253
    store.create(f"configmaps/default/{long}", {"metadata": {"name": long}}, actor="me")
    other = long[:-1] + "j"
    store.create(f"configmaps/default/{other}", {"metadata": {"name": other}}, actor="me")
    assert {o["metadata"]["name"] for o in store.list("configmaps/default").items} == {long, other}
    assert store.get(f"configmaps/default/{long}")["metadata"]["name"] == long


def test_a_damaged_file_is_named_and_the_rest_goes_on(store: Store) -> None:
    store.create("pods/default/a", pod("a"), actor="me")
    store.create("pods/default/b", pod("b"), actor="me")
    broken = store.root / "registry/pods/default/a.json"
    broken.write_text('{"metadata": {"name": ')
    listing = store.list("pods")
    assert [o["metadata"]["name"] for o in listing.items] == ["b"]
    assert [str(c.path) for c in listing.corrupt] == [str(broken)]
    with pytest.raises(CorruptObject, match=r"a\.json: not valid JSON"):
        store.get("pods/default/a")
    with pytest.raises(CorruptObject):
        store.update("pods/default/a", pod("a"), expect="1", actor="me")
    store.create("pods/default/c", pod("c"), actor="me")


def test_segments_rotate_and_old_ones_go(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "SEGMENT_BYTES", 2000)
    monkeypatch.setattr(journal.expired, "__kwdefaults__", {"retain_bytes": 6000})
    obj = store.create("pods/default/a", pod("a"), actor="me")
    for i in range(100):
        obj = store.update("pods/default/a", pod("a", n=i), expect=version(obj), actor="me")
    firsts = journal.segments(store.journal_dir)
    assert firsts[0] > 1 and 2 <= len(firsts) <= 5
    assert Store(store.root).current_rv() == 101
    again = Store(store.root).update("pods/default/a", pod("a"), expect=version(obj), actor="me")
    assert version(again) == "102"


class Killed(BaseException):
    """The process ends here."""


def interrupted(store: Store, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    """One write that dies at a step of the write cycle."""

    def die(*_args: object, **_kwargs: object) -> None:
        raise Killed

    with monkeypatch.context() as m:
        m.setattr(*{"place": (Store, "_place"), "append": (journal, "append")}[where], die)
        with pytest.raises(Killed):
            store.create("pods/default/new", pod("new"), actor="me")
    store.close()


def test_a_write_past_its_commit_point_survives(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.create("pods/default/a", pod("a"), actor="me")
    interrupted(store, monkeypatch, "place")
    assert not (store.root / "registry/pods/default/new.json").exists()
    reopened = Store(store.root)
    assert reopened.current_rv() == 2
    assert version(reopened.get("pods/default/new")) == "2"


def test_a_write_before_its_commit_point_never_was(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.create("pods/default/a", pod("a"), actor="me")
    interrupted(store, monkeypatch, "append")
    reopened = Store(store.root)
    assert reopened.current_rv() == 1 and reopened.get("pods/default/new") is None
    assert [o["metadata"]["name"] for o in reopened.list("pods").items] == ["a"]


def test_a_line_cut_in_the_middle_is_cut_off(store: Store) -> None:
    store.create("pods/default/a", pod("a"), actor="me")
    segment = store.journal_dir / journal.segment_name(1)
    whole = segment.read_bytes()
    segment.write_bytes(whole + b'{"rv":2,"time":"2026-01-01T00:00:00.000Z","type":"ADDED","key":"pods/def')
    reopened = Store(store.root)
    assert reopened.current_rv() == 1
    assert version(reopened.create("pods/default/b", pod("b"), actor="me")) == "2"
    assert segment.read_bytes().startswith(whole) and segment.read_bytes().count(b"\n") == 2


@pytest.mark.parametrize("damage", ["missing", "empty", "garbage", "ahead"])
def test_the_head_is_found_again(store: Store, damage: str) -> None:
    for name in "abc":
        store.create(f"pods/default/{name}", pod(name), actor="me")
    store.close()
    lock = store.root / "lock"
    match damage:
        case "missing":
            lock.unlink()
        case "empty":
            lock.write_bytes(b"")
        case "garbage":
            lock.write_bytes(os.urandom(63))
        case "ahead":
            lock.write_bytes(b"%020d %020d %020d\n" % (3, 1, 10**9))
    reopened = Store(store.root)
    assert reopened.current_rv() == 3
    assert version(reopened.create("pods/default/d", pod("d"), actor="me")) == "4"


def test_without_a_journal_versions_go_on_above_the_files(store: Store) -> None:
    for name in "abc":
        store.create(f"pods/default/{name}", pod(name), actor="me")
    store.close()
    for file in store.journal_dir.iterdir():
        file.unlink()
    (store.root / "lock").unlink()
    reopened = Store(store.root)
    assert version(reopened.create("pods/default/d", pod("d"), actor="me")) == "4"


def test_a_damaged_journal_line_is_named(store: Store) -> None:
    store.create("pods/default/a", pod("a"), actor="me")
    store.close()
    segment = store.journal_dir / journal.segment_name(1)
    with segment.open("ab") as f:
        f.write(b"this is no record\n")
    with pytest.raises(StoreError, match=r"00001\.jsonl: damaged journal record"):
        Store(store.root).create("pods/default/b", pod("b"), actor="me")


def test_a_full_disk_leaves_nothing_half_written(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.create("pods/default/a", pod("a"), actor="me")
    real = os.write

    def short(fd: int, data: bytes) -> int:
        if len(data) > 40:
            return real(fd, bytes(data)[:40])
        raise OSError(28, "No space left on device")

    for target in ("minikctl.util.files.os.write",):
        with monkeypatch.context() as m:
            m.setattr(target, short)
            with pytest.raises(StoreError, match="no space left on the disk"):
                store.create("pods/default/b", pod("b"), actor="me")
    assert store.current_rv() == 1 and store.get("pods/default/b") is None
    assert not list((store.root / "registry").rglob(".*"))
    assert version(store.create("pods/default/b", pod("b"), actor="me")) == "2"


def test_a_read_only_directory_is_said_so(store: Store) -> None:
    store.create("pods/default/a", pod("a"), actor="me")
    store.close()
    for folder in (store.root, store.root / "registry/pods/default", store.journal_dir):
        folder.chmod(0o500)
    (store.root / "lock").chmod(0o400)

    def check() -> None:
        reader = Store(store.root)
        assert [o["metadata"]["name"] for o in reader.list("pods").items] == ["a"]
        with pytest.raises(StoreError, match="permission denied"):
            reader.create("pods/default/b", pod("b"), actor="me")

    try:
        as_ordinary_user(store.root, check)
    finally:
        for folder in (store.root, store.root / "registry/pods/default", store.journal_dir):
            folder.chmod(0o700)


def test_a_state_directory_that_was_deleted_does_not_come_back(store: Store) -> None:
    import shutil

    store.create("pods/default/a", pod("a"), actor="me")
    shutil.rmtree(store.root)
    with pytest.raises(StoreError):
        store.create("pods/default/b", pod("b"), actor="me")
    assert not store.root.exists()


def test_a_directory_that_must_be_there_is_not_made(tmp_path: Path) -> None:
    root = tmp_path / "gone"
    store = Store(root, create=False)
    with pytest.raises(StoreError):
        store.create("pods/default/a", {"metadata": {}}, actor="test")
    assert not root.exists()


def test_names_that_no_file_can_have(tmp_path: Path) -> None:
    """Somebody asks for a namespace of 300 letters: there is none."""
    store = Store(tmp_path / "state")
    store.current_rv()
    long = "x" * 300
    assert store.get(f"pods/{long}/web") is None and store.keys(f"pods/{long}") == []


def test_a_store_that_nobody_closed_leaves_no_open_files(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for i in range(50):
        Store(tmp_path / "state").create(f"pods/default/p{i}", pod(f"p{i}"), actor="me")
    assert len(os.listdir("/proc/self/fd")) < before + 20
