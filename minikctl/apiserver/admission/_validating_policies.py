"""What ValidatingAdmissionPolicy does: rules in CEL that a request must satisfy (KEP-3488).

Source: apiserver `admission/plugin/policy/validating`; concept "Validating Admission Policy".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj, name
from minikctl.apiserver.admission import Cluster, forbidden
from minikctl.apiserver.admission import _conditions as conditions
from minikctl.apiserver.admission import _policies as policies
from minikctl.apiserver.admission._policies import Failed, Invocation, Problem, Scope
from minikctl.apiserver.admission.validating_admission_policy import POLICIES
from minikctl.apiserver.request import Attributes
from minikctl.util.jsonio import compact

BINDINGS = "validatingadmissionpolicybindings.admissionregistration.k8s.io"
CODES = {"Forbidden": 403, "Unauthorized": 401, "RequestEntityTooLarge": 413, "Invalid": 422}
LONGEST_MESSAGE, LONGEST_NOTE = 5 * 1024, 10 * 1024


@dataclass(frozen=True, slots=True)
class Denial:
    """A rule that does not hold; `index` is its place in the policy."""

    policy: Obj
    binding: Obj | None
    message: str
    reason: str = "Invalid"
    index: int = 0


@dataclass
class Notes:
    """Audit annotations of a policy: what its bindings have to say, each thing once."""

    values: dict[str, list[str]] = field(default_factory=dict)

    def add(self, key: str, value: str) -> None:
        known = self.values.setdefault(key, [])
        if value not in known:
            known.append(value)


def validate(a: Attributes, api: Cluster) -> None:
    denials: list[Denial] = []
    notes: dict[str, Notes] = {}
    for found in policies.concerned(POLICIES, BINDINGS, a, api):
        if isinstance(found, Problem):
            if found.matters:
                denials.append(Denial(found.policy, found.binding, found.text))
            continue
        own = notes.setdefault(name(found.policy), Notes())
        denials += _act(found, list(_denials(found, own, api)), a)
    for policy, collected in notes.items():
        for key, values in collected.values.items():
            a.context.annotations[f"{policy}/{key}"] = ", ".join(values)
    if denials:
        raise _refusal(denials[0], a)


def _act(invocation: Invocation, found: list[Denial], a: Attributes) -> list[Denial]:
    """Warn and note as the binding says; what it denies."""
    actions = invocation.binding["spec"].get("validationActions") or []
    for denial in found:
        if "Warn" in actions:
            who = f"'{name(denial.policy)}' with binding '{name(invocation.binding)}'"
            a.context.warn(f"Validation failed for ValidatingAdmissionPolicy {who}: {denial.message}")
        if "Audit" in actions:
            note = {
                "message": denial.message,
                "policy": name(denial.policy),
                "binding": name(invocation.binding),
                "expressionIndex": denial.index,
                "validationActions": actions,
            }
            a.context.annotations["validation.policy.admission.k8s.io/validation_failure"] = compact([note]).decode()
    return found if "Deny" in actions else []


def _refusal(denial: Denial, a: Attributes) -> ApiError:
    who = f"'{name(denial.policy)}'"
    if denial.binding is not None:
        who += f" with binding '{name(denial.binding)}'"
    message = f"ValidatingAdmissionPolicy {who} denied request: {denial.message}"
    error = forbidden(a, message)
    error.reason, error.code = denial.reason, CODES.get(denial.reason, 422)
    error.details["causes"] = [{"message": message}]
    return error


# ---------------------------------------------------------------------- one policy


def _denials(invocation: Invocation, notes: Notes, api: Cluster) -> Iterator[Denial]:
    policy = invocation.policy
    spec = policy["spec"]
    fails_open = policies.ignores_failure(policy)
    wanted = spec.get("matchConditions") or []
    try:
        has_params = spec.get("paramKind") is not None
        if not conditions.match(wanted, invocation.view, api, invocation.params, has_params=has_params):
            return
    except conditions.Unanswered as e:
        if not fails_open:
            yield Denial(policy, invocation.binding, str(e))
        return
    scope = Scope(invocation, api)
    for i, validation in enumerate(spec.get("validations") or []):
        try:
            holds = scope.evaluate(validation["expression"])
        except Failed as e:
            if not fails_open:
                yield Denial(policy, invocation.binding, str(e), index=i)
            continue
        if holds is not True:
            message = _message(validation, scope)
            yield Denial(policy, invocation.binding, message, validation.get("reason") or "Invalid", i)
    for note in spec.get("auditAnnotations") or []:
        try:
            value = scope.evaluate(note["valueExpression"])
        except Failed as e:
            if not fails_open:
                yield Denial(policy, invocation.binding, str(e))
            continue
        if isinstance(value, str) and value.strip():
            notes.add(note["key"], value.strip()[:LONGEST_NOTE])


def _message(validation: Obj, scope: Scope) -> str:
    """What the refusal says: the computed message, when it is one line; else the written one; else the rule."""
    computed = ""
    if validation.get("messageExpression"):
        try:
            value = scope.evaluate(validation["messageExpression"], authorizer=False)
        except Failed:
            value = ""
        computed = value.strip() if isinstance(value, str) else ""
    if computed and len(computed.encode()) <= LONGEST_MESSAGE and "\n" not in computed:
        return computed
    written = (validation.get("message") or "").strip()
    return written or f"failed expression: {validation['expression'].strip()}"
