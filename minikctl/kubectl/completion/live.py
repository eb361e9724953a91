"""Candidates from the live state: kinds, names, containers, ports, contexts. Source: kubectl `util/completion`.

Whatever goes wrong, there are just no candidates: nobody wants an error in the middle of a line.
"""

from __future__ import annotations

from collections.abc import Callable

from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj
from minikctl.kubectl.command import Invocation
from minikctl.kubectl.completion import NO_FILES, NO_SPACE, Reply
from minikctl.util.errors import Aggregate, EnvironmentProblem, UsageError

WITH_PODS = (
    *("daemonsets", "deployments", "pods", "jobs", "replicasets"),
    *("replicationcontrollers", "services", "statefulsets"),
)


def answer(call: Invocation, spec: str, word: str) -> Reply:
    """What `complete=` in text form means."""
    kind, _, about = spec.partition(":")
    try:
        found = KINDS_OF_WORDS[kind](call, about, word)
    except (ApiError, UsageError, EnvironmentProblem, Aggregate, OSError):
        found = []
    candidates, directive = found if isinstance(found, tuple) else (found, NO_FILES)
    return [c for c in candidates if c.startswith(word)], directive


# ---------------------------------------------------------------------- kinds and names


def _resources(call: Invocation, about: str, word: str, *, repeat: bool = True) -> Reply:
    """`TYPE NAME…` and `TYPE/NAME…`; `about` may limit the types."""
    args, allowed = call.args, about.split(",") if about else []
    if args and "/" not in args[0]:
        if not repeat and len(args) > 1:
            return [], NO_FILES
        return [n for n in names_of(call, args[0]) if n not in args[1:]], NO_FILES
    if "/" in word:
        if args and not repeat:
            return [], NO_FILES
        kind = word.partition("/")[0]
        return [c for c in (f"{kind}/{n}" for n in names_of(call, kind)) if c not in args], NO_FILES
    if not args:
        return allowed or _types(call, word), NO_FILES
    types = (allowed or _types(call, word)) if repeat else []
    return [f"{t}/" for t in types], NO_FILES | NO_SPACE


def _resource(call: Invocation, about: str, word: str) -> Reply:
    return _resources(call, about, word, repeat=False)


def _types(call: Invocation, word: str) -> list[str]:
    """The resources that can be read; behind a comma, with what stands before it."""
    if not _has_cluster(call):
        return []
    known = sorted(call.client.kinds(), key=lambda k: k.conversion is None)
    preferred = {k.resource: k for k in known if "get" in k.verbs}.values()
    before = word[: word.rfind(",") + 1]
    return [before + k.resource for k in sorted(preferred, key=lambda k: (k.group, k.plural))]


def _has_cluster(call: Invocation) -> bool:
    """Whether there is a cluster to ask: a word that is being typed makes no state directory."""
    if call.env.connect is not None:
        return True
    from minikctl.client.state_dir import load
    from minikctl.kubectl import kubeconfig

    directory = kubeconfig.resolve(call).state_dir
    return directory is None or load(directory) is not None


def names_of(call: Invocation, word: str) -> list[str]:
    """The names of all objects of the kinds that a word means."""
    if not _has_cluster(call):
        return []
    from minikctl.kubectl.resolve import from_args

    found = from_args(call, [word], allow_empty_selector=True)
    return sorted(dict.fromkeys(t.name for t in found.targets))


def _reference(call: Invocation, word: str) -> Reply:
    """`TYPE/NAME` as a flag's value."""
    kind, slash, _ = word.partition("/")
    if slash:
        return [f"{kind}/{n}" for n in names_of(call, kind)], NO_FILES
    return [f"{t}/" for t in _types(call, word)], NO_FILES | NO_SPACE


def _names(call: Invocation, about: str, word: str) -> list[str]:
    """The names of one kind, as the first argument."""
    return [] if call.args else names_of(call, about)


def _value(call: Invocation, about: str, word: str) -> list[str]:
    """The names of one kind, as a flag's value."""
    return names_of(call, about)


# ---------------------------------------------------------------------- pods


