"""What is wanted against what is there, object by object; and to which Application an object belongs.

An object belongs to the Application that its annotation `argocd.argoproj.io/tracking-id` names
(`guestbook:apps/Deployment:default/web`). It is in sync when applying what is wanted, as `kubectl apply` would, leaves it
as it is: what others set in other fields does not count.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from minikctl.api.errors import ApiError
from minikctl.api.kind import Kind
from minikctl.api.meta import LAST_APPLIED, Obj, annotations_of, name, namespace, with_metadata
from minikctl.api.patch.strategic import PatchError
from minikctl.client import Client, WriteOptions
from minikctl.util.jsonio import JSONError, loads

TRACKING = "argocd.argoproj.io/tracking-id"
SYNC_OPTIONS = "argocd.argoproj.io/sync-options"
COMPARE_OPTIONS = "argocd.argoproj.io/compare-options"
HOOK, WAVE = "argocd.argoproj.io/hook", "argocd.argoproj.io/sync-wave"
HELM_HOOK = "helm.sh/hook"
MANAGER = "argocd-controller"
SYNCED, OUT_OF_SYNC = "Synced", "OutOfSync"

Id = tuple[str, str, str, str]
"""Group, kind, namespace, name."""


def group_of(obj: Obj) -> str:
    return str(obj.get("apiVersion", "")).rpartition("/")[0]


def id_of(obj: Obj) -> Id:
    return group_of(obj), obj["kind"], namespace(obj), name(obj)


def tracking_id(app: Obj, obj: Obj) -> str:
    return f"{instance(app)}:{group_of(obj)}/{obj['kind']}:{namespace(obj)}/{name(obj)}"


def instance(app: Obj) -> str:
    """What an Application is called in its objects; outside of its home namespace, with its own."""
    return name(app) if namespace(app) == "argocd" else f"{namespace(app)}_{name(app)}"


def owner_of(obj: Obj) -> str:
    """namespace/name of the Application that an object belongs to; empty when there is none.

    Only the annotation that names this very object counts: a copy of it belongs to nobody.
    """
    found = annotations_of(obj).get(TRACKING) or ""
    app, _, rest = found.partition(":")
    if rest != f"{group_of(obj)}/{obj.get('kind')}:{namespace(obj)}/{name(obj)}":
        return ""
    home, underscore, short = app.partition("_")
    return f"{home}/{short}" if underscore else f"argocd/{app}"


def is_hook(obj: Obj) -> bool:
    notes = annotations_of(obj)
    return HOOK in notes or (HELM_HOOK in notes and notes[HELM_HOOK] != "crd-install")


def wanted(app: Obj, objects: Iterable[Obj], kind_of: Callable[[Obj], Kind | None]) -> list[Obj]:
    """The objects with their namespace and who they belong to; of two with one name the last one counts."""
    home = (app["spec"].get("destination") or {}).get("namespace") or ""
    found: dict[Id, Obj] = {}
    for obj in objects:
        kind = kind_of(obj)
        if kind is None or kind.namespaced:
            obj = with_metadata(obj, namespace=namespace(obj) or home or "default") if _may_have(kind, obj) else obj
        else:
            obj = {**obj, "metadata": {k: v for k, v in obj["metadata"].items() if k != "namespace"}}
        if not is_hook(obj):
            notes = {**annotations_of(obj), TRACKING: tracking_id(app, obj)}
            obj = with_metadata(obj, annotations=notes)
        found[id_of(obj) if name(obj) else ("", str(len(found)), "", "")] = obj
    return list(found.values())


def _may_have(kind: Kind | None, obj: Obj) -> bool:
    """An unknown kind may be cluster-scoped: it keeps what it says."""
    return kind is not None or bool(namespace(obj)) or obj.get("kind") != "CustomResourceDefinition"


@dataclass(frozen=True, slots=True)
class Compared:
    """One object: wanted, there, or both."""

    id: Id
    wanted: Obj | None
    live: Obj | None
    status: str

    @property
    def version(self) -> str:
        return str((self.wanted or self.live or {}).get("apiVersion", "")).rpartition("/")[2]

    @property
    def is_surplus(self) -> bool:
        return self.wanted is None and self.live is not None


def compare(client: Client, app: Obj, objects: Sequence[Obj], before: Iterable[Id]) -> list[Compared]:
    """`objects` as `wanted` gives them, without hooks; `before`: what the Application had. Raises ApiError."""
    rules = app["spec"].get("ignoreDifferences") or []
    found: list[Compared] = []
    for obj in objects:
        kind = client.kind_of(obj["apiVersion"], obj["kind"])
        live = find(client, kind, namespace(obj), name(obj)) if kind is not None else None
        same = kind is not None and live is not None and in_sync(client, kind, obj, live, rules)
        ignored = "IgnoreExtraneous" in annotations_of(obj).get(COMPARE_OPTIONS, "")
        found.append(Compared(id_of(obj), obj, live, SYNCED if same or (ignored and live) else OUT_OF_SYNC))
    known = {c.id for c in found}
    for one in before:
        if one in known:
            continue
        kind = _kind_by(client, one)
        live = find(client, kind, one[2], one[3]) if kind is not None else None
        if live is not None and owner_of(live) == f"{namespace(app)}/{name(app)}":
            extra = "IgnoreExtraneous" in annotations_of(live).get(COMPARE_OPTIONS, "")
            found.append(Compared(one, None, live, SYNCED if extra else OUT_OF_SYNC))
    return found


def _kind_by(client: Client, one: Id) -> Kind | None:
    return next((k for k in client.kinds() if (k.group, k.kind) == one[:2]), None)


def find(client: Client, kind: Kind, where: str, called: str) -> Obj | None:
    try:
        return client.get(kind, called, where if kind.namespaced else "")
    except ApiError as e:
        if e.reason == "NotFound":
            return None
        raise


def in_sync(client: Client, kind: Kind, obj: Obj, live: Obj, rules: Sequence[Obj]) -> bool:
    try:
        patch_type, patch = make_patch(kind, obj, live)
        if not patch:
            return True
        after = client.patch(
            kind,
            name(obj),
            patch,
            namespace(live),
            patch_type=patch_type,
            options=WriteOptions(dry_run=True, field_manager=MANAGER),
        )
    except (ApiError, PatchError):
        return False
    return _bare(after, rules) == _bare(live, rules)


def make_patch(kind: Kind, obj: Obj, live: Obj) -> tuple[str, Obj]:
    """As `kubectl apply` makes it. Raises PatchError."""
    from minikctl.kubectl import last_applied
    from minikctl.kubectl.applying.patcher import three_way

    try:
        original = loads(last_applied.original(live) or "{}")
    except JSONError:
        original = {}
    return three_way(kind, original, last_applied.annotated(obj), live)


def _bare(obj: Obj, rules: Sequence[Obj]) -> Obj:
    meta = {k: v for k, v in obj["metadata"].items() if k not in ("managedFields", "resourceVersion", "generation")}
    notes = {k: v for k, v in (meta.get("annotations") or {}).items() if k != LAST_APPLIED}
    bare: Obj = {**obj, "metadata": {**meta, "annotations": notes}}
    bare.pop("status", None)
    for rule in rules:
        kind, group, called = rule.get("kind"), rule.get("group", ""), rule.get("name")
        if kind in (obj.get("kind"), "*") and group in (group_of(obj), "*") and called in (None, "", name(obj)):
            for pointer in rule.get("jsonPointers") or []:
                bare = _without(bare, [p.replace("~1", "/").replace("~0", "~") for p in pointer.split("/")[1:]])
    return bare


def _without(value: Any, path: list[str]) -> Any:
    """A copy in which what a JSON pointer names is missing."""
    if not path:
        return value
    if isinstance(value, dict) and path[0] in value:
        if len(path) == 1:
            return {k: v for k, v in value.items() if k != path[0]}
        return {**value, path[0]: _without(value[path[0]], path[1:])}
    if isinstance(value, list) and path[0].isdigit() and int(path[0]) < len(value):
        at = int(path[0])
        inner = [] if len(path) == 1 else [_without(value[at], path[1:])]
        return [*value[:at], *inner, *value[at + 1 :]]
    return value
