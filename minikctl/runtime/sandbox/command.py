"""How bubblewrap is told to make one container. Pure."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from minikctl.runtime.interface import Mount, Security
from minikctl.runtime.process.container import MARK
from minikctl.runtime.sandbox import bwrap
from minikctl.runtime.sandbox.tree import Layout

CAPABILITIES = (
    *("AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "NET_BIND_SERVICE", "NET_RAW"),
    *("SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT"),
)
"""What containers have by default, in Docker as in containerd; but not MKNOD, since nothing here keeps a container from
opening a device that it makes."""

KERNEL = ("/proc/sys", "/proc/fs")
GROUPS = Path("/sys/fs/cgroup")
SYSTEM = ("/sys/devices", "/sys/class", "/sys/block", "/sys/bus", "/sys/dev", "/sys/kernel/mm", "/sys/module")
FIRST_OPENED = 20
"""From this number on descriptors are those of parts of volumes."""


SYSTEM_ENV = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
"""What the programs need that lead into a container."""
SHELLS_OWN = ("PWD", "OLDPWD", "SHLVL", "_")
"""What a shell on the way may add."""
_HEEDED = (
    "LD_",
    "GLIBC_",
    "MALLOC_",
    "BASH",
    "SHELLOPTS",
    "ENV",
    "IFS",
    "PS4",
    "LOCPATH",
    "GCONV_PATH",
    "NLSPATH",
    "GETCONF_DIR",
)
MOST_SET = 1000
"""So many variables are told to bubblewrap as arguments, three words each."""

PROCESSES_FD = 7
"""The descriptor of the PID namespace that a container shares, with its pod or with one other container."""

CHANGING = ("SETGID", "SETPCAP", "SETUID")
"""The rights that becoming another user takes."""


@dataclass(frozen=True)
class PodNamespaces:
    """Those of a pod's pause process."""

    pause: int
    share_processes: bool = False
    """Also with one other container only."""


@dataclass(frozen=True)
class Box:
    """What one container's bubblewrap is told. visible: (folder of the host's, its read-only place)."""

    layout: Layout
    hostname: str
    working_dir: str
    env: Sequence[tuple[str, str]]
    mounts: Sequence[Mount] = ()
    visible: Sequence[tuple[str, str]] = ()
    pod: PodNamespaces | None = None
    """What it shares with its pod; without, the host name is its own, and the network the machine's."""
    shared_memory: str = ""
    """The folder that the pod's containers have as /dev/shm; without, each has its own."""
    seccomp: int = -1
    """The descriptor that has the system call filter; -1 for none."""
    security: Security = Security()
    status: int = -1
    """The descriptor that bubblewrap tells its progress to; -1 for none."""
    new_folder: str = ""
    """A folder to be made in the container when it starts."""
    groups: Sequence[tuple[str, str]] = ()
    """(a control group of the container's own, where it sees it at or below GROUPS)."""


def arguments(box: Box) -> list[str]:
    """Everything between `bwrap` and `--`."""
    security = box.security
    words = [*_namespaces(box), "--die-with-parent"]
    words += ["--json-status-fd", str(box.status)] if box.status >= 0 else []
    words += _environment(box.env)
    words += _root(box)
    opened = descriptors(box.mounts)
    places = ((box.layout.destination(m.container_path), m) for m in box.mounts)
    for place, mount in sorted(places, key=lambda found: found[0].count("/")):
        bind = "--ro-bind" if mount.read_only else "--bind"
        source = [f"{bind}-fd", str(opened[mount])] if mount in opened else [bind, mount.host_path]
        words += [*source, place]
    if box.new_folder:
        words += ["--dir", box.new_folder]
    if security.read_only_root:  # last: what is mounted needs places to be mounted at
        words += [w for place, _ in box.layout.overlays() if place != "/" for w in ("--remount-ro", place)]
        words += ["--remount-ro", "/"]
    words += [
        "--cap-drop",
        "ALL",
        *(w for c in at_first(security) for w in ("--cap-add", "ALL" if c == "ALL" else f"CAP_{c}")),
    ]
    if box.seccomp >= 0:
        words += ["--seccomp", str(box.seccomp)]
    return [*words, "--chdir", box.working_dir]


def _environment(env: Sequence[tuple[str, str]]) -> list[str]:
    through = inherited(env)
    if through:
        begin = [w for name in (*SYSTEM_ENV, MARK, *SHELLS_OWN) for w in ("--unsetenv", name)]
    else:
        begin = ["--clearenv"]
    return begin + [w for name, value in env if name not in through for w in ("--setenv", name, value)]


def inherited(env: Sequence[tuple[str, str]]) -> dict[str, str]:
    """What a container gets through bubblewrap's own environment instead of its arguments, of which there may be 9,000: a
    namespace with hundreds of Services has more variables than that. Nothing that our side would heed."""
    kept = {*SYSTEM_ENV, MARK, *SHELLS_OWN}
    return {k: v for k, v in env[MOST_SET:] if k not in kept and not is_heeded(k)}


def is_heeded(variable: str) -> bool:
    """Whether a variable would change what a program does on our side of the door, or what its loader does."""
    return variable.startswith(_HEEDED)


def _namespaces(box: Box) -> list[str]:
    security = box.security
    if box.pod is None:
        return [*bwrap.namespaces(security.user or 0, security.group or 0), "--hostname", box.hostname, "--as-pid-1"]
    if box.pod.share_processes:
        return ["--pidns", str(PROCESSES_FD)]
    own_users = []
    if os.geteuid() != 0 and (security.user or security.group):
        own_users = ["--unshare-user", "--uid", str(security.user or 0), "--gid", str(security.group or 0)]
    return [*own_users, "--unshare-pid", "--as-pid-1"]


