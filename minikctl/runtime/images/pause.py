"""pause: a container that does nothing until it is told to end."""

from minikctl.runtime.images import Image, Program

# A first process hears only what it asked for: a bare `sleep` would sit out the whole grace period.
_PAUSE = r'trap "kill \$!; exit 0" TERM INT; sleep infinity & wait'

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
        programs={"/pause": Program(host=("sh", "-c", _PAUSE))},
        size=320 * 1024,
    ),
)
