"""The images of a node that runs plain processes: the emulated catalogue, and what the user registered.

Which of them are "on the node" is remembered, so that the Events of a second pod say "already present", as in Kubernetes.
"""

from __future__ import annotations

import os
import shlex
import threading
from collections.abc import Sequence, Set
from pathlib import Path

from minikctl.runtime import images
from minikctl.runtime.images import Image
from minikctl.runtime.interface import Credential, ImageFailure, ImageStatus
from minikctl.runtime.oci.store import Store
from minikctl.runtime.process.launch import command_of
from minikctl.runtime.reference import BadReference, Reference, parse
from minikctl.util.files import atomic_write
from minikctl.util.jsonio import JSONError, indented, loads

NEEDS_SANDBOX = (
    '"{}" is a real image with files of its own, and this node\'s containers are plain processes without any: '
    "it needs the sandbox runtime, see the node's log for why that does not work here"
)


class ProcessImages:
    """Registered images are `<state>/images/*.json` (see `images.registered`); what is kept here is in `<state>/run`."""

    def __init__(self, state_dir: Path, node: str):
        state_dir = Path(os.path.realpath(state_dir))
        self._registered = state_dir / "images"
        self._store = Store(state_dir)
        self._own = state_dir / "run" / "images"
        self._record = self._own / f"{node}.json"
        self._lock = threading.Lock()
        self._present: set[str] = set()
        try:
            self._present = set(loads(self._record.read_bytes()))
        except (OSError, JSONError, TypeError):
            pass

    def status(self, image: str) -> ImageStatus | None:
        reference = parsed(image)
        if str(reference) not in self._present:
            return None
        try:
            return self._find(reference)[1]
        except ImageFailure:
            return None  # its registration was taken away

    def asks_registry(self, image: str) -> bool:
        return False

    def pull(self, image: str, credentials: Sequence[Credential] = ()) -> ImageStatus:
        reference = parsed(image)
        found, status = self._find(reference)
        self._materialise(found)
        with self._lock:
            if str(reference) not in self._present:
                self._present.add(str(reference))
                self._save()
        return status

    def list(self) -> Sequence[ImageStatus]:
        return [s for name in sorted(self._present) if (s := self.status(name)) is not None]

    def remove(self, image: str) -> None:
        with self._lock:
            self._present.discard(str(parsed(image)))
            self._save()

    def keep(self, image: str, folder: Path) -> Path:
        raise ImageFailure(f'image "{parsed(image)}" has no files: it is emulated')

    def kept(self, folder: Path) -> Path | None:
        return None

    def used(self) -> Set[str]:
        return frozenset()

    def tidy(self) -> None:
        """There is nothing."""

    def emulated(self, image: str) -> tuple[Image, ImageStatus]:
        """What stands behind an image. Raises ImageFailure."""
        found, status = self._find(parsed(image))
        self._materialise(found)
        return found, status

    def programs(self, image: Image) -> Path:
        """The folder with the image's own commands, for the PATH of its containers."""
        return self._own / "programs" / image.key

    def _find(self, reference: Reference) -> tuple[Image, ImageStatus]:
        own = images.registered(self._registered, reference)
        if own is None and self._store.find(reference) is not None:
            raise ImageFailure(NEEDS_SANDBOX.format(reference))
        found = own or images.find(reference)
        return found, images.status_of(found, reference)

    def _materialise(self, image: Image) -> None:
        """Put the image's programs where a shell in its containers finds them."""
        folder = self.programs(image)
        for name, program in image.programs.items():
            path = folder / os.path.basename(name)
            text = f'#!/bin/sh\nexec {shlex.join(command_of(program))} "$@"\n'
            if path.exists() and path.read_text() == text:
                continue
            folder.mkdir(parents=True, exist_ok=True)
            atomic_write(path, text.encode())
            path.chmod(0o755)

    def _save(self) -> None:
        self._record.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(self._record, indented(sorted(self._present)))


def parsed(image: str) -> Reference:
    try:
        return parse(image)
    except BadReference as e:
        raise ImageFailure(f'couldn\'t parse image name "{image}": {e}') from None
