"""A Job's policies about failed and succeeded pods.

Source: Kubernetes `validatePodFailurePolicy` (KEP-3329), `validateSuccessPolicy` (KEP-3998).
"""

from __future__ import annotations

import json

from minikctl.api.errors import (
    field_duplicate,
    field_invalid,
    field_invalid_whole,
    field_not_supported,
    field_required,
    field_too_many,
)
from minikctl.api.meta import Obj
from minikctl.api.validation.common import Errors, nonnegative, qualified

_ACTIONS = ["Count", "FailIndex", "FailJob", "Ignore"]
_OPERATORS = ["In", "NotIn"]
_STATUSES = ["False", "True", "Unknown"]
_MOST = 20
_MOST_VALUES = 255


def _valid(words: list[str]) -> str:
    return f"valid values: {json.dumps(words, separators=(' ', ': '))}"


def _word(value: str | None, words: list[str], path: str) -> Errors:
    if not value:
        return [field_required(path, _valid(words))]
    return [] if value in words else [field_not_supported(path, value, words)]


def failure_policy(spec: Obj, path: str) -> Errors:
    policy = spec.get("podFailurePolicy")
    if policy is None:
        return []
    rules = policy.get("rules") or []
    errors: Errors = [field_too_many(f"{path}.rules", len(rules), _MOST)] if len(rules) > _MOST else []
    pod = (spec.get("template") or {}).get("spec") or {}
    names = {c.get("name") for kind in ("containers", "initContainers") for c in pod.get(kind) or []}
    for i, rule in enumerate(rules):
        errors += _rule(spec, rule, names, f"{path}.rules[{i}]")
    return errors


def _rule(spec: Obj, rule: Obj, names: set[str | None], path: str) -> Errors:
    action = rule.get("action")
    if action == "FailIndex":
        errors: Errors = []
        if spec.get("backoffLimitPerIndex") is None:
            why = "requires the backoffLimitPerIndex to be set"
            errors.append(field_invalid(f"{path}.action", action, why))
    else:
        errors = _word(action, _ACTIONS, f"{path}.action")
    codes, conditions = rule.get("onExitCodes"), rule.get("onPodConditions") or []
    if codes is not None:
        errors += _exit_codes(codes, names, f"{path}.onExitCodes")
    at = f"{path}.onPodConditions"
    if len(conditions) > _MOST:
        errors.append(field_too_many(at, len(conditions), _MOST))
    for i, condition in enumerate(conditions):
        errors += qualified(condition.get("type") or "", f"{at}[{i}].type")
        errors += _word(condition.get("status"), _STATUSES, f"{at}[{i}].status")
    if codes is not None and conditions:
        why = "specifying both OnExitCodes and OnPodConditions is not supported"
        errors.append(field_invalid_whole(path, why))
    if codes is None and not conditions:
        why = "specifying one of OnExitCodes and OnPodConditions is required"
        errors.append(field_invalid_whole(path, why))
    return errors


def _exit_codes(codes: Obj, names: set[str | None], path: str) -> Errors:
    errors = _word(codes.get("operator"), _OPERATORS, f"{path}.operator")
    name = codes.get("containerName")
    if name is not None and name not in names:
        why = "must be one of the container or initContainer names in the pod template"
        errors.append(field_invalid(f"{path}.containerName", name, why))
    values, at = codes.get("values") or [], f"{path}.values"
    if not values:
        errors.append(field_invalid(at, values, "at least one value is required"))
    elif len(values) > _MOST_VALUES:
        errors.append(field_too_many(at, len(values), _MOST_VALUES))
    for i, value in enumerate(values):
        if codes.get("operator") == "In" and value == 0:
            errors.append(field_invalid(f"{at}[{i}]", value, "must not be 0 for the In operator"))
        if value in values[:i]:
            errors.append(field_duplicate(f"{at}[{i}]", value))
    if values != sorted(values):
        errors.append(field_invalid(at, values, "must be ordered"))
    return errors


def success_policy(spec: Obj, path: str) -> Errors:
    policy = spec.get("successPolicy")
    if policy is None:
        return []
    if spec.get("completionMode") != "Indexed":
        return [field_invalid(path, policy, "requires indexed completion mode")]
    rules = policy.get("rules") or []
    errors: Errors = []
    if not rules:
        why = "at least one rules must be specified when the successPolicy is specified"
        errors.append(field_required(f"{path}.rules", why))
    if len(rules) > _MOST:
        errors.append(field_too_many(f"{path}.rules", len(rules), _MOST))
    completions = int(spec.get("completions") or 0)
    for i, rule in enumerate(rules):
        errors += _success_rule(rule, completions, f"{path}.rules[{i}]")
    return errors


def _success_rule(rule: Obj, completions: int, path: str) -> Errors:
    count, indexes = rule.get("succeededCount"), rule.get("succeededIndexes")
    if count is None and indexes is None:
        why = "at least one of succeededCount or succeededIndexes must be specified"
        return [field_required(path, why)]
    errors: Errors = []
    total = completions
    if indexes is not None:
        try:
            total = count_indexes(indexes, completions)
        except ValueError as e:
            why = f"error parsing succeededIndexes: {e}"
            errors.append(field_invalid(f"{path}.succeededIndexes", indexes, why))
    if count is not None:
        at = f"{path}.succeededCount"
        errors += nonnegative(rule, "succeededCount", at)
        if count > completions:
            why = f"must be less than or equal to {completions} (the number of specified completions)"
            errors.append(field_invalid(at, count, why))
        if indexes is not None and count > total:
            why = (
                f"must be less than or equal to {total} (the number of indexes in the specified succeededIndexes field)"
            )
            errors.append(field_invalid(at, count, why))
    return errors


def count_indexes(text: str, completions: int) -> int:
    """How many numbers `1,3-5,7` has. Raises ValueError with Kubernetes' message."""
    total, last = 0, -1
    for part in text.split(",") if text else []:
        ends = part.split("-")
        if len(ends) > 2:
            why = "violates the requirement that an index interval can have at most two parts separated by '-'"
            raise ValueError(f'the fragment "{part}" {why}')
        bad = next((e for e in ends if not (e.isascii() and e.isdigit())), None)
        if bad is not None:
            raise ValueError(f'cannot convert string to integer for index: "{bad}"')
        low, high = int(ends[0]), int(ends[-1])
        for number in (low, high):
            if number >= completions:
                raise ValueError(f'too large index: "{number}"')
        if len(ends) == 2 and low >= high:
            raise ValueError(f"non-increasing order, previous: {low}, current: {high}")
        if low <= last:
            raise ValueError(f"non-increasing order, previous: {last}, current: {low}")
        total, last = total + high - low + 1, high
    return total
