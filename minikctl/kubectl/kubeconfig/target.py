"""Which cluster a command means: the local one, unless the command line itself says otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minikctl.client import state_dir as state
from minikctl.kubectl.kubeconfig.access import paths_of
from minikctl.kubectl.kubeconfig.files import SECTIONS, Config, load, read
from minikctl.kubectl.kubeconfig.own import CONTEXT, FILE, extension_of
from minikctl.util.errors import UsageError

if TYPE_CHECKING:
    from minikctl.kubectl.command import Invocation


@dataclass(frozen=True)
class Target:
    """What a command is about. `state_dir` is None for clusters elsewhere."""

    state_dir: Path | None
    context: str = CONTEXT
    namespace: str = "default"
    config: Config | None = None
    """What the files say, and the names in them of the cluster and the user that are meant."""
    cluster: str = ""
    user: str = ""


@dataclass(frozen=True)
class _Context:
    """A context and what its cluster entry says of a state directory of ours."""

    name: str
    namespace: str
    state_dir: str = ""
    uid: str = ""
    cluster: str = ""
    user: str = ""


def resolve(call: Invocation) -> Target:
    """The cluster and namespace that a command means: the local one unless the command line says otherwise.

    Raises UsageError for contexts, clusters and files that are not there.
    """
    flags, environ, cwd = GlobalFlags(call), call.env.environ, call.env.cwd
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
        return _as_asked(own, ambient or _usual(environ), flags, wanted, directory)
    if context is not None and context.uid and context.uid == _uid(directory):
        return _at(directory, ambient or own, context)
    current = _pick(own, own.current_context)
    if current is None:
        return Target(directory)
    if not current.uid:
        return _at(None, own, current)
    return _at(directory, own, current)


def _at(directory: Path | None, config: Config, context: _Context) -> Target:
    return Target(directory, context.name, context.namespace, config, context.cluster, context.user)


class GlobalFlags:
    """The flags that all commands share; one that a command has replaced by its own (`rolebinding --user`) is unset."""

    def __init__(self, call: Invocation):
        self._flags = call.flags
        self._replaced = {o.name for o in call.command.options}

    def get(self, name: str) -> Any:
        return None if name in self._replaced else self._flags.get(name)


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
        return _at(None, config, context)
    for directory in (named, Path(context.state_dir), None if named else state.nearest(environ, cwd)):
        if directory is not None and _uid(directory) == context.uid:
            return _at(directory, config, context)
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
        return _at(None, config, context)
    if context.uid != _uid(directory) and _is_cluster(context):
        return _at(Path(context.state_dir), config, context)
    return _at(directory, config, context)


def _chosen(config: Config, wanted: str) -> _Context | None:
    if wanted and wanted not in config.contexts:
        raise UsageError(f"context was not found for specified context: {wanted}", prefix="Error in configuration: ")
    return _pick(config, wanted or config.current_context)


def _overridden(config: Config, flags: Any, context: _Context | None) -> _Context | None:
    """What --cluster, --user and --server change."""
    made = context or _Context("", "default")
    user, cluster, server = (flags.get(n) or "" for n in ("user", "cluster", "server"))
    if user:
        if user not in config.users:
            raise UsageError(f'auth info "{user}" does not exist')
        made = replace(made, user=user)
    if cluster:
        if cluster not in config.clusters:
            raise UsageError(f'no server found for cluster "{cluster}"')
        state_dir, uid = extension_of(config.clusters[cluster])
        made = replace(made, name=made.name or cluster, cluster=cluster, state_dir=state_dir, uid=uid)
    if server and server not in (c.get("server") for c in config.clusters.values() if extension_of(c)[1]):
        made = replace(made, name=made.name or server, state_dir="", uid="")
        if context is None or context.uid:  # nothing of the local cluster is meant for another server
            made = replace(made, cluster=cluster, user=user)
    return context if made == _Context("", "default") else made


def _joined(first: Config, second: Config | None) -> Config:
    if second is None:
        return first
    out = Config(current_context=first.current_context or second.current_context)
    out.origins.update({**second.origins, **first.origins})
    for section in SECTIONS:
        out.section(section).update({**second.section(section), **first.section(section)})
    return out


def _pick(config: Config, name: str) -> _Context | None:
    entry = config.contexts.get(name)
    if entry is None:
        return None
    cluster, user = str(entry.get("cluster") or ""), str(entry.get("user") or "")
    named = extension_of(config.clusters.get(cluster, {}))
    return _Context(name, str(entry.get("namespace") or "default"), *named, cluster, user)


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


def _usual(environ: Mapping[str, str]) -> Config | None:
    """~/.kube/config: only looked into when the command line asks for something that may be there."""
    home = environ.get("HOME") or ""
    return load([Path(home) / ".kube" / "config"]) if home and not environ.get("KUBECONFIG") else None
