"""`minikctl image`: what the commands print and refuse."""

from __future__ import annotations

import base64
import io
import json
import tarfile
from pathlib import Path

import pytest

from minikctl.cli import run
from minikctl.cluster.images import Listed, means, some_tags
from minikctl.cluster.progress import EVERY, Progress
from minikctl.kubectl.command import Environment
from tests.runtime.oci import archives
from tests.runtime.oci.registry import PASSWORD, USER, push, running
from tests.support.cluster import Result


class Commands:
    def __init__(self, folder: Path):
        self.folder = folder
        (folder / "web.tar").write_bytes(
            archives.docker_archive((["web:1"], [archives.tar(archives.entry("a", "A"))], {"Cmd": ["a"]}))
        )

    def __call__(self, *words: str, environ: dict[str, str] | None = None) -> Result:
        out, err = io.StringIO(), io.StringIO()
        state = {"MINIKCTL_STATE": str(self.folder / "state"), **(environ or {})}
        env = Environment(stdin=io.StringIO(), stdout=out, stderr=err, environ=state, cwd=self.folder)
        return Result(run(["image", *words], env), out.getvalue(), err.getvalue())


@pytest.fixture
def image(tmp_path: Path) -> Commands:
    return Commands(tmp_path)


def test_the_life_of_an_image(image: Commands) -> None:
    assert image("ls").err == "No images found (minikctl image ls --all also shows the emulated ones)\n"
    assert image("load", "-i", "web.tar").out == "Loaded image: web:1\n"
    image("tag", "web:1", "quay.io/me/web:2")
    table = image("ls").out.splitlines()
    assert table[0].split() == ["REPOSITORY", "TAG", "IMAGE", "ID", "CREATED", "SIZE", "SOURCE"]
    assert [line.split()[:2] for line in table[1:]] == [["web", "1"], ["quay.io/me/web", "2"]]
    (found, _) = json.loads(image("ls", "-o", "json").out)["images"]
    assert found["name"] == "docker.io/library/web:1" and found["source"] == "load" and found["size"] > 10_000
    assert image("ls", "-q").out == found["id"][7:19] + "\n"
    assert image("ls", "-o", "yaml", "web").out.startswith("images:\n- digest: sha256:")
    assert image("save", "-o", "out.tar", found["id"][7:19]).code == 0
    assert image("rm", "web:1").out == "Untagged: web:1\n"
    assert image("rm", found["id"][7:15]).out == f"Untagged: quay.io/me/web:2\nDeleted: {found['id']}\n"
    assert image("load", "out.tar").out == "Loaded image: web:1\nLoaded image: quay.io/me/web:2\n"


def test_the_emulated_ones_are_shown(image: Commands) -> None:
    assert "nginx" in image("ls", "--all", "-o", "name").out
    table = image("ls", "--all", "nginx", "agnhost").out.splitlines()
    assert [line.split() for line in table[1:]] == [["nginx", "latest,", "…", "-", "-", "-", "emulated"]]


def test_build_and_add(image: Commands) -> None:
    (image.folder / "Dockerfile").write_text("FROM scratch\nCOPY web.tar /\nLABEL a=1\n")
    done = image("build", "-t", "built", ".")
    assert done.out.splitlines()[1:] == ["Successfully tagged built:latest"] and "[2/3] COPY web.tar /\n" in done.err
    assert image("build", "-q", "-t", "built", "--label", "b=2", ".").out.startswith("sha256:")
    assert image("add", "me/files:1", "--command", "sh -c 'exit 3'").out == "image/me/files:1 added\n"
    written = json.loads((image.folder / "state/images/docker.io_me_files_1.json").read_text())
    assert written == {"image": "docker.io/me/files:1", "command": ["sh", "-c", "exit 3"]}
    (image.folder / "app").mkdir()
    (image.folder / "app/main.py").write_text("print(1)")
    assert image("add", "me/app", "app", "--env", "A=1", "--", "python3", "main.py").code == 0
    saved = image("save", "-o", "x.tar", "me/app")
    assert saved.err.startswith("Warning: me/app is not portable: it was built from busybox")
    assert sorted(image("ls", "-o", "name").out.split()) == ["built:latest", "me/app:latest", "me/files:1"]
    assert image("rm", "me/files:1").out == "Untagged: me/files:1\n"


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("rm", "nothing"), "error: there is no image 'nothing' (minikctl image ls shows those that there are)"),
        (("rm",), "error: which image?"),
        (("tag", "a"), "error: exactly two names are needed"),
        (("load", "-i", "none.tar"), "error: cannot load none.tar: No such file or directory"),
        (("load", "-i", "note"), "error: cannot load note: this is no archive of images"),
        (("ls", "-o", "wide"), "error: unknown output format 'wide'"),
        (("build", "nowhere"), "error: 'nowhere' is no folder"),
        (("build", "-t", "Bad", "."), "error: 'Bad' is no name for an image"),
        (("build", "-t", "x", "."), "error: cannot build x: No such file or directory: "),
        (("build", "-f", "note", "."), "error: cannot build .: note: line 1: unknown instruction: NO"),
        (("pull", "a b"), "error: 'a b' is no name for an image"),
        (
            ("pull", "127.0.0.1:9/x"),
            'error: cannot pull 127.0.0.1:9/x: failed to pull and unpack image "127.0.0.1:9/x:latest"',
        ),
        (("pull", "--creds", ":x", "a"), "error: --creds is USER:PASSWORD"),
        (("add", "x"), "error: --command or a folder is needed"),
        (
            ("add", "x", "--command", "no-such-program"),
            "error: cannot add x: this machine has no program no-such-program",
        ),
        (("add", "x", "--command", "./none"), "error: cannot add x: there is no program ./none"),
        (("nonsense",), "error: unknown command"),
    ],
)
def test_refused(image: Commands, words: tuple[str, ...], why: str) -> None:
    (image.folder / "note").write_text("no archive at all\n")
    done = image(*words)
    assert done.code == 1 and done.err.startswith(why), done


