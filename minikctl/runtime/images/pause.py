"""pause: a container that does nothing until it is told to end."""

from minikctl.runtime.images import Image, Program

IMAGES = (
    Image(
        names=(
            "registry.k8s.io/pause",
            "k8s.gcr.io/pause",
            "gcr.io/google_containers/pause",
            "gcr.io/google-containers/pause",
            "gcr.io/google_containers/pause-amd64",
        ),
        tags=r"latest|[123]\.[0-9]{1,2}(?:\.[0-9])?",
        entrypoint=("/pause",),
        programs={"/pause": Program(host=("sleep", "infinity"))},
        size=320 * 1024,
    ),
)
