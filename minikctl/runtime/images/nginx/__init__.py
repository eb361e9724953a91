"""nginx: a small server that answers as nginx does.

It reads /etc/nginx (servers, locations, rewrites, proxies, logs: `config.KNOWN` has the list) and serves what is there.
"""

from dataclasses import replace
from pathlib import Path

from minikctl.runtime.images import MIB, Image, Program, docker, of_the_e2e_tests
from minikctl.runtime.images.nginx.versions import LAST_PATCH, version

# In front of the host's own, which is asked where a configuration goes beyond what is emulated.
_PLACE = "/usr/local/sbin/nginx" if Path("/usr/sbin/nginx").exists() else "/usr/sbin/nginx"
_FILES = Path(__file__).with_name("files")
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
        env={"PKG_RELEASE": "1"},
        env_of=lambda tag: {"NGINX_VERSION": version(tag)},
        stop_signal="SIGQUIT",
        ports=(80,),
        programs={
            _PLACE: Program(script=Path(__file__).with_name("server.py")),
            "/docker-entrypoint.sh": Program(host=("env",)),
        },
        reads=("/usr/share/nginx/html", "/etc/nginx"),
        files={
            "/etc/nginx/nginx.conf": _FILES / "nginx.conf",
            "/etc/nginx/conf.d/default.conf": _FILES / "default.conf",
            "/etc/nginx/mime.types": _FILES / "mime.types",
            "/usr/share/nginx/html/index.html": _FILES / "index.html",
            "/usr/share/nginx/html/50x.html": _FILES / "50x.html",
            "/var/log/nginx/": "",
            "/var/cache/nginx/": "",
            "/var/lib/nginx/": "",
            "/run/": "",
        },
        size=72 * MIB,
    ),
)
IMAGES += (replace(IMAGES[0], names=of_the_e2e_tests("nginx"), tags=r"1\.1[45]-[1-4]"),)
