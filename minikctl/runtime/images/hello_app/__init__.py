"""hello-app: the web server of Google's and Kubernetes' tutorials, in versions 1.0 and 2.0."""

from pathlib import Path

from minikctl.runtime.images import MIB, Image, Program

IMAGES = (
    Image(
        names=(
            "us-docker.pkg.dev/google-samples/containers/gke/hello-app",
            "gcr.io/google-samples/hello-app",
        ),
        tags=r"1\.0|2\.0|latest",
        entrypoint=("/hello-app",),
        env={"PORT": "8080"},
        ports=(8080,),
        programs={"/hello-app": Program(script=Path(__file__).with_name("server.py"))},
        size=11 * MIB,
    ),
)
