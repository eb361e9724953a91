"""The images of a node that runs sandboxes. What stands behind a name, in this order:

1. the store: what was loaded, built or pulled (one store for all nodes of a cluster);
2. the emulated catalogue, and local programs that were registered;
3. a registry, if the reference names one itself (`localhost:5000/web`, `quay.io/…`): nothing is ever fetched for `nginx`;
4. nothing: the failure says which command would provide the image.

What was loaded or built here is newer than what any registry has: the pull policy Always asks only for what was pulled.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from minikctl.runtime import images
from minikctl.runtime.images import Image as Settings
from minikctl.runtime.interface import Credential, ImageFailure, ImageStatus
from minikctl.runtime.oci import roots, unpacked
from minikctl.runtime.oci.removal import IMAGE_FILE, chains_in_use
from minikctl.runtime.oci.store import PULLED, Record, repository_of
from minikctl.runtime.oci.unpacked import Unpacked
from minikctl.runtime.process.images import ProcessImages, parsed
from minikctl.runtime.reference import BadReference, Reference, names_registry, parse
from minikctl.util.files import atomic_write
from minikctl.util.jsonio import JSONError, compact, loads


class NodeImages(ProcessImages):
    """See the module."""

    def __init__(self, state_dir: Path, node: str):
        super().__init__(state_dir, node)
        self._state_dir = state_dir

    def status(self, image: str) -> ImageStatus | None:
        reference = parsed(image)
        record = self._store.find(reference)
        return self._status(record, reference) if record is not None else super().status(image)

    def asks_registry(self, image: str) -> bool:
        reference = parsed(image)
        record = self._store.find(reference)
        if record is not None:
            return record.source == PULLED
        if not names_registry(image):
            return False
        try:
            self._find(reference)
        except ImageFailure:
            return True
        return False

    def pull(self, image: str, credentials: Sequence[Credential] = ()) -> ImageStatus:
        if self.asks_registry(image):
            return self._pull(image, credentials)
        found = self.unpacked(image)
        return found.status if found is not None else super().pull(image)

    def _pull(self, image: str, credentials: Sequence[Credential]) -> ImageStatus:
        from minikctl.runtime.oci.pull import pull

        try:
            pull(self._store, image, credentials)
        except OSError as e:
            raise ImageFailure(f'failed to pull and unpack image "{parsed(image)}": {e.strerror or e}') from None
        found = self.unpacked(image)
        assert found is not None
        return found.status

    def list(self) -> Sequence[ImageStatus]:
        found: dict[str, list[str]] = {}
        names = self._store.records() if self._store.exists else {}
        for name, record in names.items():
            found.setdefault(record.manifest, []).append(name)
        own = []
        for tags in found.values():
            try:
                first = parse(tags[0])
                own.append(self._status(names[tags[0]], first))
            except BadReference:
                continue  # without a name
        return [*own, *super().list()]

    def keep(self, image: str, folder: Path) -> Path:
        with self.kept_all():
            found = self.unpacked(image)
            if found is None:
                return super().keep(image, folder)
            folder.mkdir(parents=True, exist_ok=True)
            note = {"root": str(found.root), "chain": found.chain, "hostTools": found.base is not None}
            atomic_write(folder / IMAGE_FILE, compact(note))
            return found.root

    def kept(self, folder: Path) -> Path | None:
        try:
            root = Path(loads((folder / IMAGE_FILE).read_bytes())["root"])
        except (OSError, JSONError, KeyError, TypeError):
            return None
        return root if root.is_dir() else None

    def used(self) -> Set[str]:
        if not self._store.exists:
            return frozenset()
        chains = chains_in_use(self._state_dir)
        names = self._store.records()
        found = {n: r for n, r in names.items() if self._store.image(r.manifest).chain in chains}
        return {f"{repository_of(n)}@{r.digest or r.manifest}" for n, r in found.items()}

    def tidy(self) -> None:
        if self._store.exists:
            self._store.sweep(lambda: chains_in_use(self._state_dir))

    def remove(self, image: str) -> None:
        reference = parsed(image)
        if self._store.find(reference) is None:
            super().remove(image)
            return
        from minikctl.runtime.oci.removal import remove

        remove(self._state_dir, [str(reference)])

    @contextmanager
    def kept_all(self) -> Iterator[None]:
        """No image is taken away as long as this is held."""
        if not self._store.exists:
            yield
            return
        with self._store.adding():
            yield

    def unpacked(self, image: str) -> Unpacked | None:
        """A real image ready for containers; None when it is none. Raises ImageFailure."""
        reference = parsed(image)
        record = self._store.find(reference)
        if record is None:
            return None
        one = self._store.image(record.manifest)
        try:
            with self._store.adding():
                root = roots.ensure(self._store, one)
        except OSError as e:
            raise ImageFailure(f'failed to unpack image "{reference}": {e.strerror}: {e.filename}') from None
        settings = unpacked.settings(one, str(reference))
        base = self._base(one.host_tools) if one.host_tools else None
        if base is not None:
            settings = replace(settings, programs=base.programs)
        user = str(one.settings.get("User") or "")
        return Unpacked(root, one.chain, settings, self._status(record, reference), user, base)

    def _base(self, name: str) -> Settings:
        """Raises ImageFailure."""
        return images.find(parsed(name))

    def _status(self, record: Record, reference: Reference) -> ImageStatus:
        one = self._store.image(record.manifest)
        names = tuple(n for n, r in self._store.records().items() if r.manifest == record.manifest and ":" in n)
        own = str(reference)
        tags = (own, *(n for n in names if n != own)) if own in names else names
        return unpacked.status(one, record, reference, tags)
