"""From what was typed (`pods`, `deploy/web`, `svc,ep -l app=web`, `-f web.yaml`) to kinds, names and objects.

Source: cli-runtime `pkg/resource/builder.go`, with its error texts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from minikctl.api import kinds
from minikctl.api.errors import ApiError
from minikctl.api.kind import Kind
from minikctl.api.meta import Obj
from minikctl.kubectl.flags import BOOL, STRING, Option
from minikctl.util.errors import Aggregate, UsageError

if TYPE_CHECKING:
    from minikctl.client import Client
    from minikctl.kubectl.command import Invocation
    from minikctl.kubectl.manifest import Document

SELECTOR = Option(
    "selector",
    STRING,
    short="l",
    help="Label query: '=', '==', '!=', 'in', 'notin' (-l key1=value1,key2 in (a,b)). All terms must hold.",
)
FIELD_SELECTOR = Option(
    "field-selector",
    STRING,
    help="Field query: '=', '==' and '!=' (--field-selector key1=value1,key2=value2). Each kind knows a few fields only.",
)
ALL = Option("all", BOOL, help="Every object of the given kinds in the namespace.")
ALL_NAMESPACES = Option(
    "all-namespaces", BOOL, short="A", help="In all namespaces; the current one and --namespace are ignored."
)
SELECTOR_OPTIONS: tuple[Option, ...] = (SELECTOR, FIELD_SELECTOR, ALL, ALL_NAMESPACES)

NOTHING_GIVEN = """You must provide one or more resources by argument or filename.
Example resource specifications include:
   '-f rsrc.yaml'
   '--filename=rsrc.json'
   '<resource> <name>'
   '<resource>'"""
NOTHING_LOCAL = """you must specify resources by --filename when --local is set.
Example resource specifications include:
   '-f rsrc.yaml'
   '--filename=rsrc.json'"""


@dataclass
class Target:
    """One object that a command is about. `obj` is None when it was named and not yet fetched."""

    kind: Kind
    namespace: str
    name: str
    obj: Obj | None = None
    source: str = ""

    @property
    def label(self) -> str:
        """`deployment.apps/web`: how messages name it."""
        return label(self.kind, self.name)

    def fetch(self, client: Client) -> Obj:
        """The object as the server has it now. Raises ApiError."""
        self.obj = client.get(self.kind, self.name, self.namespace)
        return self.obj


def label(kind: Kind, name: str) -> str:
    """`deployment.apps/web`, `pod/web`."""
    return f"{kind.kind.lower()}.{kind.group}/{name}" if kind.group else f"{kind.kind.lower()}/{name}"


@dataclass
class Resolved:
    """What was found, what went wrong with parts of it, and whether the words meant a single object."""

    targets: list[Target] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)
    single: bool = False

    @property
    def problem(self) -> Exception | None:
        """What went wrong, as one error: several of them show as `[one, two]` beside the errors of later steps."""
        if len(self.errors) > 1:
            return Aggregate(self.errors)
        return self.errors[0] if self.errors else None

    def check(self) -> list[Target]:
        """The targets, for commands that do nothing when there is a problem. Raises it."""
        if self.problem:
            raise self.problem
        return self.targets


# ---------------------------------------------------------------------- words


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
    args = _normalised(args)
    pairs = _combined(args)
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


def _normalised(args: Sequence[str]) -> list[str]:
    """`a,b x y` → `a/x a/y b/x b/y`."""
    if len(args) >= 2 and len(resources := _split(args[0])) > 1:
        return [f"{r}/{n}" for r in resources for n in args[1:]]
    return list(args)


def _combined(args: Sequence[str]) -> list[tuple[str, str]]:
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


# ---------------------------------------------------------------------- objects


def from_args(
    call: Invocation,
    args: Sequence[str],
    *,
    label_selector: str = "",
    field_selector: str = "",
    all_: bool = False,
    all_namespaces: bool = False,
    single_type: bool = False,
    allow_empty_selector: bool = False,
    fetch: bool = True,
) -> Resolved:
    """The objects that the words mean; with `fetch=False` named ones stay unfetched.

    Raises UsageError for words that make no sense; an object that cannot be had is an error in the result.
    """
    made = plan(
        call,
        args,
        label_selector=label_selector,
        field_selector=field_selector,
        all_=all_,
        all_namespaces=all_namespaces,
        single_type=single_type,
        allow_empty_selector=allow_empty_selector,
    )
    out = Resolved(single=made.single)
    for query in made.queries:
        try:
            out.targets += targets_of(call, query, fetch=fetch)
        except ApiError as e:
            out.errors.append(e)
    return out


def targets_of(call: Invocation, query: Query, *, fetch: bool = True) -> list[Target]:
    """The targets of one query. Raises ApiError."""
    kind = query.kind
    if query.name:
        target = Target(kind, query.namespace, query.name)
        if fetch:
            target.fetch(call.client)
        return [target]
    try:
        listing = call.client.list(
            kind, query.namespace, label_selector=query.label_selector, field_selector=query.field_selector
        )
    except ApiError as e:
        raise listing_error(query, e) from None
    return [Target(kind, _meta(o, "namespace"), _meta(o, "name"), o) for o in listing.get("items") or []]


def _meta(obj: Obj, key: str) -> str:
    return str((obj.get("metadata") or {}).get(key) or "")


def listing_error(query: Query, error: ApiError) -> ApiError:
    """A refused list, with what was looked for in its message."""
    if error.reason not in ("BadRequest", "NotFound"):
        return error
    kind = query.kind
    resource = f"{kind.api_version if kind.group else '/' + kind.version}, Resource={kind.plural}"
    if not query.label_selector and not query.field_selector:
        text = f'Unable to list "{resource}": {error.message}'
    else:
        text = (
            f'Unable to find "{resource}" that match label selector "{query.label_selector}", '
            f'field selector "{query.field_selector}": {error.message}'
        )
    return ApiError(error.code, error.reason, text, error.details)


def resolve(
    call: Invocation,
    args: Sequence[str],
    *,
    filenames: Sequence[str] = (),
    kustomize: str = "",
    recursive: bool = False,
    local: bool = False,
    label_selector: str = "",
    field_selector: str = "",
    all_: bool = False,
    all_namespaces: bool = False,
    single_type: bool = False,
    allow_empty_selector: bool = False,
    fetch: bool = True,
    default_namespace: bool = True,
    require_namespace: bool | None = None,
    validate: str = "",
) -> Resolved:
    """Objects from manifests when there are any, else from the words. Raises UsageError.

    `require_namespace` None: when -n was given. With `local` nothing asks a server and words are refused.
    """
    if filenames or kustomize:
        _no_words(args)
        from minikctl.kubectl import manifest

        found = manifest.read(call, filenames, recursive=recursive, kustomize=kustomize)
        resolved = from_documents(
            call,
            found,
            default_namespace=default_namespace,
            require_namespace=call.namespace_given if require_namespace is None else require_namespace,
            validate=validate,
            local=local,
        )
        resolved.single = _is_single(call, filenames, kustomize, recursive)
        return _filtered(resolved, label_selector) if label_selector.strip() else resolved
    if local:
        raise UsageError(NOTHING_LOCAL)
    return from_args(
        call,
        args,
        label_selector=label_selector,
        field_selector=field_selector,
        all_=all_,
        all_namespaces=all_namespaces,
        single_type=single_type,
        allow_empty_selector=allow_empty_selector,
        fetch=fetch,
    )


def _no_words(args: Sequence[str]) -> None:
    if not args:
        return
    if _combined(_normalised(args)):
        raise UsageError("resource/name arguments cannot be provided when a path is specified")
    raise UsageError("when paths, URLs, or stdin is provided as input, you may not specify resource arguments as well")


def _is_single(call: Invocation, filenames: Sequence[str], kustomize: str, recursive: bool) -> bool:
    """One file or URL, and neither a folder of several nor standard input."""
    from minikctl.kubectl import manifest

    if "-" in filenames:
        return False
    return len(manifest.sources(call, filenames, recursive)) + bool(kustomize) == 1


def _filtered(resolved: Resolved, label_selector: str) -> Resolved:
    from minikctl.api.selectors import SelectorError, parse_label_selector

    try:
        selector = parse_label_selector(label_selector)
    except SelectorError as e:
        raise UsageError(f'the provided selector "{label_selector.strip()}" is not valid: {e}') from None
    kept = [t for t in resolved.targets if selector.matches(((t.obj or {}).get("metadata") or {}).get("labels") or {})]
    return Resolved(kept, resolved.errors, resolved.single)


# ---------------------------------------------------------------------- manifests


def from_documents(
    call: Invocation,
    documents: Sequence[Document | Exception],
    *,
    default_namespace: bool = True,
    require_namespace: bool = True,
    validate: str = "",
    local: bool = False,
) -> Resolved:
    """The kinds and namespaces of manifests. Errors (also those among `documents`) keep the order of the files.

    validate: `strict` or `warn` refuse documents without apiVersion and kind in kubectl's words (the server judges the
    rest); `ignore` and `""` leave that to the mapping. With `local` the built-in kinds are enough, and unknown ones pass.
    """
    out = Resolved()
    broken = ""
    for document in documents:
        if isinstance(document, Exception):
            out.errors.append(document)
            continue
        if document.source == broken:
            continue
        if validate in ("strict", "warn") and (problem := _unusable(document)):
            out.errors.append(UsageError(problem))
            broken = document.source
            continue
        try:
            for target in _mapped(call, document, local):
                _set_namespace(call, target, default_namespace, require_namespace)
                out.targets.append(target)
        except UsageError as e:
            out.errors.append(e)
    return out


def _unusable(document: Document) -> str:
    """Why the document is no object at all, in the words of kubectl's validation; `""` when it is one."""
    obj = document.obj
    problems = []
    if not isinstance(obj, dict):
        problems = ["invalid object to validate"]
    else:
        for key in ("apiVersion", "kind"):
            if obj.get(key) is None:
                problems.append(f"{key} not set")
            elif not isinstance(obj[key], str):
                problems.append(f"{key} isn't string type")
            elif key == "apiVersion" and obj[key].count("/") > 1:
                problems.append(f"unexpected GroupVersion string: {obj[key]}")
    if not problems:
        return ""
    text = problems[0] if len(problems) == 1 else f"[{', '.join(problems)}]"
    return (
        f'error validating "{document.source}": error validating data: {text}; '
        "if you choose to ignore these errors, turn validation off with --validate=false"
    )


