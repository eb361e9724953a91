"""Building images with real containers."""

from __future__ import annotations

import io
import os
import stat
from pathlib import Path

import pytest

from minikctl.runtime.interface import ImageFailure
from minikctl.runtime.oci import roots
from minikctl.runtime.oci.archive import load, save
from minikctl.runtime.oci.building.builder import Request, build
from minikctl.runtime.oci.building.dockerfile import BuildError
from minikctl.runtime.oci.model import Image
from minikctl.runtime.oci.store import Store
from minikctl.runtime.sandbox import bwrap
from tests.runtime.oci import archives
from tests.support.ordinary_user import as_ordinary_user, open_folder


class Kitchen:
    """A folder with a Dockerfile, and a store with the image `busy:1`."""

    def __init__(self, path: Path):
        self.folder = path / "context"
        self.folder.mkdir(parents=True)
        self.store = Store(path / "state")
        self.said = ""

    def load(self) -> None:
        load(self.store, io.BytesIO(archives.busybox_archive()))

    def file(self, name: str, text: str = "", mode: int = 0o644) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text or name)
        path.chmod(mode)

    def build(self, text: str, **more: object) -> Image:
        self.said = ""
        (self.folder / "Dockerfile").write_text(text)
        request = Request(self.folder, self.folder / "Dockerfile", **more)  # type: ignore[arg-type]
        return build(self.store, request, self._say)

    def _say(self, text: str) -> None:
        self.said += text

    def root(self, image: Image) -> Path:
        return roots.root(self.store, image)


@pytest.fixture
def kitchen(tmp_path: Path) -> Kitchen:
    return Kitchen(tmp_path)


@pytest.fixture
def busy(kitchen: Kitchen, busybox: str) -> Kitchen:
    if refused := bwrap.probe(kitchen.folder.parent / "probe"):
        pytest.skip(f"no sandbox on this machine: {refused}")
    kitchen.load()
    return kitchen


def test_only_copying(kitchen: Kitchen) -> None:
    kitchen.file("a.txt")
    kitchen.file("tool", mode=0o755)
    kitchen.file("sub/b.txt")
    text = (
        'FROM scratch\nLABEL a=1 b="x y"\nENV P=/data\nWORKDIR $P\nCOPY a.txt renamed\nCOPY a.txt tool ./\nCOPY sub /sub/\n'
        'EXPOSE 80 53/udp\nUSER 5:6\nSTOPSIGNAL SIGINT\nVOLUME /v\nENTRYPOINT ["/data/tool"]\nCMD ["x"]\nHEALTHCHECK CMD true\n'
    )
    image = kitchen.build(text, names=("docker.io/library/only:1",))
    root = kitchen.root(image)
    assert sorted(str(p.relative_to(root)) for p in root.rglob("*")) == [
        *("data", "data/a.txt", "data/renamed", "data/tool", "sub", "sub/b.txt")
    ]
    assert stat.S_IMODE((root / "data/tool").stat().st_mode) == 0o755
    assert image.settings == {
        "Cmd": ["x"],
        "Entrypoint": ["/data/tool"],
        "Env": ["P=/data"],
        "ExposedPorts": {"80/tcp": {}, "53/udp": {}},
        "Labels": {"a": "1", "b": "x y"},
        "StopSignal": "SIGINT",
        "User": "5:6",
        "Volumes": {"/v": {}},
        "WorkingDir": "/data",
    }
    assert "ignored: Kubernetes has probes" in kitchen.said


def test_the_cache(kitchen: Kitchen) -> None:
    kitchen.file("a.txt")
    text = "FROM scratch\nCOPY a.txt /\nENV A=1\n"
    first = kitchen.build(text, names=("docker.io/library/c:1",))
    os.utime(kitchen.folder / "a.txt", (5, 5))  # times do not count
    assert kitchen.build(text).digest == first.digest and "COPY a.txt /  (cached)" in kitchen.said
    kitchen.file("a.txt", "other")
    assert kitchen.build(text).digest != first.digest and "(cached)" not in kitchen.said
    assert kitchen.build(text, use_cache=False) and "(cached)" not in kitchen.said


