"""What can be added to a cluster: bundles of objects that ship with this program. Nothing is fetched."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from minikctl.api.errors import ApiError
from minikctl.api.meta import Objects, condition_is, name
from minikctl.client import Client, WriteOptions
from minikctl.util.errors import UsageError

MANAGER = "minikctl-addons"


@dataclass(frozen=True)
class Addon:
    """`objects` makes its manifests, in the order in which they are applied; None for what is there anyway."""

    name: str
    summary: str
    objects: Callable[[], Objects] | None


def _gateway_api() -> Objects:
    from minikctl.ingress.definitions import definitions, gateway_class

    return [*definitions(), gateway_class()]


ADDONS = (
    Addon("gateway-api", "Gateway, HTTPRoute, ReferenceGrant, and the GatewayClass minikctl", _gateway_api),
    Addon("ingress", "Part of every cluster: starts with the first Ingress", None),
)


def find(word: str) -> Addon:
    """Raises UsageError."""
    for addon in ADDONS:
        if addon.name == word:
            return addon
    raise UsageError(f"there is no addon {word!r}; there are: {', '.join(a.name for a in ADDONS)}")


def enable(client: Client, addon: Addon, established: Callable[[Callable[[], bool]], None]) -> Objects:
    """Apply its objects; those that were applied. `established` waits until a condition holds. Raises ApiError."""
    done = []
    for obj in addon.objects() if addon.objects else []:
        kind = client.kind_of(obj["apiVersion"], obj["kind"])
        if kind is None:
            raise UsageError(f"the cluster does not know {obj['kind']} yet")
        options = WriteOptions(field_manager=MANAGER, force=True)
        client.patch(kind, name(obj), obj, patch_type="apply", options=options)
        if obj["kind"] == "CustomResourceDefinition":
            title = name(obj)

            def served(title: str = title) -> bool:
                return condition_is(client.get("customresourcedefinitions", title), "Established") and (
                    client.kind(title) is not None
                )

            established(served)
        done.append(obj)
    return done


def disable(client: Client, addon: Addon) -> Objects:
    """Delete its objects, the last first, and with a definition everything of its kind; those that were there."""
    done = []
    for obj in reversed(addon.objects() if addon.objects else []):
        kind = client.kind_of(obj["apiVersion"], obj["kind"])
        if kind is None:
            continue
        try:
            client.delete(kind, name(obj))
        except ApiError as e:
            if e.reason != "NotFound":
                raise
            continue
        done.append(obj)
    return done


def is_enabled(client: Client, addon: Addon) -> bool:
    """Whether its first object is there."""
    if addon.objects is None:
        return True
    first = addon.objects()[0]
    kind = client.kind_of(first["apiVersion"], first["kind"])
    try:
        return kind is not None and bool(client.get(kind, name(first)))
    except ApiError as e:
        if e.reason != "NotFound":
            raise
        return False
