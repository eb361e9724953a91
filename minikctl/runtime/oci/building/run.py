"""RUN: a command in a container over the image as far as it is built; what it wrote becomes a layer."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from minikctl.runtime.interface import Mount, Security
from minikctl.runtime.oci.building.layers import Layer, stamps, written
from minikctl.runtime.sandbox import bwrap, command, seccomp, tools, tree
from minikctl.runtime.sandbox.runtime import commands, visible

OF_HOST = ("/etc/resolv.conf", "/etc/hosts")
"""So that what runs has the network of this machine."""
NOT_PART = ("etc/resolv.conf", "etc/hosts", "etc/hostname", "dev", "proc", "sys", "opt/.minikctl")


@dataclass(frozen=True)
class Run:
    """argv in a container whose root is `root`. host: the emulated image below it, if any. mounts: more than the usual."""

    root: Path
    argv: Sequence[str]
    env: Sequence[tuple[str, str]]
    working_dir: str
    security: Security
    host: object = None
    mounts: Sequence[Mount] = ()


def run(one: Run, scratch: Path, shared: Path, layer: Layer, say: Callable[[bytes], None]) -> int:
    """The exit code; the changes are in `layer`. `scratch` is the container's folder, `shared` keeps what all have.

    Raises OSError.
    """
    from minikctl.runtime.images import Image as Settings

    host = one.host if isinstance(one.host, Settings) else None
    layout = tree.Layout(scratch, tree.make_etc(shared / "sandbox-etc"), one.root, host is not None)
    settings = host or Settings(names=("scratch",), tags="")
    tree.make(layout, settings, commands(settings, settings.names[0]) if host else {})
    mounts = [Mount(place, place, read_only=True) for place in OF_HOST if os.path.exists(place)]
    mounts += one.mounts
    tree.make_places(layout, mounts)
    uppers = {"" if place == "/" else place.strip("/"): layout.upper(place) for place, _ in layout.overlays()}
    before = stamps(uppers)
    shown = visible() if layout.host_tools else ((str(tools.make(shared / "sandbox-tools")), tools.PLACE),)
    blind = b"" if os.geteuid() == 0 else seccomp.program()
    with tempfile.TemporaryFile() as words, tempfile.TemporaryFile() as filter_:
        box = command.Box(
            layout,
            "build",
            one.working_dir,
            one.env,
            mounts,
            shown,
            seccomp=filter_.fileno() if blind else -1,
            security=one.security,
            new_folder=one.working_dir,
        )
        _fill(words, b"".join(os.fsencode(w) + b"\0" for w in command.arguments(box)))
        _fill(filter_, blind)
        code = _start(one, layout.host_tools, words.fileno(), filter_.fileno(), say)
    own = (*NOT_PART, *(link.strip("/") for link in layout.links)) if host else NOT_PART
    stubs = (m.container_path.strip("/") for m in one.mounts)  # where there was nothing to mount on
    written(layer, uppers, before, (*own, *stubs))
    return code


def _fill(file: IO[bytes], data: bytes) -> None:
    file.write(data)
    file.seek(0)


def _start(one: Run, host_tools: bool, words: int, filter_: int, say: Callable[[bytes], None]) -> int:
    rights = command.capabilities(one.security)
    limits: Sequence[str] = command.limited(one.security, rights, drop=command.at_first(one.security) != rights)
    limits = limits if host_tools else tools.words(limits)
    process = subprocess.Popen(
        [bwrap.program(), "--args", str(words), "--", *limits, *one.argv],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**command.inherited(one.env), **command.SYSTEM_ENV},
        pass_fds=(words, filter_),
        umask=0o022,
    )
    assert process.stdout is not None
    try:
        while part := os.read(process.stdout.fileno(), 1 << 16):
            say(part)
        return process.wait()
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
