"""The kustomization file: what may stand in it, and what is said about the rest.

Source: kustomize `api/types/kustomization.go`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minikctl.api.meta import Obj
from minikctl.kubectl.kustomize.files import Root
from minikctl.util.errors import UsageError

KUSTOMIZATION, COMPONENT = "Kustomization", "Component"
VERSIONS = {KUSTOMIZATION: "kustomize.config.k8s.io/v1beta1", COMPONENT: "kustomize.config.k8s.io/v1alpha1"}
STRINGS, OBJECTS, MAP, STRING, OBJECT = "[]string", "[]", "map[string]string", "string", "{}"
FIELDS = {
    **dict.fromkeys(("apiVersion", "kind", "namePrefix", "nameSuffix", "namespace"), STRING),
    **dict.fromkeys(("resources", "components", "bases", "patchesStrategicMerge", "buildMetadata"), STRINGS),
    **dict.fromkeys(("commonLabels", "commonAnnotations"), MAP),
    **dict.fromkeys(("metadata", "generatorOptions", "sortOptions"), OBJECT),
    **dict.fromkeys(("labels", "patches", "patchesJson6902", "images", "imageTags", "replacements"), OBJECTS),
    **dict.fromkeys(("replicas", "configMapGenerator", "secretGenerator"), OBJECTS),
}
"""The fields that work here, and what they hold."""
REFUSED = (
    *("openapi", "vars", "crds", "configurations", "generators", "transformers", "validators"),
    *("helmGlobals", "helmCharts", "helmChartInflationGenerator"),
)
_GENERATED = ("name", "namespace", "behavior", "literals", "files", "envs", "env", "options")
_OPTIONS = ("labels", "annotations", "disableNameSuffixHash", "immutable")
_PATCH = ("path", "patch", "target", "options")
_IMAGE = ("name", "newName", "tagSuffix", "newTag", "digest")
INNER = {
    "labels": ("pairs", "includeSelectors", "includeTemplates", "fields"),
    "patches": _PATCH,
    "patchesJson6902": _PATCH,
    "images": _IMAGE,
    "imageTags": _IMAGE,
    "replacements": ("path", "source", "targets", "sourceValue"),
    "replicas": ("name", "count"),
    "configMapGenerator": _GENERATED,
    "secretGenerator": (*_GENERATED, "type"),
    "generatorOptions": _OPTIONS,
    "sortOptions": ("order", "legacySortOptions"),
    "metadata": ("name", "namespace", "labels", "annotations"),
}
_FIX = "Run 'kustomize edit fix' to update your Kustomization automatically."
GOING = {
    "bases": "resources",
    "commonLabels": "labels",
    "imageTags": "images",
    "patchesJson6902": "patches",
    "patchesStrategicMerge": "patches",
}
"""Fields that are going away, and what comes instead."""
_JSON = {str: "string", bool: "bool", int: "number", float: "number", list: "array", dict: "object"}


def load(root: Root, warn: Callable[[str], None]) -> Obj:
    """The checked content of a folder's kustomization file. Raises UsageError."""
    from minikctl.kubectl import yaml_in

    try:
        found = yaml_in.loads(root.kustomization())
    except yaml_in.YAMLError as e:
        raise UsageError(f"invalid Kustomization: {e}") from None
    data = _checked(found if found is not None else {})
    for old, new in GOING.items():
        if data.get(old) is not None:
            warn(f"# Warning: '{old}' is deprecated. Please use '{new}' instead. {_FIX}")
    data = {**data, "kind": data.get("kind") or KUSTOMIZATION}
    if not any(v for k, v in data.items() if k not in ("apiVersion", "kind")):
        raise UsageError("kustomization.yaml is empty")
    problems = _wrong_kind(data)
    if problems:
        raise UsageError(f"Failed to read kustomization file under {root.path}:\n" + "\n".join(problems))
    return data


def _wrong_kind(data: Obj) -> list[str]:
    kind, version = data["kind"], data.get("apiVersion") or ""
    wanted = VERSIONS.get(kind, VERSIONS[KUSTOMIZATION])
    problems = []
    if kind not in VERSIONS:
        problems.append(f"kind should be {KUSTOMIZATION} or {COMPONENT}")
    if version and version != wanted:
        problems.append(f"apiVersion for {kind} should be {wanted}")
    return problems


def _checked(found: Any) -> Obj:
    if not isinstance(found, dict):
        kind = _JSON.get(type(found), "string")
        raise _invalid(f"json: cannot unmarshal {kind} into Go value of type types.Kustomization")
    names = {n.lower(): n for n in (*FIELDS, *REFUSED)}
    data = {}
    for key in found:
        name = names.get(key.lower())
        if name is None:
            raise _invalid(f'json: unknown field "{key}"')
        data[name] = found[key]
    for name, value in data.items():
        if name in REFUSED and value:
            raise UsageError(f"minikctl's kustomize does not know the field '{name}'")
        if name in FIELDS and value is not None:
            _check_type(name, value, FIELDS[name])
    return data


def _invalid(problem: str) -> UsageError:
    return UsageError(f"invalid Kustomization: {problem}")


def _check_type(name: str, value: Any, wanted: str) -> None:
    shape = {STRING: str, STRINGS: list, OBJECTS: list, MAP: dict, OBJECT: dict}[wanted]
    go = {OBJECTS: f"[]types.{_GO.get(name, name)}", OBJECT: f"types.{_GO.get(name, name)}"}.get(wanted, wanted)
    if not isinstance(value, shape):
        raise _mismatch(value, name, go)
    for item in value if wanted == STRINGS else value.values() if wanted == MAP else ():
        if item is not None and not isinstance(item, str):
            raise _mismatch(item, name, "string")
    allowed = INNER.get(name)
    if allowed is not None:
        lower = {a.lower() for a in allowed}
        for item in value if wanted == OBJECTS else [value]:
            if not isinstance(item, dict):
                raise _mismatch(item, name, go.removeprefix("[]"))
            for key in item:
                if key.lower() not in lower:
                    raise _invalid(f'json: unknown field "{key}"')
            _check_options(name, item)


def _check_options(name: str, item: Obj) -> None:
    """Labels and annotations of what is generated are texts."""
    options, where = item, f"GeneratorOptions.{name}"
    if name in ("configMapGenerator", "secretGenerator"):
        options, where = item.get("options") or {}, f"{where}.GeneratorArgs.options"
    elif name != "generatorOptions":
        return
    for key in ("labels", "annotations"):
        for value in (options.get(key) or {}).values():
            if value is not None and not isinstance(value, str):
                kind = _JSON.get(type(value), "string")
                raise _invalid(f"json: cannot unmarshal {kind} into Go struct field {where}.{key} of type string")


_GO = {
    "labels": "Label",
    "patches": "Patch",
    "patchesJson6902": "Patch",
    "images": "Image",
    "imageTags": "Image",
    "replacements": "ReplacementField",
    "replicas": "Replica",
    "configMapGenerator": "ConfigMapArgs",
    "secretGenerator": "SecretArgs",
    "generatorOptions": "GeneratorOptions",
    "sortOptions": "SortOptions",
    "metadata": "ObjectMeta",
}


def _mismatch(value: Any, name: str, wanted: str) -> UsageError:
    kind = _JSON.get(type(value), "string")
    return _invalid(f"json: cannot unmarshal {kind} into Go struct field Kustomization.{name} of type {wanted}")
