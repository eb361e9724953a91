"""`clusters.kind.server`: reading and changing one value of a configuration by a dotted path.

Source: kubectl `pkg/cmd/config/{set,navigation_step_parser}.go`.
"""

from __future__ import annotations

import base64
import binascii
from copy import deepcopy
from typing import Any

from minikctl.kubectl.kubeconfig.files import Config
from minikctl.util.errors import UsageError

TEXT, BOOL, BYTES, TEXTS, MAP = "string", "bool", "bytes", "strings", "map"
_PROVIDER = {"name": TEXT, "config": MAP}
_EXEC = {
    "command": TEXT,
    "args": TEXTS,
    "env": TEXTS,
    "apiVersion": TEXT,
    "installHint": TEXT,
    "provideClusterInfo": BOOL,
    "interactiveMode": TEXT,
}
TYPES: dict[str, dict[str, Any]] = {
    "clusters": {
        "server": TEXT,
        "tls-server-name": TEXT,
        "insecure-skip-tls-verify": BOOL,
        "certificate-authority": TEXT,
        "certificate-authority-data": BYTES,
        "proxy-url": TEXT,
        "disable-compression": BOOL,
    },
    "users": {
        "client-certificate": TEXT,
        "client-certificate-data": BYTES,
        "client-key": TEXT,
        "client-key-data": BYTES,
        "token": TEXT,
        "tokenFile": TEXT,
        "act-as": TEXT,
        "act-as-uid": TEXT,
        "act-as-groups": TEXTS,
        "username": TEXT,
        "password": TEXT,
        "auth-provider": _PROVIDER,
        "exec": _EXEC,
    },
    "contexts": {"cluster": TEXT, "user": TEXT, "namespace": TEXT},
}
_STORED = {"act-as": "as", "act-as-uid": "as-uid", "act-as-groups": "as-groups"}
"""Where the file calls a field otherwise than this command does."""


def changed(config: Config, path: str, value: str | None, *, raw_bytes: bool = False) -> Config:
    """The configuration with the value at a path; None takes it out. Raises UsageError with kubectl's texts."""
    section, *rest = path.split(".")
    if section == "current-context":
        _nothing_left(path, rest)
        return Config(**{**vars(config), "current_context": value or ""})
    if section not in TYPES:
        raise UsageError(f"unable to parse {path} after [] at api.Config")
    entries = deepcopy(config.section(section))
    if not rest:
        if value is not None:
            raise UsageError(f"can't set a map to a value: map[{' '.join(sorted(entries))}]")
        return Config(**{**vars(config), section: {}})
    name, fields = _split_name(rest, TYPES[section])
    if not fields:
        if value is not None:
            raise UsageError(f"can't set a map to a value: map[{' '.join(sorted(entries))}]")
        entries.pop(name, None)
        return Config(**{**vars(config), section: entries})
    if name not in entries and value is None:
        raise UsageError(f"current map key `{name}` is invalid")
    _change(entries.setdefault(name, {}), TYPES[section], fields, path, value, raw_bytes)
    return Config(**{**vars(config), section: entries})


def _split_name(parts: list[str], fields: dict[str, Any]) -> tuple[str, list[str]]:
    """A name may hold dots: it ends before the first part that is a field."""
    for i, part in enumerate(parts[1:], 1):
        if part in fields:
            return ".".join(parts[:i]), parts[i:]
    return ".".join(parts), []


def _nothing_left(path: str, rest: list[str]) -> None:
    if rest:
        raise UsageError(f"unable to parse one or more field values of {path}")


def _change(
    entry: dict[str, Any], types: dict[str, Any], steps: list[str], path: str, value: str | None, raw: bool
) -> None:
    step, *rest = steps
    field, kind = _STORED.get(step, step), types.get(step)
    if kind is None:
        raise UsageError(f"unable to parse {path} at {step}")
    if value is None and not rest:
        entry.pop(field, None)
    elif isinstance(kind, dict) and rest:
        _change(entry.setdefault(field, {}), kind, rest, path, value, raw)
    else:
        _nothing_left(path, rest)
        entry[field] = _typed(kind, value or "", raw)


def _typed(kind: Any, value: str, raw: bool) -> Any:
    if kind == BOOL:
        if value in ("1", "t", "T", "true", "TRUE", "True"):
            return True
        if value in ("0", "f", "F", "false", "FALSE", "False"):
            return False
        raise UsageError(f'strconv.ParseBool: parsing "{value}": invalid syntax')
    if kind == BYTES:
        if raw:
            return base64.b64encode(value.encode()).decode()
        try:
            base64.b64decode(value, validate=True)
        except binascii.Error:
            bad = next((i for i, c in enumerate(value) if not (c.isalnum() or c in "+/")), len(value) // 4 * 4)
            raise UsageError(f"error decoding input value: illegal base64 data at input byte {bad}") from None
        return value
    if kind == TEXTS:
        raise UsageError("unrecognized slice type. string")
    if isinstance(kind, dict) or kind == MAP:
        raise UsageError("can't set a map to a value")
    return value