def entering(pod: PodNamespaces) -> list[str]:
    """The command that runs bubblewrap in a pod's namespaces. What it makes there belongs to the pod's users."""
    users = [] if os.geteuid() == 0 else ["--user", "--preserve-credentials"]
    return ["nsenter", *users, "--target", str(pod.pause), "--net", "--ipc", "--uts", "--"]


def own_user(security: Security, pod: PodNamespaces | None) -> list[str]:
    """The command that makes an ordinary user's container another user where bubblewrap does not: it cannot enter a
    PID namespace from within new users."""
    if os.geteuid() == 0 or pod is None or not pod.share_processes or not (security.user or security.group):
        return []
    return ["unshare", "--user", f"--map-user={security.user or 0}", f"--map-group={security.group or 0}", "--"]


def descriptors(mounts: Iterable[Mount]) -> dict[Mount, int]:
    """The mounts whose source is opened beforehand, and as which descriptor."""
    return {mount: FIRST_OPENED + i for i, mount in enumerate(m for m in mounts if m.beneath)}


def beneath(mounts: Iterable[Mount]) -> bytes:
    """What `beneath.py` is to open."""
    fields = []
    for mount, number in descriptors(mounts).items():
        fields += [str(number), mount.beneath, os.path.relpath(mount.host_path, mount.beneath)]
    return b"".join(os.fsencode(field) + b"\0" for field in fields)


def _root(box: Box) -> Iterable[str]:
    layout = box.layout
    words = ["--bind", str(layout.root), "/"] if layout.image is None else []
    for place, lowers in layout.overlays():
        words += [w for lower in lowers for w in ("--overlay-src", lower)]
        words += ["--overlay", str(layout.upper(place)), str(layout.work(place)), place]
    words += bwrap.links() if layout.host_tools else ()
    words += ["--proc", "/proc", "--dev", "/dev"]
    if box.shared_memory:
        words += ["--bind", box.shared_memory, "/dev/shm"]
    else:
        words += ["--perms", "1777", "--tmpfs", "/dev/shm"]
    words += ["--tmpfs", "/sys"]
    words += [w for place in (GROUPS.parent, GROUPS) for w in ("--perms", "0755", "--dir", str(place))]
    words += [w for source, place in (*kernel_folders(), *box.groups) for w in ("--ro-bind", source, place)]
    words += ["--remount-ro", "/sys"]
    if not box.security.privileged:  # the kernel's settings are the host's; bubblewrap takes root's for unwritable
        words += [w for place in KERNEL for w in ("--ro-bind-try", place, place)]
    for source, place in box.visible:
        words += ["--ro-bind", source, place]
    return words


@cache
def kernel_folders() -> tuple[tuple[str, str], ...]:
    """What a container sees of /sys: not the machine's control groups, in which the processes of others are, and little
    that nobody asks for, since every mount takes a tenth of a millisecond."""
    return tuple((place, place) for place in SYSTEM if Path(place).is_dir())


def limited(security: Security, capabilities: Sequence[str], *, drop: bool) -> list[str]:
    """The command that gives up rights and then runs another one; empty when there is nothing to give up.

    `drop`: also take away the capabilities that are not in `capabilities` (the main process gets only those anyway).
    """
    words: list[str] = []
    if drop:
        words += ["--bounding-set", ",".join(["-all", *(f"+{c.lower()}" for c in capabilities)]), "--inh-caps=-all"]
    if os.geteuid() == 0 and (security.user or security.group):
        words += [f"--reuid={security.user or 0}", f"--regid={security.group or 0}"]
        words += ["--groups=" + ",".join(map(str, security.groups))] if security.groups else ["--clear-groups"]
    if security.no_new_privileges:
        words += ["--no-new-privs"]
    return ["setpriv", *words, "--"] if words else []


def capabilities(security: Security) -> tuple[str, ...]:
    """What a container may have of root's rights."""
    if security.privileged:
        return ("ALL",)
    dropped = set(security.drop_capabilities)
    kept = () if "ALL" in dropped else tuple(c for c in CAPABILITIES if c not in dropped)
    return tuple(dict.fromkeys((*kept, *(c for c in security.add_capabilities if c != "MKNOD"))))


def at_first(security: Security) -> tuple[str, ...]:
    """The same until it has become somebody else, which needs rights that are given up on the way: see `limited`."""
    own = capabilities(security)
    if os.geteuid() != 0 or security.privileged or not (security.user or security.group):
        return own
    return tuple(dict.fromkeys((*own, *CHANGING)))


def joining(nsenter: str, pid: int, security: Security, pod: PodNamespaces | None) -> list[str]:
    """The command that runs another one in the namespaces of the container whose main process is `pid`, at its root
    and with all rights there are in them. What a container has of its pod belongs to the pod's users, and can only be
    entered as one of those, before the container's own users; see `own_user` for those that share processes."""
    users = [] if os.geteuid() == 0 else ["--user", "--preserve-credentials"]
    at = ["--target", str(pid), "--mount", "--pid", "--root", f"--wd=/proc/{pid}/root"]
    if pod is None:
        return [nsenter, *users, *at, "--uts", "--ipc", "--"]
    if not users or not (security.user or security.group):
        return [nsenter, *users, *at, "--uts", "--ipc", "--net", "--"]
    own = [] if pod.share_processes else users
    again = "/proc/self/exe"  # the agent's descriptors are out of sight for other users than its own
    return [nsenter, *users, "--target", str(pod.pause), "--uts", "--ipc", "--net", "--", again, *own, *at, "--"]
