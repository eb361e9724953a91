"""Redis: the host's redis-server and redis-cli, listening where a pod is reached."""

from pathlib import Path

from minikctl.runtime.images import MIB, Image, Program, docker

_HERE = Path(__file__)
_ENTRYPOINT = 'case $1 in -*|*.conf) set -- redis-server "$@" ;; esac; exec "$@"'
_VERSION = r"(?:[4-8](?:\.\d{1,2}){0,2})"

IMAGES = (
    Image(
        names=docker("redis"),
        tags=rf"(?:latest|{_VERSION})(?:-(?:alpine(?:3\.\d{{1,2}})?|buster|bullseye|bookworm|trixie))?|alpine|bookworm",
        entrypoint=("docker-entrypoint.sh",),
        cmd=("redis-server",),
        working_dir="/data",
        ports=(6379,),
        programs={
            "/usr/local/bin/redis-server": Program(script=_HERE.with_name("server.py")),
            "/usr/local/bin/redis-cli": Program(script=_HERE.with_name("cli.py")),
            "/usr/local/bin/docker-entrypoint.sh": Program(host=("sh", "-c", _ENTRYPOINT, "sh")),
        },
        requires=("redis-server",),
        size=41 * MIB,
    ),
)
