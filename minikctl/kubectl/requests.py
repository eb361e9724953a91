"""Writes as kubectl makes them: what it does to an object before it is sent. Source: cli-runtime `resource/helper.go`."""

from __future__ import annotations

from dataclasses import dataclass

from minikctl.api.errors import ApiError, no_such_resource
from minikctl.api.kind import Kind
from minikctl.api.meta import Obj, resource_version, with_metadata
from minikctl.client.protocol import WriteOptions
from minikctl.kubectl.command import Invocation
from minikctl.kubectl.resolve import Target
from minikctl.util.errors import UsageError


def create(call: Invocation, target: Target, obj: Obj, options: WriteOptions) -> Obj:
    """Create `obj` without the resourceVersion that it may have kept from an earlier life. Raises ApiError."""
    if resource_version(obj):
        obj = with_metadata(obj, resourceVersion=None)
    return call.client.create(target.kind, obj, target.namespace, options=options)


def replace(call: Invocation, target: Target, obj: Obj, options: WriteOptions, subresource: str = "") -> Obj:
    """Update to `obj`; when it names no resourceVersion, whatever version there is. Raises ApiError, UsageError."""
    if not target.name:
        raise UsageError("resource name may not be empty")
    client = call.client
    if not resource_version(obj):
        try:
            current = client.get(target.kind, target.name, target.namespace, subresource=subresource)
            obj = with_metadata(obj, resourceVersion=resource_version(current))
        except ApiError:
            pass  # the server may create it, and words its own refusal otherwise
    obj = with_metadata(obj, namespace=target.namespace or None)
    return client.update(target.kind, obj, subresource=subresource, options=options)


@dataclass(frozen=True)
class Path:
    """What a path of the API names; `name` is empty for a collection."""

    kind: Kind
    namespace: str
    name: str = ""
    subresource: str = ""


def parse_path(call: Invocation, raw: str) -> Path:
    """`/apis/apps/v1/namespaces/default/deployments/web/scale`. Raises UsageError, ApiError NotFound."""
    if not raw.startswith("/"):
        raise UsageError(f'--raw must be a valid URL path: parse "{raw}": invalid URI for request')
    parts = raw.partition("?")[0].strip("/").split("/")
    version, rest = ("v1", parts[2:]) if parts[0] == "api" else ("/".join(parts[1:3]), parts[3:])
    namespace = ""
    if len(rest) > 2 and rest[0] == "namespaces":
        namespace, rest = rest[1], rest[2:]
    kind = next((k for k in call.client.kinds() if rest and (k.plural, k.api_version) == (rest[0], version)), None)
    if kind is None or len(rest) > 3:
        raise no_such_resource()
    return Path(kind, namespace, *rest[1:])


def raw_object(call: Invocation, filename: str) -> Obj:
    """The one object of a file, for --raw. Raises UsageError."""
    from minikctl.kubectl import manifest

    found, problems = manifest.read_documents(call, [filename])
    if problems:
        raise problems[0]
    if len(found) != 1 or not isinstance(found[0].obj, dict):
        raise UsageError("--raw can only use a single local file or stdin")
    return found[0].obj


def describe(target: Target) -> str:
    """Two lines that name an object in long error messages."""
    kind: Kind = target.kind
    version = f"{kind.group}/{kind.version}"
    return (
        f'Resource: "{version}, Resource={kind.plural}", GroupVersionKind: "{version}, Kind={kind.kind}"\n'
        f'Name: "{target.name}", Namespace: "{target.namespace}"'
    )
