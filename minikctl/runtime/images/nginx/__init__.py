"""nginx: a small server that answers as nginx does.

It serves /usr/share/nginx/html, and its own first page when nothing is mounted there. It does not read configuration.
"""

from pathlib import Path

from minikctl.runtime.images import MIB, Image, Program, docker
from minikctl.runtime.images.nginx.versions import LAST_PATCH

_DISTRIBUTION = r"(?:-(?:alpine(?:3\.\d{1,2})?|buster|bullseye|bookworm|trixie))?"
_VARIANT = r"(?:-(?:slim|perl|otel))?"
_VERSIONS = "|".join(
    rf"1\.{minor}(?:\.(?:{'|'.join(map(str, range(last + 1)))}))?" for minor, last in LAST_PATCH.items()
)
_ALONE = r"(?:alpine(?:3\.\d{1,2})?|perl|otel|bookworm|trixie)(?:-(?:slim|perl|otel))?"

IMAGES = (
    Image(
        names=(*docker("nginx"), "registry.k8s.io/nginx", "k8s.gcr.io/nginx"),
        tags=rf"(?:(?:latest|stable|mainline|1|{_VERSIONS}){_DISTRIBUTION}{_VARIANT}|{_ALONE})",
        entrypoint=("/docker-entrypoint.sh",),
        cmd=("nginx", "-g", "daemon off;"),
        env={"NGINX_VERSION": "", "PKG_RELEASE": "1"},
        stop_signal="SIGQUIT",
        ports=(80,),
        programs={
            "/usr/sbin/nginx": Program(script=Path(__file__).with_name("server.py")),
            "/docker-entrypoint.sh": Program(host=("env",)),
        },
        reads=("/usr/share/nginx/html",),
        size=72 * MIB,
    ),
)
