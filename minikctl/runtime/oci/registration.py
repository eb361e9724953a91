"""Local programs and folders as images, without a Dockerfile.

A command of this machine's own becomes a file `<state>/images/NAME.json`, which every runtime understands. A program or
folder from elsewhere becomes an image over the host's programs, which needs the sandbox.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from minikctl.runtime.interface import ImageFailure
from minikctl.runtime.oci.building.builder import Request, build
from minikctl.runtime.oci.removal import unregister
from minikctl.runtime.oci.store import Store
from minikctl.util.files import atomic_write, private_folder
from minikctl.util.jsonio import compact, indented

VISIBLE = ("/usr/", "/bin/", "/sbin/", "/lib/")
"""What containers have of this machine."""
BASE = "busybox"
PLACE = "/app"


@dataclass(frozen=True)
class Program:
    """name: a whole reference. command: the first word is a program of this machine, or one of `folder`."""

    name: str
    command: Sequence[str] = ()
    folder: Path | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    working_dir: str = ""


def register(state_dir: Path, program: Program, cwd: Path) -> str:
    """The ID of the image, "" for a registered command. Raises ImageFailure, OSError."""
    if program.folder is not None:
        return _of_folder(state_dir, program, program.folder)
    word = program.command[0]
    local = (cwd / word) if "/" in word else None
    if local is not None and not str(local.resolve()).startswith(VISIBLE):
        if not local.is_file():
            raise ImageFailure(f"there is no program {word}")
        return _of_file(state_dir, program, local.resolve())
    if local is None and shutil.which(word) is None:
        raise ImageFailure(f"this machine has no program {word}")
    folder = private_folder(private_folder(state_dir) / "images")
    content = {
        "image": program.name,
        "command": list(program.command),
        **({"env": dict(program.env)} if program.env else {}),
        **({"workingDir": program.working_dir} if program.working_dir else {}),
    }
    _forget(state_dir, program.name)
    atomic_write(folder / f"{_file_name(program.name)}.json", indented(content))
    return ""


def _of_file(state_dir: Path, program: Program, path: Path) -> str:
    with tempfile.TemporaryDirectory() as scratch:
        shutil.copy2(path, Path(scratch) / path.name)
        (Path(scratch) / path.name).chmod(0o755)
        place = f"/usr/local/bin/{path.name}"
        words = [place, *program.command[1:]]
        return _build(state_dir, program, Path(scratch), [f"COPY {compact([path.name, place]).decode()}"], words)


def _of_folder(state_dir: Path, program: Program, folder: Path) -> str:
    place = program.working_dir or PLACE
    lines = [f"WORKDIR {place}", f"COPY {compact(['.', place + '/']).decode()}"]
    return _build(state_dir, program, folder, lines, program.command)


def _build(state_dir: Path, program: Program, folder: Path, lines: list[str], command: Sequence[str]) -> str:
    env = [f"ENV {k}={compact(v).decode()}" for k, v in program.env.items()]
    own = [f"WORKDIR {program.working_dir}"] if program.working_dir else []
    run = [f"CMD {compact(list(command)).decode()}"] if command else []
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "Dockerfile"
        file.write_text("\n".join([f"FROM {BASE}", *lines, *env, *own, *run, ""]))
        image = build(Store(state_dir), Request(folder, file, (program.name,)), lambda _text: None)
    _forget(state_dir, program.name)
    return image.id


def _forget(state_dir: Path, name: str) -> None:
    """What was registered under the name before."""
    while unregister(state_dir, name) is not None:
        pass


def _file_name(name: str) -> str:
    return "".join(c if c.isalnum() or c in ".-" else "_" for c in name)
