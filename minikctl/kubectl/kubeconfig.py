"""kubeconfig files: reading, merging and writing them as kubectl does, and which cluster a command means.

In memory a configuration is `Config`: named clusters, contexts and users, each with the file it came from. When several
files are given ($KUBECONFIG), the first one that has an entry wins; a change goes to the file an entry came from.
Source: client-go `tools/clientcmd` (loader.go, config.go).

Our own clusters carry an extension in their cluster entry, `minikctl: {stateDir, uid}`: that is how a kubeconfig file
names a state directory.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minikctl.client import state_dir as state
from minikctl.util.errors import UsageError

if TYPE_CHECKING:
    from minikctl.kubectl.command import Invocation

EXTENSION = "minikctl"
CONTEXT = "minikctl"
USER = "minikctl-admin"
FILE = "kubeconfig"
SECTIONS = {"clusters": "cluster", "contexts": "context", "users": "user"}
"""The named lists of a file, and the key of each entry's content."""

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


def read(path: Path) -> Config:
    """One file. Raises FileNotFoundError, UsageError for what cannot be read as a kubeconfig."""
    try:
        text = path.read_text()
    except FileNotFoundError:
        raise
    except (OSError, UnicodeDecodeError) as e:
        why = e.strerror if isinstance(e, OSError) else "not UTF-8"
        raise UsageError(f'error loading config file "{path}": {why}') from None
    try:
        data = parse(text)
    except ValueError as e:
        raise UsageError(f'error loading config file "{path}": {e}') from None
    return _from_file(data, path)


def _from_file(data: Any, path: Path) -> Config:
    config = Config()
    if data is None:
        return config
    if not isinstance(data, dict):
        raise UsageError(f'error loading config file "{path}": not a kubeconfig')
    if data.get("kind") not in (None, "", "Config") or data.get("apiVersion") not in (None, "", "v1"):
        raise UsageError(
            f'error loading config file "{path}": no kind "{data.get("kind")}" is registered for version '
            f'"{data.get("apiVersion")}" in scheme "pkg/runtime/scheme.go:110"'
        )
    config.current_context = str(data.get("current-context") or "")
    config.extensions = data.get("extensions") or []
    for section, content in SECTIONS.items():
        entries = config.section(section)
        for entry in data.get(section) or []:
            if not isinstance(entry, dict) or not isinstance(entry.get(content) or {}, dict):
                raise UsageError(f'error loading config file "{path}": {section}: malformed entry')
            name = str(entry.get("name") or "")
            if name not in entries:
                entries[name] = entry.get(content) or {}
                config.origins[section, name] = path
    return config


def load(paths: list[Path]) -> Config:
    """Several files as one; those that do not exist are left out."""
    merged = Config()
    for path in paths:
        try:
            config = read(path)
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


class _NotPlain(Exception):
    """The text uses more of YAML than kubectl writes."""


def parse(text: str) -> Any:
    """A YAML or JSON text. What kubectl writes is read without a YAML library. Raises ValueError."""
    if text.lstrip().startswith("{"):
        import json

        return json.loads(text)
    try:
        return _Plain(text).document()
    except _NotPlain:
        import yaml

        try:
            return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        except yaml.YAMLError as e:
            raise ValueError(f"yaml: {' '.join(str(e).split())}") from None


_LINE = re.compile(r"^( *)((?:- )*)(?:([A-Za-z][A-Za-z0-9_.@/-]*):(?: (.*))?|(.*))$")
_PLAIN = re.compile(r"^[A-Za-z/][A-Za-z0-9_./@+=:-]*$")
_NAMED = {"null": None, "true": True, "false": False, "{}": {}, "[]": [], '""': ""}
_WORDS = frozenset({"y", "n", "yes", "no", "on", "off"})


