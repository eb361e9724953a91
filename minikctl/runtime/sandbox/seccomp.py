"""A system call filter for containers of an ordinary user: chown succeeds and does nothing.

Such a container has one user, so a change of owner could only fail; but programs that install things (tar as root,
`chown www-data` in an entrypoint) do not expect it to. The same is done by rootless builders (Charliecloud's "root
emulation mode 2"). The program is classic BPF, see seccomp(2).
"""

from __future__ import annotations

import platform
import struct

_CALLS = {  # machine → (AUDIT_ARCH, numbers of chown, fchown, lchown, fchownat)
    "x86_64": (0xC000003E, (92, 93, 94, 260)),
    "aarch64": (0xC00000B7, (54, 55)),
}
_LOAD, _JUMP_EQUAL, _RETURN = 0x20, 0x15, 0x06
_NUMBER, _ARCHITECTURE = 0, 4
_ALLOW, _ERRNO_0 = 0x7FFF0000, 0x00050000


def program(machine: str = "") -> bytes:
    """The filter for this (or another) machine; empty for machines that are not known here."""
    known = _CALLS.get(machine or platform.machine())
    if known is None:
        return b""
    architecture, numbers = known
    lines = [(_LOAD, 0, 0, _ARCHITECTURE), (_JUMP_EQUAL, 0, len(numbers) + 1, architecture), (_LOAD, 0, 0, _NUMBER)]
    for i, number in enumerate(numbers):
        lines.append((_JUMP_EQUAL, len(numbers) - i, 0, number))
    lines += [(_RETURN, 0, 0, _ALLOW), (_RETURN, 0, 0, _ERRNO_0)]
    return b"".join(struct.pack("=HBBI", *line) for line in lines)
