"""Manifests in a folder of the test's own, and commands that run there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.support.cluster import Result, TestCluster


@dataclass
class Files:
    """`write` makes a manifest of objects (or of a text), `cli` runs a command in the folder."""

    cluster: TestCluster
    folder: Path

    def write(self, name: str, *objects: Any) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(objects[0] if isinstance(objects[0], str) else "---\n".join(map(yaml.safe_dump, objects)))
        return path

    def cli(self, *argv: str, stdin: str = "", environ: dict[str, str] | None = None) -> Result:
        return self.cluster.cli(*argv, stdin=stdin, cwd=self.folder, environ=environ)

    def get(self, kind: str, name: str, namespace: str = "default") -> dict[str, Any]:
        return self.cluster.client.get(kind, name, namespace)