class _Plain:
    """Block mappings, block lists and scalars on one line: kubectl's way of writing. Anything else is _NotPlain."""

    def __init__(self, text: str):
        self.lines: list[tuple[int, str, str | None]] = []
        for raw in text.splitlines():
            if raw.strip() and not raw.startswith("#"):
                self._split(raw)
        self.at = 0

    def _split(self, raw: str) -> None:
        """One (indent, key or `-`, value) for each level that the line opens."""
        match = _LINE.match(raw)
        if match is None or "\t" in raw:
            raise _NotPlain
        indent = len(match[1])
        for _ in range(len(match[2]) // 2):
            self.lines.append((indent, "-", None))
            indent += 2
        if match[3] is not None:
            self.lines.append((indent, match[3], match[4]))
        elif match[2] and match[5]:
            self.lines.append((indent, "", match[5]))
        else:
            raise _NotPlain

    def document(self) -> Any:
        if not self.lines:
            return None
        value = self._block(self.lines[0][0])
        if self.at < len(self.lines):
            raise _NotPlain
        return value

    def _block(self, indent: int) -> Any:
        _, key, value = self.lines[self.at]
        if key == "-":
            return self._list(indent)
        if key == "":
            self.at += 1
            return _scalar(value or "")
        return self._mapping(indent)

    def _list(self, indent: int) -> list[Any]:
        out = []
        while self.at < len(self.lines) and self.lines[self.at][:2] == (indent, "-"):
            self.at += 1
            out.append(self._block(indent + 2))
        return out

    def _mapping(self, indent: int) -> dict[str, Any]:
        out: dict[str, Any] = {}
        while self.at < len(self.lines):
            at, key, value = self.lines[self.at]
            if at < indent or key == "-":
                break
            if at > indent or key in out or not key:
                raise _NotPlain
            self.at += 1
            out[key] = _scalar(value) if value else self._below(indent)
        return out

    def _below(self, indent: int) -> Any:
        """What stands under a key without a value; a list may stand at the key's own indent."""
        if self.at < len(self.lines):
            at, key, _ = self.lines[self.at]
            if at > indent or (at == indent and key == "-"):
                return self._block(at)
        return None


def _scalar(text: str) -> Any:
    if text in _NAMED:
        return _NAMED[text]
    if _PLAIN.match(text) and text.lower() not in _WORDS and not text.endswith(":"):
        return text
    if text.isdigit() and (text == "0" or text[0] != "0"):
        return int(text)
    if len(text) > 1 and text[0] == text[-1] == '"' and "\\" not in text and '"' not in text[1:-1]:
        return text[1:-1]
    if len(text) > 1 and text[0] == text[-1] == "'" and "'" not in text[1:-1]:
        return text[1:-1]
    raise _NotPlain


# ---------------------------------------------------------------------- writing


def as_file(config: Config) -> dict[str, Any]:
    """The configuration in a file's shape; lists sorted by name."""
    out: dict[str, Any] = {"apiVersion": "v1", "kind": "Config", "current-context": config.current_context}
    for section, content in SECTIONS.items():
        entries = config.section(section)
        out[section] = [{"name": n, content: _entry(section, entries[n])} for n in sorted(entries)] or None
    if config.extensions:
        out["extensions"] = config.extensions
    return out


def _entry(section: str, entry: dict[str, Any]) -> dict[str, Any]:
    """With the fields that Go always writes."""
    always = {"clusters": {"server": ""}, "contexts": {"cluster": "", "user": ""}, "users": {}}[section]
    return always | {k: v for k, v in entry.items() if v not in ("", None, [], {}, False) or k in always}


def write(path: Path, config: Config) -> None:
    """Replace a file, whole or not at all. Raises UsageError."""
    from minikctl.kubectl.printers.yaml_out import dumps
    from minikctl.util.files import atomic_write

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(path.resolve() if path.is_symlink() else path, dumps(as_file(config)).encode())
    except OSError as e:
        raise UsageError(f"cannot write {path}: {e.strerror}") from None


def ensure_own(state_dir: Path) -> Path:
    """The cluster's own file, `state/kubeconfig`: written when it is missing; the server's address kept right."""
    path = state_dir / FILE
    cluster = state.load(state_dir)
    if cluster is None:
        raise UsageError(f"{state_dir} is not a state directory of minikctl")
    entry = own_entry(state_dir, cluster)
    try:
        config = read(path)
    except FileNotFoundError:
        config = Config(current_context=CONTEXT)
        config.users[USER] = {}
        config.contexts[CONTEXT] = {"cluster": CONTEXT, "user": USER}
    if config.clusters.get(CONTEXT) != entry:
        config.clusters[CONTEXT] = {**config.clusters.get(CONTEXT, {}), **entry}
        write(path, config)
    return path


def own_entry(state_dir: Path, cluster: state.Cluster) -> dict[str, Any]:
    extension = {"name": EXTENSION, "extension": {"stateDir": str(state_dir), "uid": cluster.uid}}
    return {"server": cluster.server, "extensions": [extension]}


# ---------------------------------------------------------------------- which cluster


@dataclass(frozen=True)
class Target:
    """What a command is about. `state_dir` is None for clusters elsewhere."""

    state_dir: Path | None
    context: str = CONTEXT
    namespace: str = "default"


@dataclass(frozen=True)
class _Context:
    """A context and what its cluster entry says of a state directory of ours."""

    name: str
    namespace: str
    state_dir: str = ""
    uid: str = ""


def resolve(call: Invocation) -> Target:
    """The cluster and namespace that a command means: the local one unless the command line says otherwise.

    Raises UsageError for contexts, clusters and files that are not there.
    """
    flags, environ, cwd = call.flags, call.env.environ, call.env.cwd
    named = state.given(flags.get("state-dir") or "", environ, cwd)
    wanted = flags.get("context") or environ.get("MINIKCTL_CONTEXT") or ""
    explicit = flags.get("kubeconfig") or ""
    if explicit:
        path = cwd / Path(explicit).expanduser()
        return _from_explicit(_read_given(path, explicit), flags, named, wanted, environ, cwd)
    ambient = _ambient(environ, cwd)
    context = _pick(ambient, ambient.current_context) if ambient else None
    directory = _directory(named, context, environ, cwd)
    own = _own_config(directory)
    if wanted or flags.get("cluster") or flags.get("server") or flags.get("user"):
        return _as_asked(own, ambient, flags, wanted, directory)
    if context is not None and context.uid and context.uid == _uid(directory):
        return Target(directory, context.name, context.namespace)
    current = _pick(own, own.current_context)
    if current is None:
        return Target(directory)
    if not current.uid:
        return Target(None, current.name, current.namespace)
    return Target(directory, current.name, current.namespace)


def local_directory(call: Invocation) -> Path:
    """The state directory that the `cluster` commands are about, whatever context is the current one."""
    environ, cwd = call.env.environ, call.env.cwd
    explicit = call.flags.get("kubeconfig") or ""
    config = _read_given(cwd / Path(explicit).expanduser(), explicit) if explicit else _ambient(environ, cwd)
    context = _pick(config, config.current_context) if config else None
    named = state.given(call.flags.get("state-dir") or "", environ, cwd)
    return _directory(named, context, environ, cwd)


def _directory(named: Path | None, context: _Context | None, environ: Mapping[str, str], cwd: Path) -> Path:
    """--state-dir or $MINIKCTL_STATE, else what a kubeconfig file names, else the nearest."""
    if named is not None:
        return named
    if context is not None and _is_cluster(context):
        return Path(context.state_dir)
    return state.nearest(environ, cwd)


def _from_explicit(
    config: Config, flags: Any, named: Path | None, wanted: str, environ: Mapping[str, str], cwd: Path
) -> Target:
    """--kubeconfig: what the file says counts; a file without a current context says nothing."""
    context = _chosen(config, wanted)
    context = _overridden(config, flags, context)
    if context is None:
        return Target(named or state.nearest(environ, cwd))
    if not context.uid:
        return Target(None, context.name, context.namespace)
    for directory in (named, Path(context.state_dir), None if named else state.nearest(environ, cwd)):
        if directory is not None and _uid(directory) == context.uid:
            return Target(directory, context.name, context.namespace)
        if directory is not None and directory == named:
            raise UsageError(f'context "{context.name}" is about another cluster than the one in {named}')
    raise UsageError(f'the cluster of context "{context.name}" is no longer in {context.state_dir}')


def _as_asked(own: Config, ambient: Config | None, flags: Any, wanted: str, directory: Path) -> Target:
    """--context, --cluster, --server or --user without --kubeconfig: looked up in our own file first."""
    config = _joined(own, ambient)
    context = _overridden(config, flags, _chosen(config, wanted))
    if context is None:
        return Target(directory)
    if not context.uid:
        return Target(None, context.name, context.namespace)
    if context.uid != _uid(directory) and _is_cluster(context):
        return Target(Path(context.state_dir), context.name, context.namespace)
    return Target(directory, context.name, context.namespace)


def _chosen(config: Config, wanted: str) -> _Context | None:
    if wanted and wanted not in config.contexts:
        raise UsageError(f"context was not found for specified context: {wanted}", prefix="Error in configuration: ")
    return _pick(config, wanted or config.current_context)


def _overridden(config: Config, flags: Any, context: _Context | None) -> _Context | None:
    """What --cluster, --user and --server change."""
    namespace, name = (context.namespace, context.name) if context else ("default", "")
    user, cluster, server = (flags.get(n) or "" for n in ("user", "cluster", "server"))
    if user and user not in config.users:
        raise UsageError(f'auth info "{user}" does not exist')
    if cluster:
        if cluster not in config.clusters:
            raise UsageError(f'no server found for cluster "{cluster}"')
        context = _Context(name or cluster, namespace, *_extension(config.clusters[cluster]))
    if server and server not in (c.get("server") for c in config.clusters.values() if _extension(c)[1]):
        context = _Context(name or server, namespace)
    return context


def _joined(first: Config, second: Config | None) -> Config:
    if second is None:
        return first
    out = Config(current_context=first.current_context or second.current_context)
    for section in SECTIONS:
        out.section(section).update({**second.section(section), **first.section(section)})
    return out


def _pick(config: Config, name: str) -> _Context | None:
    entry = config.contexts.get(name)
    if entry is None:
        return None
    cluster = config.clusters.get(str(entry.get("cluster") or ""), {})
    return _Context(name, str(entry.get("namespace") or "default"), *_extension(cluster))


def _extension(cluster: Mapping[str, Any]) -> tuple[str, str]:
    """(state directory, uid) that a cluster entry names, empty for clusters that are not ours."""
    for extension in cluster.get("extensions") or []:
        if isinstance(extension, dict) and extension.get("name") == EXTENSION:
            content = extension.get("extension") or {}
            return str(content.get("stateDir") or ""), str(content.get("uid") or "")
    return "", ""


def _is_cluster(context: _Context) -> bool:
    """True when the directory that the context names is still the cluster it was."""
    return bool(context.uid and context.state_dir) and _uid(Path(context.state_dir)) == context.uid


def _uid(directory: Path) -> str:
    cluster = state.load(directory) if directory.is_dir() else None
    return cluster.uid if cluster else ""


def _own_config(directory: Path) -> Config:
    try:
        return read(directory / FILE)
    except FileNotFoundError:
        return Config()


def _read_given(path: Path, text: str) -> Config:
    try:
        return read(path)
    except FileNotFoundError:
        raise UsageError(f"stat {text}: no such file or directory") from None


def _ambient(environ: Mapping[str, str], cwd: Path) -> Config | None:
    """What $KUBECONFIG says. It may be about any cluster, and broken: then it is none of our business."""
    paths = paths_of(environ, cwd)
    if not paths:
        return None
    try:
        return load(paths)
    except UsageError:
        return None


def paths_of(environ: Mapping[str, str], cwd: Path) -> list[Path]:
    """The files of $KUBECONFIG."""
    words = (environ.get("KUBECONFIG") or "").split(os.pathsep)
    return [cwd / w for w in dict.fromkeys(words) if w]
