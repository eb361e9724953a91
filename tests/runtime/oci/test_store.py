"""The store: names, digests, what is taken away and what is not."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from minikctl.runtime.interface import ImageFailure
from minikctl.runtime.oci import model, roots, users
from minikctl.runtime.oci.archive import load
from minikctl.runtime.oci.model import BadImage
from minikctl.runtime.oci.removal import remove
from minikctl.runtime.oci.store import Store
from minikctl.util.files import atomic_write
from minikctl.util.jsonio import compact
from tests.runtime.oci.archives import docker_archive, entry, tar

ONE, TWO = tar(entry("a", "A")), tar(entry("b", "B"))


def test_a_blob_is_what_its_name_says(store: Store) -> None:
    digest, size = store.ingest(io.BytesIO(b"abc"))
    assert (digest, size, store.read(digest)) == (model.sha256(b"abc"), 3, b"abc")
    with pytest.raises(BadImage, match="should be"):
        store.ingest(io.BytesIO(b"abd"), digest)
    with pytest.raises(BadImage, match="larger than"):
        store.ingest(io.BytesIO(b"abcdef"), limit=5)
    assert list(store.partial.iterdir()) == []
    with pytest.raises(BadImage, match="no sha256 digest"):
        store.blob("sha256:../../../etc/passwd")


def test_a_base_is_shared(store: Store) -> None:
    load(store, io.BytesIO(docker_archive((["base:1"], [ONE], {}))))
    load(store, io.BytesIO(docker_archive((["more:1"], [ONE, TWO], {}))))
    base, more = (store.image(r.manifest) for r in store.records().values())
    own, other = roots.root(store, base) / "a", roots.root(store, more) / "a"
    assert own.stat().st_ino == other.stat().st_ino
    assert remove(store.path.parents[1], ["docker.io/library/base:1"])[1] == [base.id]
    assert not own.exists() and other.read_text() == "A"
    assert not store.has(base.id) and store.has(more.id)


def test_in_use(store: Store) -> None:
    load(store, io.BytesIO(docker_archive((["a:1", "a:2"], [ONE], {}))))
    state, one = store.path.parents[1], store.image(next(iter(store.records().values())).manifest)
    container = state / "pods/u1/containers/app/0"
    container.mkdir(parents=True)
    atomic_write(container / "image.json", compact({"root": "", "chain": one.chain, "hostTools": False}))
    assert remove(state, ["docker.io/library/a:1"])[1] == []
    with pytest.raises(ImageFailure, match="is used by the container u1/app"):
        remove(state, ["docker.io/library/a:2"])
    assert list(store.records()) == ["docker.io/library/a:2"]
    (container / "image.json").unlink()
    assert remove(state, ["docker.io/library/a:2"])[1] == [one.id]
    assert list((store.path / "blobs/sha256").iterdir()) == [] and not roots.root(store, one).exists()


def test_nothing_is_taken_away_while_somebody_adds(store: Store, tmp_path: Path) -> None:
    digest, _ = store.ingest(io.BytesIO(b"abc"))
    with store.adding():
        assert Store(tmp_path / "state").sweep() is None
    assert store.has(digest) and store.sweep() == 3 and not store.has(digest)


PASSWD = "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1001::/home/app:/bin/sh\nbroken\n"
GROUP = "root:x:0:\napp:x:1001:\nextra:x:2000:other,app\nweb:x:33:\n"


@pytest.mark.parametrize(
    ("user", "found"),
    [
        ("", users.User(0, 0, (), "/root")),
        ("root", users.User(0, 0, (), "/root")),
        ("app", users.User(1000, 1001, (2000,), "/home/app")),
        ("1000", users.User(1000, 1001, (2000,), "/home/app")),
        ("app:web", users.User(1000, 33, (), "/home/app")),
        ("5:7", users.User(5, 7, (), "/")),
        ("5", users.User(5, 0, (), "/")),
    ],
)
def test_users(user: str, found: users.User) -> None:
    assert users.look_up(user, PASSWD, GROUP) == found


@pytest.mark.parametrize(
    ("user", "why"), [("nobody", "unable to find user nobody"), ("app:no", "unable to find group no")]
)
def test_no_such_user(user: str, why: str) -> None:
    with pytest.raises(users.NoSuchUser, match=why):
        users.look_up(user, PASSWD, GROUP)


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        ("SIGQUIT", "SIGQUIT"),
        ("quit", "SIGQUIT"),
        ("3", "SIGQUIT"),
        ("", "SIGTERM"),
        ("SIGNO", "SIGTERM"),
        ("99", "SIGTERM"),
        (None, "SIGTERM"),
    ],
)
def test_stop_signals(raw: object, name: str) -> None:
    assert model.stop_signal(raw) == name
