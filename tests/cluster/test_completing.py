"""What `minikctl __complete` offers for the commands of the local cluster."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from minikctl.cli import run
from minikctl.client import state_dir
from minikctl.cluster import completing, snapshots
from minikctl.cluster.start import write_files
from minikctl.kubectl import dispatch
from minikctl.kubectl.command import Environment

NO_FILES, FILES = ":4", ":0"


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("completing") / "state"
    cluster = state_dir.ensure(found, nodes=2)
    groups = {"groups": {"small": {"min": 0, "max": 2}}}
    state_dir.save(found, cluster.with_(added={"extra": {"index": 3}}, autoscaler=groups))
    write_files(found)
    snapshots.save(found, "before")
    (found / "run" / "apiserver.log").touch()
    return found


def offered(directory: Path, *words: str) -> list[str]:
    """The words, and last what the shell shall do with them."""
    out = io.StringIO()
    env = Environment(io.StringIO(), out, io.StringIO(), {"MINIKCTL_STATE": str(directory)}, directory)
    assert run(["__complete", *words], env) == 0
    return [line.partition("\t")[0] for line in out.getvalue().splitlines()]


CASES = [
    ("cluster node stop ", ["extra", "node-1", "node-2", NO_FILES]),
    ("cluster node remove extra ", ["node-1", "node-2", NO_FILES]),
    ("cluster node add --preset t3.me", ["t3.medium", NO_FILES]),
    ("cluster autoscale ", ["small", NO_FILES]),
    ("cluster autoscale small ", [NO_FILES]),
    ("cluster autoscale --expander r", ["random", NO_FILES]),
    ("cluster logs ap", ["apiserver", NO_FILES]),
    ("cluster snapshot delete ", ["before", NO_FILES]),
    ("cluster snapshot restore ", ["before", NO_FILES]),
    ("cluster snapshot restore before ", [NO_FILES]),
    ("cluster snapshot restore ./b", [FILES]),
    ("cluster addons enable gi", ["gitops", NO_FILES]),
    ("cluster stop ", [NO_FILES]),
    ("app sync ", [NO_FILES]),
]


@pytest.mark.parametrize(("line", "wanted"), CASES, ids=[c[0] for c in CASES])
def test_offered(directory: Path, line: str, wanted: list[str]) -> None:
    found = offered(directory, *line.split(" "))
    assert [*sorted(found[:-1]), found[-1]] == wanted


def test_applications(monkeypatch: pytest.MonkeyPatch, directory: Path) -> None:
    class Call:
        args: tuple[str, ...] = ()
        namespace_given = False

        class client:
            @staticmethod
            def list(_kind: str, namespace: str) -> dict:
                return {"items": [{"metadata": {"name": f"app-of-{namespace}"}}]}

    monkeypatch.setattr(completing.kubeconfig, "local_directory", lambda _call: directory)
    assert list(completing.applications(Call(), "")) == ["app-of-argocd"]  # type: ignore[arg-type]


def test_without_a_cluster_nothing_is_made(tmp_path: Path) -> None:
    for line, _ in CASES:
        offered(tmp_path / "none", *line.split(" "))
    assert not os.path.exists(tmp_path / "none")


def test_every_own_command_has_an_example_and_no_file_names_where_none_belong() -> None:
    """Groups have those of their commands."""

    def leaves(package: str, path: str) -> list[tuple[str, dispatch.Found]]:
        found = []
        for word in dispatch.words(package):
            one = dispatch.load(package, word)
            assert one is not None
            below = dispatch.Found(one.command, f"{path} {word}", one.package)
            found += leaves(one.package, below.path) if one.package else [(below.path, below)]
        return found

    for path, found in leaves("minikctl.cluster.commands", "minikctl"):
        examples = [line for _, line in found.command.examples]
        assert examples, path
        assert any(path in line.replace(" --state-dir /tmp/other", "") for line in examples), path
