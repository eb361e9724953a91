"""Random requests for the HTTP API: methods, paths, queries, headers and bodies, half right and wholly wrong."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from minikctl.api import kinds

METHODS = ("GET", "GET", "GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "get", "FOO")
NAMES = (
    "a",
    "web",
    "default",
    "system:node",
    "..",
    "%2e%2e",
    "a%2Fb",
    "%00",
    "%ff",
    "x" * 300,
    "-",
    "",
    "ü",
    "a b",
    "*",
)
SUBRESOURCES = ("status", "scale", "log", "exec", "binding", "eviction", "proxy", "token", "finalize", "nope", "resize", "approval", "ephemeralcontainers")  # fmt: skip
ACCEPTS = (
    "application/json",
    "application/yaml",
    "*/*",
    "",
    "application/json;as=Table;v=v1;g=meta.k8s.io",
    "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io",
    "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io,application/json",
    "application/vnd.kubernetes.protobuf",
    "application/vnd.kubernetes.protobuf,application/json",
    "text/html",
    ";;;",
    "application/json;q=x",
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
)
BODIES = (
    "application/json",
    "application/yaml",
    "application/vnd.kubernetes.protobuf",
    "application/merge-patch+json",
    "application/json-patch+json",
    "application/strategic-merge-patch+json",
    "application/apply-patch+yaml",
    "application/cbor",
    "",
    "x",
)
QUERIES = (
    "limit", "continue", "resourceVersion", "resourceVersionMatch", "labelSelector", "fieldSelector", "watch",
    "timeoutSeconds", "allowWatchBookmarks", "sendInitialEvents", "dryRun", "fieldManager", "fieldValidation", "force",
    "gracePeriodSeconds", "propagationPolicy", "orphanDependents", "pretty", "includeObject", "container", "follow",
    "tailLines", "sinceSeconds", "previous", "command", "stdin", "ports", "path", "verbose", "exclude",
)  # fmt: skip
VALUES = (
    "", "0", "1", "-1", "true", "false", "All", "Exact", "NotOlderThan", "99999999999999999999", "1.5", "a=b", "a in (b", "a,b", "!a",
    "metadata.name=a", "spec.nodeName!=x", "nope=1", "Strict", "Warn", "Background", "Orphan", "Object", "None",
    "eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6LTEsInN0YXJ0IjoiYSJ9", "%", "\u0000", "x" * 200, "٣", "²",
)  # fmt: skip


@dataclass
class Call:
    """One request."""

    method: str
    path: str
    query: list[tuple[str, str]] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


def json_values(depth: int = 3) -> st.SearchStrategy[Any]:
    """Any JSON, with words that mean something to an API server among the keys."""
    words = st.sampled_from(WORDS) | st.text(max_size=4)
    leaves = st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False)
    leaves = (
        leaves | st.text(max_size=6) | st.sampled_from(("a", "1Gi", "100m", "80%", "Always", "2026-01-01T00:00:00Z"))
    )
    return st.recursive(
        leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=4), max_leaves=12
    )


WORDS = (
    "metadata", "spec", "status", "name", "namespace", "labels", "annotations", "finalizers", "ownerReferences", "managedFields",
    "template", "containers", "image", "ports", "env", "selector", "matchLabels", "replicas", "data", "items", "apiVersion", "kind",
    "$patch", "$retainKeys", "$setElementOrder/containers", "$deleteFromPrimitiveList/finalizers", "op", "path", "value", "rules",
    "resourceVersion", "uid", "generateName", "deletionTimestamp", "type", "volumes", "resources", "limits", "schedule", "versions",
    "preconditions", "gracePeriodSeconds", "dryRun", "propagationPolicy", "group", "names", "scope", "schema", "openAPIV3Schema",
)  # fmt: skip


def paths() -> st.SearchStrategy[str]:
    known = st.sampled_from(kinds.all_kinds())
    name = st.sampled_from(NAMES)

    @st.composite
    def resource(draw: Any) -> str:
        kind = draw(known)
        root = f"/apis/{kind.group}/{kind.version}" if kind.group else f"/api/{kind.version}"
        parts = [root]
        if draw(st.integers(0, 9)) == 0:
            parts.append("watch")
        if draw(st.booleans()) if not kind.namespaced else draw(st.integers(0, 4)):
            parts += ["namespaces", draw(st.sampled_from(("default", "default", "default", *NAMES)))]
        parts.append(kind.plural)
        if draw(st.booleans()):
            parts.append(draw(name))
            if draw(st.integers(0, 2)) == 0:
                parts.append(draw(st.sampled_from((*kind.subresources, *SUBRESOURCES))))
        return "/".join(parts)

    fixed = st.sampled_from(
        ("/", "/api", "/apis", "/api/v1", "/apis/apps", "/apis/apps/v1", "/version", "/healthz", "/readyz/ping", "/metrics",
         "/openapi/v2", "/openapi/v3", "/openapi/v3/api/v1", "/openapi/v3/apis", "/openapi", "//", "/api//pods", "/apis/x/y/z")
    )  # fmt: skip
    segments = st.sampled_from((*NAMES, "api", "apis", "v1", "apps", "namespaces", "pods", "watch", "proxy"))
    rubbish = st.lists(segments, max_size=8).map(lambda parts: "/" + "/".join(parts))
    return resource() | resource() | resource() | fixed | rubbish


@st.composite
def bodies(draw: Any) -> bytes:
    """JSON of a wild kind, an object with the right head, YAML, protobuf's magic, bytes."""
    from minikctl.util.jsonio import compact

    shape = draw(st.integers(0, 5))
    if shape == 0:
        return draw(st.binary(max_size=40))
    if shape == 1:
        return b"k8s\x00" + draw(st.binary(max_size=40))
    if shape == 2:
        return draw(
            st.sampled_from(
                (b"", b"{", b"[]", b"null", b"a: b: c", b"a: &x [*x]", b"!!python/object:os.system x", b"[" * 3000)
            )
        )
    value = draw(json_values())
    if shape > 3:
        kind = draw(st.sampled_from(kinds.all_kinds()))
        head = {
            "apiVersion": kind.api_version,
            "kind": kind.kind,
            "metadata": {"name": draw(st.sampled_from(("a", "b", "web")))},
        }
        value = {**head, **value} if isinstance(value, dict) else head
    try:
        return compact(value)
    except TypeError:
        return repr(value).encode()


