"""Expressions about requests: matchConditions of webhooks and policies, and the variables that they are about.

Source: apiserver `admission/plugin/cel`, `plugin/webhook/matchconditions`; concept "Admission webhooks".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minikctl.api.meta import Obj
from minikctl.api.policy import expressions
from minikctl.apiserver.admission import Cluster
from minikctl.apiserver.admission._requests import View, name_of, namespace_of
from minikctl.apiserver.request import User


class Unanswered(Exception):
    """Conditions that could not be evaluated and that none of the others makes irrelevant."""


def bindings(view: View) -> dict[str, Any]:
    """The variables' values for a request."""
    from minikctl.api.cel.functions import value
    from minikctl.api.cel.library.authorizer import authorizer

    a = view.attributes
    asked = {"group": view.kind.group, "resource": view.kind.plural, "subresource": a.subresource}
    here = value("resource_check", **asked, namespace=namespace_of(a), name=name_of(a), service_account=[])
    request = {k: v for k, v in view.request("").items() if k not in ("object", "oldObject", "uid")}
    defaults = dict.fromkeys(("subResource", "requestSubResource", "name", "namespace"), "")
    return {
        "object": view.obj,
        "oldObject": view.old,
        "request": {**defaults, **request},
        "authorizer": authorizer(),
        "authorizer.requestResource": here,
    }


def answering(user: User, api: Cluster) -> Callable[[Any], tuple[bool, str]]:
    """What the variable `authorizer` is asked: about the requesting user, or the service account that it names."""

    def ask(question: Any) -> tuple[bool, str]:
        from minikctl.apiserver.auth.rbac import Action

        who = user
        if question.service_account:
            namespace, account = question.service_account
            groups = ("system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated")
            who = User(f"system:serviceaccount:{namespace}:{account}", groups)
        action = Action(
            question.verb,
            question.group,
            question.resource,
            question.subresource,
            question.namespace,
            question.name,
            question.path,
        )
        decision = api.authorizer.decide(who, action)
        return decision.allowed, decision.reason

    return ask


def match(
    conditions: list[Obj], view: View, api: Cluster, params: Obj | None = None, *, has_params: bool = False
) -> bool:
    """Whether all conditions hold. One that is false settles it; otherwise errors raise Unanswered."""
    from minikctl.api import cel

    errors: list[str] = []
    ask = answering(view.attributes.context.user, api)
    known = expressions.types(params=has_params, policy=False)
    values = bindings(view) | ({"params": params} if has_params else {})
    for condition in conditions:
        expression = condition.get("expression") or ""
        try:
            if cel.compile(expression, known).evaluate(values, ask) is False:
                return False
        except cel.CompileError as e:
            errors.append(f"compilation error: compilation failed: {e}")
        except cel.EvaluationError as e:
            errors.append(f"expression '{expression}' resulted in error: {e}")
    if errors:
        raise Unanswered(errors[0] if len(errors) == 1 else f"[{', '.join(dict.fromkeys(errors))}]")
    return True
