"""whoami: says who answers and what was asked."""

from pathlib import Path

from minikctl.runtime.images import MIB, Image, Program

IMAGES = (
    Image(
        names=("docker.io/traefik/whoami", "docker.io/containous/whoami", "ghcr.io/traefik/whoami"),
        tags=r"latest|v?1\.(?:[0-9]|1[0-9])(?:\.[0-9])?",
        entrypoint=("/whoami",),
        ports=(80,),
        programs={"/whoami": Program(script=Path(__file__).with_name("server.py"))},
        size=7 * MIB,
    ),
)
