"""Patches of a kustomization: `patches`, and the older `patchesStrategicMerge` and `patchesJson6902`.

Source: kustomize `api/internal/builtins` (PatchTransformer and its elders).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from minikctl.api.meta import Obj
from minikctl.api.patch import json_patch
from minikctl.kubectl.kustomize.files import Root
from minikctl.kubectl.kustomize.merging import merge
from minikctl.kubectl.kustomize.reading import ReadError
from minikctl.kubectl.kustomize.resource import Resource, Resources, parse, select, text
from minikctl.util.errors import UsageError
from minikctl.util.go_format import quote


@dataclass
class Patch:
    """What one entry says: resources to merge, or operations, and where they go."""

    source: str
    merges: list[Resource] = field(default_factory=list)
    operations: list[Any] | None = None
    target: Obj | None = None


def load(root: Root, entry: Obj) -> Patch:
    """An entry of `patches`. Raises UsageError."""
    content, path = text(entry.get("patch")).strip(), text(entry.get("path"))
    if not content and not path:
        raise UsageError(_misconfigured(entry, "must specify one of patch and path in\n"))
    if content and path:
        raise UsageError(_misconfigured(entry, "patch and path can't be set at the same time\n"))
    source = f"[patch: {quote(content)}]"
    if path:
        try:
            content = root.read(path).decode("utf-8", "replace")
        except UsageError as e:
            raise UsageError(
                _misconfigured(entry, f"failed to get the patch file from path({path}): {e.message}", False)
            ) from None
        source = f"[path: {quote(path)}]"
    merges, operations = _as_resources(content), _as_operations(content)
    if merges is None and operations is None:
        raise UsageError(_misconfigured(entry, f"unable to parse SM or JSON patch from {source}", False))
    options = entry.get("options") or {}
    for resource in merges or []:
        resource.may_change_name = bool(options.get("allowNameChange"))
        resource.may_change_kind = bool(options.get("allowKindChange"))
    return Patch(source, merges or [], None if merges is not None else operations, entry.get("target"))


def _misconfigured(entry: Obj, message: str, with_entry: bool = True) -> str:
    from minikctl.kubectl.printers.yaml_out import dumps

    shown = dumps({k: v for k, v in entry.items() if v})
    about = shown if with_entry else ""
    return f"trouble configuring builtin PatchTransformer with config: `\n{shown}`: {message}{about}"


def _as_resources(content: str) -> list[Resource] | None:
    try:
        return parse(content)
    except (UsageError, ReadError):
        return None


def _as_operations(content: str) -> list[Any] | None:
    """The operations of a JSON patch, None when it is none."""
    from minikctl.kubectl import yaml_in

    try:
        found = yaml_in.loads(content)
    except yaml_in.YAMLError:
        return None
    if not isinstance(found, list) or not all(isinstance(o, dict) for o in found):
        return None
    return found


def apply(resources: Resources, patch: Patch) -> None:
    """Raises UsageError."""
    if patch.operations is not None:
        if patch.target is None:
            raise UsageError(f"must specify a target for JSON patch {patch.source}")
        for resource in select(resources, patch.target):
            resource.remember()
            operate(resource, patch.operations)
        return
    if patch.target is not None:
        if len(patch.merges) > 1:
            raise UsageError(
                "Multiple Strategic-Merge Patches in one `patches` entry is not allowed to set "
                f"`patches.target` field: {patch.source}"
            )
        for resource in select(resources, patch.target) if patch.merges else []:
            merge_into(resource, patch.merges[0])
    else:
        for wanted in patch.merges:
            try:
                found = resources.only(wanted.original_id)
            except UsageError as e:
                raise UsageError(
                    f'no resource matches strategic merge patch "{wanted.original_id}": {e.message}'
                ) from None
            merge_into(found, wanted)
    _drop_deleted(resources)


def merge_into(resource: Resource, patch: Resource) -> None:
    """Merge, and keep what the resource is called unless the patch may change it. Raises UsageError."""
    name, namespace, kind = resource.name, resource.namespace, resource.gvk.kind
    if patch.may_change_name or patch.may_change_kind:
        resource.remember()
    changes = _copy(patch.data)
    changes["apiVersion"] = resource.data.get("apiVersion")
    if not patch.may_change_kind:
        changes["kind"] = kind
    if isinstance(changes.get("metadata"), dict) and not patch.may_change_name:
        changes["metadata"].pop("name", None)
    merged = merge(resource.data, changes)
    if merged is None:
        resource.data = {}
        return
    resource.data = merged
    if not patch.may_change_name:
        resource.set_metadata("name", name)
    resource.set_metadata("namespace", namespace)


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _copy(v) for k, v in value.items()}
    return [_copy(v) for v in value] if isinstance(value, list) else value


def _drop_deleted(resources: Resources) -> None:
    resources.items = [r for r in resources.items if r.data]


def operate(resource: Resource, operations: list[Any]) -> None:
    """Apply a JSON patch. Raises UsageError."""
    for operation in operations:
        try:
            resource.data = json_patch.apply(resource.data, [operation])
        except json_patch.PatchError as e:
            raise UsageError(_problem(resource.data, operation) or str(e)) from None
    annotations = resource.metadata.get("annotations")
    if isinstance(annotations, dict):
        resource.set_metadata("annotations", {k: text(v) for k, v in annotations.items()})


def _problem(document: Any, operation: Obj) -> str:
    """Why an operation cannot be done, in the words of Go's library; `""` when they are not known."""
    from jsonpointer import JsonPointer, JsonPointerException

    name, missing = text(operation.get("op")), ": missing value"
    field = "from" if name in ("move", "copy") else "path"
    if name not in ("add", "remove", "replace", "move", "copy", "test"):
        return f"Unexpected kind: {name}"
    if operation.get(field) is None:
        return f"{name} operation failed to decode {field}{missing}"
    path = text(operation[field])
    try:
        *above, last = JsonPointer(path).parts
        parent = JsonPointer.from_parts(above).resolve(document, None)
    except (JsonPointerException, ValueError):
        return ""
    if name == "test":
        return f"testing value {path} failed: test failed"
    if not isinstance(parent, dict | list):
        shown = {"replace": path, "copy": path, "move": path}.get(name, f'"{path}"')
        what = "from path" if field == "from" else "path"
        return f"{name} operation does not apply: doc is missing {what}: {shown}{missing}"
    if name == "replace":
        return f"replace operation does not apply: doc is missing key: {path}{missing}"
    if isinstance(parent, list):
        return f"error in {name} for path: '{path}': Unable to access invalid index: {last}: invalid index referenced"
    shown = path if name == "remove" else last
    return f"error in {name} for path: '{shown}': Unable to remove nonexistent key: {last}{missing}"


