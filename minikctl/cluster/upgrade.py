"""Bringing the state directory of an older minikctl up to date.

Guarantees: a directory is only changed while nothing runs on it and the start lock is held; before that, a snapshot of
it is saved (`before-upgrade-…`), which the older minikctl's files can be taken from; cluster.json, which names the format,
is written last, so an upgrade that was killed is done again from the beginning; a newer format is refused by `load`.

A step takes what cluster.json says and gives what it is to say; it may change other files, in ways that can be repeated.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from minikctl.client import state_dir as state
from minikctl.util.errors import EnvironmentProblem

Step = Callable[[Path, dict[str, Any]], dict[str, Any]]


def _to_2(_state_dir: Path, data: dict[str, Any]) -> dict[str, Any]:
    """Nodes beyond the first, several control planes, autoscaling: an older minikctl would read a file that has these
    settings, and drop them when it writes."""
    return {
        "added": {},
        "removed": [],
        "stopped": [],
        "controlPlanes": 1,
        "leaderElection": {},
        "autoscaler": {},
        **data,
    }


STEPS: dict[str, tuple[str, Step]] = {"minikctl/1": ("minikctl/2", _to_2)}
"""From which format to which one, and how."""


def upgrade(state_dir: Path) -> state.Cluster:
    """Take all steps that are needed. Raises EnvironmentProblem."""
    import json

    from minikctl.cluster import snapshots
    from minikctl.util.files import atomic_write
    from minikctl.util.jsonio import indented

    path = state_dir / state.FILE
    data = json.loads(path.read_bytes())
    was = data["format"]
    backup = f"before-upgrade-from-{was.rpartition('/')[2]}"
    if (state_dir / "registry").is_dir() and not snapshots.path_of(state_dir, backup).exists():
        snapshots.save(state_dir, backup, volumes=False)
    while data["format"] in STEPS:
        wanted, step = STEPS[data["format"]]
        data = {**step(state_dir, data), "format": wanted}
    try:
        atomic_write(path, indented(data))
    except OSError as e:
        raise EnvironmentProblem(f"cannot write {path}: {e.strerror}") from None
    sys.stderr.write(
        f"Upgraded {state_dir} from format {was} to {data['format']} "
        f"(`minikctl cluster snapshot list`: {backup} is as it was)\n"
    )
    cluster = state.load(state_dir)
    assert cluster is not None
    return cluster