def _mapped(call: Invocation, document: Document, local: bool) -> list[Target]:
    """A document's object, or those of a list, with their kinds. Raises UsageError."""
    from minikctl.kubectl import manifest
    from minikctl.kubectl.printers.json_out import compact

    obj = document.obj
    if not isinstance(obj, dict):
        raise UsageError(
            f'unable to decode "{document.source}": json: cannot unmarshal {_json_type(obj)} '
            "into Go value of type unstructured.detector"
        )
    if not isinstance(obj.get("kind"), str) or not obj["kind"]:
        raise UsageError(f"unable to decode \"{document.source}\": Object 'Kind' is missing in '{compact(obj)}'")
    if manifest.is_list(obj) and obj["kind"].endswith("List"):
        items = [type(document)(item, document.source) for item in obj["items"]]
        return [t for item in items for t in _mapped(call, item, local)]
    metadata = obj.get("metadata")
    if metadata is not None and not isinstance(metadata, dict):
        raise UsageError(
            f'unable to decode "{document.source}": json: cannot unmarshal {_json_type(metadata)} '
            "into Go struct field .metadata of type v1.ObjectMeta"
        )
    metadata = metadata or {}
    name, namespace = str(metadata.get("name") or ""), str(metadata.get("namespace") or "")
    kind = _kind_of(call, str(obj.get("apiVersion") or ""), obj["kind"], local)
    if kind is None:
        raise UsageError(
            f'resource mapping not found for name: "{name}" namespace: "{namespace}" from "{document.source}": '
            f'no matches for kind "{obj["kind"]}" in version "{obj.get("apiVersion") or ""}"\nensure CRDs are installed first'
        )
    return [Target(kind, namespace, name, obj, document.source)]


