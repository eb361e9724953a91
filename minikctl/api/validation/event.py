"""Events. Source: Kubernetes `pkg/apis/core/validation/events.go`.

Events of the first API (a count and two times) and of the second (an eventTime and a series) are one kind; those with
an eventTime must also say who reports what.
"""

from __future__ import annotations

from minikctl.api.errors import field_invalid, field_required
from minikctl.api.meta import Obj
from minikctl.api.names import qualified_name
from minikctl.api.validation.common import Errors, all_invalid

_LIMITS = {"reportingInstance": 128, "action": 128, "reason": 128}
_NOTE_LIMIT = 1024
_OTHER_NAMESPACE = "does not match event.namespace"


def validate(event: Obj) -> Errors:
    """A core/v1 Event."""
    about = (event.get("involvedObject") or {}).get("namespace") or ""
    own = event["metadata"].get("namespace", "")
    if event.get("eventTime"):
        return _about_other(about, own, ("default", "kube-system")) + _reported(event)
    if not about:
        return _about_other(about, own, ("", "default"))
    return [] if about == own else [field_invalid("involvedObject.namespace", about, _OTHER_NAMESPACE)]


def _about_other(about: str, own: str, allowed: tuple[str, ...]) -> Errors:
    """Events about what has no namespace are kept in few of them."""
    if about or own in allowed:
        return []
    return [field_invalid("involvedObject.namespace", about, _OTHER_NAMESPACE)]


def _reported(event: Obj) -> Errors:
    controller = event.get("reportingComponent") or ""
    errors: Errors = [] if controller else [field_required("reportingController")]
    errors += all_invalid(qualified_name, controller, "reportingController")
    for field, limit in _LIMITS.items():
        value = event.get(field) or ""
        if not value:
            errors.append(field_required(field))
        if len(value.encode()) > limit:
            errors.append(field_invalid(field, "", f"can have at most {limit} characters"))
    if len((event.get("message") or "").encode()) > _NOTE_LIMIT:
        errors.append(field_invalid("message", "", f"can have at most {_NOTE_LIMIT} characters"))
    return errors
