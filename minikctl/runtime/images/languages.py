"""Languages: python, node and perl are the host's; so is curl."""

import shutil
import sys

from minikctl.runtime.images import MIB, Image, Program, docker
from minikctl.runtime.images._applets import packages

_DEBIAN = r"(?:stretch|buster|bullseye|bookworm|trixie)"
_VARIANT = rf"(?:-(?:slim|alpine(?:3\.[0-9]{{1,2}})?|{_DEBIAN}|slim-{_DEBIAN}|{_DEBIAN}-slim))?"
_PYTHON = Program(host=(getattr(sys, "_base_executable", "") or shutil.which("python3") or sys.executable,))
_PYTHON_NAMES = ("python", "python3", "python2")
# The image's pip installs below /usr/local for every user; the host's would not write into what it does not own.
_PIP = {"PYTHONUSERBASE": "/usr/local", "PIP_BREAK_SYSTEM_PACKAGES": "1", "PIP_ROOT_USER_ACTION": "ignore"}
# Arguments that are no command are curl's, as in the image.
_CURL = 'case $1 in -*|"") set -- curl "$@" ;; esac; command -v "$1" >/dev/null 2>&1 || set -- curl "$@"; exec "$@"'

IMAGES = (
    Image(
        names=docker("python"),
        tags=rf"(?:latest|[23]|2\.7(?:\.[0-9]{{1,2}})?|3\.(?:[4-9]|1[0-5])(?:\.[0-9]{{1,2}})?){_VARIANT}|slim|alpine"
        rf"|{_DEBIAN}|slim-{_DEBIAN}|alpine3\.[0-9]{{1,2}}",
        cmd=("python3",),
        env={"LANG": "C.UTF-8", "PYTHONUNBUFFERED": "1", **_PIP},
        programs={
            **{f"/usr/local/bin/{name}": _PYTHON for name in _PYTHON_NAMES},
            **{f"/usr/local/bin/{name}": Program(host=(*_PYTHON.host, "-m", "pip")) for name in ("pip", "pip3")},
            **packages("apk", "apt-get"),
        },
        size=1000 * MIB,
    ),
    Image(
        names=docker("node"),
        tags=rf"(?:latest|current|lts|[4-9]|1[0-9]|2[0-6])(?:\.[0-9]{{1,2}}){{0,2}}{_VARIANT}|slim|alpine|{_DEBIAN}"
        rf"|lts-[a-z]+{_VARIANT}",
        cmd=("node",),
        programs=packages("apk", "apt-get"),
        requires=("node",),
        size=1100 * MIB,
    ),
    Image(
        names=docker("perl"),
        tags=rf"(?:latest|stable|devel|5|5\.(?:[1-3][0-9]|4[0-4])(?:\.[0-9]{{1,2}})?)(?:-(?:slim|threaded|slim-threaded))?"
        rf"(?:-{_DEBIAN})?|slim",
        cmd=("perl", "-de0"),
        requires=("perl",),
        size=900 * MIB,
    ),
    Image(
        names=("docker.io/curlimages/curl", "quay.io/curl/curl", "docker.io/appropriate/curl"),
        tags=r"latest|[78]\.[0-9]{1,2}\.[0-9]{1,2}",
        entrypoint=("/entrypoint.sh",),
        programs={"/entrypoint.sh": Program(host=("sh", "-c", _CURL, "sh"))},
        requires=("curl",),
        size=20 * MIB,
    ),
)
