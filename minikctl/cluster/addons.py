"""What can be added to a cluster: bundles of objects that ship with this program. Nothing is fetched."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from minikctl.api.errors import ApiError
from minikctl.api.meta import Objects, condition_is, name, namespace
from minikctl.client import Client, WriteOptions
from minikctl.client.state_dir import Cluster
from minikctl.util.errors import UsageError

MANAGER = "minikctl-addons"


@dataclass(frozen=True)
class Addon:
    """`objects` makes its manifests, in the order in which they are applied; None for what is there anyway."""

    name: str
    summary: str
    objects: Callable[[], Objects] | None
    process: str = ""
    """The component that runs while it is enabled (`addons` in cluster.json), if it needs one of its own."""


def _gateway_api() -> Objects:
    from minikctl.ingress.definitions import definitions, gateway_class

    return [*definitions(), gateway_class()]


def _gitops() -> Objects:
    from minikctl.cluster.gitops.definitions import objects

    return objects()


ADDONS = (
    Addon("gitops", "Applications (argoproj.io) that keep the cluster as a Git repository says", _gitops, "gitops"),
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
        client.patch(kind, name(obj), obj, namespace(obj), patch_type="apply", options=options)
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
            client.delete(kind, name(obj), namespace(obj))
        except ApiError as e:
            if e.reason != "NotFound":
                raise
            continue
        done.append(obj)
    return done


def run_process(state_dir: Path, addon: Addon, *, on: bool) -> None:
    """Have the addon's process run from now on, or no more. Raises UsageError, EnvironmentProblem."""
    from minikctl.cluster import nodes

    def decide(cluster: Cluster) -> Cluster:
        kept = [a for a in cluster.addons if a != addon.process]
        return cluster.with_(addons=[*kept, addon.process] if on else kept)

    if addon.process:
        nodes.change(state_dir, decide)


def is_gone(client: Client, addon: Addon) -> bool:
    """Whether none of its definitions is left, nor any object of them."""
    try:
        titles = [name(o) for o in (addon.objects or list)() if o["kind"] == "CustomResourceDefinition"]
        present = {name(o) for o in client.list("customresourcedefinitions")["items"]}
    except ApiError:
        return False
    return not present & set(titles)


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
