"""Every manifest in examples/ is taken as it stands; taking it again changes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.cluster import TestCluster

FOLDER = Path(__file__).parents[2] / "examples" / "manifests"
FILES = sorted(FOLDER.rglob("*.yaml")) + sorted(FOLDER.rglob("*.json"))


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(FOLDER)))
def test_apply(cluster: TestCluster, path: Path) -> None:
    first = cluster.cli("apply", "-f", str(path))
    assert (first.code, first.err) == (0, "")
    assert {line.rsplit(" ", 1)[1] for line in first.out.splitlines()} == {"created"}
    version = cluster.store.current_rv()
    assert cluster.cli("apply", "-f", str(path)).code == 0
    assert cluster.store.current_rv() == version
    assert cluster.cli("delete", "-f", str(path), "--wait=false").code == 0
