"""echoserver: answers with what it was asked (the tutorials' hello-node and hello-minikube)."""

from pathlib import Path

from minikctl.runtime.images import MIB, Image, Program

_PROGRAMS = {"/usr/local/bin/run.sh": Program(script=Path(__file__).with_name("server.py"))}

IMAGES = (
    Image(
        names=(
            "registry.k8s.io/echoserver",
            "k8s.gcr.io/echoserver",
            "gcr.io/google_containers/echoserver",
            "gcr.io/google-containers/echoserver",
        ),
        tags=r"1\.(?:[0-9]|10)|latest",
        cmd=("/usr/local/bin/run.sh",),
        ports=(8080,),
        programs=_PROGRAMS,
        size=45 * MIB,
    ),
    Image(
        names=("registry.k8s.io/e2e-test-images/echoserver", "k8s.gcr.io/e2e-test-images/echoserver"),
        tags=r"2\.[0-9]",
        cmd=("/usr/local/bin/run.sh",),
        ports=(8080, 8443),
        programs=_PROGRAMS,
        size=45 * MIB,
    ),
    Image(
        names=("docker.io/kicbase/echo-server",),
        tags=r"1\.0|latest",
        entrypoint=("/usr/local/bin/run.sh",),
        ports=(8080,),
        programs=_PROGRAMS,
        size=5 * MIB,
    ),
)
