"""Admission policies: those that a request concerns, through which bindings and with which parameters.

Source: apiserver `admission/plugin/policy/{generic,matching}`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from minikctl.api.errors import ApiError
from minikctl.api.kind import Kind
from minikctl.api.meta import Obj, Objects, labels_of, name
from minikctl.api.policy import expressions
from minikctl.api.policy.object_literals import LiteralError, as_maps
from minikctl.api.selectors import from_label_selector
from minikctl.apiserver.admission import Cluster
from minikctl.apiserver.admission import _conditions as conditions
from minikctl.apiserver.admission import _requests as requests
from minikctl.apiserver.admission._requests import View
from minikctl.apiserver.request import Attributes

EVERYTHING: Obj = {"operations": ["*"], "apiGroups": ["*"], "apiVersions": ["*"], "resources": ["*/*"]}


class Misconfigured(Exception):
    """A policy or a binding that cannot be followed. The text says why."""


class Failed(Exception):
    """An expression without a value. The text says why."""


@dataclass(frozen=True, slots=True)
class Invocation:
    """A policy that is to be followed for a request. One for every parameter object."""

    policy: Obj
    binding: Obj
    view: View
    params: Obj | None

    @property
    def id(self) -> str:
        given = f"{self.params['metadata'].get('namespace', '')}/{name(self.params)}" if self.params else ""
        return f"{name(self.policy)}/{name(self.binding)}/{given}"


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a policy could not be followed; `binding` is None when it is the policy's own fault."""

    policy: Obj
    binding: Obj | None
    text: str

    @property
    def matters(self) -> bool:
        return not ignores_failure(self.policy)


def ignores_failure(policy: Obj) -> bool:
    return bool((policy.get("spec") or {}).get("failurePolicy") == "Ignore")


def concerned(policies: str, bindings: str, a: Attributes, api: Cluster) -> Iterator[Invocation | Problem]:
    """In the order of the policies' and the bindings' names."""
    if a.kind.resource in requests.EXEMPT:
        return
    found = api.read_all(policies)
    bound = api.read_all(bindings) if found else []
    for policy in found:
        own = [b for b in bound if (b.get("spec") or {}).get("policyName") == name(policy)]
        if own:
            yield from _of_policy(policy, own, a, api)


def _of_policy(policy: Obj, bindings: Objects, a: Attributes, api: Cluster) -> Iterator[Invocation | Problem]:
    try:
        view = _select(policy["spec"].get("matchConstraints") or {}, a, api)
        if view is None:
            return
        params_kind = _params_kind(policy["spec"].get("paramKind"), api)
    except (ApiError, Misconfigured) as e:
        yield Problem(policy, None, f"failed to configure policy: {e}")
        return
    for binding in bindings:
        try:
            only = binding["spec"].get("matchResources")
            if only is not None and _select(only, a, api) is None:
                continue
            for params in _params(params_kind, binding["spec"].get("paramRef"), a.namespace, api):
                yield Invocation(policy, binding, view, params)
        except (ApiError, Misconfigured) as e:
            yield Problem(policy, binding, f"failed to configure binding: {e}")


def _select(match: Obj, a: Attributes, api: Cluster) -> View | None:
    policy = match.get("matchPolicy") or "Equivalent"
    if requests.fitting(match.get("excludeResourceRules") or [], policy, a, api) is not None:
        return None
    rules = match.get("resourceRules") or []
    if not rules:  # a binding that narrows down by selectors alone
        rules = [EVERYTHING]
    return requests.select(match, rules, a, api)


# ---------------------------------------------------------------------- parameters


def _params_kind(wanted: Obj | None, api: Cluster) -> Kind | None:
    if wanted is None:
        return None
    group, _, version = str(wanted.get("apiVersion") or "").rpartition("/")
    kind = api.resources.by_gvk(group, version, str(wanted.get("kind") or ""))
    if kind is None:
        shown = f"{wanted.get('apiVersion')}, Kind={wanted.get('kind')}"
        raise Misconfigured(f"failed to find resource referenced by paramKind: '{shown}'")
    return kind


