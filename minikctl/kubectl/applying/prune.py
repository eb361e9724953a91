"""`apply --prune`: objects that were applied once and stand in no file any more.

Source: kubectl `pkg/cmd/apply/prune.go`, `pkg/util/prune`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from minikctl.api.kind import Kind
from minikctl.api.meta import LAST_APPLIED, Obj, annotations_of, name, uid
from minikctl.kubectl.command import Invocation
from minikctl.kubectl.flags import ARRAY, BOOL, Option
from minikctl.kubectl.resolve import Target
from minikctl.util.errors import UsageError

DEFAULT_KINDS = [
    "v1/ConfigMap",
    "v1/Endpoints",
    "v1/PersistentVolumeClaim",
    "v1/Pod",
    "v1/ReplicationController",
    "v1/Secret",
    "v1/Service",
    "batch/v1/Job",
    "batch/v1/CronJob",
    "networking.k8s.io/v1/Ingress",
    "apps/v1/DaemonSet",
    "apps/v1/Deployment",
    "apps/v1/ReplicaSet",
    "apps/v1/StatefulSet",
    "v1/Namespace",
    "v1/PersistentVolume",
]
PRUNE = Option("prune", BOOL, help="Delete objects that were applied before and are in no file now.")
PRUNE_ALLOWLIST = Option(
    "prune-allowlist", ARRAY, help="GROUP/VERSION/KIND to look for, in place of the usual ones; may be repeated."
)
_DEPRECATED = (
    "Deprecated: kubectl apply will no longer prune non-namespaced resources by default when used with the "
    "--namespace flag in a future release. To preserve the current behaviour, list the resources you want to target "
    "explicitly in the --prune-allowlist flag."
)


@dataclass
class Visited:
    """What was applied: everything else is pruned."""

    uids: set[str] = field(default_factory=set)
    namespaces: set[str] = field(default_factory=set)

    def note(self, target: Target) -> None:
        """The namespace counts even when the object could not be written."""
        if target.kind.namespaced:
            self.namespaces.add(target.namespace)

    def note_object(self, obj: Obj) -> None:
        self.uids.add(uid(obj))


def allowed_kinds(call: Invocation) -> list[Kind]:
    """The kinds of --prune-allowlist, none without it. Raises UsageError."""
    found = []
    for text in call.flags.prune_allowlist:
        parts = text.split("/")
        if len(parts) != 3:
            raise UsageError(f"invalid GroupVersionKind format: {text}, please follow <group/version/kind>")
        group, version, kind = parts
        api_version = version if group in ("core", "") else f"{group}/{version}"
        known = call.client.kind_of(api_version, kind)
        if known is None:
            raise UsageError(f'no matches for kind "{kind}" in version "{api_version}"')
        found.append(known)
    return found


def surplus(call: Invocation, visited: Visited, allowed: Sequence[Kind]) -> Iterator[tuple[Kind, Obj]]:
    """Applied objects of the allowed kinds that nobody visited, in the namespaces that were. Raises ApiError."""
    kinds = list(allowed) or _default_kinds(call)
    places = [(ns, k) for ns in sorted(visited.namespaces) for k in kinds if k.namespaced]
    places += [("", k) for k in kinds if not k.namespaced]
    for namespace, kind in places:
        listing = call.client.list(kind, namespace, label_selector=call.flags.selector)
        for obj in listing.get("items") or []:
            if LAST_APPLIED in annotations_of(obj) and uid(obj) not in visited.uids:
                yield kind, {"apiVersion": kind.api_version, "kind": kind.kind, **obj}


def _default_kinds(call: Invocation) -> list[Kind]:
    call.klog("W", "prune.go:71", _DEPRECATED)
    found = []
    for text in DEFAULT_KINDS:
        api_version, _, kind = text.rpartition("/")
        known = call.client.kind_of(api_version, kind)
        if known is not None:
            found.append(known)
    return found


def file_name(kind: Kind, obj: Obj) -> str:
    """What `diff` calls an object's file: `apps.v1.Deployment.default.web`."""
    group = f"{kind.group}." if kind.group else ""
    namespace = obj.get("metadata", {}).get("namespace", "")
    return f"{group}{kind.version}.{kind.kind}.{namespace}.{name(obj)}"
