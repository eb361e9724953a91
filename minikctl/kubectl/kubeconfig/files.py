"""kubeconfig files: reading, merging and writing them as kubectl does.

In memory a configuration is `Config`: named clusters, contexts and users, each with the file it came from. When several
files are given ($KUBECONFIG), the first one that has an entry wins. Source: client-go `tools/clientcmd/loader.go`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from minikctl.kubectl.kubeconfig.plain_yaml import parse
from minikctl.util.errors import UsageError

SECTIONS = {"clusters": "cluster", "users": "user", "contexts": "context"}
"""The named lists of a file, in Go's order, and the key of each entry's content."""
FIELDS: dict[str, tuple[str, ...]] = {
    "clusters": (
        "server",
        "tls-server-name",
        "insecure-skip-tls-verify",
        "certificate-authority",
        "certificate-authority-data",
        "proxy-url",
        "disable-compression",
        "extensions",
    ),
    "users": (
        "client-certificate",
        "client-certificate-data",
        "client-key",
        "client-key-data",
        "token",
        "tokenFile",
        "as",
        "as-uid",
        "as-groups",
        "as-user-extra",
        "username",
        "password",
        "auth-provider",
        "exec",
        "extensions",
    ),
    "contexts": ("cluster", "user", "namespace", "extensions"),
}
"""The fields of an entry, in Go's order."""
ALWAYS: dict[str, dict[str, Any]] = {"clusters": {"server": ""}, "users": {}, "contexts": {"cluster": "", "user": ""}}
"""Fields that Go writes even when they are empty."""
_EXEC: dict[str, Any] = {"args": None, "env": None, "provideClusterInfo": False}
_EXEC_ORDER = ("command", "args", "env", "apiVersion", "installHint", "provideClusterInfo", "interactiveMode")

Entries = dict[str, dict[str, Any]]


@dataclass
class Config:
    """`clusters`, `contexts`, `users` by name; `origins` gives the file of (section, name)."""

    clusters: Entries = field(default_factory=dict)
    contexts: Entries = field(default_factory=dict)
    users: Entries = field(default_factory=dict)
    current_context: str = ""
    extensions: list[Any] = field(default_factory=list)
    origins: dict[tuple[str, str], Path] = field(default_factory=dict)

    def section(self, name: str) -> Entries:
        entries: Entries = getattr(self, name)
        return entries


# ---------------------------------------------------------------------- reading


def read(path: Path, shown: str = "") -> Config:
    """One file; `shown` is how messages name it. Raises FileNotFoundError, UsageError for what is no kubeconfig."""
    shown = shown or str(path)
    try:
        text = path.read_text()
    except FileNotFoundError:
        raise
    except (OSError, UnicodeDecodeError) as e:
        why = (e.strerror or "").lower() if isinstance(e, OSError) else "not UTF-8"
        raise UsageError(f'error loading config file "{shown}": read {shown}: {why}') from None
    try:
        data = parse(text)
    except ValueError as e:
        raise UsageError(f'error loading config file "{shown}": {e}') from None
    return _from_file(data, path, shown)


def _from_file(data: Any, path: Path, shown: str) -> Config:
    config = Config()
    if data is None:
        return config
    if not isinstance(data, dict):
        raise UsageError(f'error loading config file "{shown}": not a kubeconfig')
    if data.get("kind") not in (None, "", "Config") or data.get("apiVersion") not in (None, "", "v1"):
        raise UsageError(
            f'error loading config file "{shown}": no kind "{data.get("kind")}" is registered for version '
            f'"{data.get("apiVersion")}" in scheme "k8s.io/client-go/tools/clientcmd/api/latest/latest.go:50"'
        )
    config.current_context = str(data.get("current-context") or "")
    config.extensions = data.get("extensions") or []
    for section, content in SECTIONS.items():
        entries = config.section(section)
        for entry in data.get(section) or []:
            if not isinstance(entry, dict) or not isinstance(entry.get(content) or {}, dict):
                raise UsageError(f'error loading config file "{shown}": {section}: malformed entry')
            name = str(entry.get("name") or "")
            if name not in entries:
                entries[name] = entry.get(content) or {}
                config.origins[section, name] = path
    return config


def load(paths: Sequence[Path], words: Sequence[str] = ()) -> Config:
    """Several files as one; those that do not exist are left out. `words`: how messages name them."""
    merged = Config()
    for i, path in enumerate(paths):
        try:
            config = read(path, words[i] if words else "")
        except FileNotFoundError:
            continue
        merged.current_context = merged.current_context or config.current_context
        merged.extensions = merged.extensions or config.extensions
        for section in SECTIONS:
            for name, entry in config.section(section).items():
                if name not in merged.section(section):
                    merged.section(section)[name] = entry
                    merged.origins[section, name] = path
    return merged


# ---------------------------------------------------------------------- writing


def as_file(config: Config) -> dict[str, Any]:
    """The configuration in a file's shape and Go's order; lists sorted by name."""
    out: dict[str, Any] = {"kind": "Config", "apiVersion": "v1"}
    for section, content in SECTIONS.items():
        entries = config.section(section)
        out[section] = [{"name": n, content: _entry(section, entries[n])} for n in sorted(entries)] or None
    out["current-context"] = config.current_context
    if config.extensions:
        out["extensions"] = config.extensions
    return out


def _entry(section: str, entry: dict[str, Any]) -> dict[str, Any]:
    """An entry as Go writes it: known fields first, in order; empty ones left out but for some."""
    full = ALWAYS[section] | entry
    if isinstance(full.get("exec"), dict):
        full["exec"] = _in_order(_EXEC | full["exec"], _EXEC_ORDER)
    if isinstance(full.get("auth-provider"), dict):
        full["auth-provider"] = _in_order(full["auth-provider"], ("name", "config"))
    ordered = _in_order(full, FIELDS[section])
    return {f: v for f, v in ordered.items() if f in ALWAYS[section] or v not in (None, "", [], {}, False)}


def _in_order(entry: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    known = {n: entry[n] for n in names if n in entry}
    return known | {n: v for n, v in entry.items() if n not in known}


def write(path: Path, config: Config) -> None:
    """Replace a file, whole or not at all. Raises UsageError."""
    from minikctl.kubectl.printers.yaml_out import dumps
    from minikctl.util.files import atomic_write

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(path.resolve() if path.is_symlink() else path, dumps(as_file(config)).encode())
    except OSError as e:
        raise UsageError(f"cannot write {path}: {e.strerror}") from None
