"""stress and stress-ng: workers that use CPU, memory and disk, as long as they are told to."""

from pathlib import Path

from minikctl.runtime.images import MIB, Image, Program

_PROGRAM = Program(script=Path(__file__).with_name("server.py"))
_PROGRAMS = {"/usr/bin/stress": _PROGRAM, "/usr/bin/stress-ng": _PROGRAM}

IMAGES = (
    Image(
        names=("docker.io/polinux/stress", "docker.io/vish/stress"),
        tags=r"latest|1\.0\.[0-9]",
        cmd=("stress",),
        programs=_PROGRAMS,
        size=9 * MIB,
    ),
    Image(
        names=("docker.io/progrium/stress",),
        tags=r"latest",
        entrypoint=("/usr/bin/stress", "--verbose"),
        programs=_PROGRAMS,
        size=282 * MIB,
    ),
    Image(
        names=(
            "docker.io/polinux/stress-ng",
            "docker.io/alexeiled/stress-ng",
            "docker.io/colinianking/stress-ng",
            "ghcr.io/colinianking/stress-ng",
        ),
        tags=r"latest(?:-ubuntu)?|0\.\d{2}\.\d{2}|V0\.\d{2}\.\d{2}",
        entrypoint=("/usr/bin/stress-ng",),
        programs=_PROGRAMS,
        size=12 * MIB,
    ),
)
