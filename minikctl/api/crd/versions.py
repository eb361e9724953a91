"""The order of API versions. Source: Kubernetes concept "Version priority" of CustomResourceDefinitions."""

from __future__ import annotations

import re


def version_rank(version: str) -> tuple[int, int, int, str]:
    """For sorting: GA before beta before alpha, higher numbers first; other names come last, by name."""
    m = re.fullmatch(r"v(\d+)(?:(alpha|beta)(\d+))?", version)
    if not m:
        return (3, 0, 0, version)
    stage = {"": 0, "beta": 1, "alpha": 2}[m[2] or ""]
    return (stage, -int(m[1]), -int(m[3] or 0), "")
