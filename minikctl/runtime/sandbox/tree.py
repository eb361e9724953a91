"""A container's file system: what lies over what, and where on the host a path of the container's really is.

The root is a folder of the container's own. The host's programs are under it as overlays: what a container writes
there lands in its own layer. Of the host's /etc only what programs need to run is there, no secrets. Everything else
(/root, /home, /var, /mnt, …) begins empty.

A container without root's rights over the host's folders (that of an ordinary user) can write into /usr where its own
layer has a folder already; `FOLDERS` are those where programs expect that they can.
"""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from minikctl.runtime.images import Image
from minikctl.runtime.interface import Mount
from minikctl.runtime.oci.inside import resolve
from minikctl.runtime.sandbox import bwrap

FOLDERS = (
    *("boot", "home", "media", "mnt", "opt", "opt/.minikctl", "root", "run", "run/lock", "srv", "sys", "tmp"),
    *("var", "var/cache", "var/lib", "var/local", "var/log", "var/mail", "var/opt", "var/spool", "var/tmp", "var/www"),
)
OWN_FOLDERS = ("dev", "proc", "sys")
PRIVATE = {"root": 0o700, "tmp": 0o1777, "var/tmp": 0o1777, "run/lock": 0o1777}
LAYER_FOLDERS = ("bin", "lib", "local", "local/bin", "local/etc", "local/lib", "local/share", "sbin", "share", "src")
VAR_LINKS = {"var/run": "../run", "var/lock": "../run/lock"}
_RUN_LINKS = {f"/{link}": target for link, target in VAR_LINKS.items()}
FROM_ETC = (
    *("alternatives", "bash.bashrc", "ca-certificates", "ca-certificates.conf", "debian_version", "gai.conf"),
    *("host.conf", "inputrc", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "localtime", "mime.types"),
    *("nsswitch.conf", "os-release", "perl", "pki", "profile", "profile.d", "protocols", "rpc", "services"),
    *("ssl/certs", "ssl/openssl.cnf", "terminfo", "timezone", "xattr.conf"),
)
USERS = (
    ("root", 0, "/root", "/bin/sh"),
    ("daemon", 1, "/usr/sbin", "/usr/sbin/nologin"),
    ("bin", 2, "/bin", "/usr/sbin/nologin"),
    ("mail", 8, "/var/mail", "/usr/sbin/nologin"),
    ("www-data", 33, "/var/www", "/usr/sbin/nologin"),
    ("nginx", 101, "/nonexistent", "/bin/false"),
    ("nobody", 65534, "/nonexistent", "/usr/sbin/nologin"),
)
GROUP_NAMES = {65534: "nogroup"}
PASSWD = "".join(f"{n}:x:{i}:{i}:{n}:{h}:{s}\n" for n, i, h, s in USERS)
GROUP = "".join(f"{GROUP_NAMES.get(i, n)}:x:{i}:\n" for n, i, _, _ in USERS)
_DEEPEST = 40
"""Symbolic links in one path, as the kernel counts."""


@dataclass(frozen=True)
class Layout:
    """Where the parts of one container's file system are."""

    folder: Path
    """The container's."""
    etc: Path
    """The common /etc, made by `make_etc`."""
    image: Path | None = None
    """An unpacked image; it lies over the host's programs or, without `host_tools`, stands on its own."""
    host_tools: bool = True

    @property
    def root(self) -> Path:
        return self.folder / "root"

    def upper(self, place: str) -> Path:
        """The container's own layer over a folder of the host's or the image's."""
        if place == "/":
            return self.root
        return self.folder / "layers" / place.strip("/").replace("/", "-")

    def work(self, place: str) -> Path:
        return self.folder / "work" / (place.strip("/").replace("/", "-") or "root")

    def overlays(self) -> list[tuple[str, tuple[str, ...]]]:
        """(place in the container, what lies under it, the lowest first)."""
        return self._overlays

    @cached_property
    def _overlays(self) -> list[tuple[str, tuple[str, ...]]]:
        if self.image is None:
            return [(place, (lower,)) for place, lower in self._of_host()]
        if not self.host_tools:
            return [("/", (str(self.image),))]
        over = [
            (p, (low, *([f"{self.image}{p}"] if os.path.isdir(f"{self.image}{p}") else [])))
            for p, low in self._of_host()
        ]
        return [("/", (str(self.image),)), *over]

    def _of_host(self) -> list[tuple[str, str]]:
        return [("/usr", "/usr"), *((p, p) for p in bwrap.own_folders()), ("/etc", str(self.etc))]

    @property
    def links(self) -> dict[str, str]:
        """Links at the top that are not in the image."""
        return bwrap.merged_links() if self.host_tools else {}

    def destination(self, path: str) -> str:
        """Where something is really mounted that is to be at this path: links, also those of the image, lead on."""
        if self.image is None:
            return destination(path)
        return resolve(self.image, path, {**self.links, **(_RUN_LINKS if self.host_tools else {})})


