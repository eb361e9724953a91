"""The images of a cluster: blobs by their digest, and names that point to them. All nodes of a cluster share it.

images/oci/
    blobs/sha256/<hex>      manifests, configs, layers, as they came
    references.json         name → manifest: `{"docker.io/library/web:1": {"manifest": "sha256:…", "source": "build"}}`
    roots/<hex>/            unpacked images, see `roots`
    partial/                what is being written or downloaded
    lock                    held (shared) by whoever adds blobs, and alone by whoever takes unreferenced ones away

Guarantees: a blob in place has the content that its name says; a name points only to images that are complete; a crash at
any moment leaves at most files in `partial`, which the next clean-up takes away.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from minikctl.runtime.oci import model
from minikctl.runtime.oci.model import BadImage, Image
from minikctl.runtime.reference import Reference
from minikctl.util.files import atomic_write, private_folder, temporary_beside
from minikctl.util.jsonio import JSONError, indented, loads

CHUNK = 1 << 20
STALE_SECONDS = 24 * 3600
"""After which a download that nobody continues is taken away."""
PULLED, LOADED, BUILT = "pull", "load", "build"


@dataclass(frozen=True)
class Record:
    """What a name points to. source: PULLED, LOADED or BUILT. digest: what a registry called it (of an index, maybe)."""

    manifest: str
    source: str
    digest: str = ""
    used: float = 0.0
    """Unix time at which it was last put here."""


class Store:
    """See the module. Raises OSError when the disk does not do its part."""

    def __init__(self, state_dir: Path):
        self.path = Path(os.path.realpath(state_dir)) / "images" / "oci"
        self._known: dict[str, Image] = {}
        self._names: tuple[tuple[int, int, int], dict[str, Record]] | None = None

    @property
    def exists(self) -> bool:
        return self.path.is_dir()

    def _folder(self, *names: str) -> Path:
        private_folder(self.path.parents[1])
        private_folder(self.path)
        folder = self.path.joinpath(*names)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return folder

    @property
    def partial(self) -> Path:
        return self._folder("partial")

    @property
    def roots(self) -> Path:
        return self._folder("roots")

    # ------------------------------------------------------------------ locks

    @contextlib.contextmanager
    def adding(self) -> Iterator[None]:
        """Nothing is taken away as long as this is held. Several may hold it."""
        with self._locked(fcntl.LOCK_SH):
            yield

    @contextlib.contextmanager
    def _locked(self, how: int, name: str = "lock") -> Iterator[None]:
        fd = os.open(self._folder() / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, how)
            yield
        finally:
            os.close(fd)

    # ------------------------------------------------------------------ blobs

    def blob(self, digest: str) -> Path:
        """Where a blob is, or would be. Raises BadImage for what is no digest."""
        return self.path / "blobs" / "sha256" / model.checked(digest).removeprefix("sha256:")

    def has(self, digest: str) -> bool:
        return self.blob(digest).exists()

    def read(self, digest: str) -> bytes:
        """A manifest or config. Raises BadImage."""
        try:
            with self.blob(digest).open("rb") as f:
                data = f.read(model.LARGEST_DOCUMENT + 1)
        except FileNotFoundError:
            raise BadImage(f"the blob {digest} is missing") from None
        if len(data) > model.LARGEST_DOCUMENT:
            raise BadImage(f"the document {digest} is larger than {model.LARGEST_DOCUMENT} bytes")
        return data

    def write(self, data: bytes) -> str:
        """Keep a document; its digest."""
        digest = model.sha256(data)
        if not self.has(digest):
            temporary = self.partial / os.path.basename(temporary_beside(digest[7:]))
            temporary.write_bytes(data)
            self.adopt(temporary, digest)
        return digest

    def ingest(self, stream: IO[bytes], expected: str = "", limit: int = 1 << 62) -> tuple[str, int]:
        """Keep what a stream gives; (digest, size). Raises BadImage when it is not `expected`, or too long."""
        temporary = self.partial / os.path.basename(temporary_beside("blob"))
        hasher, size = hashlib.sha256(), 0
        try:
            with temporary.open("xb") as f:
                while chunk := stream.read(CHUNK):
                    size += len(chunk)
                    if size > limit:
                        raise BadImage(f"a blob is larger than the {limit} bytes that there is room for")
                    hasher.update(chunk)
                    f.write(chunk)
            digest = f"sha256:{hasher.hexdigest()}"
            if expected and digest != expected:
                raise BadImage(f"a blob that should be {expected} is {digest}")
            self.adopt(temporary, digest)
        finally:
            temporary.unlink(missing_ok=True)
        return digest, size

    def adopt(self, path: Path, digest: str) -> None:
        """Take over a file of `partial` whose digest has been checked."""
        self._folder("blobs", "sha256")
        path.chmod(0o600)
        path.replace(self.blob(digest))

    # ------------------------------------------------------------------ names

    def records(self) -> dict[str, Record]:
        """Every name. Images without one are listed under the digest of their manifest."""
        path = self.path / "references.json"
        try:
            found = path.stat()
            version = (found.st_ino, found.st_mtime_ns, found.st_size)
            if self._names is None or self._names[0] != version:
                raw: Mapping[str, Any] = loads(path.read_bytes())
                self._names = (version, {name: Record(**entry) for name, entry in raw.items()})
        except FileNotFoundError:
            return {}
        except (JSONError, TypeError) as e:
            raise BadImage(f"{path} is broken: {e}") from None
        return dict(self._names[1])

    def change(self, put: Mapping[str, Record] | None = None, remove: Iterable[str] = ()) -> None:
        """Set and remove names. An image that loses its last name to another keeps none."""
        with self._locked(fcntl.LOCK_EX, "names.lock"):
            names = {k: v for k, v in self.records().items() if k not in set(remove)} | dict(put or {})
            ordered = {k: asdict(names[k]) for k in sorted(names)}
            atomic_write(self.path / "references.json", indented(ordered))

    def put(self, name: str, manifest: str, source: str, digest: str = "") -> None:
        self.change({name: Record(manifest, source, digest, time.time())})

    def find(self, reference: Reference) -> Record | None:
        """What a reference means: its tag's image, or that of its repository with its digest."""
        if not self.exists:
            return None
        names = self.records()
        if not reference.digest:
            return names.get(str(reference))
        for name, record in names.items():
            if repository_of(name) == reference.repository and reference.digest in (record.manifest, record.digest):
                return record
        return None

    def image(self, manifest: str) -> Image:
        """Raises BadImage when a part of it is missing."""
        known = self._known.get(manifest)
        if known is None:
            data = self.read(manifest)
            config, _ = model.parts(model.document(data, "manifest"))
            known = self._known[manifest] = model.image(data, self.read(config.digest))
        return known

    def by_id(self, prefix: str) -> set[str]:
        """The manifests of the images whose ID begins so (`sha256:` may be left out)."""
        wanted = prefix.removeprefix("sha256:")
        if len(wanted) < 4 or not all(c in "0123456789abcdef" for c in wanted):
            return set()
        return {
            r.manifest
            for r in self.records().values()
            if self.image(r.manifest).id[7:].startswith(wanted) or r.manifest[7:].startswith(wanted)
        }

    # ------------------------------------------------------------------ taking away

    def sweep(self, used_chains: Callable[[], Iterable[str]] = tuple) -> int | None:
        """Take away what no name leads to; bytes that were freed, None when somebody is adding just now.

        `used_chains`: tells, once nobody can add, which roots containers have, whatever the names say.
        """
        from minikctl.runtime.oci import roots

        try:
            with self._locked(fcntl.LOCK_EX | fcntl.LOCK_NB):
                keep, chains = set(), set(used_chains())
                for record in self.records().values():
                    one = self.image(record.manifest)
                    keep |= {one.digest, one.config_blob.digest, *(layer.digest for layer in one.layers)}
                    chains.add(one.chain)
                freed = self._sweep_blobs(keep) + roots.sweep(self, chains)
                self._sweep_partial()
                self._known.clear()
                return freed
        except BlockingIOError:
            return None

    def _sweep_blobs(self, keep: set[str]) -> int:
        freed = 0
        for path in self._folder("blobs", "sha256").iterdir():
            if f"sha256:{path.name}" not in keep:
                freed += path.stat().st_size
                path.unlink()
        return freed

    def _sweep_partial(self) -> None:
        for path in self.partial.iterdir():
            with contextlib.suppress(OSError):
                if time.time() - path.stat().st_mtime > STALE_SECONDS or not path.name.endswith(".download"):
                    path.unlink()


def repository_of(name: str) -> str:
    """`localhost:5000/web:1` → `localhost:5000/web`."""
    head, slash, last = name.rpartition("/")
    return head + slash + last.partition(":")[0].partition("@")[0]
