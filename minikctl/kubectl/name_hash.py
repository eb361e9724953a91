"""The suffix that --append-hash gives a name: the same content has the same name. Also what kustomize appends.

Source: kubectl `pkg/util/hash`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from minikctl.util.jsonio import go_json

_WITHOUT_VOWELS = str.maketrans("013ae", "ghkmt")
"""Hexadecimal digits that could spell something get another character of generated names' alphabet."""


def config_map_hash(name: str, data: Mapping[str, str], binary: Mapping[str, str]) -> str:
    """Ten characters for a ConfigMap; `binary` holds base64."""
    content: dict[str, Any] = {"kind": "ConfigMap", "name": name, "data": dict(data)}
    if binary:
        content["binaryData"] = dict(binary)
    return hash_of(content)


def secret_hash(name: str, kind: str, data: Mapping[str, str]) -> str:
    """Ten characters for a Secret; `kind` is its type, `data` holds base64."""
    return hash_of({"kind": "Secret", "type": kind, "name": name, "data": dict(data)})


def hash_of(content: dict[str, Any]) -> str:
    """Ten characters for any JSON data."""
    digest = hashlib.sha256(go_json(content, sort_keys=True).encode()).hexdigest()
    return digest[:10].translate(_WITHOUT_VOWELS)
