"""Loading and saving archives."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import shutil
import subprocess
from pathlib import Path

import pytest

from minikctl.runtime.oci import roots
from minikctl.runtime.oci.archive import load, save
from minikctl.runtime.oci.model import BadImage
from minikctl.runtime.oci.store import Store
from minikctl.runtime.reference import parse
from tests.runtime.oci import archives
from tests.runtime.oci.archives import docker_archive, entry, oci_layout, tar

ONE, TWO = tar(entry("a", "A")), tar(entry("b", "B"))


def loaded(store: Store, data: bytes) -> list[tuple[str, ...]]:
    return [one.names for one in load(store, io.BytesIO(data))]


def test_several_images_of_docker_that_share_a_layer(store: Store) -> None:
    data = docker_archive((["web:1", "me/web:2"], [ONE, TWO], {"Cmd": ["a"]}), ([], [ONE], {}))
    assert loaded(store, data) == [("docker.io/library/web:1", "docker.io/me/web:2"), ()]
    records = store.records()
    assert len(records) == 3
    one = store.image(records["docker.io/library/web:1"].manifest)
    assert (one.settings["Cmd"], one.diff_ids) == (["a"], (archives.digest(ONE), archives.digest(TWO)))
    assert one.id == archives.digest(archives.config([ONE, TWO], Cmd=["a"]))
    root = roots.root(store, one)
    assert sorted(p.name for p in root.iterdir()) == ["a", "b"]
    assert len(list((store.path / "blobs/sha256").iterdir())) == 6


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress, lambda d: d])
def test_an_oci_layout(store: Store, compress) -> None:
    data = oci_layout([ONE], name="quay.io/a/b:c")
    assert loaded(store, compress(data)) == [("quay.io/a/b:c",)]
    record = store.find(parse("quay.io/a/b:c"))
    assert record is not None and store.find(parse(f"quay.io/a/b@{record.manifest}")) == record
    assert store.find(parse(f"quay.io/other@{record.manifest}")) is None


def test_zstd(store: Store) -> None:
    if shutil.which("zstd") is None:
        pytest.skip("zstd is not installed")
    packed = subprocess.run(["zstd", "-q"], input=oci_layout([ONE], name="a:1"), stdout=subprocess.PIPE, check=True)
    assert loaded(store, packed.stdout) == [("docker.io/library/a:1",)]


def test_another_machine(store: Store) -> None:
    document = json.loads(archives.config([ONE]))
    document["architecture"] = "s390x"
    data = tar(
        entry("c.json", json.dumps(document)),
        entry("l.tar", ONE),
        entry("manifest.json", json.dumps([{"Config": "c.json", "RepoTags": ["a:1"], "Layers": ["l.tar"]}])),
    )
    with pytest.raises(BadImage, match="the image is for linux/s390x, and this machine is linux/"):
        loaded(store, data)
    assert store.records() == {}


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "no archive of images|neither a manifest"),
        (b"hello" * 1000, "no archive of images"),
        (tar(entry("x", "y")), "neither a manifest.json nor an index.json"),
        (gzip.compress(tar(entry("x", "y" * 100000)), mtime=0)[:60], "broken|no archive"),
        (tar(entry("manifest.json", "{")), "no JSON"),
        (tar(entry("manifest.json", "{}")), "lists no images"),
        (tar(entry("manifest.json", '[{"Config": "../../etc/passwd"}]')), "has no config"),
        (tar(entry("manifest.json", '[{"Config": 7}]')), "has no config"),
        (tar(entry("c.json", "[]"), entry("manifest.json", '[{"Config": "c.json", "Layers": []}]')), "no JSON object"),
        (tar(entry("c.json", "{}"), entry("manifest.json", '[{"Config": "c.json", "Layers": ["l"]}]')), "has no layer"),
        (
            tar(
                entry("c.json", "{}"),
                entry("l", "x"),
                entry("manifest.json", '[{"Config": "c.json", "Layers": ["l"]}]'),
            ),
            "knows 0 layers and the manifest 1",
        ),
        (docker_archive((["Bad Name"], [ONE], {})), "calls an image"),
        (oci_layout([ONE], index=lambda own: [{**own, "digest": "md5:1"}]), "no sha256 digest"),
        (oci_layout([ONE], index=lambda own: []), "has no images"),
        (tar(entry(f"blobs/sha256/{'0' * 64}", "x")), "should be"),
    ],
)
def test_refused(store: Store, data: bytes, why: str) -> None:
    with pytest.raises(BadImage, match=why):
        loaded(store, data)
    assert store.records() == {}
    assert store.sweep() is not None
    left = [p for p in store.path.rglob("*") if p.is_file() and not p.name.endswith("lock")]
    assert left == []


def test_a_layer_that_is_not_what_the_config_says(store: Store) -> None:
    document = archives.config([TWO])
    data = tar(
        entry("c.json", document),
        entry("l.tar", ONE),
        entry("manifest.json", json.dumps([{"Config": "c.json", "RepoTags": ["a:1"], "Layers": ["l.tar"]}])),
    )
    with pytest.raises(BadImage, match="a layer that should be sha256:"):
        loaded(store, data)


def test_saved_and_loaded_again(store: Store, tmp_path: Path) -> None:
    loaded(store, docker_archive((["web:1", "web:2"], [ONE, TWO], {"User": "7"}), (["other:1"], [ONE], {})))
    names = {"docker.io/library/web:1", "docker.io/library/web:2", "docker.io/library/other:1"}
    wanted: dict[str, list[str]] = {}
    for name in sorted(names):
        wanted.setdefault(store.records()[name].manifest, []).append(name)
    out, again = io.BytesIO(), io.BytesIO()
    save(store, wanted, out)
    save(store, wanted, again)
    assert out.getvalue() == again.getvalue()
    other = Store(tmp_path / "other")
    assert {n for names_ in loaded(other, out.getvalue()) for n in names_} == names
    assert {n: r.manifest for n, r in other.records().items()} == {n: r.manifest for n, r in store.records().items()}


def test_skopeo_agrees(store: Store, tmp_path: Path) -> None:
    if shutil.which("skopeo") is None:
        pytest.skip("skopeo is not installed")
    (tmp_path / "in.tar").write_bytes(docker_archive((["web:1"], [ONE, TWO], {"Cmd": ["x"]})))
    with (tmp_path / "in.tar").open("rb") as f:
        (one,) = load(store, f)
    with (tmp_path / "out.tar").open("wb") as f:
        save(store, {one.image.digest: list(one.names)}, f)

    def skopeo(*words: str) -> str:
        done = subprocess.run(["skopeo", *words], capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout

    for archive in (f"docker-archive:{tmp_path}/in.tar", f"docker-archive:{tmp_path}/out.tar"):
        found = json.loads(skopeo("inspect", archive))
        assert found["Layers"] == list(one.image.diff_ids)
        assert archives.digest(skopeo("inspect", "--raw", "--config", archive).encode()) == one.image.id
    assert json.loads(skopeo("inspect", f"oci-archive:{tmp_path}/out.tar"))["Digest"] == one.image.digest
    skopeo("copy", f"oci-archive:{tmp_path}/out.tar", f"oci-archive:{tmp_path}/copied.tar:web:9")
    with (tmp_path / "copied.tar").open("rb") as f:
        (copied,) = load(store, f)
    assert (copied.names, copied.image.diff_ids) == (("docker.io/library/web:9",), one.image.diff_ids)
