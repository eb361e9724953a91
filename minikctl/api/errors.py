"""Errors of the API: `ApiError` carries a Status object with Kubernetes' reason, code, causes and words.

Source: apimachinery `api/errors` and `util/validation/field`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from minikctl.api.meta import Obj
from minikctl.util.jsonio import go_json


class ApiError(Exception):
    """A request was refused. `status` is the Status object that an HTTP client would receive."""

    def __init__(self, code: int, reason: str, message: str, details: Obj | None = None):
        super().__init__(message)
        self.code, self.reason, self.message = code, reason, message
        self.details = details or {}
        self.metadata: Obj = {}
        """The Status' own metadata (a continue token)."""

    @property
    def status(self) -> Obj:
        status: Obj = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": self.metadata,
            "status": "Failure",
            "message": self.message,
        }
        if self.reason:
            status["reason"] = self.reason
        if self.details:
            status["details"] = self.details
        return {**status, "code": self.code}

    @classmethod
    def from_status(cls, status: Obj) -> ApiError:
        return cls(
            int(status.get("code") or 500),
            str(status.get("reason") or ""),
            str(status.get("message") or ""),
            status.get("details"),
        )


def qualified(resource: str, group: str) -> str:
    """`deployments.apps`, `pods`: how messages name a resource."""
    return f"{resource}.{group}" if group else resource


def _details(resource: str, group: str, name: str) -> Obj:
    details = {"name": name, "group": group, "kind": resource}
    return {k: v for k, v in details.items() if v}


def not_found(resource: str, group: str, name: str) -> ApiError:
    message = f'{qualified(resource, group)} "{name}" not found'
    return ApiError(404, "NotFound", message, _details(resource, group, name))


def no_such_resource() -> ApiError:
    """The path names nothing that is served."""
    return ApiError(404, "NotFound", "the server could not find the requested resource")


def already_exists(resource: str, group: str, name: str) -> ApiError:
    message = f'{qualified(resource, group)} "{name}" already exists'
    return ApiError(409, "AlreadyExists", message, _details(resource, group, name))


MODIFIED = "the object has been modified; please apply your changes to the latest version and try again"


def conflict(resource: str, group: str, name: str, why: str = MODIFIED) -> ApiError:
    message = f'Operation cannot be fulfilled on {qualified(resource, group)} "{name}": {why}'
    return ApiError(409, "Conflict", message, _details(resource, group, name))


def forbidden(resource: str, group: str, name: str, why: str) -> ApiError:
    what = f'{qualified(resource, group)} "{name}"' if name else qualified(resource, group)
    return ApiError(403, "Forbidden", f"{what} is forbidden: {why}", _details(resource, group, name))


def bad_request(message: str) -> ApiError:
    return ApiError(400, "BadRequest", message)


def gone(message: str) -> ApiError:
    """A resourceVersion that is compacted away."""
    return ApiError(410, "Expired", message)


def method_not_supported(resource: str, group: str, verb: str) -> ApiError:
    message = f'{verb} is not supported on resources of kind "{qualified(resource, group)}"'
    return ApiError(405, "MethodNotAllowed", message, _details(resource, group, ""))


def method_not_allowed() -> ApiError:
    """A verb that a resource is not served with at all."""
    return ApiError(405, "MethodNotAllowed", "the server does not allow this method on the requested resource")


def unsupported_media_type(message: str) -> ApiError:
    return ApiError(415, "UnsupportedMediaType", message)


def too_many_requests(message: str, retry_after: int = 1, causes: list[Obj] | None = None) -> ApiError:
    details: Obj = {"retryAfterSeconds": retry_after} if retry_after else {}
    if causes:
        details["causes"] = causes
    return ApiError(429, "TooManyRequests", message, details)


def internal(message: str) -> ApiError:
    return ApiError(500, "InternalError", f"Internal error occurred: {message}", {"causes": [{"message": message}]})


def service_unavailable(message: str) -> ApiError:
    return ApiError(503, "ServiceUnavailable", message)


