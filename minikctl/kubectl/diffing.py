"""What `diff` compares: the live object and what apply would make of it, secrets masked, as files in two folders.

Source: kubectl `pkg/cmd/diff/diff.go`.
"""

from __future__ import annotations

import random
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from minikctl.api.meta import Obj
from minikctl.kubectl.command import Invocation
from minikctl.kubectl.printers import without_managed_fields, yaml_out
from minikctl.util.errors import Exit, UsageError
from minikctl.util.go_format import quote

PROGRAM_VARIABLE = "KUBECTL_EXTERNAL_DIFF"
_ARGUMENT = re.compile("[a-zA-Z0-9=-]+")
MASK, MASK_BEFORE, MASK_AFTER = "***", "*** (before)", "*** (after)"


class Folders:
    """LIVE-… and MERGED-…, one file an object; gone at the end."""

    def __init__(self, environ: Mapping[str, str]):
        base = Path(environ.get("TMPDIR") or "/tmp")
        self.live, self.merged = (_new_folder(base, prefix) for prefix in ("LIVE", "MERGED"))

    def __enter__(self) -> Folders:
        return self

    def __exit__(self, *_exc: object) -> None:
        for folder in (self.live, self.merged):
            shutil.rmtree(folder, ignore_errors=True)

    def write(self, name: str, live: Obj | None, merged: Obj | None) -> None:
        """The two versions of an object; an absent one is an empty file."""
        for folder, obj in ((self.live, live), (self.merged, merged)):
            (folder / name).write_text("" if obj is None else yaml_out.dumps(obj))

    def write_live(self, name: str, obj: Obj) -> None:
        """An object that would be gone."""
        (self.live / name).write_text(yaml_out.dumps(obj))


def _new_folder(base: Path, prefix: str) -> Path:
    while True:
        path = base / f"{prefix}-{random.randrange(10**9, 4 * 10**9)}"
        try:
            path.mkdir(mode=0o700)
            return path
        except FileExistsError:
            continue


def shown(obj: Obj | None, *, managed_fields: bool) -> Obj | None:
    """The object as it is compared."""
    return obj if obj is None or managed_fields else without_managed_fields(obj)


def masked(live: Obj | None, merged: Obj | None) -> tuple[Obj | None, Obj | None]:
    """Both versions of a Secret without its values; only whether a value differs can be seen."""
    before: dict[str, Any] = (live or {}).get("data") or {}
    after: dict[str, Any] = (merged or {}).get("data") or {}
    differ = {k for k in before.keys() & after.keys() if before[k] != after[k]}
    old = {k: MASK_BEFORE if k in differ else MASK for k in before}
    new = {k: MASK_AFTER if k in differ else MASK for k in after}
    return (
        {**live, "data": old} if live is not None and before else live,
        {**merged, "data": new} if merged is not None and after else merged,
    )


def is_secret(obj: Obj | None) -> bool:
    return obj is not None and (obj.get("apiVersion"), obj.get("kind")) == ("v1", "Secret")


def command_line(environ: Mapping[str, str]) -> list[str]:
    """The program that compares, with those of its arguments that cannot do harm."""
    wanted = environ.get(PROGRAM_VARIABLE)
    if not wanted:
        return ["diff", "-u", "-N"]
    program, *arguments = wanted.split(" ")
    return [program, *(a for a in arguments if _ARGUMENT.fullmatch(a))]


def compare(call: Invocation, folders: Folders) -> None:
    """Run the program on the folders. Raises Exit(1) when they differ, UsageError when it fails."""
    words = command_line(call.env.environ)
    try:
        done = subprocess.run(
            [*words, str(folders.live), str(folders.merged)],
            cwd=call.env.cwd,
            env=dict(call.env.environ),
            capture_output=True,
            check=False,
        )
    except FileNotFoundError:
        raise UsageError(
            f"failed to run {quote(words[0])}: exec: {quote(words[0])}: executable file not found in $PATH"
        ) from None
    except OSError as e:
        raise UsageError(f"failed to run {quote(words[0])}: {e}") from None
    call.out(done.stdout.decode("utf-8", "replace"), end="")
    call.err(done.stderr.decode("utf-8", "replace"), end="")
    if done.returncode == 1:
        raise Exit(1)
    if done.returncode:
        raise UsageError(f"failed to run {quote(words[0])}: exit status {done.returncode}")
