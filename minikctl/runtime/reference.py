"""Image references: `nginx`, `nginx:1.25`, `gcr.io/google-samples/hello-app:1.0`, `localhost:5000/web@sha256:…`.

Source: the grammar of distribution/reference, with Docker's defaults (registry docker.io, folder library, tag latest).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

DEFAULT_REGISTRY, DEFAULT_FOLDER, DEFAULT_TAG = "docker.io", "library", "latest"
_PART = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_LABEL = r"(?:[A-Za-z0-9]|[A-Za-z0-9][A-Za-z0-9-]*[A-Za-z0-9])"
_REGISTRY = re.compile(rf"{_LABEL}(?:\.{_LABEL})*(?::[0-9]+)?|\[[a-fA-F0-9:]+\](?::[0-9]+)?")
_PATH = re.compile(rf"{_PART}(?:/{_PART})*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_DIGEST = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}")
_MAX_NAME = 255


class BadReference(ValueError):
    """The text is no image reference."""


@dataclass(frozen=True, slots=True)
class Reference:
    """repository: registry and path, `docker.io/library/nginx`. tag is `latest` where neither tag nor digest is given."""

    repository: str
    tag: str
    digest: str = ""

    def __str__(self) -> str:
        return f"{self.repository}@{self.digest}" if self.digest else f"{self.repository}:{self.tag}"


def parse(text: str) -> Reference:
    """Raises BadReference with the words that the kubelet puts into its Event."""
    name, digest = text, ""
    if "@" in text:
        name, _, digest = text.partition("@")
        if not _DIGEST.fullmatch(digest):
            raise BadReference("invalid reference format")
    registry, path, tag = _split(name)
    if path != path.lower() and _PATH.fullmatch(path.lower()):
        raise BadReference(f"invalid reference format: repository name ({path}) must be lowercase")
    if not (_REGISTRY.fullmatch(registry) and _PATH.fullmatch(path) and (not tag or _TAG.fullmatch(tag))):
        raise BadReference("invalid reference format")
    if name.endswith(":"):
        raise BadReference("invalid reference format")
    repository = f"{registry}/{path}"
    if len(repository) > _MAX_NAME:
        raise BadReference(f"repository name must not be more than {_MAX_NAME} characters")
    return Reference(repository, tag or ("" if digest else DEFAULT_TAG), digest)


def names_registry(text: str) -> bool:
    """Whether a reference says itself where its image comes from: `quay.io/a/b`, not `a/b`."""
    first, slash, _ = text.partition("/")
    return bool(slash) and ("." in first or ":" in first or first == "localhost" or first != first.lower())


def _split(name: str) -> tuple[str, str, str]:
    """(registry, path, tag) with Docker's defaults filled in; the tag may be empty."""
    first, _, rest = name.partition("/")
    registry, remainder = (first, rest) if names_registry(name) else (DEFAULT_REGISTRY, name)
    path, _, tag = remainder.partition(":")
    if registry in ("index.docker.io", DEFAULT_REGISTRY):
        registry = DEFAULT_REGISTRY
        if path and "/" not in path:
            path = f"{DEFAULT_FOLDER}/{path}"
    return registry, path, tag
