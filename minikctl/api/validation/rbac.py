"""Which RBAC objects are valid. Source: Kubernetes `pkg/apis/rbac/validation`."""

from __future__ import annotations

from minikctl.api.errors import FieldError, field_invalid, field_not_supported, field_required
from minikctl.api.meta import Obj
from minikctl.api.names import dns_subdomain, path_segment
from minikctl.api.validation import label_selector

GROUP = "rbac.authorization.k8s.io"
ACCOUNT, USER, USER_GROUP = "ServiceAccount", "User", "Group"


def rules(listed: list[Obj] | None, *, namespaced: bool) -> list[FieldError]:
    """The rules of a Role (`namespaced`) or ClusterRole."""
    errors: list[FieldError] = []
    for i, rule in enumerate(listed or []):
        errors += _rule(rule, f"rules[{i}]", namespaced)
    return errors


def _rule(rule: Obj, at: str, namespaced: bool) -> list[FieldError]:
    errors = []
    urls = rule.get("nonResourceURLs") or []
    if not rule.get("verbs"):
        errors.append(field_required(f"{at}.verbs", "verbs must contain at least one value"))
    if urls:
        if namespaced:
            why = "namespaced rules cannot apply to non-resource URLs"
            errors.append(field_invalid(f"{at}.nonResourceURLs", urls, why))
        if rule.get("apiGroups") or rule.get("resources") or rule.get("resourceNames"):
            why = "rules cannot apply to both regular resources and non-resource URLs"
            errors.append(field_invalid(f"{at}.nonResourceURLs", urls, why))
        return errors
    if not rule.get("apiGroups"):
        errors.append(field_required(f"{at}.apiGroups", "resource rules must supply at least one api group"))
    if not rule.get("resources"):
        errors.append(field_required(f"{at}.resources", "resource rules must supply at least one resource"))
    return errors


def aggregation(rule: Obj | None) -> list[FieldError]:
    """The aggregationRule of a ClusterRole."""
    if rule is None:
        return []
    at = "aggregationRule.clusterRoleSelectors"
    selectors = rule.get("clusterRoleSelectors") or []
    if not selectors:
        return [field_required(at, "at least one clusterRoleSelector required if aggregationRule is non-nil")]
    return [e for i, selector in enumerate(selectors) for e in label_selector.validate(selector, f"{at}[{i}]")]


def default_binding(obj: Obj) -> None:
    """Fill in the API groups that follow from the kinds."""
    if not obj["roleRef"].get("apiGroup"):
        obj["roleRef"]["apiGroup"] = GROUP
    for subject in obj.get("subjects") or []:
        if subject.get("kind") in (USER, USER_GROUP) and not subject.get("apiGroup"):
            subject["apiGroup"] = GROUP


def binding(obj: Obj, *, namespaced: bool) -> list[FieldError]:
    """A RoleBinding (`namespaced`) or ClusterRoleBinding."""
    ref = obj.get("roleRef") or {}
    kinds = ["Role", "ClusterRole"] if namespaced else ["ClusterRole"]
    errors: list[FieldError] = []
    if ref.get("apiGroup") != GROUP:
        errors.append(field_not_supported("roleRef.apiGroup", ref.get("apiGroup", ""), [GROUP]))
    if ref.get("kind") not in kinds:
        errors.append(field_not_supported("roleRef.kind", ref.get("kind", ""), kinds))
    if not ref.get("name"):
        errors.append(field_required("roleRef.name"))
    else:
        errors += [field_invalid("roleRef.name", ref["name"], m) for m in path_segment(ref["name"])]
    for i, subject in enumerate(obj.get("subjects") or []):
        errors += _subject(subject, f"subjects[{i}]", namespaced)
    return errors


def _subject(subject: Obj, at: str, namespaced: bool) -> list[FieldError]:
    name, kind, group = subject.get("name", ""), subject.get("kind", ""), subject.get("apiGroup") or ""
    errors: list[FieldError] = []
    if not name:
        errors.append(field_required(f"{at}.name"))
    if kind == ACCOUNT:
        errors += [field_invalid(f"{at}.name", name, m) for m in dns_subdomain(name)] if name else []
        if group:
            errors.append(field_not_supported(f"{at}.apiGroup", group, [""]))
        if not namespaced and not subject.get("namespace"):
            errors.append(field_required(f"{at}.namespace"))
    elif kind in (USER, USER_GROUP):
        if group != GROUP:
            errors.append(field_not_supported(f"{at}.apiGroup", group, [GROUP]))
    else:
        errors.append(field_not_supported(f"{at}.kind", kind, [ACCOUNT, USER, USER_GROUP]))
    return errors


def same_role(obj: Obj, old: Obj) -> list[FieldError]:
    """A binding is bound to its role for good."""
    if obj.get("roleRef") == old.get("roleRef"):
        return []
    return [field_invalid("roleRef", obj.get("roleRef"), "cannot change roleRef")]