# ---------------------------------------------------------------------- the elders


def merge_all(root: Root, resources: Resources, entries: list[Any]) -> None:
    """`patchesStrategicMerge`: each entry is a patch, or the path of a file with some. Raises UsageError."""
    for entry in entries:
        content = text(entry)
        patches = _as_resources(content) if "\n" in content or ":" in content else None
        if patches is None:
            try:
                patches = parse(root.read(content).decode("utf-8", "replace"))
            except ReadError as e:
                raise UsageError(
                    f"trouble configuring builtin PatchStrategicMergeTransformer: {e} in File: {content}"
                ) from None
            except UsageError as e:
                shown = _paths(entries)
                raise UsageError(
                    f"trouble configuring builtin PatchStrategicMergeTransformer with config: `\n{shown}`: {e.message}"
                ) from None
        for patch in patches:
            merge_into(resources.only(patch.original_id), patch)
            _drop_deleted(resources)


def _paths(entries: list[Any]) -> str:
    from minikctl.kubectl.printers.yaml_out import dumps

    return dumps({"paths": entries})


def operate_all(root: Root, resources: Resources, entry: Obj) -> None:
    """An entry of `patchesJson6902`. Raises UsageError."""
    target, path, content = entry.get("target") or {}, text(entry.get("path")), text(entry.get("patch"))
    problem = ""
    if not text(target.get("name")):
        problem = "must specify the target name"
    elif not path and not content:
        problem = "empty file path and empty jsonOp"
    elif path and content:
        problem = "must specify a file path or jsonOp, not both"
    if problem:
        from minikctl.kubectl.printers.yaml_out import dumps

        shown = dumps({k: v for k, v in (("jsonOp", content), ("path", path), ("target", target)) if v})
        raise UsageError(f"trouble configuring builtin PatchJson6902Transformer with config: `\n{shown}`: {problem}")
    content = content or root.read(path).decode("utf-8", "replace")
    operations = _as_operations(content)
    if not operations:
        raise UsageError(f"patch appears to be empty; file={path}, JsonOp={content}")
    for resource in select(resources, target):
        operate(resource, operations)
