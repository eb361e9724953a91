"""The `Kind`s that a definition serves: one for every served version, stored in the shape of one of them.

Source: apiextensions-apiserver `pkg/apiserver/customresource_handler.go`, `pkg/registry/customresource`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from minikctl.api import schema as types
from minikctl.api.crd import columns, embedded, lists, paths, reading, rules, values
from minikctl.api.crd.naming import TERMINATING
from minikctl.api.errors import FieldError, field_invalid
from minikctl.api.kind import Conversion, Kind, ScalePaths
from minikctl.api.meta import Obj, condition_is, get_path
from minikctl.api.names import qualified_name
from minikctl.api.patch.values import ABSENT

Convert = Callable[[list[Obj], str], list[Obj]]
"""(objects, apiVersion wanted) → objects of that version, in order; the given ones are left alone. Raises ApiError."""
MAX_REPLICAS = 2**31 - 1
_TERMINATING = "create not allowed while custom resource definition is terminating"
_OWN_FINALIZERS = ("orphan", "foregroundDeletion", "kubernetes")


def served_versions(crd: Obj) -> list[Obj]:
    return [v for v in crd["spec"].get("versions") or [] if v.get("served")]


def storage_version(crd: Obj) -> str:
    return str(next(v["name"] for v in crd["spec"]["versions"] if v.get("storage")))


def rename(objects: list[Obj], api_version: str) -> list[Obj]:
    """Conversion with strategy None: nothing but the apiVersion changes."""
    return [o if o.get("apiVersion") == api_version else {**o, "apiVersion": api_version} for o in objects]


def kinds_of(crd: Obj, convert: Convert = rename) -> list[Kind]:
    """The kinds of an established definition; the version that is stored comes first."""
    stored_name = storage_version(crd)
    versions = {v["name"]: v for v in crd["spec"]["versions"]}
    stored = _kind(crd, versions[stored_name], convert, None)
    others = [_kind(crd, v, convert, stored) for v in served_versions(crd) if v["name"] != stored_name]
    return [stored, *others] if versions[stored_name].get("served") else others


def _kind(crd: Obj, version: Obj, convert: Convert, stored: Kind | None) -> Kind:
    spec = crd["spec"]
    names = (crd.get("status") or {}).get("acceptedNames") or spec["names"]
    strategy = _Strategy(spec["group"], version, names["kind"], convert)
    heads, row = columns.table(version.get("additionalPrinterColumns") or [])
    subresources = version.get("subresources") or {}
    return Kind(
        group=spec["group"],
        version=version["name"],
        kind=names["kind"],
        plural=names["plural"],
        type="",
        namespaced=spec.get("scope") != "Cluster",
        singular=names.get("singular") or "",
        list_kind=names.get("listKind") or "",
        short_names=tuple(names.get("shortNames") or ()),
        categories=tuple(names.get("categories") or ()),
        subresources=tuple(s for s in ("status", "scale") if s in subresources),
        scale=_scale(subresources.get("scale")),
        has_generation=True,
        storage=f"{spec['group']}/{names['plural']}",
        openapi_schema=strategy.schema,
        deprecation=_deprecation(version, spec["group"], names["kind"]),
        decode=strategy.decode,
        read=strategy.read,
        read_all=strategy.read_all,
        is_shown_slowly=convert is not rename,
        refuses_creation=_TERMINATING if condition_is(crd, TERMINATING) else "",
        default=strategy.default,
        validate=strategy.validate,
        validate_update=strategy.validate_update,
        validate_status_update=strategy.validate_status_update,
        update_is_validated_whole=True,
        warnings=_warnings,
        selectable_fields=strategy.selectable_fields,
        columns=heads,
        row=row,
        conversion=_conversion(stored, convert, strategy) if stored else None,
    )


def _conversion(stored: Kind, convert: Convert, strategy: _Strategy) -> Conversion:
    return Conversion(stored, lambda obj: convert([obj], stored.api_version)[0], strategy.read)


def _scale(scale: Obj | None) -> ScalePaths | None:
    if scale is None:
        return None
    return ScalePaths(
        (scale.get("specReplicasPath") or "").lstrip("."),
        (scale.get("statusReplicasPath") or "").lstrip("."),
        (scale.get("labelSelectorPath") or "").lstrip("."),
    )


def _deprecation(version: Obj, group: str, kind: str) -> str:
    if not version.get("deprecated"):
        return ""
    given: str | None = version.get("deprecationWarning")
    return given if given is not None else f"{group}/{version['name']} {kind} is deprecated"


def _warnings(obj: Obj) -> list[str]:
    """Finalizers that others could have thought of, too."""
    texts = []
    for name in sorted(obj["metadata"].get("finalizers") or []):
        at = f'metadata.finalizers: "{name}": '
        texts += [at + problem for problem in qualified_name(name)]
        if "/" not in name and name not in _OWN_FINALIZERS:
            path = " including a path (/)" if "." in name else ""
            texts.append(
                f"{at}prefer a domain-qualified finalizer name{path} to avoid accidental conflicts with other "
                "finalizer writers"
            )
    return texts


@dataclass(frozen=True)
class _Strategy:
    """What one version does with its objects."""

    group: str
    version: Obj
    kind: str
    convert: Convert

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version['name']}"

    @property
    def schema(self) -> Obj | None:
        found: Obj | None = (self.version.get("schema") or {}).get("openAPIV3Schema")
        return found

    def decode(self, obj: Obj) -> types.Decoded:
        """A client's object: copied, defaulted, pruned. Raises schema.DecodeError."""
        value = reading.copy(obj)
        value["metadata"] = value.get("metadata") or {}
        head: Obj = {"apiVersion": self.api_version, "kind": self.kind, "metadata": value["metadata"]}
        value = {**head, **value, "apiVersion": self.api_version, "kind": self.kind}
        return types.Decoded(value, reading.read(self.schema, value))

    def default(self, obj: Obj) -> None:
        reading.default(self.schema, obj)

    def read(self, obj: Obj) -> Obj:
        """A stored object as this version shows it."""
        return self.read_all([obj])[0]

    def read_all(self, objects: list[Obj]) -> list[Obj]:
        """Stored objects, converted, with the defaults that came later and without the fields that have gone."""
        shown: list[Obj] = []
        for obj in self.convert(objects, self.api_version):
            copied: Obj = reading.copy(obj)
            reading.default(self.schema, copied)
            reading.prune({**(self.schema or {}), "x-kubernetes-embedded-resource": True}, copied)
            shown.append(copied)
        return shown

    # ------------------------------------------------------------------ validation

    def validate(self, obj: Obj) -> list[FieldError]:
        errors = values.validate(self.schema, obj) + self._replicas(obj)
        errors += embedded.validate(self.schema, obj) + lists.validate(self.schema, obj)
        return errors + rules.validate(self.schema, obj, found=errors)

    def validate_update(self, obj: Obj, old: Obj) -> list[FieldError]:
        """What an update has not touched may stay wrong (KEP-4008)."""
        old = self.read(old)
        errors = values.validate(self.schema, obj, old=old) + self._replicas(obj)
        errors += embedded.validate(self.schema, obj)
        if not lists.validate(self.schema, old):
            errors += lists.validate(self.schema, obj)
        return errors + rules.validate(self.schema, obj, old, errors)

    def validate_status_update(self, obj: Obj, old: Obj) -> list[FieldError]:
        return self.validate_update(obj, old)

    def _replicas(self, obj: Obj) -> list[FieldError]:
        """The numbers that `/scale` needs."""
        scale = (self.version.get("subresources") or {}).get("scale")
        errors = []
        for path in ((scale or {}).get("specReplicasPath") or "", (scale or {}).get("statusReplicasPath") or ""):
            value = get_path(obj, *path.lstrip(".").split(".")) if path else None
            if not isinstance(value, int) or isinstance(value, bool):
                continue  # the schema speaks about types
            if value < 0:
                errors.append(field_invalid(path, value, "should be a non-negative integer"))
            elif value > MAX_REPLICAS:
                errors.append(field_invalid(path, value, f"should be less than or equal to {MAX_REPLICAS}"))
        return errors

    def selectable_fields(self, obj: Obj) -> dict[str, str]:
        """Field selectors: the version's selectableFields."""
        out = {}
        for field in self.version.get("selectableFields") or []:
            path: str = field["jsonPath"]
            value: Any = get_path(obj, *paths.steps(path), default=ABSENT)
            out[path.removeprefix(".")] = _selectable(value)
        return out


def _selectable(value: Any) -> str:
    if value is ABSENT or value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)
