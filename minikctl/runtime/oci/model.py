"""What an image is: its manifest and its config, read and checked. Pure.

A digest is `sha256:` and 64 hexadecimal digits. The digest of an image's config is its ID; the digest of its manifest is
what registries know it by.
"""

from __future__ import annotations

import hashlib
import platform
import re
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from minikctl.runtime.interface import ImageFailure
from minikctl.util.jsonio import JSONError, loads

OCI_MANIFEST, OCI_INDEX = "application/vnd.oci.image.manifest.v1+json", "application/vnd.oci.image.index.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
OCI_CONFIG, DOCKER_CONFIG = (
    "application/vnd.oci.image.config.v1+json",
    "application/vnd.docker.container.image.v1+json",
)
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar"
MANIFESTS, INDEXES = (OCI_MANIFEST, DOCKER_MANIFEST), (OCI_INDEX, DOCKER_LIST)
HOST_TOOLS = "minikctl.io/host-tools"
"""A label: the emulated image whose host programs are below this one's layers."""

LARGEST_DOCUMENT = 8 << 20
"""Bytes that a manifest or a config may have."""
MOST_LAYERS = 500
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_MACHINES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "i686": "386"}


class BadImage(ImageFailure):
    """An image, or an archive of images, is not what it should be."""


@dataclass(frozen=True, slots=True)
class Descriptor:
    """A blob that a manifest names."""

    digest: str
    size: int
    media_type: str


@dataclass(frozen=True, slots=True)
class Image:
    """An image whose blobs are all known. digest: of its manifest. diff_ids: of the layers as plain tar files."""

    digest: str
    manifest: Descriptor
    config_blob: Descriptor
    layers: tuple[Descriptor, ...]
    diff_ids: tuple[str, ...]
    config: Mapping[str, Any]
    """The whole config document."""

    @property
    def id(self) -> str:
        return self.config_blob.digest

    @property
    def settings(self) -> Mapping[str, Any]:
        """The part of the config that says how to run it: Entrypoint, Cmd, Env, User, …"""
        return self.config.get("config") or {}

    @property
    def size(self) -> int:
        """Bytes of all its blobs."""
        return self.manifest.size + self.config_blob.size + sum(layer.size for layer in self.layers)

    @property
    def chain(self) -> str:
        """The digest that names its root file system."""
        return chain_id(self.diff_ids)

    @property
    def host_tools(self) -> str:
        """The emulated image below its layers; empty for an image that stands on its own."""
        return str((self.settings.get("Labels") or {}).get(HOST_TOOLS) or "")


