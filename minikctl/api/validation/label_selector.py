"""metav1.LabelSelector in a field of an object. Source: apimachinery `apis/meta/v1/validation`."""

from __future__ import annotations

from minikctl.api.errors import field_forbidden, field_invalid, field_required
from minikctl.api.meta import Obj
from minikctl.api.names import label_value, validate_labels
from minikctl.api.selectors import NOTHING, Selector, from_label_selector
from minikctl.api.validation.common import Errors, all_invalid, qualified

MISMATCH = "`selector` does not match template `labels`"


def validate(selector: Obj | None, path: str) -> Errors:
    if selector is None:
        return []
    errors = validate_labels(selector.get("matchLabels"), f"{path}.matchLabels")
    for i, expression in enumerate(selector.get("matchExpressions") or []):
        errors += _expression(expression, f"{path}.matchExpressions[{i}]")
    return errors


def _expression(expression: Obj, path: str) -> Errors:
    errors: Errors = []
    values = expression.get("values") or []
    match expression.get("operator"):
        case "In" | "NotIn":
            if not values:
                errors.append(field_required(f"{path}.values", "must be specified when `operator` is 'In' or 'NotIn'"))
        case "Exists" | "DoesNotExist":
            if values:
                why = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
                errors.append(field_forbidden(f"{path}.values", why))
        case operator:
            errors.append(field_invalid(f"{path}.operator", operator or "", "not a valid selector operator"))
    errors += qualified(expression.get("key") or "", f"{path}.key")
    for i, value in enumerate(values):
        errors += all_invalid(label_value, value, f"{path}.values[{i}]")
    return errors


def is_empty(selector: Obj | None) -> bool:
    """True for `{}`, which selects everything."""
    return selector is not None and not selector.get("matchLabels") and not selector.get("matchExpressions")


def parsed(selector: Obj | None) -> Selector | None:
    """The selector to match with; nothing for a missing one, None for one that cannot be read."""
    if selector is None:
        return NOTHING
    return None if validate(selector, "") else from_label_selector(selector)
