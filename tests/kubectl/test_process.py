"""The program as a process: streams that are closed, full or of another locale, and a machine that is in the way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.ordinary_user import commands_as_ordinary_user, open_folder

ROOT = Path(__file__).parents[2]
FULL = Path("/dev/full")
MANIFEST = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: words\ndata:\n  a: 한글\n"


def shell(line: str, folder: Path, stdin: bytes = b"", **environ: str) -> tuple[int, bytes, bytes]:
    """`line` with `$M` for the program; nothing is started."""
    environment = {**os.environ, "M": f"{sys.executable} -m minikctl", "MINIKCTL_STATE": str(folder / "state")}
    environment |= {"MINIKCTL_AUTOSTART": "0", **environ}
    done = subprocess.run(
        ["sh", "-c", line], input=stdin, capture_output=True, env=environment, timeout=60, check=False
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.skipif(not FULL.exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("command", ["get namespaces", "api-resources", "--help", "cluster list"])
def test_an_output_that_is_full(tmp_path: Path, command: str) -> None:
    code, _, err = shell(f"$M {command} >{FULL}", tmp_path)
    assert (code, err) == (1, b"error: cannot write the output: No space left on device\n")


CLOSED = [
    ("get namespaces >&-", 0, b""),
    ("get namespaces >&- 2>&- <&-", 0, b""),
    ("get nosuch 2>&-", 1, b""),
    ("apply -f - <&-", 1, b"error: no objects passed to apply\n"),
]


@pytest.mark.parametrize(("command", "code", "err"), CLOSED, ids=[c[0] for c in CLOSED])
def test_streams_that_are_closed(tmp_path: Path, command: str, code: int, err: bytes) -> None:
    assert shell(f"$M {command}", tmp_path) == (code, b"", err)


def test_files_are_utf8_in_every_locale(tmp_path: Path) -> None:
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    assert shell("$M apply -f -", tmp_path, MANIFEST.encode(), **plain)[0] == 0
    code, out, err = shell("$M get cm words -o jsonpath={.data.a}", tmp_path, **plain)
    assert (code, out.decode(), err) == (0, "한글", b"")


def test_a_state_directory_that_is_not_utf8(tmp_path: Path) -> None:
    folder = os.fsencode(tmp_path / "a") + b"\xff"
    code, out, err = shell('$M --state-dir "$(printf "$D")" cluster start', tmp_path, D=os.fsdecode(folder))
    assert (code, out) == (1, b"") and err.startswith(b"error: the path ") and b" is not UTF-8" in err
    assert not os.path.exists(folder)


def test_a_crash_without_a_place_for_its_log(tmp_path: Path) -> None:
    broken = "import minikctl.cli as c; c.dispatch.route = None; c.main()"
    code, _, err = shell(f"{sys.executable} -c '{broken}'", tmp_path)
    assert code == 3 and b"The details are in " in err and b"Traceback" not in err
    Path(err.split()[-1].decode()).unlink()
    nowhere = f"import tempfile; tempfile.mkstemp = lambda **_: open('/nosuch/x'); {broken}"
    code, _, err = shell(f'{sys.executable} -c "{nowhere}"', tmp_path)
    assert code == 3 and err.endswith(b"The details cannot be kept: No such file or directory\n")


@pytest.mark.parametrize("command", ["start", "stop", "status", "kubeconfig", "reset --yes", "restart"])
def test_a_state_directory_of_somebody_else(command: str) -> None:
    with open_folder() as folder:
        theirs = folder / "state"
        theirs.mkdir(mode=0o700 if os.geteuid() == 0 else 0)
        words = [*commands_as_ordinary_user(ROOT), sys.executable, "-m", "minikctl", "--state-dir", str(theirs)]
        environment = {**os.environ, "HOME": str(folder), "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run(
            [*words, "cluster", *command.split()], cwd="/", capture_output=True, text=True, env=environment, timeout=60
        )
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("error: ") and done.stderr.endswith("ermission denied\n")
        assert done.stderr.count("\n") == 1 and str(theirs) in done.stderr


INTERRUPTED = """
import builtins, os, signal
from minikctl import __main__
signal.signal(signal.SIGINT, signal.default_int_handler)
original = builtins.__import__
def slow(name, *rest):
    if name == "typer":
        os.kill(os.getpid(), signal.SIGINT)
    return original(name, *rest)
builtins.__import__ = slow
__main__.main()
"""


def test_an_interrupt_while_the_program_is_read(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", INTERRUPTED], capture_output=True, cwd=ROOT, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (-signal.SIGINT, b"")


def test_a_snapshot_of_what_cannot_be_written(tmp_path: Path) -> None:
    assert shell("$M get namespaces", tmp_path)[0] == 0
    refused = "import minikctl.cluster.snapshots as s; from minikctl.store.errors import StoreError"
    broken = f"{refused}; s.save = lambda *a, **k: (_ for _ in ()).throw(StoreError('no space left')); "
    command = "import sys; sys.argv = ['minikctl', 'cluster', 'snapshot', 'save']; import minikctl.cli as c; c.main()"
    code, out, err = shell(f'{sys.executable} -c "{broken}{command}"', tmp_path)
    assert (code, out, err) == (1, b"", b"error: no space left\n")
