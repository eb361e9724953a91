"""http-echo: answers everything with one text (the tutorials of Ingress)."""

from pathlib import Path

from minikctl.runtime.images import MIB, Image, Program

IMAGES = (
    Image(
        names=("docker.io/hashicorp/http-echo",),
        tags=r"latest|alpine|(?:0\.[1-3]|1\.0)(?:\.[0-9])?",
        entrypoint=("/http-echo",),
        ports=(5678,),
        programs={"/http-echo": Program(script=Path(__file__).with_name("server.py"))},
        size=5 * MIB,
    ),
)
