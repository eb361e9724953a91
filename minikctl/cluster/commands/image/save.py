"""`minikctl image save`."""

from __future__ import annotations

import os
from typing import IO, Any, cast

from minikctl.cluster import images
from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.flags import Option
from minikctl.util.errors import UsageError


def run(call: Invocation) -> None:
    if not call.args:
        raise call.usage_error("which image?")
    from minikctl.runtime.oci.archive import save

    path, store = call.flags.output, images.store(call)
    if not path and call.env.stdout_is_terminal:
        raise UsageError("an archive would be written to the terminal: give -o FILE, or redirect the output")
    wanted: dict[str, list[str]] = {}
    with images.plainly("cannot save it"):
        for word in call.args:
            found = images.names_of(store, word)
            record = store.records()[found[0]]
            wanted.setdefault(record.manifest, []).extend(n for n in found if n != record.manifest)
            _warn(call, word, store.image(record.manifest).host_tools)
        with store.adding():
            if not path:
                save(store, wanted, cast("IO[bytes]", cast(Any, call.env.stdout).buffer))
                return
            target = call.env.cwd / path
            scratch = target.with_name(f".{target.name}.{os.getpid()}")
            try:
                with scratch.open("wb") as f:
                    save(store, wanted, f)
                scratch.replace(target)
            finally:
                scratch.unlink(missing_ok=True)


def _warn(call: Invocation, word: str, base: str) -> None:
    if base:
        call.err(
            f"Warning: {word} is not portable: it was built from {images.short(base)}, which is emulated, and has none of "
            "its programs; it runs in minikctl only, on the programs of the machine there"
        )


COMMAND = Command(
    name="save",
    summary="Write images into an archive that docker load and skopeo understand",
    use="image save [-o FILE] IMAGE [IMAGE...]",
    options=(
        Option("output", short="o", help="The file; without it the archive goes to standard output.", complete="files"),
    ),
    complete=images.complete,
    examples=(
        ("Write an archive that docker load takes", "minikctl image save -o app.tar me/app:1"),
        ("Pass it on", "minikctl image save me/app:1 | docker load"),
    ),
    run=run,
)
