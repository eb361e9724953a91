"""From what was typed (`pods`, `deploy/web`, `svc,ep -l app=web`, `-f web.yaml`) to kinds, names and objects.

Source: cli-runtime `pkg/resource/builder.go`, with its error texts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from minikctl.api.errors import ApiError
from minikctl.api.kind import Kind
from minikctl.api.meta import Obj
from minikctl.kubectl.flags import BOOL, STRING, Option
from minikctl.kubectl.words import Query, combined, find_kind, normalised, plan
from minikctl.util.errors import Aggregate, UsageError

if TYPE_CHECKING:
    from minikctl.client import Client
    from minikctl.kubectl.command import Invocation
    from minikctl.kubectl.manifest import Document

__all__ = ["Query", "Resolved", "Target", "find_kind", "from_args", "from_documents", "plan", "resolve"]

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

_TYPED = ("expose", "logs", "exec", "attach", "port-forward", "debug", "drain", "create job")

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
            found = targets_of(call, query, fetch=fetch)
        except ApiError as e:
            out.errors.append(e)
            continue
        if query.kind.type or not _wants_known_types(call):
            out.targets += found
        else:
            out.errors.append(_unregistered(call, query))
    return out


def _wants_known_types(call: Invocation) -> bool:
    """Whether kubectl's own command decodes objects into the types that it was built with."""
    words = call.path.split()[1:]
    return words[:1] in (["rollout"], ["set"]) or " ".join(words) in _TYPED


def _unregistered(call: Invocation, query: Query) -> UsageError:
    """Custom resources, where kubectl knows built-in types only."""
    kind = query.kind
    name = kind.kind if query.name else kind.list_kind
    of_clients = call.path.split()[1:] == ["port-forward"]
    where = "k8s.io/client-go/kubernetes/scheme/register.go:82" if of_clients else "pkg/scheme/scheme.go:28"
    return UsageError(f'no kind "{name}" is registered for version "{kind.api_version}" in scheme "{where}"')


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
    if combined(normalised(args)):
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


def from_documents(
    call: Invocation,
    documents: Sequence[Document | Exception],
    *,
    default_namespace: bool = True,
    require_namespace: bool = True,
    validate: str = "",
    local: bool = False,
) -> Resolved:
    """The targets of manifests; errors keep the order of the files. See `mapping.map_documents`."""
    from minikctl.kubectl.mapping import map_documents

    return map_documents(
        call,
        documents,
        default_namespace=default_namespace,
        require_namespace=require_namespace,
        validate=validate,
        local=local,
    )
