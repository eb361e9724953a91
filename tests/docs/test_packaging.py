"""What `pip install` puts onto a machine is all that minikctl needs."""

from __future__ import annotations

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_every_file_is_installed() -> None:
    patterns = PROJECT["tool"]["setuptools"]["package-data"]["minikctl"]
    installed = {path for pattern in patterns for path in (ROOT / "minikctl").glob(pattern)}
    files = [f for f in (ROOT / "minikctl").rglob("[!.]*") if f.suffix not in (".py", ".pyc")]
    assert [f for f in files if f.is_file() and f not in installed] == []


def test_every_folder_with_python_files_is_a_package() -> None:
    """Others are not found by setuptools, unless their files are data."""
    data = ROOT / "minikctl" / "runtime" / "images"
    folders = {path.parent for path in (ROOT / "minikctl").rglob("*.py") if not path.is_relative_to(data)}
    assert [f for f in sorted(folders) if not (f / "__init__.py").is_file()] == []
