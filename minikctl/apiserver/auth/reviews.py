"""Questions about access and identity, which are answered instead of stored: the reviews.

Source: Kubernetes concept "Authorization" (checking API access), `pkg/registry/authorization`,
`pkg/registry/authentication`, `pkg/apis/authorization/validation`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from minikctl.api.errors import FieldError, bad_request, field_invalid, invalid
from minikctl.api.kind import Kind
from minikctl.api.meta import Obj, timestamp
from minikctl.api.selectors import SelectorError, parse_field_selector
from minikctl.apiserver.auth import tokens
from minikctl.apiserver.auth.rbac import Action
from minikctl.apiserver.request import Context, User

if TYPE_CHECKING:
    from minikctl.apiserver.server import APIServer


def answer(api: APIServer, kind: Kind, namespace: str, obj: Any, ctx: Context) -> Obj:
    """The review with its status. Raises ApiError BadRequest, Invalid."""
    from minikctl.apiserver import admission
    from minikctl.apiserver.request import Attributes

    asked = api.registry.decode(kind, obj, ctx)
    admission.admit(Attributes("CREATE", kind, namespace, "", asked, None, ctx), api)
    return {"kind": kind.kind, "apiVersion": kind.api_version, **_ANSWERS[kind.kind](api, kind, namespace, asked, ctx)}


# ---------------------------------------------------------------------- access


def _self_access(api: APIServer, kind: Kind, _namespace: str, asked: Obj, ctx: Context) -> Obj:
    spec = asked["spec"]
    _refuse(kind, _bare_metadata(asked) + _one_of(spec))
    return _decided(api, asked, ctx.user)


def _access(api: APIServer, kind: Kind, _namespace: str, asked: Obj, _ctx: Context) -> Obj:
    spec = asked["spec"]
    _refuse(kind, _bare_metadata(asked) + _one_of(spec) + _somebody(spec))
    return _decided(api, asked, _subject(spec))


def _local_access(api: APIServer, kind: Kind, namespace: str, asked: Obj, _ctx: Context) -> Obj:
    spec, given = asked["spec"], asked["metadata"].get("namespace") or namespace
    if given != namespace:
        raise bad_request("the namespace of the provided object does not match the namespace sent on the request")
    asked = {**asked, "metadata": {**asked["metadata"], "namespace": namespace}}
    errors = _bare_metadata(asked, but="namespace") + _one_of(spec) + _somebody(spec)
    wanted = (spec.get("resourceAttributes") or {}).get("namespace") or ""
    if spec.get("resourceAttributes") is not None and wanted != namespace:
        errors.append(field_invalid("spec.resourceAttributes.namespace", wanted, "must match metadata.namespace"))
    if spec.get("nonResourceAttributes") is not None:
        errors.append(
            field_invalid(
                "spec.nonResourceAttributes", spec["nonResourceAttributes"], "disallowed on this kind of request"
            )
        )
    _refuse(kind, errors)
    return _decided(api, asked, _subject(spec))


def _self_rules(api: APIServer, _kind: Kind, _namespace: str, asked: Obj, ctx: Context) -> Obj:
    namespace = asked["spec"].get("namespace") or ""
    if not namespace:
        raise bad_request("no namespace on request")
    rules, problem = api.authorizer.rules_for(ctx.user, namespace)
    resources = [_picked(r, "verbs", "apiGroups", "resources", "resourceNames") for r in rules if r.get("resources")]
    urls = [_picked(r, "verbs", "nonResourceURLs") for r in rules if r.get("nonResourceURLs")]
    status: Obj = {"resourceRules": resources, "nonResourceRules": urls, "incomplete": bool(problem)}
    return {**_asked(asked), "status": status | ({"evaluationError": problem} if problem else {})}


def _decided(api: APIServer, asked: Obj, user: User) -> Obj:
    decision = api.authorizer.decide(user, _action(asked["spec"]))
    status: Obj = {"allowed": decision.allowed}
    return {**_asked(asked), "status": status | ({"reason": decision.reason} if decision.reason else {})}


def _asked(asked: Obj) -> Obj:
    metadata = {k: v for k, v in asked["metadata"].items() if k != "managedFields"}
    return {"metadata": metadata, "spec": asked["spec"]}


def _action(spec: Obj) -> Action:
    url = spec.get("nonResourceAttributes")
    if url is not None:
        return Action(url.get("verb") or "", path=url.get("path") or "")
    resource: Obj = spec.get("resourceAttributes") or {}
    fields = ("verb", "group", "resource", "subresource", "namespace", "name")
    return Action(
        **{f: resource.get(f) or "" for f in fields}, node=_node_selected(resource.get("fieldSelector") or {})
    )


def _node_selected(selector: Obj) -> str:
    """The one value that a FieldSelectorAttributes leaves for spec.nodeName."""
    try:
        raw = parse_field_selector(selector.get("rawSelector") or "").exact("spec.nodeName")
    except SelectorError:
        return ""
    for term in selector.get("requirements") or []:
        values = term.get("values") or []
        if (term.get("key"), term.get("operator"), len(values)) == ("spec.nodeName", "In", 1):
            return str(values[0])
    return raw or ""


def _subject(spec: Obj) -> User:
    extra = spec.get("extra") or {}
    return User(spec.get("user") or "", tuple(spec.get("groups") or ()), spec.get("uid") or "", extra)


def _picked(rule: Obj, *fields: str) -> Obj:
    return {f: list(rule[f]) for f in fields if rule.get(f)}


def _refuse(kind: Kind, errors: list[FieldError]) -> None:
    if errors:
        raise invalid(kind.kind, kind.group, "", errors)


def _bare_metadata(asked: Obj, but: str = "") -> list[FieldError]:
    given = {k: v for k, v in asked["metadata"].items() if v and k not in ("managedFields", but)}
    return [field_invalid("metadata", given, "must be empty" + (f" except for {but}" if but else ""))] if given else []


def _one_of(spec: Obj) -> list[FieldError]:
    resource, url = spec.get("resourceAttributes"), spec.get("nonResourceAttributes")
    if resource is not None and url is not None:
        why = "cannot be specified in combination with resourceAttributes"
        return [field_invalid("spec.nonResourceAttributes", url, why)]
    if resource is None and url is None:
        why = "exactly one of nonResourceAttributes or resourceAttributes must be specified"
        return [field_invalid("spec.resourceAttributes", None, why)]
    return []


def _somebody(spec: Obj) -> list[FieldError]:
    if spec.get("user") or spec.get("groups"):
        return []
    return [field_invalid("spec.user", "", "at least one of user or group must be specified")]


# ---------------------------------------------------------------------- identity


def _token(api: APIServer, _kind: Kind, _namespace: str, asked: Obj, _ctx: Context) -> Obj:
    spec = asked["spec"]
    if not spec.get("token"):
        raise bad_request("token is required for TokenReview in authentication")
    wanted = spec.get("audiences") or list(tokens.AUDIENCES)
    try:
        user, audiences = tokens.review(api, spec["token"], wanted)
    except tokens.ForeignToken:
        status: Obj = {"user": {}, "error": "invalid bearer token"}
    except tokens.InvalidToken as e:
        status = {"user": {}, "error": f"[invalid bearer token, {e}]"}
    else:
        status = {"authenticated": True, "user": user_info(user), "audiences": audiences}
    return {**_asked(asked), "status": status}


def _myself(api: APIServer, _kind: Kind, _namespace: str, _obj: Obj, ctx: Context) -> Obj:
    metadata = {"creationTimestamp": timestamp(api.clock.now())}
    return {"metadata": metadata, "status": {"userInfo": user_info(ctx.user)}}


def user_info(user: User) -> Obj:
    """A user as authentication/v1 UserInfo."""
    extra = {k: list(v) for k, v in user.extra.items()}
    info: Obj = {"username": user.name, "uid": user.uid, "groups": list(user.groups), "extra": extra}
    return {k: v for k, v in info.items() if v}


_ANSWERS: dict[str, Callable[[APIServer, Kind, str, Obj, Context], Obj]] = {
    "SelfSubjectAccessReview": _self_access,
    "SubjectAccessReview": _access,
    "LocalSubjectAccessReview": _local_access,
    "SelfSubjectRulesReview": _self_rules,
    "TokenReview": _token,
    "SelfSubjectReview": _myself,
}