def _params(kind: Kind | None, ref: Obj | None, namespace: str, api: Cluster) -> list[Obj | None]:
    """What a binding refers to: [None] when there is nothing to refer to. Raises Misconfigured."""
    if kind is None or ref is None:
        return [None]
    where = ref.get("namespace") or ""
    if kind.namespaced:
        where = where or namespace
        if not where:
            raise Misconfigured(
                "cannot use namespaced paramRef in policy binding that matches cluster-scoped resources"
            )
    elif where:
        raise Misconfigured("paramRef.namespace must not be provided for a cluster-scoped `paramKind`")
    found: list[Obj | None] = []
    if ref.get("name"):
        one = api.read(kind.stored.resource, where, ref["name"])
        found = [one] if one is not None else []
    elif ref.get("selector") is not None:
        selector = from_label_selector(ref["selector"])
        found = [o for o in api.read_all(kind.stored.resource, where) if selector.matches(labels_of(o))]
    else:
        raise Misconfigured("one of name or selector must be provided")
    if not found and ref.get("parameterNotFoundAction") == "Deny":
        raise Misconfigured("no params found for policy binding with `Deny` parameterNotFoundAction")
    return [kind.shown(o) if o is not None else None for o in found]


# ---------------------------------------------------------------------- evaluating


class Scope:
    """The values that the expressions of a policy see for one request and one parameter object.

    A policy's own variables are worked out when an expression mentions them, once.
    """

    def __init__(self, invocation: Invocation, api: Cluster):
        policy, view = invocation.policy["spec"], invocation.view
        self._has_params = policy.get("paramKind") is not None
        self._variables = {v.get("name", ""): v.get("expression") or "" for v in policy.get("variables") or []}
        self._known: dict[str, Any] = {}
        self._broken: dict[str, str] = {}
        self._ask = conditions.answering(view.attributes.context.user, api)
        a = view.attributes
        namespace: Obj | None = None
        if a.namespace and a.kind.resource != requests.NAMESPACES:
            found = requests.namespace_object(a, api)
            meta = {k: v for k, v in found["metadata"].items() if k not in ("managedFields", "ownerReferences")}
            namespace = {**found, "metadata": meta}
        self._values = {**conditions.bindings(view), "namespaceObject": namespace}
        if self._has_params:
            self._values["params"] = invocation.params

    def evaluate(self, expression: str, *, authorizer: bool = True) -> Any:
        """The expression's value as plain data. Raises Failed."""
        try:
            return self._evaluate(expression, authorizer)
        except _Broken as e:
            raise Failed(str(e)) from None

    def _evaluate(self, expression: str, authorizer: bool) -> Any:
        from minikctl.api import cel

        for variable in expressions.referenced(expression):
            self._work_out(variable, authorizer)
        known = expressions.types(params=self._has_params, authorizer=authorizer)
        try:
            program = cel.compile(as_maps(expression), known)
        except (cel.CompileError, LiteralError) as e:
            raise _Broken(f"compilation error: compilation failed: {e}") from None
        values = {k: v for k, v in self._values.items() if k in known} | {"variables": self._known}
        try:
            return program.evaluate(values, self._ask)
        except cel.EvaluationError as e:
            missing = str(e).removeprefix("no such key: ")
            why = self._broken.get(missing, str(e))
            raise _Broken(f"expression '{expression}' resulted in error: {why}", why) from None

    def _work_out(self, variable: str, authorizer: bool) -> None:
        if variable in self._known or variable in self._broken or variable not in self._variables:
            return
        self._broken[variable] = f'composited variable "{variable}" refers to itself'
        try:
            value = self._evaluate(self._variables[variable], authorizer)
        except _Broken as e:
            verb = "evaluate" if e.why else "compile"
            self._broken[variable] = f'composited variable "{variable}" fails to {verb}: {e.why or e}'
            return
        del self._broken[variable]
        self._known[variable] = value


class _Broken(Exception):
    """`why`: the bare reason of an expression that compiles."""

    def __init__(self, text: str, why: str = ""):
        super().__init__(text)
        self.why = why