def calls() -> st.SearchStrategy[Call]:
    query = st.lists(st.tuples(st.sampled_from(QUERIES), st.sampled_from(VALUES)), max_size=4)
    headers = st.fixed_dictionaries(
        {"accept": st.sampled_from(ACCEPTS), "content-type": st.sampled_from(BODIES)},
        optional={
            "content-encoding": st.sampled_from(("gzip", "br")),
            "accept-encoding": st.sampled_from(("gzip", "x")),
            "impersonate-user": st.sampled_from(("ann", "")),
            "minikctl-because": st.sampled_from(("1", "x", "²")),
            "user-agent": st.sampled_from(("", "curl/8", "kubectl/v1", "/")),
            "if-none-match": st.just('"x"'),
        },
    )
    return st.builds(Call, st.sampled_from(METHODS), paths(), query, headers, bodies())


# ---------------------------------------------------------------------- requests that are nearly right

PATCH_TYPES = tuple(b for b in BODIES if "patch" in b)


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of everything in a value but itself."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [p for key, inner in items for p in ((*path, key), *_places(inner, (*path, key)))]


def _changed(value: Any, path: tuple[Any, ...], new: Any, *, remove: bool) -> Any:
    """A copy with another value at a path, or without it."""
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    if len(path) == 1 and remove:
        del copy[path[0]]
    else:
        copy[path[0]] = _changed(copy[path[0]], path[1:], new, remove=remove)
    return copy


@st.composite
def mutants(draw: Any, obj: Any) -> Any:
    """An object with one to three parts of it changed or taken away."""
    for _ in range(draw(st.integers(1, 3))):
        places = _places(obj)
        if not places:
            break
        path = draw(st.sampled_from(places))
        obj = _changed(obj, path, draw(json_values()), remove=draw(st.integers(0, 3)) == 0)
    return obj


@st.composite
def aimed(draw: Any) -> Call:
    """A write of a good object that has been tampered with, or a patch of one, at the right place."""
    from minikctl.util.jsonio import compact
    from tests.support.populated import OBJECTS

    word, namespace, obj = draw(st.sampled_from(OBJECTS))
    kind = kinds.find(word)
    assert kind is not None
    whole = {"apiVersion": kind.api_version, "kind": kind.kind, **obj}
    root = f"/apis/{kind.group}/{kind.version}" if kind.group else f"/api/{kind.version}"
    collection = f"{root}/namespaces/{namespace}/{kind.plural}" if kind.namespaced else f"{root}/{kind.plural}"
    one = f"{collection}/{obj['metadata']['name']}"
    sub = draw(st.sampled_from(("", "", "", *kind.subresources)))
    method = draw(st.sampled_from(("POST", "PUT", "PATCH", "PATCH", "DELETE")))
    query = draw(
        st.sampled_from(
            ([], [], [("dryRun", "All")], [("fieldManager", "x"), ("force", "true")], [("fieldValidation", "Strict")])
        )
    )
    headers = {"accept": "application/json", "content-type": "application/json"}
    if method == "POST":
        fresh = {**whole, "metadata": {**obj["metadata"], "name": draw(st.sampled_from(("f0", "f1", "f2")))}}
        body, path = draw(mutants(fresh)), collection if not sub else f"{one}/{sub}"
    elif method == "PUT":
        body, path = draw(mutants(whole)), f"{one}/{sub}".rstrip("/")
    elif method == "DELETE":
        body = draw(json_values()) if draw(st.booleans()) else {"propagationPolicy": draw(st.sampled_from(VALUES))}
        path = f"{collection}/{draw(st.sampled_from((obj['metadata']['name'], 'f0', 'f1', 'f2')))}"
    else:
        headers["content-type"] = draw(st.sampled_from(PATCH_TYPES))
        path = f"{one}/{sub}".rstrip("/")
        body = draw(mutants(whole))
        if "json-patch" in headers["content-type"]:
            body = draw(json_patches(whole))
        elif "apply" in headers["content-type"]:
            query = [*query, ("fieldManager", "fuzz")]
    try:
        return Call(method, path, query, headers, compact(body))
    except TypeError:  # an integer that no JSON of ours holds
        return Call(method, path, query, headers, json.dumps(body).encode())


@st.composite
def json_patches(draw: Any, obj: Any) -> list[Any]:
    out = []
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(_places(obj)))
        pointer = "/" + "/".join(str(p).replace("~", "~0").replace("/", "~1") for p in path)
        pointer += draw(st.sampled_from(("", "", "/-", "/x", "/0", "~2", "/")))
        operation = draw(st.sampled_from(("add", "remove", "replace", "move", "copy", "test", "no", 1)))
        step = {"op": operation, "path": pointer, "value": draw(json_values())}
        if operation in ("move", "copy"):
            step["from"] = "/" + "/".join(map(str, draw(st.sampled_from(_places(obj)))))
        if draw(st.integers(0, 5)) == 0:
            del step[draw(st.sampled_from(sorted(step)))]
        out.append(step)
    return out
