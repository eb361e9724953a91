"""Apache httpd: serves /usr/local/apache2/htdocs, "It works!" when nothing is mounted there."""

from pathlib import Path

from minikctl.runtime.images import MIB, Image, Program, docker

_SCRIPT = Program(script=Path(__file__).with_name("server.py"))

IMAGES = (
    Image(
        names=docker("httpd"),
        tags=r"(?:latest|2|2\.2|2\.4(?:\.(?:\d|[1-5]\d|6[0-7]))?|2\.2\.(?:29|3[0-4]))"
        r"(?:-(?:alpine(?:3\.\d{1,2})?|buster|bullseye|bookworm|trixie))?|alpine(?:3\.\d{1,2})?|bookworm|trixie",
        cmd=("httpd-foreground",),
        stop_signal="SIGWINCH",
        ports=(80,),
        programs={"/usr/local/bin/httpd-foreground": _SCRIPT, "/usr/local/apache2/bin/httpd": _SCRIPT},
        reads=("/usr/local/apache2/htdocs",),
        working_dir="/usr/local/apache2",
        size=45 * MIB,
    ),
)
