"""Writes as kubectl makes them: what it does to an object before it is sent. Source: cli-runtime `resource/helper.go`."""

from __future__ import annotations

from minikctl.api.errors import ApiError
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


def describe(target: Target) -> str:
    """Two lines that name an object in long error messages."""
    kind: Kind = target.kind
    version = f"{kind.group}/{kind.version}"
    return (
        f'Resource: "{version}, Resource={kind.plural}", GroupVersionKind: "{version}, Kind={kind.kind}"\n'
        f'Name: "{target.name}", Namespace: "{target.namespace}"'
    )
