"""Unpacking layers: what they may do, and what they may not."""

from __future__ import annotations

import io
import os
import stat
import tarfile
from pathlib import Path

import pytest

from minikctl.runtime.oci.compression import Counted
from minikctl.runtime.oci.layer import Limits, apply
from minikctl.runtime.oci.model import BadImage
from tests.runtime.oci.archives import entry, folder, hard_link, link, tar
from tests.support.ordinary_user import as_ordinary_user, open_folder


def laid(root: Path, *layers: bytes, limits: Limits | None = None) -> list[int]:
    root.mkdir(exist_ok=True)
    limits = limits or Limits()
    return [apply(Counted(io.BytesIO(layer), 1 << 30), root, limits).skipped for layer in layers]


def tree(root: Path) -> dict[str, str]:
    """Path → content of files, `→ target` of links, `/` for folders."""
    found = {}
    for path in sorted(root.rglob("*")):
        name = str(path.relative_to(root))
        found[name] = f"→ {os.readlink(path)}" if path.is_symlink() else "/" if path.is_dir() else path.read_text()
    return found


def test_what_layers_say(tmp_path: Path) -> None:
    root = tmp_path / "root"
    moved = [
        folder("usr"),
        folder("usr/bin"),
        link("bin", "usr/bin"),
        entry("bin/tool", "one", mode=0o4755, mtime=1000),
    ]
    laid(root, tar(*moved, hard_link("usr/same", "bin/tool"), link("abs", "/usr/bin/tool")))
    assert tree(root) == {
        "abs": "→ /usr/bin/tool",
        "bin": "→ usr/bin",
        "usr": "/",
        "usr/bin": "/",
        "usr/bin/tool": "one",
        "usr/same": "one",
    }
    tool = os.stat(root / "usr/bin/tool")
    assert (stat.S_IMODE(tool.st_mode), tool.st_mtime, tool.st_nlink) == (0o4755, 1000, 2)


def test_a_file_is_replaced_and_not_written_into(tmp_path: Path) -> None:
    laid(tmp_path / "a", tar(entry("f", "old")))
    os.link(tmp_path / "a/f", tmp_path / "kept")
    laid(tmp_path / "a", tar(entry("f", "new")))
    assert (tmp_path / "kept").read_text() == "old" and (tmp_path / "a/f").read_text() == "new"


def test_whiteouts(tmp_path: Path) -> None:
    root = tmp_path / "root"
    below = tar(entry("a", "a"), folder("d"), entry("d/x", "x"), entry("d/y", "y"), folder("e"), entry("e/z", "z"))
    above = tar(
        *(entry(".wh.a"), entry("d/new", "n"), entry("d/.wh..wh..opq"), entry("e/.wh.nothing"), entry(".wh..wh.plnk")),
        *(entry("e/.wh.z"), entry("e/z", "again")),
    )
    laid(root, below, above)
    assert tree(root) == {"d": "/", "d/new": "n", "e": "/", "e/z": "again"}


def test_kinds_give_way_to_each_other(tmp_path: Path) -> None:
    root = tmp_path / "root"
    laid(
        root,
        tar(folder("a"), entry("a/x", "x"), entry("b", "b"), link("c", "a")),
        tar(entry("a", "file"), folder("b"), folder("c")),
    )
    assert tree(root) == {"a": "file", "b": "/", "c": "/"}


def test_an_absolute_name_stays_inside(tmp_path: Path) -> None:
    laid(tmp_path / "root", tar(entry("//etc/./passwd", "x"), entry("./y", "y")))
    assert tree(tmp_path / "root") == {"etc": "/", "etc/passwd": "x", "y": "y"}


@pytest.mark.parametrize("target", ["/", "../../../../..", "/../..", "a/../../../.."])
def test_links_lead_nowhere_outside(tmp_path: Path, target: str) -> None:
    secret = tmp_path / "secret"
    secret.write_text("kept")
    laid(
        tmp_path / "root",
        tar(link("out", target), entry(f"out{tmp_path}/secret", "written"), entry(f"out{tmp_path}/.wh.secret2")),
    )
    assert secret.read_text() == "kept"
    assert (tmp_path / "root" / str(tmp_path).lstrip("/") / "secret").read_text() == "written"


def test_a_hard_link_to_a_link_outside(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("kept")
    laid(tmp_path / "root", tar(link("s", str(tmp_path / "secret")), hard_link("h", "s"), entry("h", "written")))
    assert (tmp_path / "secret").read_text() == "kept" and (tmp_path / "root/h").read_text() == "written"


@pytest.mark.parametrize(
    ("members", "why"),
    [
        ([entry("../x", "x")], "would be outside"),
        ([entry("a/../../x", "x")], "would be outside"),
        ([hard_link("a", "../../etc/passwd")], "would be outside"),
        ([hard_link("a", "nothing")], "is no file"),
        ([folder("d"), hard_link("a", "d")], "is no file"),
        ([entry(".wh...")], "names nothing"),
        ([entry(".wh..")], "names nothing"),
        ([entry("a/.wh.")], "names nothing"),
        ([link("a", "b"), link("b", "a"), entry("a/x", "x")], "too many symbolic links"),
        ([entry("a", "x" * 4000)], "unpacks to more than"),
        ([entry(str(n)) for n in range(30)], "more than 20 files"),
    ],
)
def test_refused(tmp_path: Path, members: list, why: str) -> None:
    before = tree(tmp_path)
    with pytest.raises(BadImage, match=why):
        laid(tmp_path / "root", tar(*members), limits=Limits(bytes=3000, members=20))
    assert {k: v for k, v in tree(tmp_path).items() if not k.startswith("root")} == before


@pytest.mark.parametrize("data", [b"no tar at all" * 100, tar(entry("a", "b" * 9000))[:4000], os.urandom(5000)])
def test_broken(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(BadImage):
        laid(tmp_path / "root", data)


def test_devices_are_left_out(tmp_path: Path) -> None:
    whiteout = entry("c", type=tarfile.CHRTYPE, devmajor=0, devminor=0)
    disk = entry("d", type=tarfile.BLKTYPE, devmajor=8, devminor=0)
    assert laid(tmp_path / "root", tar(whiteout, disk, entry("pipe", type=tarfile.FIFOTYPE))) == [2]
    assert os.listdir(tmp_path / "root") == ["pipe"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_owners(tmp_path: Path) -> None:
    laid(tmp_path / "root", tar(folder("d", uid=7, gid=8), entry("d/f", "x", uid=1000, gid=1001, mode=0o6755)))
    found = os.stat(tmp_path / "root/d/f")
    assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (1000, 1001, 0o6755)
    assert (os.stat(tmp_path / "root/d").st_uid, os.stat(tmp_path / "root/d").st_gid) == (7, 8)


def test_an_ordinary_user_owns_everything() -> None:
    def check() -> None:
        laid(
            root,
            tar(folder("d", uid=7, mode=0o555), entry("d/f", "x", uid=1000, mode=0), folder("e", mode=0)),
            tar(entry("d/g", "y")),
        )
        assert {p.stat().st_uid for p in root.rglob("*")} == {os.geteuid()}
        assert tree(root) == {"d": "/", "d/f": "x", "d/g": "y", "e": "/"}

    with open_folder() as root:
        as_ordinary_user(root, check)
