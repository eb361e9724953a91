"""`minikctl image tag`."""

from __future__ import annotations

from minikctl.cluster import images
from minikctl.kubectl.command import Command, Invocation


def run(call: Invocation) -> None:
    if len(call.args) != 2:
        raise call.usage_error("exactly two names are needed: the image, and its new name")
    store = images.store(call)
    name = images.whole(call.args[1])
    with images.plainly("cannot tag it"):
        found = images.names_of(store, call.args[0])
        record = store.records()[found[0]]
        nameless = [n for n in found if n == record.manifest]
        store.put(name, record.manifest, record.source, record.digest)
        store.change(remove=nameless)


COMMAND = Command(
    name="tag",
    summary="Give an image another name",
    use="image tag IMAGE NAME[:TAG]",
    examples=(("Name an image for a registry", "minikctl image tag web:1 localhost:5000/web:1"),),
    complete=images.complete,
    run=run,
)
