"""A request as webhooks and policies see it, and which requests they ask to see.

Source: apiserver `admission/plugin/webhook/{generic,predicates,request}`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from minikctl.api import schema
from minikctl.api.errors import not_found
from minikctl.api.kind import Kind
from minikctl.api.meta import Obj, labels_of, name
from minikctl.api.selectors import from_label_selector
from minikctl.apiserver.admission import Cluster
from minikctl.apiserver.request import Attributes

GROUP = "admissionregistration.k8s.io"
EXEMPT = frozenset(
    f"{plural}.{GROUP}"
    for plural in (
        "mutatingwebhookconfigurations",
        "validatingwebhookconfigurations",
        "mutatingadmissionpolicies",
        "mutatingadmissionpolicybindings",
        "validatingadmissionpolicies",
        "validatingadmissionpolicybindings",
    )
)
"""What decides about requests is not decided about in the same way: a mistake could never be mended."""
NAMESPACES = "namespaces"


@dataclass(frozen=True, slots=True)
class View:
    """The request in the version that a rule asks for. `gvk` is that of the object that it carries."""

    attributes: Attributes
    kind: Kind

    @property
    def gvk(self) -> tuple[str, str, str]:
        return self.attributes.gvk or (self.kind.group, self.kind.version, self.kind.kind)

    @property
    def obj(self) -> Obj | None:
        return self._shown(self.attributes.obj)

    @property
    def old(self) -> Obj | None:
        return self._shown(self.attributes.old)

    def _shown(self, obj: Obj | None) -> Obj | None:
        if obj is None:
            return None
        if self.attributes.gvk is None:
            obj = self.kind.shown(obj)
        group, version, kind = self.gvk
        return {**obj, "apiVersion": f"{group}/{version}" if group else version, "kind": kind}

    def taken_back(self, obj: Obj) -> Obj:
        """A changed object in the version that the request is carried out in."""
        if self.attributes.gvk is None and self.kind.conversion is not None:
            return self.kind.conversion.to_stored(obj)
        return {**obj, "apiVersion": self.attributes.kind.api_version}

    def request(self, uid: str) -> Obj:
        """The `request` of an AdmissionReview."""
        a = self.attributes
        own = a.gvk or (a.kind.group, a.kind.version, a.kind.kind)
        where = namespace_of(a)
        user: Obj = {"username": a.context.user.name}
        if a.context.user.uid:
            user["uid"] = a.context.user.uid
        user["groups"] = list(a.context.user.groups)
        if a.context.user.extra:
            user["extra"] = {k: list(v) for k, v in a.context.user.extra.items()}
        found: Obj = {
            "uid": uid,
            "kind": dict(zip(("group", "version", "kind"), self.gvk, strict=True)),
            "resource": _resource(self.kind),
            "subResource": a.subresource,
            "requestKind": dict(zip(("group", "version", "kind"), own, strict=True)),
            "requestResource": _resource(a.kind),
            "requestSubResource": a.subresource,
            "name": name_of(a),
            "namespace": where,
        }
        optional = ("subResource", "requestSubResource", "name", "namespace")
        found = {k: v for k, v in found.items() if v or k not in optional}
        return found | {
            "operation": a.operation,
            "userInfo": user,
            "object": self.obj,
            "oldObject": self.old,
            "dryRun": a.context.dry_run,
            "options": options_of(a),
        }


def _resource(kind: Kind) -> Obj:
    return {"group": kind.group, "version": kind.version, "resource": kind.plural}


def name_of(a: Attributes) -> str:
    return a.name or (name(a.obj) if a.obj else "")


def namespace_of(a: Attributes) -> str:
    """A Namespace lies in itself."""
    return name_of(a) if a.kind.resource == NAMESPACES else a.namespace


def options_of(a: Attributes) -> Obj | None:
    """The options of the operation, as an object."""
    kinds = {"CREATE": "CreateOptions", "UPDATE": "UpdateOptions", "DELETE": "DeleteOptions"}
    if a.operation not in kinds:
        return None
    options: Obj = {"kind": kinds[a.operation], "apiVersion": "meta.k8s.io/v1", **a.options}
    if a.context.dry_run:
        options["dryRun"] = ["All"]
    if a.operation != "DELETE":
        if a.context.field_manager:
            options["fieldManager"] = a.context.field_manager
        options["fieldValidation"] = a.context.field_validation
    return options


# ---------------------------------------------------------------------- which requests


def select(wanted: Obj, rules: Iterable[Obj], a: Attributes, api: Cluster) -> View | None:
    """The request as the first rule that fits asks for it; None when none does or a selector does not match.

    `wanted` has namespaceSelector, objectSelector and matchPolicy. Raises ApiError when the namespace is missing.
    """
    view = fitting(rules, wanted.get("matchPolicy") or "Equivalent", a, api)
    if view is None:
        return None
    if not _object_matches(wanted.get("objectSelector"), a):
        return None
    return view if _namespace_matches(wanted.get("namespaceSelector"), a, api) else None


def fitting(rules: Iterable[Obj], match_policy: str, a: Attributes, api: Cluster) -> View | None:
    """By rules alone: in the request's own version or, with the policy Equivalent, in another one of it."""
    wanted = list(rules)
    possible = [r for r in wanted if _fits_but_version(r, a)]
    if any(_is_version(r, a.kind) for r in possible):
        return View(a, a.kind)
    if match_policy != "Equivalent" or not possible:
        return None
    others = [k for k in api.resources.all() if _is_equivalent(k, a.kind)]
    return next((View(a, k) for r in possible for k in others if _is_version(r, k)), None)


