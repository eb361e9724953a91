"""`serviceaccounts/token`: a TokenRequest (authentication.k8s.io/v1) is answered with a fresh bound token.

Source: Kubernetes `pkg/registry/core/serviceaccount/storage/token.go`, KEP-1205.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from minikctl.api import schema
from minikctl.api.errors import FieldError, bad_request, conflict, field_invalid, invalid
from minikctl.api.kind import Kind
from minikctl.api.meta import Obj, get_path, timestamp, uid
from minikctl.apiserver import admission
from minikctl.apiserver.request import Attributes, Context
from minikctl.apiserver.subresources import Handler

if TYPE_CHECKING:
    from minikctl.apiserver.server import APIServer

API_VERSION = "authentication.k8s.io/v1"
DEFAULT_SECONDS, SHORTEST, LONGEST = 3600, 600, 1 << 32


def create(api: APIServer, kind: Kind, namespace: str, name: str, request: Obj, ctx: Context) -> Obj:
    """The request, completed, with the token in its status.

    Raises ApiError: NotFound (the account, or what the token is to be bound to), Invalid, BadRequest, Conflict.
    """
    account = api.registry.get(kind, namespace, name)
    asked = _decoded(request)
    meta, spec = asked.get("metadata") or {}, asked["spec"]
    for what, given, wanted in (("name", meta.get("name"), name), ("namespace", meta.get("namespace"), namespace)):
        if given and given != wanted:
            raise bad_request(f"{what} in URL does not match {what} in TokenRequest object")
    shape = ("authentication.k8s.io", "v1", "TokenRequest")
    a = Attributes("CREATE", kind, namespace, name, asked, None, ctx, "token", gvk=shape)
    admission.admit(a, api)
    spec = (a.obj or asked)["spec"]
    seconds = spec.get("expirationSeconds")
    spec["expirationSeconds"] = seconds = DEFAULT_SECONDS if seconds is None else seconds
    errors = _validate(seconds)
    if errors:
        raise invalid("TokenRequest", "authentication.k8s.io", "", errors)
    from minikctl.apiserver.auth import tokens

    spec["audiences"] = spec.get("audiences") or list(tokens.AUDIENCES)
    bound = _bound_objects(api, account, spec.get("boundObjectRef"))
    now = api.clock.now()
    return {
        "kind": "TokenRequest",
        "apiVersion": API_VERSION,
        "metadata": {"name": name, "namespace": namespace, "creationTimestamp": timestamp(now)},
        "spec": spec,
        "status": {
            "token": tokens.issue(api, account, spec["audiences"], seconds, **bound),
            "expirationTimestamp": timestamp(now + timedelta(seconds=seconds)),
        },
    }


def _decoded(request: Obj) -> Obj:
    try:
        return schema.decode("authentication/v1.TokenRequest", request).value
    except schema.DecodeError as e:
        raise bad_request(f'TokenRequest in version "v1" cannot be handled as a TokenRequest: {e}') from None


def _validate(seconds: int) -> list[FieldError]:
    at = "spec.expirationSeconds"
    if seconds < SHORTEST:
        return [field_invalid(at, seconds, "may not specify a duration less than 10 minutes")]
    if seconds > LONGEST:
        return [field_invalid(at, seconds, "may not specify a duration larger than 2^32 seconds")]
    return []


def _bound_objects(api: APIServer, account: Obj, ref: Obj | None) -> dict[str, Obj | None]:
    """What the token is bound to beside its account; a pod brings its node along."""
    if ref is None:
        return {}
    version, kind, name = ref.get("apiVersion", ""), ref.get("kind", ""), ref.get("name", "")
    if version != "v1" or kind not in ("Pod", "Secret", "Node"):
        group, _, short = version.rpartition("/")
        raise bad_request(f"cannot bind token to object of type {group}/{short}, Kind={kind}")
    namespace = "" if kind == "Node" else account["metadata"]["namespace"]
    found = api.registry.get(api.kind(f"{kind.lower()}s"), namespace, name)
    if ref.get("uid") and ref["uid"] != uid(found):
        why = (
            f"the UID in the bound object reference ({ref['uid']}) does not match the UID in record. "
            "The object might have been deleted and then recreated"
        )
        raise conflict(kind, "", name, why)
    if kind != "Pod":
        return {kind.lower(): found}
    account_name = account["metadata"]["name"]
    if get_path(found, "spec", "serviceAccountName") != account_name:
        raise bad_request(
            f'cannot bind token for serviceaccount "{account_name}" to pod running with different serviceaccount name.'
        )
    node_name = get_path(found, "spec", "nodeName", default="")
    node = api.read("nodes", "", node_name) or {"metadata": {"name": node_name}} if node_name else None
    return {"pod": found, "node": node}


HANDLER = Handler("serviceaccounts", "token", create=create)
