"""The clusters of this user, side by side: one small file for each state directory that was ever started.

`$XDG_STATE_HOME/minikctl-clusters/` (else below ~/.local/state); a file holds the path of a state directory. Those whose
directory is no cluster any more are dropped when somebody looks. Nothing depends on these files: where they cannot be
written, a cluster is only missing in `cluster list`.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Mapping
from pathlib import Path


def folder(environ: Mapping[str, str]) -> Path:
    home = environ.get("XDG_STATE_HOME") or ""
    base = Path(home) if home.startswith("/") else Path(environ.get("HOME") or Path.home()) / ".local" / "state"
    return base / "minikctl-clusters"


def note(state_dir: Path, environ: Mapping[str, str] = os.environ) -> None:
    """Remember a cluster; costs one look when it is known."""
    path = str(state_dir.absolute())
    file = folder(environ) / hashlib.sha256(os.fsencode(path)).hexdigest()[:16]
    if file.exists():
        return
    with contextlib.suppress(OSError):
        from minikctl.util.files import atomic_write, private_folder

        private_folder(file.parent)
        atomic_write(file, os.fsencode(path) + b"\n")


def clusters(environ: Mapping[str, str]) -> list[Path]:
    """The directories that are clusters now, sorted; others are forgotten."""
    found = []
    with contextlib.suppress(OSError):
        for file in folder(environ).iterdir():
            if file.name.startswith("."):
                continue
            path = Path(os.fsdecode(file.read_bytes().rstrip(b"\n")))
            if is_there(path):
                found.append(path)
            else:
                file.unlink(missing_ok=True)
    return sorted(found)


def is_there(state_dir: Path) -> bool:
    """Whether a directory is a cluster, perhaps somebody else's."""
    from minikctl.client.state_dir import FILE

    try:
        os.stat(state_dir / FILE)
    except PermissionError:
        return True
    except OSError:
        return False
    return True
