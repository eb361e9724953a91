"""The few commands that run in a container before its own: copies of the host's, with their libraries.

They are in the container's own /dev, so that nothing is added to the image's files, and cannot be written to: they have
rights that the container itself has not. So they and their loader are never looked for in the container.
"""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

PLACE = "/dev/.minikctl"
NAMES = ("setpriv", "setsid", "env", "unshare")
_LOADER = "ld.so"
_INTERPRETER = 3
"""The type of the program header that names the loader, see elf(5)."""


def words(command: Sequence[str]) -> list[str]:
    """A command line that begins with one of NAMES, as such a container can run it."""
    if not command:
        return []
    return [f"{PLACE}/{_LOADER}", "--library-path", PLACE, f"{PLACE}/{command[0]}", *command[1:]]


def make(folder: Path) -> Path:
    """Have the copies in a folder; made once. Raises OSError."""
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f"{folder.name}.", dir=folder.parent))
    scratch.chmod(0o755)
    for name in NAMES:
        program = shutil.which(name)
        if program is None:
            raise FileNotFoundError(2, "util-linux and coreutils are needed", name)
        shutil.copyfile(program, scratch / name)
        loader = interpreter(Path(program))
        for library in _libraries(loader, program):
            shutil.copyfile(library, scratch / os.path.basename(library))
        shutil.copyfile(loader, scratch / _LOADER)
    for path in scratch.iterdir():
        path.chmod(0o755)
    try:
        scratch.rename(folder)
    except OSError:  # somebody was faster
        shutil.rmtree(scratch, ignore_errors=True)
    return folder


def interpreter(program: Path) -> str:
    """The loader that an ELF program asks for. Raises OSError."""
    data = program.read_bytes()
    if data[:4] != b"\x7fELF":
        raise OSError(8, os.strerror(8), str(program))
    wide, order = data[4] == 2, "<" if data[5] == 1 else ">"
    (start,) = struct.unpack_from(order + ("Q" if wide else "I"), data, 32 if wide else 28)
    size, count = struct.unpack_from(order + "HH", data, 54 if wide else 42)
    for i in range(count):
        at = start + i * size
        if struct.unpack_from(order + "I", data, at)[0] == _INTERPRETER:
            where, _, _, length = struct.unpack_from(
                order + ("QQQQ" if wide else "IIII"), data, at + (8 if wide else 4)
            )
            return data[where : where + length].rstrip(b"\0").decode()
    raise OSError(8, "the program is linked statically", str(program))


def _libraries(loader: str, program: str) -> list[str]:
    done = subprocess.run([loader, "--list", program], capture_output=True, text=True, timeout=10, check=False)
    found = (line.partition("=>")[2].split() for line in done.stdout.splitlines())
    return [parts[0] for parts in found if parts and parts[0].startswith("/")]
