"""cp through every door, both ways."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.streams.conftest import Cluster, Program


def everything(folder: Path) -> dict[str, bytes | str]:
    found: dict[str, bytes | str] = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = f"-> {os.readlink(path)}"
        else:
            found[name] = path.read_bytes() if path.is_file() else ""
    return found


@pytest.fixture
def source(tmp_path: Path) -> Path:
    made = tmp_path / "source"
    (made / "sub" / "empty").mkdir(parents=True)
    (made / "script").write_text("echo hi\n")
    (made / "script").chmod(0o755)
    (made / "sub" / "big").write_bytes(os.urandom(2_000_000))
    (made / "name with 'quotes'").write_text("x")
    (made / "link").symlink_to("script")
    return made


def inside(program: Program, script: str) -> str:
    done = program.run("exec", "web", "--", "sh", "-c", script)
    assert done.code == 0, done.err
    return done.out


def test_there_and_back(program: Program, source: Path, tmp_path: Path) -> None:
    """Paths in the container are relative: without a sandbox, its root is this machine's."""
    box = f"there-{program.name}"
    inside(program, f"mkdir {box}")
    done = program.run("cp", str(source), f"web:{box}/copied")
    assert (done.code, done.out, done.err) == (0, "", "")
    listed = inside(program, f"cd {box}/copied; find . | sort; stat -c %a script; readlink link")
    assert listed.split("\n") == [
        ".",
        "./link",
        "./name with 'quotes'",
        "./script",
        "./sub",
        "./sub/big",
        "./sub/empty",
        "755",
        "script",
        "",
    ]
    done = program.run("cp", f"default/web:{box}/copied", "back", "-c", "app", cwd=tmp_path)
    assert done.code == 0
    assert done.err.replace("minikctl exec", "kubectl exec") == (
        'warning: skipping symlink: "back/link" -> "script" (consider using "kubectl exec -n "default" "web" -- '
        f'tar cf - "{box}/copied" | tar xf -")\n'
    )
    expected = everything(source)
    del expected["link"]
    assert everything(tmp_path / "back") == expected


def test_into_a_folder_and_single_files(program: Program, source: Path, tmp_path: Path) -> None:
    box = f"into-{program.name}"
    inside(program, f"mkdir {box}")
    assert program.run("cp", "source/script", f"web:{box}", cwd=tmp_path).code == 0
    assert program.run("cp", "source/script", f"web:{box}/other", cwd=tmp_path).code == 0
    assert inside(program, f"ls {box}; cat {box}/other") == "other\nscript\necho hi\n"
    assert program.run("cp", f"web:{box}/other", "new/deep/file", cwd=tmp_path).code == 0
    assert (tmp_path / "new" / "deep" / "file").read_text() == "echo hi\n"
    assert program.run("cp", str(source), f"web:{box}").code == 0
    assert program.run("cp", f"web:{box}/source", "again", "--retries=3", cwd=tmp_path).code == 0
    assert (tmp_path / "again" / "sub" / "big").read_bytes() == (source / "sub" / "big").read_bytes()


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (("a", "b"), "error: one of src or dest must be a remote file specification"),
        (("web:a", "web:b"), "error: one of src or dest must be a local file specification"),
        (("a",), "error: source and destination are required"),
        (("", "web:a"), "error: filepath can not be empty"),
        (("web:", "a"), "error: filepath can not be empty"),
        (("a", ":b"), "error: filespec must match the canonical format: [[namespace/]pod:]file/path"),
        (("nothere", "web:/tmp/x"), "error: nothere doesn't exist in local filesystem"),
    ],
)
def test_refused(program: Program, argv: tuple[str, ...], message: str) -> None:
    done = program.run("cp", *argv)
    assert (done.code, done.err) == (1, f"{message}\n")


def test_pods_and_containers_that_are_not_there(program: Program, source: Path) -> None:
    done = program.run("cp", str(source), "missing:/tmp/x")
    assert (done.code, done.err) == (1, 'Error from server (NotFound): pods "missing" not found\n')
    done = program.run("cp", str(source), "web:/tmp/x", "-c", "no")
    assert (done.code, done.err) == (1, "error: container no is not valid for pod web out of: app\n")


def test_a_destination_that_is_not_there(program: Program, source: Path) -> None:
    done = program.run("cp", str(source), "web:no/such/folder")
    assert done.code == 2 and done.err.endswith("command terminated with exit code 2\n")


def test_a_source_that_is_not_there(cluster: Cluster, tmp_path: Path) -> None:
    """The real kubectl often says nothing: its reader and its command race."""
    done = cluster.program("minikctl").run("cp", "web:nothing", "x", cwd=tmp_path)
    assert done.code == 2 and done.err.endswith("command terminated with exit code 2\n")
    assert not (tmp_path / "x").exists()
