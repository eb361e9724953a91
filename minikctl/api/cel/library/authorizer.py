"""authorizer: asking whether the requesting user may do something. Source: apiserver `pkg/cel/library/authz.go`.

What is asked is collected in a map; the answer comes from the function that `Program.evaluate` was given.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from minikctl.api.cel.functions import Function, value

Value = dict[str, Any]


@dataclass(frozen=True)
class Question:
    """May somebody do this? Either `path` is set or the resource fields are. service_account: namespace, name."""

    verb: str
    group: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    path: str = ""
    service_account: tuple[str, str] | None = None


Authorize = Callable[[Question], tuple[bool, str]]
"""(allowed, reason)"""
answering: ContextVar[Authorize | None] = ContextVar("authorize", default=None)


def authorizer() -> Value:
    """What the variable `authorizer` is bound to."""
    return value("authorizer", service_account=[])


def _with(type_name: str, key: str) -> Callable[[Value, str], Value]:
    return lambda v, given: {**v, **value(type_name), key: given}


def _service_account(v: Value, namespace: str, name: str) -> Value:
    return {**v, "service_account": [namespace, name]}


def _check(v: Value, verb: str) -> Value:
    ask = answering.get()
    if ask is None:
        raise ValueError("no authorizer is configured")
    account = v.get("service_account") or []
    asked = {k: v[k] for k in ("group", "resource", "subresource", "namespace", "name", "path") if k in v}
    allowed, reason = ask(Question(verb, **asked, service_account=(account[0], account[1]) if account else None))
    return value("decision", allowed=allowed, reason=reason)


_SELECTED = ("resource_check", "string")
FUNCTIONS = (
    Function("path", "authorizer_path", ("authorizer", "string"), "path_check", _with("path_check", "path")),
    Function("group", "authorizer_group", ("authorizer", "string"), "group_check", _with("group_check", "group")),
    Function(
        "serviceAccount",
        "authorizer_serviceaccount",
        ("authorizer", "string", "string"),
        "authorizer",
        _service_account,
    ),
    Function(
        "resource",
        "groupcheck_resource",
        ("group_check", "string"),
        "resource_check",
        _with("resource_check", "resource"),
    ),
    *(
        Function(name, f"resourcecheck_{name}", _SELECTED, "resource_check", _with("resource_check", name))
        for name in ("subresource", "namespace", "name")
    ),
    Function("fieldSelector", "authorizer_fieldselector", _SELECTED, "resource_check", lambda v, _text: v),
    Function("labelSelector", "authorizer_labelselector", _SELECTED, "resource_check", lambda v, _text: v),
    Function("check", "pathcheck_check", ("path_check", "string"), "decision", _check),
    Function("check", "resourcecheck_check", _SELECTED, "decision", _check),
    Function("allowed", "decision_allowed", ("decision",), "bool", lambda v: v["allowed"]),
    Function("reason", "decision_reason", ("decision",), "string", lambda v: v["reason"]),
    Function("errored", "decision_errored", ("decision",), "bool", lambda _v: False),
    Function("error", "decision_error", ("decision",), "string", lambda _v: ""),
)
