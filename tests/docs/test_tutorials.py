"""The tutorial does what it says, in both languages; the documents' links lead somewhere."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from minikctl.runtime.sandbox import bwrap
from tests.support.daemon import Daemon

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", ROOT / "README.ko.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
READS = re.compile(r"(minikctl (get|logs|exec|events|flow)|curl) ")
"""These are asked again until the answer is right: the cluster takes its time, and so does a reader."""


def steps(document: Path) -> list[tuple[str, str]]:
    """The commands of the ```console blocks, each with what it is to show."""
    found: list[tuple[str, list[str]]] = []
    for block in re.findall(r"^```console\n(.*?)^```", document.read_text(), re.S | re.M):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append((line[2:], []))
            else:
                found[-1][1].append(line)
    return [(command, "\n".join(shown)) for command, shown in found]


def fits(wanted: str, shown: str) -> bool:
    """… stands for anything; runs of spaces are alike, since columns are as wide as what is in them."""

    def even(text: str) -> str:
        return "\n".join(re.sub(r" +", " ", line).rstrip() for line in text.strip().splitlines())

    pattern = ".*".join(re.escape(part) for part in even(wanted).split("…"))
    return re.fullmatch(pattern, even(shown), re.S) is not None


@pytest.mark.parametrize(
    ("wanted", "shown", "yes"),
    [
        ("a b", "a   b  \n", True),
        ("a…z", "a\nb\nz", True),
        ("a", "ab", False),
        ("IP …\nx 10.…  <none>", "IP     AGE\nx   10.96.0.1   <none>", True),
    ],
)
def test_fits(wanted: str, shown: str, yes: bool) -> None:
    assert fits(wanted, shown) is yes


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    if refused := bwrap.probe(tmp_path / "probe"):
        pytest.skip(f"no sandbox on this machine: {refused}")
    made = Daemon(tmp_path / "state")
    yield made
    made.close()


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_tutorial(daemon: Daemon, tmp_path: Path) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    program = folder / "minikctl"
    program.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -m minikctl "$@"\n')
    program.chmod(0o755)
    environment = daemon.environment() | {"PATH": f"{folder}:{os.environ['PATH']}", "no_proxy": "*"}

    def run(command: str) -> str:
        done = subprocess.run(
            ["sh", "-c", command],
            env=environment,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )
        return done.stdout

    daemon.start("--nodes", "2")
    if not daemon.has_network:
        pytest.skip("this machine does not let us make network namespaces")
    assert daemon.run("cluster", "stop").code == 0
    for command, wanted in steps(ROOT / "docs" / "tutorial.md"):
        deadline = time.monotonic() + (60 if READS.match(command) else 0)
        while not fits(wanted, shown := run(command)):
            assert time.monotonic() < deadline, f"$ {command}\n{shown}\n--- is not\n{wanted}"


def test_both_languages_show_the_same() -> None:
    assert steps(ROOT / "docs" / "tutorial.ko.md") == steps(ROOT / "docs" / "tutorial.md")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda p: str(p.relative_to(ROOT)))
def test_links(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", document.read_text()):
        assert target.startswith("https://") or (document.parent / target).exists(), target
    for name in re.findall(r"`(?:examples/)?([a-z-]+)\.sh`", document.read_text()):
        assert (ROOT / "examples" / f"{name}.sh").exists(), name


def test_walkthroughs_of_the_tutorial() -> None:
    table = (ROOT / "docs" / "tutorial.md").read_text().rpartition("## And then")[2]
    named = {n for row in re.findall(r"^\| .* \| (.*) \|$", table, re.M) for n in re.findall(r"`([a-z-]+)`", row)}
    there = {p.stem for p in (ROOT / "examples").glob("*.sh")} - {"frame", "own", "exercises", "walkthrough"}
    assert named == there


def test_the_picture() -> None:
    """It is well-formed, needs nothing from elsewhere, and has a text for those who do not see it."""
    tree = ElementTree.parse(ROOT / "docs" / "create-deployment.svg").getroot()
    assert tree.find("{http://www.w3.org/2000/svg}title") is not None
    assert "http" not in re.sub(r'xmlns="[^"]*"', "", (ROOT / "docs" / "create-deployment.svg").read_text())
    assert "docs/create-deployment.svg" in (ROOT / "README.md").read_text()
