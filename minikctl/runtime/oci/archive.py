"""Images in tar files: what `docker save`, `skopeo copy … docker-archive:` and `… oci-archive:` write; and writing them.

A saved archive is both: an OCI layout whose `manifest.json` tells older programs the same in Docker's words.
"""

from __future__ import annotations

import io
import os
import shutil
import tarfile
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from minikctl.runtime.oci import model, roots
from minikctl.runtime.oci.compression import Counted, plain
from minikctl.runtime.oci.model import BadImage, Image
from minikctl.runtime.oci.store import LOADED, Store
from minikctl.runtime.reference import BadReference, parse
from minikctl.util.jsonio import JSONError, compact, loads

MOST_MEMBERS = 100_000
_NAME, _FULL_NAME = "org.opencontainers.image.ref.name", "io.containerd.image.name"


@dataclass(frozen=True)
class Loaded:
    """An image that came out of an archive. names: whole references; none for an image without a name."""

    image: Image
    names: tuple[str, ...]


def load(store: Store, stream: IO[bytes], *, unpack: bool = True) -> list[Loaded]:
    """Put the images of an archive into the store. Raises BadImage, OSError."""
    with store.adding():
        found = _Archive(store, stream).images()
        if unpack:
            for one in found:
                roots.ensure(store, one.image)
        for one in found:
            for name in one.names or (one.image.digest,):
                store.put(name, one.image.digest, LOADED)
    return found


class _Archive:
    """Its large members are in the store as blobs after `__init__`, its small ones in memory as well."""

    def __init__(self, store: Store, stream: IO[bytes]):
        self._store = store
        self._blobs: dict[str, tuple[str, int]] = {}
        self._texts: dict[str, bytes] = {}
        limit = roots.room(store).bytes
        with tempfile.TemporaryFile(dir=store.partial) as spool:
            source = stream if stream.seekable() else _spooled(stream, spool, limit)
            try:
                with plain(source) as content:
                    self._read(content, limit)
            except (tarfile.TarError, EOFError, UnicodeError, ValueError, OverflowError) as e:
                raise BadImage(f"this is no archive of images: {e}") from None
            except OSError as e:
                if e.errno is None:
                    raise BadImage(f"the archive is broken: {e}") from None
                raise

    def _read(self, content: IO[bytes], limit: int) -> None:
        counted = Counted(content, limit)
        links: dict[str, str] = {}
        with tarfile.open(fileobj=counted, mode="r|", bufsize=1 << 20, errorlevel=2) as tar:  # type: ignore[call-overload]
            for count, member in enumerate(tar):
                if count > MOST_MEMBERS:
                    raise BadImage(f"the archive has more than {MOST_MEMBERS} members")
                name = _clean(member.name)
                if member.issym() or member.islnk():
                    base = os.path.dirname(name) if member.issym() else ""
                    links[name] = _clean(os.path.join(base, member.linkname))
                elif member.isreg():
                    self._keep(name, member.size, tar.extractfile(member))
                tar.members = []  # type: ignore[attr-defined]
        for name, target in links.items():
            if target in self._blobs:
                self._blobs[name] = self._blobs[target]
                if target in self._texts:
                    self._texts[name] = self._texts[target]

    def _keep(self, name: str, size: int, content: IO[bytes] | None) -> None:
        assert content is not None
        if size <= model.LARGEST_DOCUMENT and name.endswith((".json", "oci-layout", "repositories")):
            self._texts[name] = content.read()
            content = io.BytesIO(self._texts[name])
            if name in ("manifest.json", "index.json", "oci-layout", "repositories") or name.endswith("/json"):
                return
        if name.rpartition("/")[2] in ("VERSION", "json"):
            return
        expected = f"sha256:{name[13:]}" if name.startswith("blobs/sha256/") else ""
        self._blobs[name] = self._store.ingest(content, expected if model.is_digest(expected) else "")

    # ------------------------------------------------------------------ what is in it

    def images(self) -> list[Loaded]:
        if "index.json" in self._texts and "oci-layout" in self._texts:
            return self._of_layout()
        if "manifest.json" in self._texts:
            return self._of_docker()
        raise BadImage("this is no archive of images: it has neither a manifest.json nor an index.json")

    def _of_layout(self) -> list[Loaded]:
        index = model.document(self._texts["index.json"], "index.json")
        named: dict[str, tuple[Image, list[str]]] = {}
        entries = index.get("manifests")
        for entry in entries if isinstance(entries, list) else []:
            own = model.descriptor(entry, "image")
            one = self._image(own.digest)
            names = named.setdefault(one.digest, (one, []))[1]
            names += [n for n in _names_of(entry.get("annotations") or {}) if n not in names]
        if "manifest.json" in self._texts:  # Docker's own layout has the names there
            for one in self._of_docker():
                same = next((v for v in named.values() if v[0].id == one.image.id), None)
                if same is not None:
                    same[1].extend(n for n in one.names if n not in same[1])
        if not named:
            raise BadImage("the archive has no images")
        return [Loaded(one, tuple(names)) for one, names in named.values()]

    def _image(self, digest: str, depth: int = 0) -> Image:
        """Of a manifest, or of the one in an index that fits this machine."""
        content = model.document(self._store.read(digest), "manifest")
        if isinstance(content.get("manifests"), list) and depth < 3:
            return self._image(model.for_platform(content).digest, depth + 1)
        return complete(self._store, digest)

    def _of_docker(self) -> list[Loaded]:
        try:
            listed = loads(self._texts["manifest.json"])
        except JSONError as e:
            raise BadImage(f"the archive's manifest.json is no JSON: {e}") from None
        if not isinstance(listed, list) or not all(isinstance(e, dict) for e in listed) or not listed:
            raise BadImage("the archive's manifest.json lists no images")
        return [self._docker_image(entry) for entry in listed]

    def _docker_image(self, entry: Mapping[str, Any]) -> Loaded:
        config = self._member(entry.get("Config"), "config")
        layers = entry.get("Layers")
        raw = [self._member(name, "layer") for name in (layers if isinstance(layers, list) else [])]
        manifest = manifest_of(config, [(d, s, layer_type(self._store.blob(d))) for d, s in raw])
        one = complete(self._store, self._store.write(manifest))
        tags = entry.get("RepoTags")
        return Loaded(one, tuple(_whole(str(t)) for t in (tags if isinstance(tags, list) else [])))

    def _member(self, name: object, what: str) -> tuple[str, int]:
        found = self._blobs.get(_clean(name)) if isinstance(name, str) else None
        if found is None:
            raise BadImage(f"the archive has no {what} {name!r}")
        return found


