"""Colours on terminals, and how the program ends when it is interrupted or nobody reads it."""

from __future__ import annotations

import io
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from minikctl.cli import run
from minikctl.kubectl import colour
from minikctl.kubectl.command import Environment
from tests.support.cluster import TestCluster

ROOT = Path(__file__).parent.parent.parent
CODES = re.compile(r"\x1b\[([0-9;]*)m")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def shown(cluster: TestCluster, *argv: str, **environ: str) -> str:
    """What a person sees at a terminal."""
    out = Terminal()
    variables = {"TERM": "xterm", **environ}
    env = Environment(io.StringIO(), out, io.StringIO(), variables, cluster.root, cluster.clock, cluster.connection)
    run(list(argv), env)
    return out.getvalue()


def readable(text: str) -> str:
    """`<32>Running<0>`."""
    return CODES.sub(lambda m: f"<{m[1]}>", text)


@pytest.mark.parametrize(
    "argv",
    [
        ["get", "namespaces"],
        ["get", "namespaces", "-o", "wide", "--show-labels"],
        ["get", "ns", "default", "-o", "yaml"],
        ["get", "ns", "default", "-o", "json"],
        ["get", "ns", "-o", "name"],
        ["get", "ns", "default", "-o", "jsonpath={.metadata.name}"],
        ["describe", "ns", "default"],
        ["api-resources"],
        ["create", "namespace", "x", "--dry-run=client"],
        ["options"],
        ["version"],
    ],
    ids=" ".join,
)
def test_nothing_but_colours_is_added(cluster: TestCluster, argv: list[str]) -> None:
    plain = cluster.cli(*argv).out
    assert CODES.sub("", shown(cluster, *argv, COLUMNS="200")) == plain
    assert shown(cluster, *argv, NO_COLOR="1") == plain
    assert shown(cluster, *argv, TERM="dumb") == plain
    assert "\x1b" not in plain


def test_a_table_at_a_terminal(cluster: TestCluster) -> None:
    header, first, *_ = readable(shown(cluster, "get", "namespaces")).splitlines()
    assert header.startswith("<1;37>NAME") and header.endswith("AGE<0>")
    assert first.startswith("<37>default<0>") and "<32>Active<0>" in first


@pytest.mark.parametrize(
    ("line", "painted"),
    [
        ("web   1/1   Running   0   5s", "<37>web<0>   <32>1/1<0>   <32>Running<0>   <36>0<0>   <37>5s<0>"),
        ("web   0/1   CrashLoopBackOff", "<37>web<0>   <33>0/1<0>   <31>CrashLoopBackOff<0>"),
        ("n   Ready,SchedulingDisabled", "<37>n<0>   <33>Ready,SchedulingDisabled<0>"),
        ("a   <none>   Pending", "<37>a<0>   <90><none><0>   <33>Pending<0>"),
        ("", ""),
    ],
)
def test_table_lines(line: str, painted: str) -> None:
    assert readable(colour.Table()(line)) == painted


@pytest.mark.parametrize(
    ("line", "painted"),
    [
        ("kind: Pod", "<96>kind<0>: <37>Pod<0>"),
        ("  replicas: 3", "  <36>replicas<0>: <35>3<0>"),
        ("  - name: web", "  - <96>name<0>: <37>web<0>"),
        ("- null", "- <90>null<0>"),
        ("spec: {}", "<96>spec<0>: {}"),
        ("ok: true", "<96>ok<0>: <32>true<0>"),
        ("text: 'a: b'", "<96>text<0>: <37>'a: b'<0>"),
    ],
)
def test_yaml_lines(line: str, painted: str) -> None:
    assert readable(colour.yaml_line(line)) == painted


@pytest.mark.parametrize(
    ("line", "painted"),
    [
        ('    "kind": "Pod",', '    <36>"kind"<0>: <37>"Pod",<0>'),
        ('        "n": 3', '        <96>"n"<0>: <35>3<0>'),
        ("}", "}"),
        ('    "a": {', '    <36>"a"<0>: {'),
    ],
)
def test_json_lines(line: str, painted: str) -> None:
    assert readable(colour.json_line(line)) == painted


@pytest.mark.parametrize(
    ("line", "painted"),
    [
        ("pod/web created", "pod/web <32>created<0>"),
        ("pod/web configured (dry run)", "pod/web <33>configured<0> <36>(dry run)<0>"),
        ("pod/web unchanged", "pod/web <35>unchanged<0>"),
        ('pod "web" deleted', 'pod "web" <31>deleted<0>'),
        ("something else", "something else"),
    ],
)
def test_reports(line: str, painted: str) -> None:
    assert readable(colour.reported(line)) == painted


@pytest.mark.parametrize("command", ["exec", "logs", "attach", "edit", "proxy", "cp", "completion"])
def test_what_others_wrote_stays(command: str) -> None:
    assert colour.painter(command, "") is None


def test_a_prompt_is_not_held_back() -> None:
    out = Terminal()
    stream = colour._Coloured(out, str.upper)
    stream.write("one\ntw")
    assert out.getvalue() == "ONE\n"
    stream.flush()
    assert out.getvalue() == "ONE\ntw"


# ---------------------------------------------------------------------- the end of a program


def start(tmp_path: Path, *argv: str) -> subprocess.Popen[str]:
    environ = {
        "PATH": os.defpath,
        "PYTHONPATH": str(ROOT),
        "HOME": str(tmp_path),
        "MINIKCTL_STATE": str(tmp_path / "s"),
    }
    return subprocess.Popen(
        [sys.executable, "-m", "minikctl", *argv],
        env=environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_nobody_reads_on(tmp_path: Path) -> None:
    process = start(tmp_path, "options")
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == ""
    assert process.wait(30) == 141


def test_ctrl_c(tmp_path: Path) -> None:
    process = start(tmp_path, "kuberc", "view")
    assert process.stdout is not None and process.stderr is not None
    assert "not found" in process.stdout.readline()
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 130
    assert process.stderr.read() == ""


def test_nobody_reads_a_long_answer(cluster: TestCluster) -> None:
    class Closed(io.StringIO):
        def write(self, _text: str) -> int:
            raise BrokenPipeError

    env = Environment(io.StringIO(), Closed(), io.StringIO(), {}, cluster.root, cluster.clock, cluster.connection)
    assert run(["get", "namespaces"], env) == 141
