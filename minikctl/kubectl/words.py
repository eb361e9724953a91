"""What the words of a command line ask for: `pods`, `deploy/web`, `svc,ep`, `po a b`, `deployments.v1.apps`, `all`.

Source: cli-runtime `pkg/resource/builder.go`, with its error texts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from minikctl.api import kinds
from minikctl.api.kind import Kind
from minikctl.util.errors import UsageError

if TYPE_CHECKING:
    from minikctl.kubectl.command import Invocation

NOTHING_GIVEN = """You must provide one or more resources by argument or filename.
Example resource specifications include:
   '-f rsrc.yaml'
   '--filename=rsrc.json'
   '<resource> <name>'
   '<resource>'"""


@dataclass(frozen=True)
class Query:
    """One request that the words amount to: one object when `name` is set, else a list."""

    kind: Kind
    namespace: str
    name: str = ""
    label_selector: str = ""
    field_selector: str = ""


@dataclass
class Plan:
    """The requests for a command line's words, before any of them is made."""

    queries: list[Query]
    single: bool = False


def find_kind(call: Invocation, word: str, *, local: bool = False) -> Kind:
    """The kind that `po`, `Pod`, `deployments.apps`, `deploy.v1.apps` or `cj.batch` means. Raises UsageError."""
    lower = word.lower()
    found = kinds.find(lower) if local else call.client.kind(lower)
    if found is None and "." in lower:
        found = _by_group_prefix(kinds.all_kinds() if local else call.client.kinds(), lower)
    if found is None:
        raise UsageError(f'the server doesn\'t have a resource type "{word.partition(".")[0]}"')
    if "." in lower and lower.partition(".")[0] in found.short_names:
        found = call.client.kind(found.resource) or found  # as kubectl does: a short name loses its version
    return found


def _by_group_prefix(known: Iterable[Kind], word: str) -> Kind | None:
    """`ingresses.networking`: the beginning of a group is enough."""
    name, _, group = word.partition(".")
    for kind in known:
        if kind.group.startswith(group) and name in (kind.plural, kind.singular, *kind.short_names):
            return kind
    return None


def expand_categories(call: Invocation, word: str) -> list[str]:
    """`all` → the resources of that category, in discovery order; other words as they are."""
    if word.lower() != word or "." in word or word in _NO_CATEGORY:
        return [word]
    members = [k.resource for k in call.client.kinds() if word in k.categories] if _may_be_category(call, word) else []
    return members or [word]


_NO_CATEGORY = frozenset({"pods", "pod", "po", "nodes", "node", "no", "svc", "services", "deploy", "deployments", ""})
"""Words that are typed often and are no category, so that they cost no look at all kinds."""


def _may_be_category(call: Invocation, word: str) -> bool:
    return word == "all" or call.client.kind(word) is None


def plan(
    call: Invocation,
    args: Sequence[str],
    *,
    label_selector: str = "",
    field_selector: str = "",
    all_: bool = False,
    all_namespaces: bool = False,
    single_type: bool = False,
    allow_empty_selector: bool = False,
) -> Plan:
    """What the words ask for. Raises UsageError with kubectl's texts.

    With `allow_empty_selector` (get, describe) a bare `pods` means all of them; else a name, a selector or --all is due.
    """
    label_selector, field_selector = label_selector.strip(), field_selector.strip()
    if all_ and (label_selector or field_selector):
        raise UsageError("setting 'all' parameter but found a non empty selector. ")
    args = normalised(args)
    pairs = combined(args)
    namespace = "" if all_namespaces else call.namespace
    if pairs and not (all_ or label_selector or field_selector):
        return _named(call, pairs, namespace, all_namespaces, single_type)
    words = _types(call, args[0]) if args and not pairs else []
    names = list(args[1:]) if not pairs else []
    if label_selector or field_selector or all_ or (words and not names and allow_empty_selector):
        return _selected(call, words, names, pairs, namespace, label_selector, field_selector, single_type)
    if names:
        if len(words) > 1:
            raise UsageError("you must specify only one resource")
        return _by_name(call, words[0], names, namespace, all_namespaces)
    if words:
        for word in words:
            find_kind(call, word)
        raise UsageError("resource(s) were provided, but no name was specified")
    raise UsageError(NOTHING_GIVEN)