def complete(store: Store, manifest: str) -> Image:
    """The image of a manifest; all its blobs are here and it can run here. Raises BadImage."""
    one = store.image(manifest)
    for blob in (one.config_blob, *one.layers):
        if not store.has(blob.digest):
            raise BadImage(f"the image's blob {blob.digest} is missing")
    model.check_platform(one)
    return one


def manifest_of(config: tuple[str, int], layers: Iterable[tuple[str, int, str]]) -> bytes:
    """A manifest for blobs: (digest, size) of the config, (digest, size, media type) of the layers."""
    content = {
        "schemaVersion": 2,
        "mediaType": model.OCI_MANIFEST,
        "config": {"mediaType": model.OCI_CONFIG, "digest": config[0], "size": config[1]},
        "layers": [{"mediaType": t, "digest": d, "size": s} for d, s, t in layers],
    }
    return compact(content)


def layer_type(blob: Path) -> str:
    with blob.open("rb") as f:
        magic = f.read(4)
    if magic.startswith(b"\x1f\x8b"):
        return model.OCI_LAYER + "+gzip"
    return model.OCI_LAYER + ("+zstd" if magic == b"\x28\xb5\x2f\xfd" else "")


def _names_of(annotations: Mapping[str, Any]) -> list[str]:
    """A tag alone is no name: nobody knows of what."""
    text = str(annotations.get(_FULL_NAME) or annotations.get(_NAME) or "")
    return [_whole(text)] if "/" in text or ":" in text else []


def _whole(name: str) -> str:
    try:
        return str(parse(name))
    except BadReference as e:
        raise BadImage(f"the archive calls an image {name!r}: {e}") from None


def _clean(name: str) -> str:
    found = os.path.normpath("/" + name).lstrip("/")
    if ".." in name.split("/") and not found:
        raise BadImage(f"the member {name!r} would be outside of the archive")
    return found


def _spooled(stream: IO[bytes], spool: IO[bytes], limit: int) -> IO[bytes]:
    """What comes through a pipe, in a file."""
    shutil.copyfileobj(Counted(stream, limit), spool, 1 << 20)
    spool.seek(0)
    return spool


# ---------------------------------------------------------------------- writing


def save(store: Store, wanted: Mapping[str, list[str]], out: IO[bytes]) -> None:
    """Write images: manifest digest → its names. The same images give the same bytes. Raises BadImage, OSError."""
    index, docker, blobs = [], [], {}
    for manifest, names in wanted.items():
        one = store.image(manifest)
        own = {"mediaType": one.manifest.media_type, "digest": one.digest, "size": one.manifest.size}
        for name in names or [""]:
            tag = {_FULL_NAME: name, _NAME: name.rpartition(":")[2]} if name else {}
            index.append({**own, **({"annotations": tag} if tag else {})})
        layers = [_blob_name(layer.digest) for layer in one.layers]
        tags = [short(n) for n in names] or None
        docker.append({"Config": _blob_name(one.id), "RepoTags": tags, "Layers": layers})
        blobs.update({b.digest: b.size for b in (one.manifest, one.config_blob, *one.layers)})
    with tarfile.open(fileobj=out, mode="w|", format=tarfile.PAX_FORMAT) as tar:
        for digest in sorted(blobs):
            with store.blob(digest).open("rb") as f:
                _add(tar, _blob_name(digest), os.fstat(f.fileno()).st_size, f)
        for name, content in (
            ("index.json", {"schemaVersion": 2, "mediaType": model.OCI_INDEX, "manifests": index}),
            ("manifest.json", docker),
            ("oci-layout", {"imageLayoutVersion": "1.0.0"}),
        ):
            data = compact(content)
            _add(tar, name, len(data), io.BytesIO(data))


def _blob_name(digest: str) -> str:
    return f"blobs/sha256/{digest.removeprefix('sha256:')}"


def _add(tar: tarfile.TarFile, name: str, size: int, content: IO[bytes]) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o644
    tar.addfile(member, content)


def short(name: str) -> str:
    """As people write it: without docker.io/library."""
    return name.removeprefix("docker.io/library/").removeprefix("docker.io/")
