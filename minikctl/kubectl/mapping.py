"""From manifests to targets: which kind an object is, which namespace it goes to, and what is wrong with it.

Source: cli-runtime `pkg/resource` (mapper.go, visitor.go) and kubectl `pkg/validation`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from minikctl.api import kinds
from minikctl.api.kind import Kind
from minikctl.api.meta import Obj
from minikctl.kubectl import manifest
from minikctl.kubectl.manifest import Document
from minikctl.kubectl.resolve import Resolved, Target
from minikctl.util.errors import UsageError

if TYPE_CHECKING:
    from minikctl.kubectl.command import Invocation


def map_documents(
    call: Invocation,
    documents: Sequence[Document | Exception],
    *,
    default_namespace: bool = True,
    require_namespace: bool = True,
    validate: str = "",
    local: bool = False,
) -> Resolved:
    """The kinds and namespaces of manifests. Errors (also those among `documents`) keep the order of the files.

    validate: `strict` or `warn` refuse documents without apiVersion and kind in kubectl's words (the server judges the
    rest); `ignore` and `""` leave that to the mapping. With `local` the built-in kinds are enough, and unknown ones pass.
    """
    out = Resolved()
    broken = ""
    for document in documents:
        if isinstance(document, Exception):
            out.errors.append(document)
            continue
        if document.source == broken:
            continue
        if validate in ("strict", "warn") and (problem := _unusable(document)):
            out.errors.append(UsageError(problem))
            broken = document.source
            continue
        try:
            for target in _mapped(call, document, local):
                _set_namespace(call, target, default_namespace, require_namespace)
                out.targets.append(target)
        except UsageError as e:
            out.errors.append(e)
    return out


def _unusable(document: Document) -> str:
    """Why the document is no object at all, in the words of kubectl's validation; `""` when it is one."""
    from minikctl.kubectl import validation

    problems = validation.problems(document.obj)
    if not problems:
        return ""
    text = problems[0] if len(problems) == 1 else f"[{', '.join(problems)}]"
    return (
        f'error validating "{document.source}": error validating data: {text}; '
        "if you choose to ignore these errors, turn validation off with --validate=false"
    )


def _mapped(call: Invocation, document: Document, local: bool) -> list[Target]:
    """A document's object, or those of a list, with their kinds. Raises UsageError."""
    obj = document.obj
    if problem := undecodable(obj):
        raise UsageError(f'unable to decode "{document.source}": {problem}')
    if manifest.is_list(obj):
        items = [type(document)(item, document.source) for item in manifest.items_of(obj)]
        return [t for item in items for t in _mapped(call, item, local)]
    metadata = obj.get("metadata") or {}
    name, namespace = metadata.get("name") or "", metadata.get("namespace") or ""
    kind = _kind_of(call, obj.get("apiVersion") or "", obj["kind"], local)
    if kind is None:
        raise UsageError(
            f'resource mapping not found for name: "{name}" namespace: "{namespace}" from "{document.source}": '
            f'no matches for kind "{obj["kind"]}" in version "{obj.get("apiVersion") or ""}"\nensure CRDs are installed first'
        )
    return [Target(kind, namespace, name, obj, document.source)]


def undecodable(obj: Any) -> str:
    """Why the value is no Kubernetes object, in the words of Go's decoder; `""` when it is one."""
    if not isinstance(obj, dict):
        return f"json: cannot unmarshal {_json_type(obj)} into Go value of type unstructured.detector"
    api_version = obj.get("apiVersion")
    if api_version is not None and not isinstance(api_version, str):
        where = "metadataOnlyObject.TypeMeta.apiVersion"
        return f"json: cannot unmarshal {_json_type(api_version)} into Go struct field {where} of type string"
    if not obj.get("kind") or not isinstance(obj["kind"], str) or str(obj.get("apiVersion") or "").count("/") > 1:
        from minikctl.kubectl.printers.json_out import compact

        return f"Object 'Kind' is missing in '{compact(obj)}'"
    if isinstance(items := obj.get("items"), list):
        wrong = next((i for i in items if not isinstance(i, dict)), None)
        if wrong is not None:
            return f"json: cannot unmarshal {_json_type(wrong)} into Go value of type map[string]interface {{}}"
    metadata = obj.get("metadata")
    if metadata is not None and not isinstance(metadata, dict):
        where = "metadataOnlyObject.metadata"
        return f"json: cannot unmarshal {_json_type(metadata)} into Go struct field {where} of type v1.ObjectMeta"
    return _bad_metadata(metadata or {})


_TEXTS = frozenset({"name", "namespace", "generateName"})
_MAPS = frozenset({"labels", "annotations"})


def _bad_metadata(metadata: Obj) -> str:
    """What the decoder says of metadata of the wrong types. The usual fields need no look into the schema."""
    for key, value in metadata.items():
        if value is None or (key in _TEXTS and isinstance(value, str)):
            continue
        if key in _MAPS and isinstance(value, dict) and all(isinstance(v, str) for v in value.values()):
            continue
        from minikctl.api import schema

        try:
            schema.decode("core/v1.ConfigMap", {"metadata": metadata})
        except schema.DecodeError as e:
            return str(e)
        return ""
    return ""


def _json_type(value: object) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, str):
        return "string"
    if isinstance(value, list):
        return "array"
    return "object" if isinstance(value, dict) else "number"


def _kind_of(call: Invocation, api_version: str, kind: str, local: bool) -> Kind | None:
    if not local:
        return call.client.kind_of(api_version, kind)
    group, slash, version = api_version.rpartition("/")
    found = kinds.by_gvk(group if slash else "", version, kind)
    if found is not None:
        return found
    plural = kind.lower() + ("es" if kind.endswith("s") else "s")
    return Kind(group=group, version=version, kind=kind, plural=plural, type="", namespaced=True)


def _set_namespace(call: Invocation, target: Target, default: bool, require: bool) -> None:
    """Fill in the namespace, or refuse another one than -n says. Changes the target and its object (by path)."""
    given, wanted = target.namespace, ""
    if not target.kind.namespaced:
        wanted = ""
    elif given:
        if require and given != call.namespace:
            raise UsageError(
                f'the namespace from the provided object "{given}" does not match the namespace "{call.namespace}". '
                f"You must pass '--namespace={given}' to perform this operation."
            )
        wanted = given
    elif default or require:
        wanted = call.namespace
    target.namespace = wanted
    if wanted != given and target.obj is not None:
        metadata = {**(target.obj.get("metadata") or {}), "namespace": wanted}
        if not wanted:
            del metadata["namespace"]
        target.obj = {**target.obj, "metadata": metadata}