def make(layout: Layout, image: Image, commands: dict[str, str]) -> None:
    """Make the folders. `commands`: paths in the container and the text of the script behind each. Raises OSError."""
    layout.root.mkdir(parents=True, exist_ok=True)
    layout.root.chmod(0o755)
    if not layout.host_tools:
        _make_over_image(layout)
        return
    root = os.fspath(layout.root)
    for name in FOLDERS:  # for every container: without objects for paths
        path = f"{root}/{name}"
        with suppress(FileExistsError):
            os.mkdir(path)
        os.chmod(path, PRIVATE.get(name, 0o755))
    for link, target in VAR_LINKS.items():
        with suppress(FileExistsError):
            (layout.root / link).symlink_to(target)
    for place, _ in layout.overlays():
        layout.upper(place).mkdir(parents=True, exist_ok=True)
        layout.upper(place).chmod(0o755)
        layout.work(place).mkdir(parents=True, exist_ok=True)
    if os.geteuid() != 0:
        for name in LAYER_FOLDERS:
            (layout.upper("/usr") / name).mkdir(exist_ok=True)
    for path, text in commands.items():
        _write(_place(layout, path), text, 0o755)
    for path, content in image.files.items():
        _put(_place(layout, path), content, folder=path.endswith("/"))
    for path, target in image.links.items():
        _folders(_place(layout, path).parent)
        _place(layout, path).symlink_to(target)
    if image.working_dir != "/":
        _folders(_place(layout, image.working_dir))


def _make_over_image(layout: Layout) -> None:
    """Folders for what every container has of its own, whatever the image has at these places."""
    layout.work("/").mkdir(parents=True, exist_ok=True)
    for name in OWN_FOLDERS:
        (layout.root / name).mkdir(exist_ok=True)
        (layout.root / name).chmod(0o755)


def make_places(layout: Layout, mounts: Iterable[Mount]) -> None:
    """Have something to mount each volume on, in folders that everybody may pass. Raises OSError."""
    if not layout.host_tools:
        return  # bubblewrap makes them
    places = {layout.destination(m.container_path): m for m in mounts}
    for place, mount in places.items():
        if any(place.startswith(other + "/") for other in places):
            continue  # that is the other volume's affair
        path = _place(layout, place)
        if os.path.lexists(path):
            continue
        _folders(path.parent)
        if os.path.isdir(mount.host_path):
            _folders(path)
        else:
            path.touch(mode=0o644)


def make_folder(layout: Layout, path: str) -> None:
    """A folder of the container's own, wherever it is. Raises OSError."""
    _folders(_place(layout, path))


def _folders(path: Path) -> None:
    """Whatever the umask is."""
    if not path.is_dir():
        _folders(path.parent)
        path.mkdir()
        path.chmod(0o755)


def _place(layout: Layout, path: str) -> Path:
    """Where a file of the container's own goes that is to be at this path. Links of the host's are followed once."""
    path = os.path.normpath("/" + path.lstrip("/"))
    top = "/" + path.split("/")[1]
    if top in bwrap.merged_links():
        path = os.path.normpath(f"/{bwrap.merged_links()[top]}{path[len(top) :]}")
    for place, _ in layout.overlays():
        if place != "/" and path.startswith(place + "/"):
            return layout.upper(place) / path[len(place) + 1 :]
    return layout.root / path.lstrip("/")


def _write(path: Path, text: str, mode: int) -> None:
    _folders(path.parent)
    path.write_text(text)
    path.chmod(mode)


def _put(path: Path, content: str | Path, *, folder: bool) -> None:
    """A file of the image's."""
    if folder:
        _folders(path)
    else:
        _write(path, content if isinstance(content, str) else content.read_text(), 0o644)