def sha256(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def checked(digest: object) -> str:
    """Raises BadImage."""
    if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
        raise BadImage(f"{digest!r} is no sha256 digest")
    return digest


def is_digest(text: str) -> bool:
    return bool(_DIGEST.fullmatch(text))


def chain_id(diff_ids: Sequence[str]) -> str:
    """Of a stack of layers, the lowest first. Source: OCI image config, "Layer ChainID"."""
    chain = ""
    for diff_id in diff_ids:
        chain = sha256(f"{chain} {diff_id}".encode()) if chain else diff_id
    return chain or sha256(b"")


def document(data: bytes, what: str) -> dict[str, Any]:
    """Raises BadImage."""
    try:
        found = loads(data)
    except JSONError as e:
        raise BadImage(f"the {what} is no JSON: {e}") from None
    if not isinstance(found, dict):
        raise BadImage(f"the {what} is no JSON object")
    return found


def descriptor(raw: Any, what: str) -> Descriptor:
    """Raises BadImage."""
    if not isinstance(raw, dict) or not isinstance(raw.get("size"), int) or raw["size"] < 0:
        raise BadImage(f"the manifest has no valid descriptor for its {what}")
    return Descriptor(checked(raw.get("digest")), raw["size"], str(raw.get("mediaType") or ""))


def parts(manifest: Mapping[str, Any]) -> tuple[Descriptor, tuple[Descriptor, ...]]:
    """A manifest's config and layers. Raises BadImage."""
    if manifest.get("schemaVersion") != 2:
        raise BadImage(f"manifests of schema version {manifest.get('schemaVersion')!r} are not supported, only 2")
    layers = manifest.get("layers")
    if not isinstance(layers, list):
        raise BadImage("the manifest lists no layers")
    if len(layers) > MOST_LAYERS:
        raise BadImage(f"the manifest lists {len(layers)} layers, more than {MOST_LAYERS}")
    config = descriptor(manifest.get("config"), "config")
    if config.media_type not in ("", OCI_CONFIG, DOCKER_CONFIG):
        raise BadImage(f"this is no container image: its config has the media type {config.media_type}")
    return config, tuple(descriptor(layer, "layer") for layer in layers)


def image(manifest: bytes, config: bytes) -> Image:
    """Raises BadImage."""
    content = document(manifest, "manifest")
    config_blob, layers = parts(content)
    settings = document(config, "image config")
    rootfs = settings.get("rootfs")
    raw = (rootfs.get("diff_ids") if isinstance(rootfs, dict) else None) or []
    diff_ids = tuple(checked(d) for d in raw) if isinstance(raw, list) else ()
    if len(diff_ids) != len(layers):
        raise BadImage(f"the config knows {len(diff_ids)} layers and the manifest {len(layers)}")
    if not isinstance(settings.get("config") or {}, dict):
        raise BadImage("the image config's field config is no object")
    media_type = str(content.get("mediaType") or OCI_MANIFEST)
    digest = sha256(manifest)
    own = Descriptor(digest, len(manifest), media_type)
    return Image(digest, own, config_blob, layers, diff_ids, settings)


# ---------------------------------------------------------------------- platforms


def this_platform() -> tuple[str, str]:
    """(operating system, architecture) in Go's words; containers need Linux everywhere."""
    machine = platform.machine()
    return "linux", _MACHINES.get(machine, machine)


def for_platform(index: Mapping[str, Any], wanted: tuple[str, str] | None = None) -> Descriptor:
    """The manifest in an index (or Docker's list) that fits. Raises BadImage in containerd's words."""
    system, machine = wanted or this_platform()
    entries = index.get("manifests")
    found = [e for e in entries if isinstance(e, dict)] if isinstance(entries, list) else []
    real = [e for e in found if (e.get("annotations") or {}).get("vnd.docker.reference.type") != "attestation-manifest"]
    for entry in real:
        place = entry.get("platform") or {}
        if (place.get("os"), place.get("architecture")) == (system, machine):
            return descriptor(entry, "platform")
    bare = [e for e in real if not e.get("platform")]
    if len(bare) == 1 and len(real) == 1:
        return descriptor(bare[0], "platform")
    raise BadImage(f"no match for platform in manifest: not found (this machine is {system}/{machine})")


def check_platform(one: Image, wanted: tuple[str, str] | None = None) -> None:
    """Raises BadImage when the image's programs cannot run here."""
    system, machine = wanted or this_platform()
    own = (str(one.config.get("os") or system), str(one.config.get("architecture") or machine))
    if own != (system, machine):
        raise BadImage(f"the image is for {own[0]}/{own[1]}, and this machine is {system}/{machine}")


# ---------------------------------------------------------------------- how it is run


def words(raw: Any) -> tuple[str, ...]:
    """Entrypoint and Cmd: lists of words; anything else is none."""
    return tuple(str(w) for w in raw) if isinstance(raw, list) else ()


def environment(raw: Any) -> dict[str, str]:
    """`["PATH=/bin", …]`, later ones win."""
    pairs = (str(line).partition("=") for line in raw) if isinstance(raw, list) else ()
    return {name: value for name, equals, value in pairs if equals and name}


def stop_signal(raw: Any) -> str:
    """`SIGQUIT`, `QUIT`, `3`, `SIGRTMIN+3`, as a name that Python's signal module has; SIGTERM for anything else."""
    return _signal(str(raw or "")) or "SIGTERM"


def is_signal(text: str) -> bool:
    return bool(_signal(text)) or bool(re.fullmatch(r"(SIG)?RTM(IN\+|AX-)[0-9]{1,2}", text.upper()))


def _signal(text: str) -> str:
    if text.isdigit():
        try:
            return signal.Signals(int(text)).name
        except ValueError:
            return ""
    name = text.upper() if text.upper().startswith("SIG") else f"SIG{text.upper()}"
    return name if name in signal.Signals.__members__ else ""


def ports(raw: Any) -> tuple[int, ...]:
    """`{"80/tcp": {}}`."""
    found = (str(p).partition("/")[0] for p in raw) if isinstance(raw, dict) else ()
    return tuple(int(p) for p in found if p.isdigit())
