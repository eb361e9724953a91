"""What MutatingAdmissionPolicy does: changes to requests, written in CEL (KEP-3962).

A mutation is a JSON patch, or a configuration that is applied as server-side apply would, without owners. When a policy
has changed the object, the chain runs once more, as it does for webhooks.
Source: apiserver `admission/plugin/policy/mutating`.
"""

from __future__ import annotations

from typing import Any

from minikctl.api import schema
from minikctl.api.apply import typed
from minikctl.api.apply.shape import Shape
from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj, name
from minikctl.api.patch import json_patch
from minikctl.apiserver import ownership
from minikctl.apiserver.admission import Cluster, forbidden
from minikctl.apiserver.admission import _conditions as conditions
from minikctl.apiserver.admission import _policies as policies
from minikctl.apiserver.admission._policies import Failed, Invocation, Problem, Scope
from minikctl.apiserver.admission._requests import decoded
from minikctl.apiserver.admission._turns import Turns
from minikctl.apiserver.admission.mutating_admission_policy import POLICIES
from minikctl.apiserver.request import Attributes
from minikctl.util.jsonio import compact, loads

NAME = "MutatingAdmissionPolicy"
BINDINGS = "mutatingadmissionpolicybindings.admissionregistration.k8s.io"


def mutate(a: Attributes, api: Cluster) -> None:
    turns: Turns = a.notes.setdefault(NAME, Turns())
    found = list(policies.concerned(POLICIES, BINDINGS, a, api))
    if not found:
        return
    if a.reinvoked and turns.last != compact(a.obj):
        turns.something_changed()
    problems: list[Problem] = []
    for entry in found:
        if isinstance(entry, Problem):
            problems.append(entry)
        elif a.obj is not None and not (a.reinvoked and entry.id not in turns.again):
            if _follow(entry, api, problems):
                turns.something_changed()
                a.wants_reinvocation = True
            if entry.policy["spec"].get("reinvocationPolicy") == "IfNeeded":
                turns.asked.add(entry.id)
    turns.last = compact(a.obj)
    serious = [p for p in problems if p.matters]
    if serious:
        raise _refusal(serious, a)


def _refusal(problems: list[Problem], a: Attributes) -> ApiError:
    texts = [_text(p) for p in problems]
    error = forbidden(a, "admission request denied by policy")
    refusal = ApiError(error.code, "Invalid", texts[0], error.details)
    refusal.details["causes"] = [{"message": t} for t in texts]
    return refusal


def _text(problem: Problem) -> str:
    if problem.binding is None:
        return f'policy "{name(problem.policy)}" denied request: {problem.text}'
    return f"policy '{name(problem.policy)}' with binding '{name(problem.binding)}' denied request: {problem.text}"


def _follow(invocation: Invocation, api: Cluster, problems: list[Problem]) -> bool:
    """Carry out a policy's mutations; whether the object is another one now."""
    spec, a = invocation.policy["spec"], invocation.view.attributes
    has_params = spec.get("paramKind") is not None
    try:
        wanted = spec.get("matchConditions") or []
        if not conditions.match(wanted, invocation.view, api, invocation.params, has_params=has_params):
            return False
    except conditions.Unanswered as e:
        problems.append(Problem(invocation.policy, invocation.binding, str(e)))
        return False
    before = compact(a.obj)
    for mutation in spec.get("mutations") or []:
        try:
            # each sees what those before it have made of the object, and so do the policy's variables
            a.obj = invocation.view.taken_back(_mutated(mutation, invocation, Scope(invocation, api)))
        except Failed as e:
            problems.append(Problem(invocation.policy, invocation.binding, str(e)))
    return compact(a.obj) != before


def _mutated(mutation: Obj, invocation: Invocation, scope: Scope) -> Obj:
    """The object after one mutation, in the version that the policy asks for. Raises Failed."""
    view = invocation.view
    before: Obj = loads(compact(view.obj))
    try:
        if mutation.get("patchType") == "JSONPatch":
            return _patched(before, scope.evaluate(mutation["jsonPatch"]["expression"]), view)
        wanted = scope.evaluate(mutation["applyConfiguration"]["expression"])
        return _applied(before, wanted, view)
    except schema.DecodeError as e:
        raise Failed(str(e)) from None


def _patched(before: Obj, operations: Any, view: Any) -> Obj:
    if not isinstance(operations, list):
        raise Failed("type mismatch: JSONPatchType.expression should evaluate to array")
    if not all(isinstance(o, dict) for o in operations):
        raise Failed("type mismatch: JSONPatchType.expression should evaluate to array of JSONPatch")
    changed: Any = loads(compact(before))
    try:
        for operation in operations:
            if operation.get("op") == "test" and not _holds(changed, operation):
                return before
            changed = json_patch.apply(changed, [operation])
    except json_patch.PatchError as e:
        raise Failed(f"JSON Patch: {e}") from None
    return decoded(view, changed)


def _holds(document: Any, test: Obj) -> bool:
    try:
        json_patch.apply(loads(compact(document)), [test])
    except json_patch.PatchError:
        return False
    return True


def _applied(before: Obj, wanted: Any, view: Any) -> Obj:
    if not isinstance(wanted, dict):
        raise Failed(f"unsupported return type from ApplyConfiguration expression: {type(wanted).__name__}")
    head = {"apiVersion": before["apiVersion"], "kind": before["kind"]}
    shape = ownership.shape_of(view.kind)
    whole = _owned_as_a_whole(shape, wanted, "")
    if whole:
        why = f"may not mutate atomic arrays, maps or structs: {', '.join(whole)}"
        raise Failed(f"error applying patch: invalid ApplyConfiguration: {why}")
    config = loads(compact({**wanted, **head}))
    return decoded(view, typed.merge(shape, before, config))


def _owned_as_a_whole(shape: Shape, value: Any, path: str) -> list[str]:
    """The maps and lists in a configuration that have no members of their own: they cannot be changed in part."""
    if shape.kind == "leaf":
        return [path] if isinstance(value, dict | list) and path else []
    if isinstance(value, dict):
        return [p for k, v in value.items() for p in _owned_as_a_whole(shape.child(k), v, f"{path}.{k}")]
    if isinstance(value, list) and shape.kind == "list":
        return [p for i, v in enumerate(value) for p in _owned_as_a_whole(shape.item(), v, f"{path}[{i}]")]
    return []
