"""`minikctl image load`."""

from __future__ import annotations

from minikctl.cluster import images
from minikctl.cluster.progress import waiting
from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.flags import Option
from minikctl.util.errors import UsageError


def run(call: Invocation) -> None:
    if len(call.args) > 1 or (call.args and call.flags.input):
        raise call.usage_error("one archive at a time")
    from minikctl.runtime.oci.archive import load

    path = (call.args or [call.flags.input])[0]
    with images.plainly(f"cannot load {path or 'the archive'}"):
        opened = images.reader(call, path)()
        with waiting(call.env.stderr, "Loading"):
            loaded = load(images.store(call), opened)
    if not loaded:
        raise UsageError("the archive has no images")
    for one in loaded:
        for name in one.names:
            call.out(f"Loaded image: {images.short(name)}")
        if not one.names:
            call.out(f"Loaded image ID: {one.image.id}")


COMMAND = Command(
    name="load",
    summary="Load images from an archive (docker save, OCI layout)",
    description=(
        "Load images from an archive: what `docker save`, `podman save` and `skopeo copy` write, docker-archive and "
        "oci-archive, also compressed with gzip, bzip2, xz or zstd.\n\n"
        "In a cluster of an ordinary user all files belong to that user. Device nodes are left out."
    ),
    use="image load [-i FILE]",
    options=(
        Option(
            "input", short="i", help="The file; without it the archive comes from standard input.", complete="files"
        ),
    ),
    examples=(
        ("Load an image from a file", "minikctl image load -i web.tar"),
        ("Load an image of Docker's", "docker save web:1 | minikctl image load"),
    ),
    complete="files",
    run=run,
)
