"""What answers mean: objects, warnings, and failures as `ApiError`. Source: client-go `rest/request.go`, RFC 7234."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj
from minikctl.util.errors import UsageError
from minikctl.util.jsonio import JSONError, loads

_GENERIC = {
    400: ("BadRequest", "the server rejected our request for an unknown reason"),
    401: ("Unauthorized", "the server has asked for the client to provide credentials"),
    403: ("Forbidden", "the server does not allow access to the requested resource"),
    404: ("NotFound", "the server could not find the requested resource"),
    405: ("MethodNotAllowed", "the server does not allow this method on the requested resource"),
    406: ("NotAcceptable", "the server was unable to respond with a content type that the client supports"),
    409: ("Conflict", "the server reported a conflict"),
    413: ("RequestEntityTooLarge", "the server responded with the status code 413 but did not return more information"),
    415: ("UnsupportedMediaType", "the server could not understand the format of the request"),
    422: ("Invalid", "the server rejected our request due to an error in our request"),
    429: ("TooManyRequests", "the server has received too many requests and has asked us to try again later"),
    500: ("InternalError", "an error on the server has prevented the request from succeeding"),
    503: ("ServiceUnavailable", "the server is currently unable to handle the request"),
    504: ("Timeout", "the server was unable to return a response in the time allotted, but may still be processing the request"),
}  # fmt: skip
_WARNING = re.compile(r'\s*(\d{3}) (\S+) "((?:[^"\\]|\\.)*)"(?:\s+"[^"]*")?\s*,?')


def parsed(body: bytes) -> Obj:
    """The JSON document. Raises UsageError for what is none."""
    try:
        found: Any = loads(body)
    except JSONError:
        first = body.lstrip()[:1].decode("latin-1")
        why = f"invalid character '{first}' looking for beginning of value" if first else "unexpected end of JSON input"
        raise UsageError(why) from None
    if not isinstance(found, dict):
        raise UsageError("the server's answer is not an object")
    return found


def failure(method: str, code: int, body: bytes) -> ApiError:
    """The Status that a server answered with, or one made from the code."""
    try:
        status = loads(body)
    except JSONError:
        status = None
    if isinstance(status, dict) and status.get("kind") == "Status" and status.get("apiVersion") == "v1":
        error = ApiError.from_status({**status, "code": status.get("code") or code})
        error.metadata = status.get("metadata") or {}
        return error
    if code in _GENERIC:
        reason, text = _GENERIC[code]
    elif code >= 500:
        reason, text = _GENERIC[500]
    else:
        reason, text = "", f"the server responded with the status code {code} but did not return more information"
    if code == 409 and method == "POST":
        reason = "AlreadyExists"
    return ApiError(code, reason, text)


def warnings(headers: Any) -> list[str]:
    """The texts of `Warning: 299 - "…"` headers."""
    values = headers.get_all("Warning") if not isinstance(headers, Mapping) else [headers.get("Warning", "")]
    out = []
    for value in values or []:
        raw = value.encode("latin-1", "replace").decode("utf-8", "replace")
        out += [re.sub(r"\\(.)", r"\1", m[3]) for m in _WARNING.finditer(raw) if m[1] == "299"]
    return out
