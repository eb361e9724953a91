"""Who may pull from which registry: Docker's config files, as files and as Secrets. Pure, but for `of_user`.

Source: Kubernetes "Images", "Interpretation of config.json" (globs in host names, paths as prefixes).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from minikctl.runtime.interface import Credential
from minikctl.runtime.reference import DEFAULT_REGISTRY
from minikctl.util.jsonio import JSONError, loads

_HUB = ("index.docker.io", "registry-1.docker.io", "www.docker.io", DEFAULT_REGISTRY)


def read(config: bytes) -> list[Credential]:
    """Of a config.json, or of the older format that has no `auths`. What cannot be read is passed over."""
    try:
        found = loads(config)
    except JSONError:
        return []
    if not isinstance(found, dict):
        return []
    entries = found.get("auths", found)
    if not isinstance(entries, dict):
        return []
    known = (_one(str(place), e) for place, e in entries.items() if isinstance(e, dict))
    return [c for c in known if c is not None]


def _one(place: str, entry: Mapping[str, Any]) -> Credential | None:
    username, password = str(entry.get("username") or ""), str(entry.get("password") or "")
    if entry.get("auth"):
        try:
            text = base64.b64decode(str(entry["auth"]), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError, ValueError):
            return None
        username, colon, password = text.partition(":")
        if not colon:
            return None
    token = str(entry.get("identitytoken") or "")
    return Credential(_place(place), username, password.rstrip("\0"), token) if username or token else None


def _place(text: str) -> str:
    """`https://index.docker.io/v1/` → `docker.io`."""
    text = text.partition("://")[2] or text
    host, _, path = text.strip("/").partition("/")
    host = DEFAULT_REGISTRY if host in _HUB else host
    return f"{host}/{path}" if path and path not in ("v1", "v2") else host


def matching(credentials: Iterable[Credential], repository: str) -> list[Credential]:
    """Those for a repository, the most particular first; one for no particular registry matches all."""
    found = [c for c in credentials if _matches(c.registry, repository)]
    return sorted(found, key=lambda c: c.registry.count("/") * 1000 + len(c.registry), reverse=True)


def _matches(place: str, repository: str) -> bool:
    if not place:
        return True
    host, _, path = place.partition("/")
    own_host, _, own_path = repository.partition("/")
    parts, own_parts = host.split("."), own_host.split(".")
    if len(parts) != len(own_parts) or host.partition(":")[2] != own_host.partition(":")[2]:
        return False
    if not all(fnmatchcase(own, part) for part, own in zip(parts, own_parts)):
        return False
    return own_path.startswith(path)


def of_user(environ: Mapping[str, str]) -> list[Credential]:
    """What `docker login` left in a file; helpers for credentials are not asked."""
    folder = environ.get("DOCKER_CONFIG") or (f"{environ['HOME']}/.docker" if environ.get("HOME") else "")
    try:
        return read((Path(folder) / "config.json").read_bytes()) if folder else []
    except OSError:
        return []