def _is_equivalent(kind: Kind, own: Kind) -> bool:
    same = (kind.group, kind.plural) == (own.group, own.plural)
    return kind is not own and kind.plural == own.plural and (same or kind.stored.resource == own.resource)


def _has(items: list[str] | None, one: str) -> bool:
    return items is not None and ("*" in items or one in items)


def _fits_but_version(rule: Obj, a: Attributes) -> bool:
    scope = rule.get("scope") or "*"
    in_namespace = a.kind.namespaced and bool(a.namespace)
    if scope != "*" and (scope == "Namespaced") is not in_namespace:
        return False
    if not _has(rule.get("operations"), a.operation):
        return False
    names = rule.get("resourceNames")
    if names and name_of(a) not in names:
        return False
    for pattern in rule.get("resources") or []:
        resource, _, subresource = pattern.partition("/")
        if resource in ("*", a.kind.plural) and subresource in ("*", a.subresource):
            return True
    return False


def _is_version(rule: Obj, kind: Kind) -> bool:
    return _has(rule.get("apiGroups"), kind.group) and _has(rule.get("apiVersions"), kind.version)


def _object_matches(selector: Obj | None, a: Attributes) -> bool:
    if not selector:
        return True
    matcher = from_label_selector(selector)
    return any(o is not None and "metadata" in o and matcher.matches(labels_of(o)) for o in (a.obj, a.old))


def _namespace_matches(selector: Obj | None, a: Attributes, api: Cluster) -> bool:
    where = namespace_of(a)
    if not selector or (not where and a.kind.resource != NAMESPACES):
        return True  # what lies in no namespace is never exempt by it
    return from_label_selector(selector).matches(labels_of(namespace_object(a, api)))


def namespace_object(a: Attributes, api: Cluster) -> Any:
    """The Namespace that the request is about or lies in, as it will be. Raises ApiError NotFound."""
    if a.kind.resource == NAMESPACES and not a.subresource and a.obj is not None:
        return a.obj
    found = api.read(NAMESPACES, "", namespace_of(a))
    if found is None:
        raise not_found(NAMESPACES, "", namespace_of(a))
    return found


def decoded(view: View, changed: Any) -> Obj:
    """A changed object, without what its kind does not know and with its defaults. Raises schema.DecodeError."""
    if not isinstance(changed, dict):
        raise schema.DecodeError("the patched object is no object")
    if view.attributes.gvk is not None:
        return changed
    head = {k: changed[k] for k in ("apiVersion", "kind") if k in changed}
    kind = view.kind
    known = kind.decode(changed) if kind.decode else schema.decode(kind.type, changed)
    obj = head | {k: v for k, v in known.value.items() if k not in head}
    kind.default(obj)
    return obj