def _json_type(value: object) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, str):
        return "string"
    if isinstance(value, list):
        return "array"
    return "number"


def _kind_of(call: Invocation, api_version: str, kind: str, local: bool) -> Kind | None:
    if not local:
        return call.client.kind_of(api_version, kind)
    group, slash, version = api_version.rpartition("/")
    found = kinds.by_gvk(group if slash else "", version, kind)
    if found is not None:
        return found
    plural = kind.lower() + ("es" if kind.endswith("s") else "s")
    return Kind(group=group, version=version, kind=kind, plural=plural, type="", namespaced=True)


def _set_namespace(call: Invocation, target: Target, default: bool, require: bool) -> None:
    """Fill in the namespace, or refuse another one than -n says. Changes the target and its object (by path)."""
    given, wanted = target.namespace, ""
    if not target.kind.namespaced:
        wanted = ""
    elif given:
        if require and given != call.namespace:
            raise UsageError(
                f'the namespace from the provided object "{given}" does not match the namespace "{call.namespace}". '
                f"You must pass '--namespace={given}' to perform this operation."
            )
        wanted = given
    elif default or require:
        wanted = call.namespace
    target.namespace = wanted
    if wanted != given and target.obj is not None:
        metadata = {**(target.obj.get("metadata") or {}), "namespace": wanted}
        if not wanted:
            del metadata["namespace"]
        target.obj = {**target.obj, "metadata": metadata}