@pytest.mark.parametrize("name", ["../outside", "/etc/outside", "a/../../outside", "blobs/sha256/../../../outside"])
def test_an_archive_writes_nowhere_else(image: Commands, name: str) -> None:
    """The names of its members are keys, not places."""
    with tarfile.open(image.folder / "web.tar") as archive:
        members = [(m, archive.extractfile(m).read()) for m in archive]  # type: ignore[union-attr]
    (image.folder / "odd.tar").write_bytes(archives.tar(archives.entry(name, "x"), *members))
    before = set(image.folder.parent.glob("*")) | set(image.folder.glob("*"))
    assert image("load", "odd.tar").out == "Loaded image: web:1\n"
    assert (set(image.folder.parent.glob("*")) | set(image.folder.glob("*"))) - before <= {image.folder / "state"}
    assert not list(image.folder.rglob("outside")) and not Path("/etc/outside").exists()


def test_pull(image: Commands, tmp_path: Path) -> None:
    layout = archives.oci_layout([archives.tar(archives.entry("a", "A"))])
    with running(tmp_path / "registry", password=True) as address:
        push(address, "team/web:1", layout, password=True)
        port = address.rpartition(":")[2]
        name, creds = f"localhost:{port}/team/web:1", ("--creds", f"{USER}:{PASSWORD}")
        refused = image("pull", name)
        assert refused.code == 1 and refused.err.startswith(f"error: cannot pull {name}: ")
        assert "no basic auth credentials" in refused.err
        first = image("pull", *creds, name)
        assert (first.code, first.err) == (0, "")  # it is no terminal: no progress
        digest, *rest = first.out.splitlines()
        assert digest.startswith("Digest: sha256:")
        assert rest == [f"Status: Downloaded newer image for {name}", name]
        assert image("pull", *creds, name).out.splitlines()[1] == f"Status: Image is up to date for {name}"
        assert image("pull", "-q", *creds, name).out == f"{name}\n"
        auths = {f"localhost:{port}": {"auth": base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()}}
        (tmp_path / "config.json").write_text(json.dumps({"auths": auths}))
        assert image("pull", name, environ={"DOCKER_CONFIG": str(tmp_path)}).code == 0
    assert image("ls").out.splitlines()[1].split()[-1] == "pull"


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_is_for_terminals(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    screen, pipe, silent = Screen(), io.StringIO(), Screen()
    for shown in (Progress(screen, "web:1"), Progress(pipe, "web:1"), Progress(silent, "web:1", enabled=False)):
        shown("sha256:a", 0, 2_000_000)
        shown("sha256:b", 0, 500)  # too soon after the last line
        now[0] += 2 * EVERY
        shown("sha256:a", 1_500_000, 2_000_000)
        shown.close()
        now[0] += 10
    first, second, end = screen.getvalue().split("\r")[1:4]
    assert (first, second) == ("web:1: 0B of 2MB in 1 parts", "web:1: 1.5MB of 2MB in 2 parts")
    assert end.strip() == ""
    assert pipe.getvalue() == silent.getvalue() == ""


ONE = "docker.io/library/web:1"


@pytest.mark.parametrize(
    ("word", "name", "fits"),
    [
        ("web", ONE, True),
        ("web:1", ONE, True),
        ("web:2", ONE, False),
        ("docker.io/library/web", ONE, True),
        ("other/web", ONE, False),
        ("localhost:5000/web", "localhost:5000/web@sha256:" + "1" * 64, True),
        ("localhost:5000/web@sha256:" + "1" * 64, "localhost:5000/web@sha256:" + "1" * 64, True),
        ("localhost:5000/web:1", "localhost:5000/web@sha256:" + "1" * 64, False),
    ],
)
def test_which_image_is_meant(word: str, name: str, fits: bool) -> None:
    assert means(word, Listed(name, "sha256:abcdef", "sha256:" + "1" * 64, 1, "load")) is fits


def test_an_emulated_image_is_meant_by_its_tags() -> None:
    one = Listed("docker.io/library/nginx:(?:latest|1[.]2[0-9])(?:-alpine)?", "", "", 1, "emulated")
    assert [means(w, one) for w in ("nginx", "nginx:1.25", "nginx:9", "httpd")] == [True, True, False, False]


@pytest.mark.parametrize(
    ("pattern", "shown"),
    [
        (r"1\.0|2\.0|latest", "latest, 1.0, 2.0"),
        (r"(?:latest|1(?:\.[0-9])?)(?:-alpine)?", "latest, …"),
        (r"latest|edge|3|3\.[0-9]", "latest, edge, 3, …"),
        (r"1\.[0-9]", "1.0, …"),
        (r"a|b|c|d|e", "a, b, c, d, …"),
        (r"latest", "latest"),
    ],
)
def test_tags_for_people(pattern: str, shown: str) -> None:
    assert some_tags(pattern) == shown