def make_etc(folder: Path) -> Path:
    """The /etc that all containers have underneath; made once and then left alone. Raises OSError."""
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f"{folder.name}.", dir=folder.parent))
    scratch.chmod(0o755)
    for name in FROM_ETC:
        _copy(Path("/etc") / name, scratch / name)
    _write(scratch / "passwd", PASSWD, 0o644)
    _write(scratch / "group", GROUP, 0o644)
    _write(scratch / "shadow", "".join(f"{n}:*:19000:0:99999:7:::\n" for n, *_ in USERS), 0o600)
    for name in ("hosts", "hostname", "resolv.conf"):  # places for what each pod has of its own
        _write(scratch / name, "", 0o644)
    (scratch / "mtab").symlink_to("/proc/self/mounts")
    try:
        scratch.rename(folder)
    except OSError:  # somebody was faster
        shutil.rmtree(scratch, ignore_errors=True)
    return folder


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with suppress(OSError, shutil.Error):
        if source.is_dir() and not source.is_symlink():
            shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True)
        elif source.is_symlink() and source.resolve().is_relative_to("/etc"):
            target.symlink_to(os.readlink(source))
        else:
            shutil.copy2(source, target)


# ---------------------------------------------------------------------- paths


def destination(path: str) -> str:
    """A mount's place, without the links that every container has."""
    path = os.path.normpath("/" + path.lstrip("/"))
    for link, target in (("/var/run", "/run"), ("/var/lock", "/run/lock"), *_absolute_links()):
        if path == link or path.startswith(link + "/"):
            return target + path[len(link) :]
    return path


def _absolute_links() -> Iterable[tuple[str, str]]:
    return ((place, os.path.normpath("/" + target)) for place, target in bwrap.merged_links().items())


class Finder:
    """Finds what a path of the container's is on the host, following the container's links, never the host's."""

    def __init__(self, layout: Layout, mounts: Iterable[Mount], visible: Iterable[tuple[str, str]] = ()):
        """`visible`: other folders of the host's and their places in the container."""
        self._layout = layout
        self._mounts = {layout.destination(m.container_path): m.host_path for m in mounts}
        self._mounts |= {place: source for source, place in visible}

    def find(self, path: str) -> Path | None:
        """The file or folder itself; None when there is nothing."""
        done, left, links = "/", _parts(path), 0
        while left:
            part = left.pop(0)
            if part == "..":
                done = os.path.dirname(done)
                continue
            here = os.path.join(done, part)
            target = self._link(here)
            if target is None:
                if self._real(here) is None:
                    return None
                done = here
                continue
            links += 1
            if links > _DEEPEST:
                return None
            done, left = ("/" if target.startswith("/") else done), [*_parts(target), *left]
        return self._real(done)

    def _link(self, path: str) -> str | None:
        if path in self._mounts:
            return None
        if path in self._layout.links:
            return self._layout.links[path]
        real = self._real(path)
        return os.readlink(real) if real is not None and real.is_symlink() else None

    def _real(self, path: str) -> Path | None:
        """Of a path without links but, perhaps, the last part."""
        mount = max((m for m in self._mounts if path == m or path.startswith(m + "/")), key=len, default=None)
        if mount is not None:
            return _existing(Path(self._mounts[mount] + path[len(mount) :]))
        for place, lowers in sorted(self._layout.overlays(), key=lambda o: -len(o[0])):
            if place == "/" or path == place or path.startswith(place + "/"):
                below = path[len(place) :].lstrip("/")
                return _topmost([str(self._layout.upper(place)), *reversed(lowers)], below)
        return _existing(self._layout.root / path.lstrip("/"))


def _topmost(layers: Iterable[str], below: str) -> Path | None:
    """A path in the first layer that has it; None also where that layer says that it was deleted."""
    for layer in layers:
        try:
            found = os.lstat(os.path.join(layer, below))
        except OSError:
            continue
        return None if stat.S_ISCHR(found.st_mode) and found.st_rdev == 0 else Path(layer) / below
    return None


def _existing(path: Path) -> Path | None:
    return path if os.path.lexists(path) else None


def _parts(path: str) -> list[str]:
    return [p for p in path.split("/") if p not in ("", ".")]
