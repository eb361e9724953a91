"""Snapshots: one moment of a cluster, saved while others write, and put back whole."""

from __future__ import annotations

import io
import json
import shutil
import tarfile
import threading
from pathlib import Path

import pytest

from minikctl.api.errors import ApiError
from minikctl.client import state_dir as state
from minikctl.client.local import LocalClient
from minikctl.cluster import known, snapshots, start
from minikctl.store import Compacted, Store, Watch
from minikctl.util.errors import EnvironmentProblem, UsageError
from tests.support.daemon import Daemon
from tests.support.waiting import eventually


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files of a new cluster of which no process runs."""
    monkeypatch.setenv("HOME", str(tmp_path))
    folder = tmp_path / "state"
    start.write_files(folder)
    return folder


def client(root: Path) -> LocalClient:
    return LocalClient.on_files(root, actor="test")


def names(root: Path) -> list[str]:
    return [o["metadata"]["name"] for o in client(root).list("configmaps", "default")["items"]]


def make(root: Path, name: str) -> int:
    made = client(root).create("configmaps", {"metadata": {"name": name}}, "default")
    return int(made["metadata"]["resourceVersion"])


def test_what_is_saved_comes_back(root: Path) -> None:
    make(root, "a")
    one = snapshots.save(root, "one")
    make(root, "b")
    client(root).delete("configmaps", "a", "default")
    assert snapshots.restore(root, snapshots.path_of(root, "one")) is False
    assert names(root) == ["a"]
    assert (one.name, one.volumes, one.objects) == ("one", False, len(list((root / "registry").rglob("*.json"))))


def test_versions_go_on_above_those_given_out(root: Path) -> None:
    a = make(root, "a")
    snapshots.save(root, "one")
    last = [make(root, f"b{i}") for i in range(5)][-1]
    snapshots.restore(root, snapshots.path_of(root, "one"))
    assert make(root, "c") == last + 1
    store = Store(root)
    assert [r.key for r in Watch(store, last).poll()] == ["configmaps/default/c"]
    for early in (a, a - 1, last - 1):
        with pytest.raises(Compacted):
            Watch(store, early)
    assert [make(root, "d"), make(root, "e")] == [last + 2, last + 3]
    store.close()


def test_a_snapshot_is_one_moment_however_many_write(root: Path) -> None:
    over = threading.Event()
    done: dict[str, int] = {}

    def write(number: int) -> None:
        mine, i = client(root), 0
        while not over.is_set():
            name = f"w{number}-{i}"
            obj = mine.create("configmaps", {"metadata": {"name": name}}, "default")
            done[name] = int(obj["metadata"]["resourceVersion"])
            i += 1

    writers = [threading.Thread(target=write, args=(n,)) for n in range(3)]
    for writer in writers:
        writer.start()
    eventually(lambda: len(done) > 30)
    taken = [snapshots.save(root, f"s{i}") for i in range(3)]
    over.set()
    for writer in writers:
        writer.join(timeout=20)
    for one in taken:
        other = root.parent / one.name
        snapshots.restore(other, Path(one.path))
        assert {n for n in names(other) if n.startswith("w")} == {
            n for n, rv in done.items() if rv <= one.resourceVersion
        }
        store = Store(other)
        assert store.current_rv() == one.resourceVersion
        assert make(other, "next") == one.resourceVersion + 1
        store.close()


def test_restored_elsewhere_it_is_a_cluster_of_its_own(root: Path) -> None:
    make(root, "a")
    file = Path(snapshots.save(root).path)
    other = root.parent / "other"
    snapshots.restore(other, file)
    make(other, "b")
    assert (names(root), names(other)) == (["a"], ["a", "b"])


def test_volumes_come_along_when_asked_for(root: Path) -> None:
    (root / "volumes" / "pv-1").mkdir(parents=True)
    (root / "volumes" / "pv-1" / "data").write_text("1")
    (root / "volumes" / "pv-1" / "link").symlink_to("/etc/hostname")
    snapshots.save(root, "without")
    assert snapshots.save(root, "with", volumes=True).volumes
    (root / "volumes" / "pv-1" / "data").write_text("2")
    snapshots.restore(root, snapshots.path_of(root, "without"))
    assert (root / "volumes" / "pv-1" / "data").read_text() == "2"
    snapshots.restore(root, snapshots.path_of(root, "with"))
    assert (root / "volumes" / "pv-1" / "data").read_text() == "1"


def test_a_restore_that_was_killed_is_finished_by_the_next_start(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(root, "a")
    snapshots.save(root, "one")
    make(root, "b")
    monkeypatch.setattr(snapshots, "finish", lambda _root: False)  # killed just before it
    snapshots.restore(root, snapshots.path_of(root, "one"))
    monkeypatch.undo()
    assert names(root) == ["a", "b"]
    shutil.rmtree(root / "registry")  # and another time in the middle of it
    start.write_files(root)
    assert names(root) == ["a"]
    assert not (root / snapshots.INCOMING).exists()


@pytest.mark.parametrize("spoil", ["empty", "cut", "foreign", "climbing"])
def test_a_file_that_is_no_snapshot_changes_nothing(root: Path, tmp_path: Path, spoil: str) -> None:
    make(root, "a")
    good = Path(snapshots.save(root, "one").path)
    bad = tmp_path / "bad.tar.gz"
    if spoil == "empty":
        bad.write_bytes(b"")
    elif spoil == "cut":
        bad.write_bytes(good.read_bytes()[: good.stat().st_size // 2])
    else:
        with tarfile.open(bad, "w:gz") as tar, tarfile.open(good) as source:
            for member in source:
                tar.addfile(member, source.extractfile(member))
            member.name = "../escaped" if spoil == "climbing" else "foreign"
            tar.addfile(member, source.extractfile(member))
    with pytest.raises((UsageError, EnvironmentProblem)):
        snapshots.restore(root, bad)
    assert names(root) == ["a"] and not (root.parent / "escaped").exists()
    assert not (root / snapshots.INCOMING).exists()


Member = tuple[str, bytes, str]
"""Name, type, and what is in it or where it leads."""
FILE, FOLDER, LINK, HARD, DEVICE, PIPE = (
    *(tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE),
)
VOLUMES: Member = ("volumes", FOLDER, "")
OUTSIDE: dict[str, list[Member]] = {
    "through a link": [VOLUMES, ("volumes/e", LINK, "{out}"), ("volumes/e/x", FILE, "x")],
    "over a link": [VOLUMES, ("volumes/e", LINK, "{out}/secret"), ("volumes/e", FILE, "x")],
    "the volumes a link": [("volumes", LINK, "{out}"), ("volumes/x", FILE, "x")],
    "one file with another name": [VOLUMES, ("volumes/e", HARD, "{out}/secret")],
    "by way of a link": [VOLUMES, ("volumes/e", LINK, "{out}"), ("volumes/f", HARD, "volumes/e/secret")],
    "climbing": [VOLUMES, ("volumes/f", HARD, "volumes/../../outside/secret")],
    "a device": [VOLUMES, ("volumes/e", DEVICE, "")],
    "a link in the registry": [("registry/e", LINK, "{out}")],
}


def with_members(root: Path, archive: Path, members: list[Member], out: Path) -> Path:
    good = Path(snapshots.save(root, "good").path)
    with tarfile.open(archive, "w:gz") as tar, tarfile.open(good) as source:
        for member in source:
            tar.addfile(member, source.extractfile(member))
        for name, kind, content in members:
            info, data = tarfile.TarInfo(name), content.format(out=out)
            info.type, info.mode = kind, 0o755
            info.size, info.linkname = (len(data), "") if kind == FILE else (0, data)
            tar.addfile(info, io.BytesIO(data.encode()))
    return archive


@pytest.mark.parametrize("case", OUTSIDE)
def test_nothing_is_written_outside(root: Path, tmp_path: Path, case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(tarfile, "tar_filter", raising=False)  # as Python was before 3.11.4
    out = tmp_path / "outside"
    out.mkdir()
    (out / "secret").write_text("mine")
    bad = with_members(root, tmp_path / "bad.tar.gz", OUTSIDE[case], out)
    with pytest.raises(UsageError, match="is no plain file"):
        snapshots.restore(root, bad)
    assert [p.name for p in out.iterdir()] == ["secret"]
    assert (out / "secret").read_text() == "mine" and (out / "secret").stat().st_nlink == 1
    assert not (root / snapshots.INCOMING).exists()


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"nonsense", "not valid JSON"),
        (b'{"format": 9}', "not a file of minikctl's"),
        (b'{"format": "minikctl/9"}', "9"),
    ],
)
def test_settings_that_cannot_be_read_name_the_archive(root: Path, tmp_path: Path, content: bytes, why: str) -> None:
    good, bad = Path(snapshots.save(root, "good").path), tmp_path / "bad.tar.gz"
    with tarfile.open(bad, "w:gz") as tar, tarfile.open(good) as source:
        for member in source:
            data = source.extractfile(member)
            if member.name == "cluster.json":
                member.size, data = len(content), io.BytesIO(content)
            tar.addfile(member, data)
    with pytest.raises(EnvironmentProblem) as refused:
        snapshots.restore(root, bad)
    said = str(refused.value)
    assert said.startswith(f"{bad} is no snapshot, or a damaged one: cluster.json: ") and why in said
    assert "--state-dir" not in said and not (root / snapshots.INCOMING).exists()


def test_links_that_containers_made_stay(root: Path, tmp_path: Path) -> None:
    made = [VOLUMES, ("volumes/a", FILE, "a"), ("volumes/b", HARD, "volumes/a"), ("volumes/c", LINK, "{out}")]
    good = with_members(root, tmp_path / "good.tar.gz", [*made, ("volumes/d", PIPE, "")], Path("/nowhere"))
    snapshots.restore(root, good)
    volumes = root / "volumes"
    assert sorted(p.name for p in volumes.iterdir()) == ["a", "b", "c", "d"]
    assert (volumes / "b").samefile(volumes / "a") and str((volumes / "c").readlink()) == "/nowhere"


def test_names(root: Path) -> None:
    snapshots.save(root, "one")
    with pytest.raises(UsageError, match="snapshot one exists already"):
        snapshots.save(root, "one")
    with pytest.raises(UsageError, match="there is no snapshot two; there are: one"):
        snapshots.find(root, "two", root)
    with pytest.raises(UsageError, match="there is no cluster in"):
        snapshots.save(root.parent / "nothing")
    first, second = snapshots.save(root), snapshots.save(root)
    assert first.name != second.name
    assert sorted(p.name for p in (root / "snapshots").iterdir()) == sorted(
        f"{n}.tar.gz" for n in ("one", first.name, second.name)
    )


def test_on_a_running_cluster(daemon: Daemon) -> None:
    daemon.start("--simulated")
    daemon.run("create", "deployment", "web", "--image=nginx", "--replicas=2")
    daemon.run("rollout", "status", "deployment/web", "--timeout=30s")
    assert daemon.run("cluster", "snapshot", "save", "one").out.startswith("snapshot/one saved: ")
    before = set(daemon.run("get", "pods", "-o", "name").out.split())
    daemon.run("delete", "deployment", "web")
    assert daemon.run("cluster", "snapshot", "restore", "one").err == (
        "error: restore replaces every object of the cluster: say --yes to confirm\n"
    )
    done = daemon.run("cluster", "snapshot", "restore", "one", "--yes")
    assert done.code == 0 and done.out.endswith(", and runs again\n"), done.err
    assert set(daemon.run("get", "pods", "-o", "name").out.split()) == before
    daemon.run("scale", "deployment", "web", "--replicas=3")
    assert daemon.run("rollout", "status", "deployment/web", "--timeout=30s").code == 0
    done = daemon.run("cluster", "snapshot", "restore", "one", "--yes", "--without-pods")
    assert done.code == 0, done.err
    eventually(lambda: ready(daemon) == 2)
    assert not before & set(daemon.run("get", "pods", "-o", "name").out.split())
    listed = json.loads(daemon.run("cluster", "snapshot", "list", "-o", "json").out)
    assert [s["name"] for s in listed] == ["one"]
    daemon.run("cluster", "reset", "--yes")
    assert state.load(daemon.root) is None and snapshots.path_of(daemon.root, "one").exists()
    assert daemon.run("cluster", "snapshot", "delete", "one").out == "snapshot/one deleted\n"


def ready(daemon: Daemon) -> int:
    try:
        status = daemon.client.get("deployments.apps", "web", "default").get("status", {})
    except ApiError:
        return -1
    return int(status.get("readyReplicas") or 0)


def test_clusters_side_by_side(tmp_path: Path) -> None:
    environ = {"HOME": str(tmp_path)}
    for name in ("a", "b"):
        state.ensure(tmp_path / name)
        known.note(tmp_path / name, environ)
        known.note(tmp_path / name, environ)
    assert known.clusters(environ) == [tmp_path / "a", tmp_path / "b"]
    shutil.rmtree(tmp_path / "a")
    assert known.clusters(environ) == [tmp_path / "b"]
    assert len(list(known.folder(environ).iterdir())) == 1
    assert known.clusters({"HOME": str(tmp_path / "nobody")}) == []


def test_cluster_list(daemon: Daemon) -> None:
    daemon.start("--simulated", "--nodes=2")
    lines = daemon.run("cluster", "list").out.splitlines()
    assert lines[0].split() == ["CURRENT", "STATE-DIR", "STATUS", "NODES", "SERVER", "AGE"]
    assert lines[1].split()[:4] == ["*", str(daemon.root), "Running", "2"]