def _split(text: str) -> list[str]:
    return list(dict.fromkeys(text.split(",")))


def normalised(args: Sequence[str]) -> list[str]:
    """`a,b x y` → `a/x a/y b/x b/y`."""
    if len(args) >= 2 and len(resources := _split(args[0])) > 1:
        return [f"{r}/{n}" for r in resources for n in args[1:]]
    return list(args)


def combined(args: Sequence[str]) -> list[tuple[str, str]]:
    """(type, name) of arguments in the form `type/name`; empty when none is. Raises UsageError for mixtures."""
    slashed = [a for a in args if "/" in a]
    if not slashed:
        return []
    if len(slashed) != len(args):
        raise UsageError(
            "there is no need to specify a resource type as a separate argument when passing arguments in resource/name "
            "form (e.g. 'kubectl get resource/<resource_name>' instead of 'kubectl get resource resource/<resource_name>'"
        )
    pairs = []
    for arg in args:
        parts = arg.split("/")
        if len(parts) != 2:
            raise UsageError("arguments in resource/name form may not have more than one slash")
        if not parts[0] or not parts[1] or "," in parts[0]:
            raise UsageError("arguments in resource/name form must have a single resource and name")
        pairs.append((parts[0], parts[1]))
    return pairs


def _types(call: Invocation, word: str) -> list[str]:
    expanded = [w for part in word.split(",") for w in expand_categories(call, part)]
    return list(dict.fromkeys(expanded))


def _kinds(call: Invocation, words: Sequence[str], single_type: bool) -> list[Kind]:
    if single_type and len(words) > 1:
        raise UsageError("you may only specify a single resource type")
    found: dict[tuple[str, str, str], Kind] = {}
    for word in words:
        kind = find_kind(call, word)
        found.setdefault((kind.group, kind.version, kind.kind), kind)
    return list(found.values())


def _selected(
    call: Invocation,
    words: list[str],
    names: list[str],
    pairs: list[tuple[str, str]],
    namespace: str,
    label_selector: str,
    field_selector: str,
    single_type: bool,
) -> Plan:
    if names:
        raise UsageError("name cannot be provided when a selector is specified")
    if pairs:
        raise UsageError("selectors and the all flag cannot be used when passing resource/name arguments")
    if not words:
        raise UsageError("at least one resource must be specified to use a selector")
    queries = [
        Query(k, namespace if k.namespaced else "", "", label_selector, field_selector)
        for k in _kinds(call, words, single_type)
    ]
    return Plan(queries)


def _named(
    call: Invocation, pairs: list[tuple[str, str]], namespace: str, all_namespaces: bool, single_type: bool
) -> Plan:
    found = {word: find_kind(call, word) for word, _ in pairs}
    if single_type and len({k.resource for k in found.values()}) > 1:
        raise UsageError("you may only specify a single resource type")
    queries = [Query(found[w], _namespace_of(found[w], namespace, all_namespaces), n) for w, n in pairs]
    return Plan(queries, len(pairs) == 1)


def _by_name(call: Invocation, word: str, names: list[str], namespace: str, all_namespaces: bool) -> Plan:
    kind = find_kind(call, word)
    where = _namespace_of(kind, namespace, all_namespaces)
    return Plan([Query(kind, where, n) for n in names], len(names) == 1)


def _namespace_of(kind: Kind, namespace: str, all_namespaces: bool) -> str:
    if not kind.namespaced:
        return ""
    if all_namespaces:
        raise UsageError("a resource cannot be retrieved by name across all namespaces")
    return namespace
