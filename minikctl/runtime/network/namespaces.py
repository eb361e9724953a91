"""System calls around namespaces(7) that Python 3.11 does not have. For processes with one thread."""

from __future__ import annotations

import ctypes
import os
import platform
import signal

NETWORK, USERS, PROCESSES, HOST_NAME, IPC = 0x40000000, 0x10000000, 0x20000000, 0x04000000, 0x08000000
_CLONE = {"x86_64": 56, "aarch64": 220}
_SET_PARENT_DEATH_SIGNAL, _SET_DUMPABLE = 1, 4

_libc = ctypes.PyDLL(None, use_errno=True)  # holds the interpreter's lock: no other thread runs between two calls


def _checked(result: int) -> int:
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return result


def unshare(kinds: int) -> None:
    """Leave namespaces for new ones. Raises OSError."""
    _checked(_libc.unshare(ctypes.c_int(kinds)))


def join(descriptor: int, kind: int) -> None:
    """Enter a namespace. Raises OSError."""
    _checked(_libc.setns(ctypes.c_int(descriptor), ctypes.c_int(kind)))


def fork(kinds: int) -> int:
    """As `os.fork`, with new namespaces for the child, PID included. The child is to end in `exec`. Raises OSError."""
    number = _CLONE.get(platform.machine())
    if number is not None:
        zero = ctypes.c_long(0)
        return _checked(
            _libc.syscall(ctypes.c_long(number), ctypes.c_long(kinds | signal.SIGCHLD), zero, zero, zero, zero)
        )
    if kinds & PROCESSES:
        raise OSError("a PID namespace for a pod cannot be made on this kind of machine")
    child = os.fork()
    if child == 0:
        unshare(kinds)
    return child


def end_with_parent() -> None:
    """Have the kernel kill this process when the one that forked it ends; stays in force over exec."""
    _control(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)


def _control(what: int, value: int) -> None:
    """prctl(2)."""
    _checked(_libc.prctl(what, *(ctypes.c_ulong(n) for n in (value, 0, 0, 0))))


def become_root_of_new_users(kinds: int) -> None:
    """New namespaces for an ordinary user, who is root in them and the only user that there is. Raises OSError."""
    user, group = os.geteuid(), os.getegid()
    _control(_SET_DUMPABLE, 1)  # else /proc/self is not its own, if it was another user's before
    unshare(USERS | kinds)
    for name, text in (("setgroups", "deny"), ("uid_map", f"0 {user} 1"), ("gid_map", f"0 {group} 1")):
        with open(f"/proc/self/{name}", "w") as f:  # noqa: PTH123
            f.write(text)


def set_network(name: str, value: str, *, needed: bool = True) -> bool:
    """A setting (below /proc/sys/net) of the network namespace of this process. Raises OSError when it is needed, else
    tells whether it could be set."""
    try:
        with open(f"/proc/sys/net/{name}", "w") as f:  # noqa: PTH123
            f.write(value)
    except OSError:
        if needed:
            raise
        return False
    return True


def set_kernel(title: str, value: str) -> None:
    """A sysctl, by its name with dots. Raises OSError whose text names it."""
    try:
        with open("/proc/sys/" + title.translate(str.maketrans("./", "/.")), "w") as f:  # noqa: PTH123
            f.write(value)
    except OSError as e:
        raise OSError(e.errno, f"sysctl {title} cannot be set to {value!r}: {e.strerror}") from None