def test_links_in_the_context_stay_inside(kitchen: Kitchen, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    (kitchen.folder / "link").symlink_to(tmp_path / "secret")
    (kitchen.folder / "up").symlink_to("../secret")
    for name in ("link", "up", "../secret", "up/../../secret"):
        with pytest.raises((BuildError, FileNotFoundError)):
            kitchen.build(f"FROM scratch\nCOPY {name} /x\n")
    root = kitchen.root(kitchen.build("FROM scratch\nCOPY . /\n"))
    assert (root / "link").is_symlink() and (root / "up").is_symlink()


def test_a_tar_is_unpacked(kitchen: Kitchen) -> None:
    data = archives.tar(archives.entry("x/y", "deep"), archives.link("l", "x/y"))
    (kitchen.folder / "a.tar").write_bytes(data)
    root = kitchen.root(kitchen.build("FROM scratch\nADD a.tar /opt/\nCOPY a.tar /kept\n"))
    assert (
        (root / "opt/x/y").read_text() == "deep" and os.readlink(root / "opt/l") == "x/y" and (root / "kept").is_file()
    )


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("COPY nothing /", "line 2: COPY: 'nothing' is not there"),
        ("COPY ignored /", "line 2: COPY: 'ignored' is left out by .dockerignore"),
        ("COPY a", "line 2: COPY: at least a source and a destination"),
        ("COPY a b /x", "line 2: COPY: when more than one file is copied"),
        ("ADD https://example.com/x /", "line 2: ADD: https://example.com/x is not a file"),
        (
            "COPY --from=docker.io/library/python:3 a /",
            "line 2: COPY: docker.io/library/python:3 is emulated, and has no",
        ),
        ("COPY --parents a /", "line 2: COPY: --parents is not supported"),
        ("COPY --chown=nobody a /", "line 2: COPY: unable to find user nobody"),
        ("COPY --chmod=u+x a /", "line 2: COPY: --chmod=u+x is not an octal"),
        ("RUN --mount=type=ssh,target=/x x", "line 2: RUN: --mount of type ssh is not supported"),
        ("RUN --network=none x", "line 2: RUN: --network is not supported"),
        ("EXPOSE http", "line 2: EXPOSE: invalid containerPort: http/tcp"),
        ("SHELL sh", "line 2: SHELL: a list is needed"),
        ("FROM nothing/here:1", "line 2: FROM: failed to pull and unpack image"),
        ("FROM Bad", "line 2: FROM: 'Bad' is no name for an image"),
    ],
)
def test_refused(kitchen: Kitchen, line: str, why: str) -> None:
    for name in ("a", "b", "ignored"):
        kitchen.file(name)
    kitchen.file(".dockerignore", "ignored\n")
    with pytest.raises(BuildError) as caught:
        kitchen.build(f"FROM scratch\n{line}\n", names=("docker.io/library/x:1",))
    assert str(caught.value).startswith(f"Dockerfile: {why}")
    assert kitchen.store.records() == {}


