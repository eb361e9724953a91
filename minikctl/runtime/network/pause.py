"""The program that a pod's first process runs: it waits for ever, and so keeps the pod's namespaces in being.

Kubernetes' own is a small static C program. This one is smaller still: a few machine instructions, written to a file
as they are, so that an idle pod costs pages of memory and not megabytes. Elsewhere `sleep` does the same.
"""

from __future__ import annotations

import os
import platform
import struct
from pathlib import Path

_AT = 0x400000
_HEADERS = 64 + 56
_PROGRAMS = {
    # machine → (ELF machine number, the instructions)
    "x86_64": (62, bytes.fromhex("b822000000 0f05 ebf7".replace(" ", ""))),  # again: eax = pause; syscall; jump again
    "aarch64": (
        183,  # x0 … x4 = 0; x8 = ppoll; again: svc; x0 = 0; branch again
        struct.pack(
            "<9I",
            0xD2800000,
            0xD2800001,
            0xD2800002,
            0xD2800003,
            0xD2800004,
            0xD2800928,
            0xD4000001,
            0xD2800000,
            0x17FFFFFE,
        ),
    ),
}


def program(machine: str = "") -> bytes:
    """A static ELF executable; empty for machines that are not known here."""
    known = _PROGRAMS.get(machine or platform.machine())
    if known is None:
        return b""
    number, code = known
    size = _HEADERS + len(code)
    ident = b"\x7fELF\x02\x01\x01" + bytes(9)
    header = struct.pack("<16sHHIQQQIHHHHHH", ident, 2, number, 1, _AT + _HEADERS, 64, 0, 0, 64, 56, 1, 64, 0, 0)
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, _AT, _AT, size, size, 0x1000)
    return header + segment + code


def install(folder: Path) -> Path | None:
    """The program as a file in a folder; None where it cannot be. Raises nothing."""
    content = program()
    path = folder / "pause"
    if not content:
        return None
    try:
        if not path.exists() or path.read_bytes() != content:
            fresh = path.with_name(f".pause.{os.getpid()}")
            fresh.write_bytes(content)
            fresh.chmod(0o755)
            fresh.rename(path)
        return path
    except OSError:
        return None


def execute(installed: Path | None, environment: dict[str, str]) -> None:
    """Become the program; returns only by OSError."""
    if installed is not None:
        try:
            os.execve(installed, ["/pause"], environment)
        except OSError:
            pass  # a file system from which nothing may be executed
    os.execvpe("sleep", ["sleep", "infinity"], {**environment, "PATH": os.defpath})
