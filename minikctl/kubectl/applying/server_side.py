"""`apply --server-side`: the server merges, and knows who owns which field. Source: kubectl `pkg/cmd/apply/apply.go`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from minikctl.api.apply import fields
from minikctl.api.errors import ApiError
from minikctl.api.meta import LAST_APPLIED, Obj, annotations_of, resource_version
from minikctl.client.protocol import WriteOptions
from minikctl.kubectl.command import Invocation
from minikctl.kubectl.flags import BOOL, Option
from minikctl.kubectl.resolve import Target
from minikctl.util.errors import UsageError

MANAGER, CLIENT_MANAGER = "kubectl", "kubectl-client-side-apply"
ANNOTATION_MANAGER = "kubectl-last-applied"
RETRIES = 5
OPTIONS = (
    Option("server-side", BOOL, help="Have the server do the merging."),
    Option("force-conflicts", BOOL, help="With --server-side: take fields over from their managers."),
)
_ADVICE = """
Please review the fields above--they currently have other managers. Here
are the ways you can resolve this warning:
* If you intend to manage all of these fields, please re-run the apply
  command with the `--force-conflicts` flag.
* If you do not intend to manage all of the fields, please edit your
  manifest to remove references to the fields that should keep their
  current managers.
* You may co-own fields by updating your manifest to match the existing
  value; in this case, you'll become the manager if the other manager(s)
  stop managing the field (remove it from their configuration).
See https://kubernetes.io/docs/reference/using-api/server-side-apply/#conflicts"""


def manager(call: Invocation) -> str:
    """The field manager: --field-manager, else by the way of applying."""
    if call.flags.changed("field-manager"):
        return str(call.flags.field_manager)
    return MANAGER if call.flags.server_side else CLIENT_MANAGER


def apply(call: Invocation, target: Target, options: WriteOptions, subresource: str = "") -> Obj:
    """The object afterwards. Raises UsageError for conflicts, ApiError for the rest."""
    config = target.obj or {}
    try:
        obj = send(call, target, config, options, subresource)
    except ApiError as e:
        if e.code == 415:
            raise UsageError(f"Server-side apply not available on the server: ({e.message})") from None
        if e.reason == "Conflict":
            raise UsageError(e.message + _ADVICE) from None
        raise
    try:
        obj = _keep_annotation(call, target, obj, options)
    except ApiError as e:
        _warn(call, "failed to migrate kubectl.kubernetes.io/last-applied-configuration for Server-Side Apply", e)
        return obj
    return _migrate(call, target, obj, options, config)


def send(call: Invocation, target: Target, config: Obj, options: WriteOptions, subresource: str = "") -> Obj:
    """One apply patch. Raises ApiError."""
    return call.client.patch(
        target.kind,
        target.name,
        config,
        target.namespace,
        patch_type="apply",
        subresource=subresource,
        options=options,
    )


def _warn(call: Invocation, what: str, error: ApiError) -> None:
    text = f"{what}. This is non-fatal and will be retried next time you apply. Error: {error.message}"
    call.err(f"Warning: {text}")


# ---------------------------------------------------------------------- objects that were applied by the client before


def _keep_annotation(call: Invocation, target: Target, obj: Obj, options: WriteOptions) -> Obj:
    """Own the last-applied annotation under a name of its own, so that server-side apply does not drop it."""
    text = annotations_of(obj).get(LAST_APPLIED)
    if options.field_manager != MANAGER or text is None or annotation_owners(_managed(obj), "Apply"):
        return obj
    metadata = {"name": target.name, "namespace": target.namespace, "annotations": {LAST_APPLIED: text}}
    config = {
        "apiVersion": target.kind.api_version,
        "kind": target.kind.kind,
        "metadata": {k: v for k, v in metadata.items() if v},
    }
    return send(call, target, config, replace(options, field_manager=ANNOTATION_MANAGER, force=False))


def _migrate(call: Invocation, target: Target, obj: Obj, options: WriteOptions, config: Obj) -> Obj:
    """Give server-side apply the fields that client-side apply owned, then apply again so that dropped ones go."""
    names = {e.get("manager", "") for e in annotation_owners(_managed(obj), "Update")}
    for attempt in range(RETRIES):
        entries = upgraded(_managed(obj), sorted(names), options.field_manager)
        if entries == _managed(obj):
            return obj
        patch = [
            {"op": "replace", "path": "/metadata/managedFields", "value": entries},
            {"op": "replace", "path": "/metadata/resourceVersion", "value": resource_version(obj)},
        ]
        try:
            obj = call.client.patch(
                target.kind,
                target.name,
                patch,
                target.namespace,
                patch_type="json",
                options=replace(options, force=False),
            )
            break
        except ApiError as e:
            if e.reason != "Conflict" or attempt == RETRIES - 1:
                _warn(call, "server rejected managed fields migration to Server-Side Apply", e)
                return obj
        obj = call.client.get(target.kind, target.name, target.namespace)
    try:
        return send(call, target, config, options)
    except ApiError as e:
        _warn(call, "failed to re-apply configuration after performing Server-Side Apply migration", e)
        return obj


def _managed(obj: Obj) -> list[Obj]:
    return obj.get("metadata", {}).get("managedFields") or []


def annotation_owners(entries: Sequence[Obj], operation: str) -> list[Obj]:
    """Entries of managedFields that hold the last-applied annotation."""
    found = []
    for entry in entries:
        node: Any = entry.get("fieldsV1") or {}
        for step in ("f:metadata", "f:annotations", f"f:{LAST_APPLIED}"):
            node = node.get(step) if isinstance(node, dict) else None
        if entry.get("operation") == operation and node is not None:
            found.append(entry)
    return found


def upgraded(entries: list[Obj], from_managers: Sequence[str], to_manager: str) -> list[Obj]:
    """managedFields in which the Update entries of the first have gone into the Apply entry of the second.

    Source: client-go `util/csaupgrade`.
    """
    for name in from_managers:
        theirs = [e for e in entries if _is(e, name, "Update")]
        target = next((e for e in entries if _is(e, to_manager, "Apply")), theirs[0] if theirs else None)
        if target is None:
            continue
        same = next((e for e in theirs if e.get("apiVersion") == target.get("apiVersion")), None)
        owned = target.get("fieldsV1") or {}
        if same is not None:
            owned = fields.union(owned, same.get("fieldsV1") or {})
        merged = {**target, "manager": to_manager, "operation": "Apply", "fieldsV1": owned}
        entries = [merged if e is target else e for e in entries if e is target or not _is(e, name, "Update")]
    return entries


def _is(entry: Obj, manager: str, operation: str) -> bool:
    return entry.get("manager") == manager and entry.get("operation") == operation and not entry.get("subresource")
