"""Base images: what runs in them are the programs of the host, and small ones of ours for what it lacks."""

from dataclasses import replace
from shutil import which

from minikctl.runtime.images import MIB, Image, Program, docker, of_the_e2e_tests
from minikctl.runtime.images._applets import OF_BUSYBOX, packages, programs

_DEBIAN = r"(?:jessie|stretch|buster|bullseye|bookworm|trixie|forky|sid)"
_IN_BIN = {
    f"/bin/{name}": Program(host=(found,))
    for name in ("arp", "chroot", "ifconfig", "ip", "route", "sysctl")
    if (found := which(name, path="/usr/sbin:/sbin"))
}
"""What busybox has beside all its other programs, and this machine among those of the administrator."""
_SHELL = {"/bin/sh": found} if (found := which("bash", path="/usr/bin:/bin")) else {}
"""As `sh`, bash knows what busybox' shell knows beyond POSIX (`[[`, `source`, `echo -e`), which Debian's dash does not."""
IMAGES = (
    Image(
        names=(*docker("busybox"), "registry.k8s.io/busybox", "k8s.gcr.io/busybox", "gcr.io/google-containers/busybox"),
        tags=r"(?:latest|stable|unstable|1|1\.(?:2[0-9]|3[0-9])(?:\.[0-9])?)(?:-(?:glibc|musl|uclibc))?|glibc|musl|uclibc",
        cmd=("sh",),
        programs={**programs(always=OF_BUSYBOX), **_IN_BIN},
        links=_SHELL,
        size=4 * MIB,
    ),
    Image(
        names=docker("alpine"),
        tags=r"latest|edge|3|3\.(?:[1-9]|1[0-9]|2[0-9])(?:\.[0-9]{1,2})?|20[0-9]{6}",
        cmd=("/bin/sh",),
        programs={**programs(always=OF_BUSYBOX), **packages("apk")},
        links=_SHELL,
        size=8 * MIB,
    ),
    Image(
        names=docker("ubuntu"),
        tags=r"latest|rolling|devel|(?:14|16|18|20|22|24|26)\.04|(?:2[0-6])\.10|"
        r"trusty|xenial|bionic|focal|jammy|noble|oracular|plucky|questing|resolute",
        cmd=("/bin/bash",),
        programs=packages("apt-get"),
        requires=("bash",),
        size=78 * MIB,
    ),
    Image(
        names=docker("debian"),
        tags=rf"latest|stable|testing|unstable|oldstable|(?:[7-9]|1[0-4])(?:\.[0-9]{{1,2}})?(?:-slim)?|"
        rf"(?:stable|testing|unstable|oldstable|{_DEBIAN})(?:-slim|-backports)?",
        cmd=("bash",),
        programs=packages("apt-get"),
        requires=("bash",),
        size=117 * MIB,
    ),
    Image(
        names=("docker.io/radial/busyboxplus",),
        tags=r"curl|git|base|latest",
        cmd=("/bin/sh",),
        programs=programs(),
        links=_SHELL,
        size=13 * MIB,
    ),
    Image(
        names=docker("bash"),
        tags=r"latest|devel|[345](?:\.[0-9]{1,2}){0,2}(?:-alpine3\.[0-9]{1,2})?",
        entrypoint=("docker-entrypoint.sh",),
        cmd=("bash",),
        requires=("bash",),
        size=15 * MIB,
    ),
)
_OF_THE_TESTS = r"1\.29-[1-4]|1\.36\.1-1|1\.37\.0-1"
_ASH = {"/bin/sh": found} if (found := which("busybox", path="/usr/bin:/bin")) else _SHELL
"""Complains in the words that the tests wait for."""
IMAGES += (replace(IMAGES[0], names=of_the_e2e_tests("busybox"), tags=_OF_THE_TESTS, links=_ASH),)