def timeout(message: str) -> ApiError:
    return ApiError(504, "Timeout", message)


def invalid(kind: str, group: str, name: str, errors: list[FieldError]) -> ApiError:
    """422 with one cause a field error. Repeated errors are listed once."""
    unique = list(dict.fromkeys(errors))
    texts = [str(e) for e in unique]
    summary = texts[0] if len(texts) == 1 else "[" + ", ".join(texts) + "]"
    causes = [{"reason": e.reason, "message": e.body(), "field": e.field} for e in unique]
    details = {**_details(kind, group, name), "causes": causes}
    return ApiError(422, "Invalid", f'{qualified(kind, group)} "{name}" is invalid: {summary}', details)


@dataclass(frozen=True)
class FieldError:
    """One refused field. `field` is a path such as `spec.containers[0].name`."""

    reason: str
    field: str
    detail: str = ""
    value: str = ""

    def body(self) -> str:
        """The message without the field's path."""
        if self.reason == "FieldValueRequired":
            text = "Required value"
        elif self.reason == "FieldValueForbidden":
            text = "Forbidden"
        elif self.reason == "FieldValueTooLong":
            text = "Too long"
        elif self.reason == "InternalError":
            text = "Internal error"
        else:
            text = f"{_WORDS[self.reason]}: {self.value}" if self.value else _WORDS[self.reason]
        return f"{text}: {self.detail}" if self.detail else text

    def __str__(self) -> str:
        return f"{self.field}: {self.body()}"


_WORDS = {
    "FieldValueInvalid": "Invalid value",
    "FieldValueNotFound": "Not found",
    "FieldValueDuplicate": "Duplicate value",
    "FieldValueNotSupported": "Unsupported value",
    "FieldValueTooMany": "Too many",
    "FieldValueTypeInvalid": "Invalid value",
}


_ESCAPES = {"\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v"}


def go_quote(text: str) -> str:
    """A string as Go's `%q` writes it."""
    if text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    return '"' + "".join(_quoted_char(c) for c in text) + '"'


def _quoted_char(char: str) -> str:
    if char in '"\\':
        return "\\" + char
    if char in _ESCAPES or char.isprintable():
        return _ESCAPES.get(char, char)
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x80 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _show(value: Any) -> str:
    """A value as Go's error texts show it: a string quoted, all else as JSON."""
    if isinstance(value, str):
        return go_quote(value)
    return go_json(value, sort_keys=isinstance(value, dict))


def field_invalid(field: str, value: Any, detail: str) -> FieldError:
    return FieldError("FieldValueInvalid", field, detail, _show(value))


def field_invalid_whole(field: str, detail: str) -> FieldError:
    """An invalid part of an object, too large to be shown."""
    return FieldError("FieldValueInvalid", field, detail)


def field_required(field: str, detail: str = "") -> FieldError:
    return FieldError("FieldValueRequired", field, detail)


def field_forbidden(field: str, detail: str) -> FieldError:
    return FieldError("FieldValueForbidden", field, detail)


def field_not_found(field: str, value: Any) -> FieldError:
    return FieldError("FieldValueNotFound", field, "", _show(value))


def field_duplicate(field: str, value: Any) -> FieldError:
    return FieldError("FieldValueDuplicate", field, "", _show(value))


def field_not_supported(field: str, value: Any, supported: list[str]) -> FieldError:
    """Unsupported value, with the list of what is, in the given order (Kubernetes sorts most of them, not all)."""
    choices = ", ".join(f'"{s}"' for s in supported)
    return FieldError("FieldValueNotSupported", field, f"supported values: {choices}" if choices else "", _show(value))


def field_too_long(field: str, limit: int) -> FieldError:
    return FieldError("FieldValueTooLong", field, f"may not be more than {limit} bytes")


def field_too_many(field: str, actual: int, limit: int) -> FieldError:
    return FieldError("FieldValueTooMany", field, f"must have at most {limit} items", str(actual))


def field_internal(field: str, detail: str) -> FieldError:
    return FieldError("InternalError", field, detail)
