"""`minikctl image rm`."""

from __future__ import annotations

from minikctl.cluster import images
from minikctl.kubectl.command import Command, Invocation


def run(call: Invocation) -> None:
    if not call.args:
        raise call.usage_error("which image?")
    from minikctl.runtime.oci.removal import remove, unregister

    state, store = images.directory(call), images.store(call)
    names: list[str] = []
    for word in call.args:
        if (name := unregister(state, word)) is not None:
            call.out(f"Untagged: {images.short(name)}")
        else:
            names += [n for n in images.names_of(store, word) if n not in names]
    if not names:
        return
    with images.plainly("cannot remove it"):
        gone_names, gone, _ = remove(state, names)
    for name in gone_names:
        call.out(f"Untagged: {images.short(name)}")
    for image_id in gone:
        call.out(f"Deleted: {image_id}")


COMMAND = Command(
    name="rm",
    summary="Remove images; refused where a container has them",
    use="image rm IMAGE [IMAGE...]",
    description="Remove names of images, and the images that have none left. IMAGE is a name or the beginning of an ID.",
    aliases=("remove",),
    complete=images.complete,
    examples=(
        ("Remove an image by its name", "minikctl image rm me/app:1"),
        ("Remove whatever has this ID", "minikctl image rm e3b157b99f52"),
    ),
    run=run,
)
