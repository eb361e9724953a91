"""How a container is run on this machine: command, environment and folders from its config and its image. Pure,
apart from looking for programs and making links."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from minikctl.runtime.images import Image, Program
from minikctl.runtime.interface import ContainerConfig, ImageStatus, Mount, RuntimeFailure, SandboxStatus
from minikctl.runtime.process.folder import Launch

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
ROOT, IMAGE, POD_IP = "MINIKCTL_ROOT", "MINIKCTL_IMAGE", "POD_IP"
"""What emulated programs read: the folder that stands for `/`, their image with its tag, the address to listen on."""


class StartRefused(Exception):
    """There is no such program, or it cannot be executed."""


def resolve(
    config: ContainerConfig,
    image: Image,
    status: ImageStatus,
    programs: Path,
    root: Path,
    sandbox: SandboxStatus,
    ip: str,
) -> Launch:
    """`programs`: the folder with the image's own commands. Raises RuntimeFailure."""
    words = words_of(config, image)
    env = environment(config, image, sandbox, ip, str(root))
    env |= {ROOT: str(root), IMAGE: name_of(config, status)}
    env["PATH"] = f"{programs}:{env['PATH']}:{os.environ.get('PATH', '')}"
    folder = under(root, config.working_dir or image.working_dir)
    folder.mkdir(parents=True, exist_ok=True)
    program = image.program(words[0])
    argv = (*command_of(program), *words[1:]) if program else words
    awkward = [f"{k}={v}" for k, v in env.items() if not k.replace("_", "a").isalnum()]
    if awkward:  # a shell does not pass on variables whose names it could not use itself
        argv = ("env", *awkward, *argv)
    return Launch(argv, tuple(env.items()), str(folder), stop_signal(image), status.tags[0], status.ref)


def words_of(config: ContainerConfig, image: Image) -> tuple[str, ...]:
    """The command and its arguments: the container's, or the image's. Raises RuntimeFailure."""
    words = config.command or image.entrypoint
    words += config.args or (() if config.command else image.cmd)
    if not words:
        raise RuntimeFailure("failed to generate container spec: no command specified")
    return words


def environment(config: ContainerConfig, image: Image, sandbox: SandboxStatus, ip: str, home: str) -> dict[str, str]:
    """What a container of the image has in its environment, with what its config sets. `ip`: where emulated programs
    are to listen, "" for everywhere."""
    env = {"TERM": "xterm"} if config.tty else {}
    own = {"HOSTNAME": sandbox.hostname or sandbox.name, "HOME": home, **({POD_IP: ip} if ip else {})}
    return {**env, "PATH": PATH, **image.env, **own, **dict(config.env)}


def name_of(config: ContainerConfig, status: ImageStatus) -> str:
    """The image with its tag, as emulated programs are told."""
    return status.tags[0] if status.tags else config.image


def stop_signal(image: Image) -> int:
    return int(getattr(signal, image.stop_signal))


def command_of(program: Program) -> tuple[str, ...]:
    """How an image's program is started here."""
    if program.script is not None:
        return (python(), "-I", "-S", str(program.script))
    return program.host


def python() -> str:
    """The interpreter itself, not that of a virtual environment: it starts faster and needs nothing installed."""
    return getattr(sys, "_base_executable", "") or sys.executable


def under(root: Path, path: str) -> Path:
    """An absolute path of the container's, below its root. Raises RuntimeFailure when it would leave it."""
    inside = os.path.normpath("/" + path).lstrip("/")
    return root / inside if inside else root


def link_mounts(root: Path, mounts: Iterable[Mount]) -> None:
    """Have `root/<path>` lead to each volume."""
    for mount in sorted(mounts, key=lambda m: len(Path(m.container_path).parts)):
        place = under(root, mount.container_path)
        place.parent.mkdir(parents=True, exist_ok=True)
        if place.is_dir() and not place.is_symlink() and not any(place.iterdir()):
            place.rmdir()
        if not os.path.lexists(place):
            place.symlink_to(mount.host_path)


def put_files(root: Path, image: Image) -> None:
    """The image's own files, but for those that a volume hides."""
    for path, content in image.files.items():
        place = under(root, path)
        above = [p for p in place.parents if p != root and p.is_relative_to(root)]
        if os.path.lexists(place) or any(p.is_symlink() for p in above):
            continue
        if path.endswith("/"):
            place.mkdir(parents=True, exist_ok=True)
            continue
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(content if isinstance(content, str) else content.read_text())


def on_host(path: str) -> Path | None:
    """A file of this machine's, None when there is none."""
    return Path(path) if os.path.exists(path) else None


def find_program(
    word: str, env: Mapping[str, str], working_dir: str, locate: Callable[[str], Path | None] = on_host
) -> None:
    """See that `word` is a program; `locate` finds what is at an absolute path. Raises StartRefused in the words of
    Go's exec package."""
    if "/" in word:
        path = locate(os.path.join(working_dir, word))
        if path is None:
            raise StartRefused(f'exec: "{word}": stat {word}: no such file or directory')
        if path.is_dir() or not os.access(path, os.X_OK):
            raise StartRefused(f'exec: "{word}": permission denied')
        return
    for folder in env.get("PATH", "").split(":"):
        path = locate(os.path.join(folder or working_dir, word))
        if path is not None and path.is_file() and os.access(path, os.X_OK):
            return
    raise StartRefused(f'exec: "{word}": executable file not found in $PATH')