def test_commands_and_stages(busy: Kitchen) -> None:
    busy.file("hello.txt", "hello")
    text = (
        "ARG BASE=busy:1\nFROM ${BASE} AS builder\nARG WHO=you\nARG TARGETOS\nWORKDIR /src\nCOPY . .\n"
        "RUN echo $(cat hello.txt) $WHO $TARGETOS $PWD $GREETING >/out && rm /etc/group && mkdir /etc/empty && ln /out /same\n"
        'RUN ["sh", "-c", "rm -r /home && mkdir /home && echo $HOME >/home/new"]\n'
        "FROM busy:1 AS other\nRUN echo never; false\n"
        "FROM busy:1\nCOPY --from=builder --chown=app:app --chmod=640 /out /data/\nCOPY --from=0 /home /copied\nUSER app\n"
        "RUN id -un >/home/app/me; id -g >>/home/app/me\nCMD cat /data/out\n"
    )
    image = busy.build(text, arguments={"WHO": "me"})
    root = busy.root(image)
    assert (root / "data/out").read_text() == "hello me linux /src hello\n"
    assert (root / "copied/new").read_text() == "/root\n" and os.listdir(root / "copied") == ["new"]
    assert (root / "home/app/me").read_text() == "app\n1001\n"
    assert image.settings["Cmd"] == ["/bin/sh", "-c", "cat /data/out"]
    assert "never" not in busy.said and "[1/13] FROM ${BASE} AS builder" in busy.said
    if os.geteuid() == 0:
        found = (root / "data/out").stat()
        assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (1000, 1001, 0o640)
    builder = busy.build(text, target="builder", arguments={"WHO": "me"})
    below = busy.root(builder)
    assert "never" not in busy.said and busy.said.count("(cached)") == 4
    assert (
        not (below / "etc/group").exists() and (below / "etc/empty").is_dir() and os.listdir(below / "home") == ["new"]
    )
    assert (below / "out").stat().st_ino == (below / "same").stat().st_ino
    assert sorted(os.listdir(below)) == ["bin", "etc", "home", "out", "root", "same", "src", "tmp"]


def test_a_command_that_fails(busy: Kitchen) -> None:
    with pytest.raises(
        BuildError, match=r"Dockerfile: line 2: RUN: the command '/bin/sh -c echo no; exit 3' returned a non-zero"
    ):
        busy.build("FROM busy:1\nRUN echo no; exit 3\n")
    assert "no\n" in busy.said
    assert [p.name for p in busy.store.roots.iterdir() if p.name.startswith(".build")] == []


def test_the_host_is_unharmed(busy: Kitchen) -> None:
    before = os.stat("/etc").st_mtime_ns, os.stat("/").st_mtime_ns, os.stat("/usr/bin").st_mtime_ns
    busy.file("hello")
    image = busy.build(
        "FROM busybox\nRUN touch /etc/x /usr/bin/x /x && mkdir -p /bin/y && rm -f /usr/bin/env; ls /root\nCOPY hello /bin/\n"
    )
    root = busy.root(image)
    assert sorted(str(p.relative_to(root)) for p in root.rglob("*") if not p.is_dir()) == [
        *("etc/x", "usr/bin/hello", "usr/bin/x", "x")
    ]
    assert image.host_tools == "docker.io/library/busybox:latest"
    assert before == (os.stat("/etc").st_mtime_ns, os.stat("/").st_mtime_ns, os.stat("/usr/bin").st_mtime_ns)


def test_as_an_ordinary_user(tmp_path: Path, busybox: str) -> None:
    if refused := bwrap.probe(tmp_path / "probe"):
        pytest.skip(f"no sandbox on this machine: {refused}")

    def check() -> None:
        kitchen = Kitchen(path)
        kitchen.load()
        kitchen.file("a")
        text = "FROM busy:1\nCOPY --chown=app a /a\nRUN chown app /a && rm /etc/group && rm -r /home && mkdir /home && touch /home/x\nUSER app\nRUN id -u >/tmp/me"
        root = kitchen.root(kitchen.build(text))
        assert (root / "tmp/me").read_text() == "1000\n" and not (root / "etc/group").exists()
        assert os.listdir(root / "home") == ["x"]

    with open_folder() as path:
        as_ordinary_user(path, check)


def test_saved_for_others(kitchen: Kitchen, tmp_path: Path) -> None:
    kitchen.file("a")
    image = kitchen.build("FROM scratch\nCOPY a /\n", names=("docker.io/library/s:1",))
    out = io.BytesIO()
    save(kitchen.store, {image.digest: ["docker.io/library/s:1"]}, out)
    other = Store(tmp_path / "other")
    (one,) = load(other, io.BytesIO(out.getvalue()))
    assert (one.image.digest, one.names) == (image.digest, ("docker.io/library/s:1",))


