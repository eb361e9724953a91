"""`kubectl explain`: what a resource is, and each of its fields, in the server's own words.

Source: kubectl `pkg/cmd/explain`, `pkg/explain`.
"""

from __future__ import annotations

from typing import Any

from minikctl.api.jsonpath.parser import JSONPathError, Node, parse
from minikctl.api.kind import Kind
from minikctl.api.meta import Obj
from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.flags import BOOL, STRING, Option
from minikctl.util.errors import UsageError

PLAINTEXT, PLAINTEXT_V2 = "plaintext", "plaintext-openapiv2"
OPTIONS = (
    Option("api-version", STRING, help="Explain this API version (API group/version) of the resource."),
    Option(
        "output",
        STRING,
        short="o",
        default=PLAINTEXT,
        help="Format in which to render the schema (plaintext, plaintext-openapiv2)",
        complete=(PLAINTEXT, PLAINTEXT_V2),
    ),
    Option("recursive", BOOL, short="R", help="Print the fields of fields."),
)


def run(call: Invocation) -> None:
    """Raises UsageError, ApiError."""
    if not call.args:
        raise UsageError(
            "You must specify the type of resource to explain. "
            'Use "kubectl api-resources" for a complete list of supported resources.\n'
        )
    if len(call.args) > 1:
        raise UsageError("We accept only this format: explain RESOURCE\n")
    kind, path = _asked_for(call, call.args[0])
    group, version = kind.group, kind.version
    if call.flags.api_version:
        group, version = _group_version(call.flags.api_version)
    if call.flags.output == PLAINTEXT_V2:
        _explain_v2(call, {"group": group, "version": version, "kind": kind.kind}, path)
    else:
        _explain_v3(call, group, version, kind.plural, path)


def _group_version(text: str) -> tuple[str, str]:
    group, _, version = text.rpartition("/")
    if "/" in group:
        raise UsageError(f"unexpected GroupVersion string: {text}")
    return group, version


def _asked_for(call: Invocation, text: str) -> tuple[Kind, list[str]]:
    """The kind, and the names of the fields that lead to what is asked for."""
    nodes = _nodes(text)
    word = str(nodes[0].value) if nodes and nodes[0].kind == "field" else ""
    if not word:
        raise UsageError("invalid jsonpath syntax, first node must be field node")
    named = _kinds(call, word)
    if not named:
        raise UsageError(f'the server doesn\'t have a resource type "{word}"', prefix="")
    if call.flags.api_version:
        return named[0], _names(nodes[1:], "all nodes must be field nodes")
    for kind in named:
        if text.startswith(kind.resource):  # its name may have dots: what follows is the path
            rest = text[len(kind.resource) :]
            return kind, _names(_nodes(rest)[1:] if rest else [], "first node must be field node")
    return named[0], _names(nodes[1:], "first node must be field node")


def _nodes(text: str) -> list[Node]:
    """A path as JSONPath. Raises UsageError."""
    try:
        found = parse("{." + text.removesuffix(".") + "}")
    except JSONPathError as e:
        raise UsageError(str(e)) from None
    if len(found) != 1:
        raise UsageError("must pass in 1 jsonpath string")
    return found[0].nodes


def _names(nodes: list[Node], rule: str) -> list[str]:
    if any(n.kind != "field" for n in nodes):
        raise UsageError(f"invalid jsonpath syntax, {rule}")
    return [str(n.value) for n in nodes]


def _kinds(call: Invocation, word: str) -> list[Kind]:
    """Everything that is called so, the preferred one first."""
    first = call.client.kind(word)
    word = word.lower()
    others = [k for k in call.client.kinds() if word in (k.plural, k.singular, *k.short_names)]
    return ([first] if first else []) + [k for k in others if k is not first]


def _document(call: Invocation, path: str) -> Any:
    from minikctl.util.jsonio import loads

    return loads(call.client.raw(path))


def _explain_v3(call: Invocation, group: str, version: str, plural: str, path: list[str]) -> None:
    from minikctl.api.errors import ApiError
    from minikctl.kubectl.explaining.plaintext import NotExplained, Resource, render

    if call.flags.output != PLAINTEXT:
        raise UsageError(f"unrecognized format: {call.flags.output}")
    resource = Resource(group, version, plural)
    where = f"apis/{group}/{version}" if group else f"api/{version}"
    try:
        document = _document(call, f"/openapi/v3/{where}")
    except ApiError as e:
        if e.reason != "NotFound":
            raise
        raise UsageError(f'couldn\'t find resource for "{resource}"') from None
    try:
        call.out(render(document, resource, path, recursive=call.flags.recursive), end="")
    except NotExplained as e:
        call.out(e.head, end="")
        raise UsageError(str(e), prefix="") from None


def _explain_v2(call: Invocation, gvk: Obj, path: list[str]) -> None:
    from minikctl.kubectl.explaining.plaintext import NotExplained
    from minikctl.kubectl.explaining.plaintext_v2 import render

    try:
        call.out(render(_document(call, "/openapi/v2"), gvk, path, recursive=call.flags.recursive), end="")
    except NotExplained as e:
        raise UsageError(str(e)) from None


def _complete(call: Invocation, _word: str) -> list[str]:
    return [] if call.args else sorted({k.plural for k in call.client.kinds()})


COMMAND = Command(
    "explain",
    "Get documentation for a resource",
    run,
    OPTIONS,
    use="explain TYPE [--recursive=FALSE|TRUE] [--api-version=api-version-group] "
    "[-o|--output=plaintext|plaintext-openapiv2]",
    description="Describe fields and structure of various resources.\n\n"
    "Fields are named by a simple JSONPath: <type>.<fieldName>[.<fieldName>]. What is said about them comes from the "
    "server, in OpenAPI format.",
    examples=(
        ("A resource and its fields", "kubectl explain pods"),
        ("All the fields in it", "kubectl explain pods --recursive"),
        ("In one of the API versions that are served", "kubectl explain deployments --api-version=apps/v1"),
        ("One field", "kubectl explain pods.spec.containers"),
        ("In the older format", "kubectl explain deployment --output=plaintext-openapiv2"),
    ),
    complete=_complete,
)
