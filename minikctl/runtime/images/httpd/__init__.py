"""Apache httpd: serves /usr/local/apache2/htdocs, where an index.html says "It works!"."""

from dataclasses import replace
from pathlib import Path

from minikctl.runtime.images import MIB, Image, Program, docker, of_the_e2e_tests

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
        files={"/usr/local/apache2/htdocs/index.html": "<html><body><h1>It works!</h1></body></html>\n"},
        working_dir="/usr/local/apache2",
        size=45 * MIB,
    ),
)
IMAGES += (replace(IMAGES[0], names=of_the_e2e_tests("httpd"), tags=r"2\.4\.3[89]-[1-4]"),)