def _pods(call: Invocation, about: str, word: str) -> Reply:
    """Pods, and the kinds that have some."""
    if call.args:
        return [], NO_FILES
    if "/" in word:
        return _resources(call, "", word)
    pods = [n for n in names_of(call, "pods") if n.startswith(word)]
    kinds = [f"{k}/" for k in WITH_PODS if k.startswith(word)]
    return [*pods, *kinds], NO_FILES if pods else NO_FILES | NO_SPACE


def _pods_containers(call: Invocation, about: str, word: str) -> Reply:
    return (_containers(call, about, word), NO_FILES) if len(call.args) == 1 else _pods(call, about, word)


def _pods_ports(call: Invocation, about: str, word: str) -> Reply:
    if len(call.args) != 1:
        return _pods(call, about, word)
    kind, _, name = call.args[0].rpartition("/")
    local = word.partition(":")[0]
    if kind in ("service", "services", "svc"):
        service = call.client.get("services", name, call.namespace)
        ports = [p["port"] for p in service["spec"].get("ports") or []]
    else:
        ports = [p["containerPort"] for c in _pod(call)["spec"]["containers"] for p in c.get("ports") or []]
    return [f"{local or p}:{p}" for p in ports], NO_FILES


def _copied(call: Invocation, about: str, word: str) -> Reply:
    """One end of a copy: `NAMESPACE/POD:` or `POD:`, or a file, which the shell knows."""
    if call.args or word[:1] in ("/", ".", "~") or ":" in word:
        return [], NO_SPACE
    where, slash, _ = word.partition("/")
    if slash:
        pods = call.client.list("pods", where)["items"] if _has_cluster(call) else []
        return sorted(f"{where}/{p['metadata']['name']}:" for p in pods), NO_SPACE
    found = [f"{n}/" for n in names_of(call, "namespaces")] + [f"{n}:" for n in names_of(call, "pods")]
    if not word:
        found += ["./", "/"]
    return found, NO_SPACE


def _containers(call: Invocation, about: str, word: str) -> list[str]:
    if not call.args or not _has_cluster(call):
        return []
    spec = _pod(call)["spec"]
    return [c["name"] for c in [*(spec.get("initContainers") or []), *(spec.get("containers") or [])]]


def _pod(call: Invocation) -> Obj:
    from minikctl.kubectl.pod_of import pod_to_enter, target_of

    return pod_to_enter(call, target_of(call, call.args[:1]), 0.1)


# ---------------------------------------------------------------------- kubeconfig


def _section(call: Invocation, about: str, word: str) -> list[str]:
    """The names in a section of the kubeconfig files that are meant, as a flag's value."""
    from minikctl.kubectl.kubeconfig import access

    if not (call.flags.get("kubeconfig") or call.env.environ.get("KUBECONFIG") or _has_cluster(call)):
        return []
    return sorted(access.of(call).start().section(about))


def _first_of_section(call: Invocation, about: str, word: str) -> list[str]:
    return [] if call.args else _section(call, about, word)


KINDS_OF_WORDS: dict[str, Callable[[Invocation, str, str], Reply | list[str]]] = {
    "resources": _resources,
    "resource": _resource,
    "names": _names,
    "reference": lambda call, _about, word: _reference(call, word),
    "nodes": lambda call, _about, word: _names(call, "nodes", word),
    "pods": _pods,
    "pods+containers": _pods_containers,
    "pods+ports": _pods_ports,
    "copied": _copied,
    "containers": _containers,
    "namespaces": lambda call, _about, word: _value(call, "namespaces", word),
    "value": _value,
    "contexts": lambda call, _about, word: _section(call, "contexts", word),
    "clusters": lambda call, _about, word: _section(call, "clusters", word),
    "users": lambda call, _about, word: _section(call, "users", word),
    "kubeconfig": _first_of_section,
}
"""What the text form of `complete=` may say. `reference` is TYPE/NAME, `value:KIND` and `names:KIND` are names of one kind, as a flag's value
and as the first argument; `kubeconfig:SECTION` are a kubeconfig's entries as the first argument."""
