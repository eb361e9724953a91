"""Bringing an image from a registry into the store: manifest, platform, config, then its layers side by side.

Every blob is checked against its digest. What was half downloaded is continued, by this pull or by a later one.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from minikctl.runtime.interface import Credential, ImageFailure, RegistryUnavailable
from minikctl.runtime.oci import credentials as keyring
from minikctl.runtime.oci import model, roots
from minikctl.runtime.oci.model import BadImage, Descriptor, Image
from minikctl.runtime.oci.registry import Interrupted, Refused, Registry
from minikctl.runtime.oci.store import CHUNK, PULLED, Store
from minikctl.runtime.reference import Reference, parse

SIDE_BY_SIDE = 3
ATTEMPTS = 4
PAUSE = 0.3
"""Seconds before the second attempt; twice as long before each further one."""

Progress = Callable[[str, int, int], None]
"""(digest, bytes that are here, bytes in all)."""


@dataclass(frozen=True)
class Pulled:
    """digest: what the registry calls it. is_new: whether the name meant something else before."""

    name: str
    image: Image
    digest: str
    is_new: bool


def pull(store: Store, text: str, credentials: Sequence[Credential] = (), progress: Progress | None = None) -> Pulled:
    """Raises ImageFailure, RegistryUnavailable; OSError for the disk. `text` is a valid reference."""
    reference = parse(text)
    candidates: list[Credential | None] = [*keyring.matching(credentials, reference.repository), None]
    refused: Refused | None = None
    for candidate in candidates:
        try:
            return _Pull(store, reference, candidate, progress).run()
        except Refused as e:
            refused = refused or e
        except RegistryUnavailable as e:
            raise RegistryUnavailable(_words(reference, e)) from None
        except BadImage as e:
            raise ImageFailure(f'failed to pull and unpack image "{reference}": {e}') from None
        except ImageFailure as e:
            raise ImageFailure(_words(reference, e)) from None
    raise ImageFailure(_words(reference, refused))


def _words(reference: Reference, why: object) -> str:
    what = f'failed to pull and unpack image "{reference}": failed to resolve reference "{reference}": '
    return f"{what}{f'{reference}: ' if str(why) == 'not found' else ''}{why}"


class _Pull:
    def __init__(self, store: Store, reference: Reference, credential: Credential | None, progress: Progress | None):
        self._store, self._reference = store, reference
        self._registry = Registry(reference.repository, credential)
        self._progress = progress or (lambda _d, _n, _of: None)
        self._failed = threading.Event()

    def run(self) -> Pulled:
        wanted = self._reference.digest or self._reference.tag
        if self._reference.digest:
            model.checked(self._reference.digest)
        before = self._store.records().get(str(self._reference)) if self._store.exists else None
        digest = self._registry.resolve(wanted)
        if before is not None and digest and digest in (before.digest, before.manifest):
            return Pulled(str(self._reference), self._store.image(before.manifest), digest, False)
        with self._store.adding():
            digest, manifest = self._manifest(digest or wanted)
            one = self._blobs(manifest)
            model.check_platform(one)
            roots.ensure(self._store, one)
            self._store.put(str(self._reference), one.digest, PULLED, digest)
        return Pulled(str(self._reference), one, digest, True)

    def _manifest(self, wanted: str) -> tuple[str, bytes]:
        """(digest of what was asked for, manifest for this machine)."""
        data = self._registry.manifest(wanted)
        digest, content = model.sha256(data), model.document(data, "manifest")
        for _ in range(3):
            if not isinstance(content.get("manifests"), list):
                break
            data = self._registry.manifest(model.for_platform(content).digest)
            content = model.document(data, "manifest")
        return digest, data

    def _blobs(self, manifest: bytes) -> Image:
        config, layers = model.parts(model.document(manifest, "manifest"))
        wanted = {b.digest: b for b in (config, *layers) if not self._store.has(b.digest)}
        room = roots.room(self._store).bytes
        if sum(b.size for b in wanted.values()) > room:
            raise BadImage(f"it is larger than the {room} bytes that there is room for")
        with ThreadPoolExecutor(SIDE_BY_SIDE, thread_name_prefix="pull") as pool:
            jobs = [pool.submit(self._fetch, blob) for blob in wanted.values()]
            try:
                for job in jobs:
                    job.result()
            except BaseException:
                self._failed.set()
                for job in jobs:
                    job.cancel()
                raise
        return self._store.image(self._store.write(manifest))

    def _fetch(self, blob: Descriptor) -> None:
        path = self._store.partial / f"{blob.digest.removeprefix('sha256:')}.download"
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)  # another pull may be at it
            if self._store.has(blob.digest):
                with contextlib.suppress(OSError):
                    path.unlink()
                return
            self._attempts(blob, fd, path)
        finally:
            os.close(fd)

    def _attempts(self, blob: Descriptor, fd: int, path: Path) -> None:
        for attempt in range(ATTEMPTS):
            try:
                self._download(blob, fd)
                break
            except (Interrupted, RegistryUnavailable):
                if attempt == ATTEMPTS - 1 or self._failed.wait(PAUSE * 2**attempt):
                    raise
            except BadImage:
                path.unlink(missing_ok=True)
                raise
        self._store.adopt(path, blob.digest)

    def _download(self, blob: Descriptor, fd: int) -> None:
        """Go on where the file ends. Raises BadImage when it is not what it should be."""
        hasher, size = hashlib.sha256(), 0
        os.lseek(fd, 0, os.SEEK_SET)
        while chunk := os.read(fd, CHUNK):
            hasher.update(chunk)
            size += len(chunk)
        if size < blob.size:
            with self._registry.blob(blob.digest, size) as (chunks, begins):
                if begins != size:
                    hasher, size = hashlib.sha256(), 0
                    os.ftruncate(fd, 0)
                    os.lseek(fd, 0, os.SEEK_SET)
                for chunk in chunks:
                    size += len(chunk)
                    if size > blob.size or self._failed.is_set():
                        break
                    hasher.update(chunk)
                    _write(fd, chunk)
                    self._progress(blob.digest, size, blob.size)
        if self._failed.is_set():
            raise Interrupted("another layer could not be downloaded")
        if size < blob.size:
            raise Interrupted(f"the registry gave {size} of {blob.size} bytes of {blob.digest}")
        found = f"sha256:{hasher.hexdigest()}"
        if size > blob.size or found != blob.digest:
            raise BadImage(f"what the registry gives for {blob.digest} is something else ({size} bytes, {found})")


def _write(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
