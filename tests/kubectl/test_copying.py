"""cp without a cluster: words, paths, and what a hostile tar stream cannot do."""

from __future__ import annotations

import io
import os
import tarfile

import pytest

from minikctl.kubectl.copying import ChunkReader, FileSpec, cleaned, member_prefix, pack, parse_spec, unpack
from minikctl.util.errors import UsageError


@pytest.mark.parametrize(
    ("word", "spec"),
    [
        ("file", FileSpec("file")),
        ("dir/sub/", FileSpec("dir/sub")),
        ("/", FileSpec("/")),
        ("web:/tmp/x", FileSpec("/tmp/x", "web")),
        ("web:", FileSpec("", "web")),
        ("ns/web:a:b", FileSpec("a:b", "web", "ns")),
        ("web:dir\\file", FileSpec("dir/file", "web")),
        ("./a:b", FileSpec("b", "a", ".")),
    ],
)
def test_specs(word, spec):
    assert parse_spec(word) == spec


@pytest.mark.parametrize("word", [":/x", "a/b/c:/x"])
def test_malformed_specs(word):
    with pytest.raises(UsageError, match="filespec must match the canonical format"):
        parse_spec(word)


@pytest.mark.parametrize(
    ("path", "prefix"),
    [
        ("/tmp/foo", "tmp/foo"),
        ("/tmp/../foo/", "foo"),
        ("foo/./bar", "foo/bar"),
        ("../../foo", "foo"),
        ("/", ""),
        (".", ""),
        ("..", ""),
        ("//a", "a"),
    ],
)
def test_prefixes(path, prefix):
    assert member_prefix(path) == prefix


@pytest.mark.parametrize(("path", "clean"), [("", "."), ("//a//b/", "/a/b"), ("a/../..", ".."), ("/..", "/")])
def test_clean_paths(path, clean):
    assert cleaned(path) == clean


def archive(*members: tarfile.TarInfo | tuple[str, bytes]) -> io.BytesIO:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as made:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                made.addfile(member)
            else:
                info = tarfile.TarInfo(member[0])
                info.size = len(member[1])
                made.addfile(info, io.BytesIO(member[1]))
    out.seek(0)
    return out


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def unpacked(tmp_path, source, prefix, target="out"):
    warnings: list[str] = []
    unpack(source, prefix, tmp_path, target, warnings.append, "do it otherwise")
    return warnings


def everything(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_files_and_folders(tmp_path):
    folder = tarfile.TarInfo("tmp/src/sub")
    folder.type = tarfile.DIRTYPE
    assert unpacked(tmp_path, archive(("tmp/src/a", b"1"), folder, ("tmp/src/sub/b", b"2")), "tmp/src") == []
    assert everything(tmp_path / "out") == {"a": b"1", "sub/b": b"2"}


def test_one_file(tmp_path):
    assert unpacked(tmp_path, archive(("tmp/a", b"1")), "tmp/a") == []
    assert (tmp_path / "out").read_bytes() == b"1"


def test_members_that_point_outside(tmp_path):
    names = ["src/../../evil", "src/../evil", "src//etc/evil", "src/ok"]
    warnings = unpacked(tmp_path, archive(*((n, b"x") for n in names)), "src", "a/out")
    assert warnings == [
        'warning: file "evil" is outside target destination, skipping',
        'warning: file "a/evil" is outside target destination, skipping',
    ]
    assert everything(tmp_path) == {"a/out/etc/evil": b"x", "a/out/ok": b"x"}


@pytest.mark.parametrize("name", ["other/file", "/src/file", "../src/file"])
def test_members_of_another_place(tmp_path, name):
    with pytest.raises(UsageError, match="tar contents corrupted"):
        unpacked(tmp_path, archive((name, b"x")), "src")
    assert everything(tmp_path) == {}


def test_links_are_left_out(tmp_path):
    warnings = unpacked(tmp_path, archive(link("src/l", "/etc"), link("src/m", "a"), ("src/l/passwd", b"x")), "src")
    assert warnings == [
        'warning: skipping symlink: "out/l" -> "/etc" (do it otherwise)',
        'warning: skipping symlink: "out/m" -> "a"',
    ]
    assert everything(tmp_path) == {"out/l/passwd": b"x"}


def test_links_that_are_there_already_lead_nowhere(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "away").mkdir()
    os.symlink(tmp_path / "away", tmp_path / "out" / "l")
    os.symlink(tmp_path / "away" / "f", tmp_path / "out" / "f")
    for name in ("src/l/x", "src/f"):
        assert "outside target destination" in unpacked(tmp_path, archive((name, b"1")), "src")[0]
    assert everything(tmp_path / "away") == {}


def test_hard_links_bring_no_content(tmp_path):
    assert unpacked(tmp_path, archive(link("src/h", "/etc/passwd", tarfile.LNKTYPE)), "src") == []
    assert everything(tmp_path) == {"out/h": b""}


def test_a_stream_that_breaks_off(tmp_path):
    whole = archive(("src/a", b"x" * 5000)).getvalue()
    with pytest.raises((tarfile.TarError, OSError, UsageError)):
        unpacked(tmp_path, ChunkReader(iter([whole[:1000]])), "src")


def test_packing(tmp_path):
    src = tmp_path / "src"
    (src / "sub" / "empty").mkdir(parents=True)
    (src / "a").write_text("1")
    (src / "a").chmod(0o750)
    (src / "sub" / "b").write_text("2")
    os.link(src / "a", src / "again")
    os.symlink("a", src / "link")
    out = io.BytesIO()
    pack(str(src), "/remote/name", out)
    with tarfile.open(fileobj=io.BytesIO(out.getvalue())) as made:
        found = {m.name: m for m in made}
        assert sorted(found) == ["name/a", "name/again", "name/link", "name/sub/b", "name/sub/empty"]
        assert found["name/a"].mode == 0o750 and found["name/link"].linkname == "a"
        assert made.extractfile("name/again").read() == b"1"
        assert found["name/sub/empty"].isdir()


def test_reading_chunks():
    reader = ChunkReader(iter([b"", b"abc", b"de", b"", b"f"]))
    assert [reader.read(2), reader.read(3), reader.read(9), reader.read(1)] == [b"ab", b"cde", b"f", b""]
