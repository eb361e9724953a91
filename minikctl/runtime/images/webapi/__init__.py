"""maho/webapi: a book's example for probes: ready after 20 seconds, no longer healthy after 40."""

from pathlib import Path

from minikctl.runtime.images import MIB, Image, Program

IMAGES = (
    Image(
        names=("docker.io/maho/webapi",),
        tags=r"0\.1|latest",
        cmd=("node", "/webapi.js"),
        ports=(3000,),
        programs={"/usr/bin/node": Program(script=Path(__file__).with_name("server.py"))},
        size=70 * MIB,
    ),
)
