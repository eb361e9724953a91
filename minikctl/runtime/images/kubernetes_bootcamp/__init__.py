"""kubernetes-bootcamp: the application of the tutorial "Learn Kubernetes Basics", versions v1 and v2."""

from pathlib import Path

from minikctl.runtime.images import MIB, Image, Program

IMAGES = (
    Image(
        names=(
            "gcr.io/google-samples/kubernetes-bootcamp",
            "gcr.io/k8s-minikube/kubernetes-bootcamp",
            "docker.io/jocatalin/kubernetes-bootcamp",
        ),
        tags=r"v1|v2|latest",
        cmd=("/bin/sh", "-c", "node server.js"),
        ports=(8080,),
        programs={"/usr/local/bin/node": Program(script=Path(__file__).with_name("server.py"))},
        size=200 * MIB,
    ),
)