def test_no_such_stage(kitchen: Kitchen) -> None:
    with pytest.raises(ImageFailure, match="there is no stage 'x'"):
        kitchen.build("FROM scratch\nLABEL a=1", target="x")


def test_users_of_an_emulated_base(busy: Kitchen) -> None:
    text = "FROM busybox:1.36\nUSER root:root\nRUN addgroup -S app && adduser -S -G app app\nUSER app\nRUN id -un > /tmp/who\n"
    busy.file("a")
    image = busy.build(text + "COPY --chown=nobody:nogroup a /a\n")
    assert image.settings["User"] == "app" and "find" not in busy.said


def test_mounts_of_a_command(busy: Kitchen) -> None:
    """They are there while it runs, without what is ignored, and leave nothing in the image."""
    for name in ("needs.txt", "src/a", "src/b.log"):
        busy.file(name)
    busy.file(".dockerignore", "*.log\n**/*.log\n")
    text = (
        "FROM busy:1 AS first\nRUN echo made > /made\nFROM busy:1\nWORKDIR /w\nARG T=/root/cache\n"
        "RUN --mount=type=cache,target=$T,sharing=locked --mount=type=bind,source=needs.txt,target=needs.txt "
        "--mount=source=src,dst=/src --mount=from=first,source=/made,target=/mnt/made "
        "cat needs.txt /mnt/made; ls /src; touch /src/x || echo refused; echo x >$T/x; cp /mnt/made /kept\n"
    )
    root = busy.root(busy.build(text))
    assert "needs.txtmade\na\n" in busy.said and "refused" in busy.said
    assert (root / "kept").read_text() == "made\n"
    assert not [p for p in root.rglob("*") if p.name in ("needs.txt", "x", "src")]
    busy.build(text)
    assert busy.said.count("(cached)") == 3
    busy.file("needs.txt", "others")
    busy.build(text)
    assert "others" in busy.said


@pytest.mark.parametrize(
    ("flags", "why"),
    [
        ("type=secret,id=a", "--mount of type secret is not supported, only bind, cache, tmpfs"),
        ("type=cache", "--mount has no target"),
        ("source=none,target=/x", "'none' is not there"),
        ("source=?,target=/x", "--mount: '?' is more than one file"),
        ("target=/x,rw", "--mount=rw is not supported"),
    ],
)
def test_mounts_that_are_refused(busy: Kitchen, flags: str, why: str) -> None:
    for name in "ab":
        busy.file(name)
    with pytest.raises(BuildError, match=r"^Dockerfile: line 2: RUN: ") as caught:
        busy.build(f"FROM busy:1\nRUN --mount={flags} true\n")
    assert why in str(caught.value) and "cannot run" not in str(caught.value)


def test_here_documents(busy: Kitchen) -> None:
    text = (
        "FROM busy:1\nARG A=1\nCOPY <<EOF /etc/conf\nvalue = \"$A\"\nEOF\nCOPY <<'RAW' <<two.txt /d/\n$A\nRAW\n2\ntwo.txt\n"
        'RUN <<EOF\nset -e\necho "$A" >/ran\nEOF\nRUN cat <<EOF >/piped\nline $A\nEOF\n'
    )
    root = busy.root(busy.build(text))
    found = {p: (root / p).read_text() for p in ("etc/conf", "d/RAW", "d/two.txt", "ran", "piped")}
    assert found == {
        "etc/conf": 'value = "1"\n',
        "d/RAW": "$A\n",
        "d/two.txt": "2\n",
        "ran": "1\n",
        "piped": "line 1\n",
    }
    busy.build(text)
    assert busy.said.count("(cached)") == 4
    with pytest.raises(BuildError, match=r"line 2: RUN: a here-document with a program of its own"):
        busy.build("FROM busy:1\nRUN <<EOF\n#!/usr/bin/python3\nEOF\n")
