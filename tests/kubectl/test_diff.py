"""`diff`: what is compared, with what program, and the exit codes."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from minikctl.kubectl.diffing import command_line, masked
from tests.support.cluster import TestCluster
from tests.support.files import Files

CM = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"a": "1"}}
PATH = {"PATH": "/usr/local/bin:/usr/bin:/bin"}

pytestmark = pytest.mark.skipif(shutil.which("diff") is None, reason="there is no diff program to compare with")


@pytest.fixture
def files(cluster: TestCluster, tmp_path: Path) -> Files:
    made = Files(cluster, tmp_path)
    made.write("cm.yaml", CM)
    return made


def diff(files: Files, *argv: str, **environ: str) -> tuple[int, str, str]:
    result = files.cli("diff", *argv, environ={**PATH, "TMPDIR": str(files.folder), **environ})
    return result.code, result.out, result.err


def changes(text: str) -> list[str]:
    """Lines that differ, without diff's headers."""
    return [line for line in text.splitlines() if line[:1] in "+-" and line[:3] not in ("+++", "---")]


def test_no_difference_is_0(files: Files) -> None:
    files.cli("apply", "-f", "cm.yaml")
    assert diff(files, "-f", "cm.yaml") == (0, "", "")


def test_differences_are_1(files: Files) -> None:
    files.cli("apply", "-f", "cm.yaml")
    files.cluster.client.patch("cm", "settings", {"data": {"live": "x"}}, "default")
    files.write("cm.yaml", {**CM, "data": {"b": "2"}})
    code, out, err = diff(files, "-f", "cm.yaml")
    assert (code, err) == (1, "") and "v1.ConfigMap.default.settings" in out
    assert changes(out) == ['-  a: "1"', '+  b: "2"']
    assert files.get("cm", "settings")["data"] == {"a": "1", "live": "x"}
    assert not [p for p in files.folder.iterdir() if p.name.startswith(("LIVE", "MERGED"))]


def test_a_new_object_is_all_new(files: Files) -> None:
    code, out, _ = diff(files, "-f", "cm.yaml")
    assert code == 1 and "+kind: ConfigMap" in changes(out) and not [c for c in changes(out) if c[0] == "-"]


def test_secrets_are_masked(files: Files) -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "data": {"a": "eA==", "b": "eA=="}}
    files.write("s.yaml", secret)
    files.cli("apply", "-f", "s.yaml")
    files.write("s.yaml", {**secret, "data": {"a": "eQ==", "b": "eA==", "c": "eg=="}})
    _, out, _ = diff(files, "-f", "s.yaml")
    assert changes(out) == ["-  a: '*** (before)'", "+  a: '*** (after)'", "+  c: '***'"]
    _, out, _ = diff(files, "-f", "s.yaml", "--show-secrets")
    assert "-  a: eA==" in changes(out)


def test_server_side(files: Files) -> None:
    files.cli("apply", "--server-side", "-f", "cm.yaml")
    assert diff(files, "--server-side", "-f", "cm.yaml")[0] == 0
    files.write("cm.yaml", {**CM, "data": {"b": "2"}})
    assert changes(diff(files, "--server-side", "-f", "cm.yaml")[1]) == ['-  a: "1"', '+  b: "2"']


def test_prune_shows_what_would_go(files: Files) -> None:
    files.cli("apply", "-f", "cm.yaml")
    files.write("other.yaml", {**CM, "metadata": {"name": "other"}})
    code, out, _ = diff(files, "--prune", "--prune-allowlist=core/v1/ConfigMap", "-f", "other.yaml")
    assert code == 1 and "-  name: settings" in changes(out)


def test_another_program(files: Files) -> None:
    assert diff(files, "-f", "cm.yaml", KUBECTL_EXTERNAL_DIFF="true")[0] == 0
    code, _, err = diff(files, "-f", "cm.yaml", KUBECTL_EXTERNAL_DIFF="no-such-program -x")
    assert code == 2
    assert (
        err == 'error: failed to run "no-such-program": exec: "no-such-program": executable file not found in $PATH\n'
    )


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ("", ["diff", "-u", "-N"]),
        ("colordiff -N -u", ["colordiff", "-N", "-u"]),
        ("meld --x=1 ;rm $(boom) a/b", ["meld", "--x=1"]),
    ],
)
def test_arguments_that_could_do_harm_are_dropped(wanted: str, words: list[str]) -> None:
    assert command_line({"KUBECTL_EXTERNAL_DIFF": wanted}) == words


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ([], "error: must specify one of -f and -k\n"),
        (["-f", "cm.yaml", "word"], "error: Unexpected args: [word]\n"),
        (["--nosuch"], "error: unknown flag: --nosuch\n"),
        (["-f", "none.yaml"], 'error: the path "none.yaml" does not exist\n'),
        (["-f", "cm.yaml", "-n", "none"], 'Error from server (NotFound): namespaces "none" not found\n'),
        (["-f", "cm.yaml", "--force-conflicts"], "error: --force-conflicts only works with --server-side\n"),
    ],
)
def test_errors_are_more_than_1(files: Files, argv: list[str], message: str) -> None:
    code, out, err = diff(files, *argv)
    assert (code, out) == (2, "") and err.startswith(message)


def test_masking_keeps_absent_objects_absent() -> None:
    assert masked(None, {"data": {"a": "1"}}) == (None, {"data": {"a": "***"}})
    assert masked({"data": {}}, {"x": 1}) == ({"data": {}}, {"x": 1})
