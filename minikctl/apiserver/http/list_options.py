"""ListOptions as a query brings them, and which of them go together. Pure.

Source: apimachinery `apis/meta/internalversion/validation`, `pkg/conversion/queryparams` (booleans).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from minikctl.api.errors import (
    ApiError,
    FieldError,
    bad_request,
    field_forbidden,
    field_invalid,
    field_not_supported,
    invalid,
)

EXACT, NOT_OLDER_THAN = "Exact", "NotOlderThan"
MATCH = "resourceVersionMatch"
Query = Mapping[str, str]


def flag(query: Query, name: str) -> bool:
    """A boolean, as Go reads it: there, and neither `false` nor `0`."""
    return name in query and query[name].lower() not in ("false", "0")


def number(query: Query, name: str) -> int:
    """A whole number, 0 when it is not there. Raises ApiError BadRequest."""
    text = query.get(name, "")
    if not text:
        return 0
    try:
        if not text.isascii() or text.strip() != text or "_" in text:
            raise ValueError
        found = int(text)
    except ValueError:
        raise bad_request(f'strconv.ParseInt: parsing "{text}": invalid syntax') from None
    if abs(found) >= 1 << 63:
        raise bad_request(f'strconv.ParseInt: parsing "{text}": value out of range')
    return found


def version_problem(text: str) -> FieldError | None:
    """What is wrong with a resourceVersion that is not empty."""
    if not (text.isascii() and text.isdigit()):
        return field_invalid("resourceVersion", text, f'strconv.ParseUint: parsing "{text}": invalid syntax')
    if int(text) >= 1 << 64:
        return field_invalid("resourceVersion", text, f'strconv.ParseUint: parsing "{text}": value out of range')
    return None


def check_list(query: Query) -> None:
    """Raises ApiError Invalid, BadRequest."""
    match, version, token = query.get(MATCH, ""), query.get("resourceVersion", ""), query.get("continue", "")
    errors = []
    if match:
        if not version:
            errors.append(field_forbidden(MATCH, f"{MATCH} is forbidden unless resourceVersion is provided"))
        if token:
            errors.append(field_forbidden(MATCH, f"{MATCH} is forbidden when continue is provided"))
        if match not in (EXACT, NOT_OLDER_THAN):
            errors.append(field_not_supported(MATCH, match, [EXACT, NOT_OLDER_THAN, ""]))
        if match == EXACT and version == "0":
            errors.append(field_forbidden(MATCH, f'{MATCH} "exact" is forbidden for resourceVersion "0"'))
    if "sendInitialEvents" in query:
        errors.append(field_forbidden("sendInitialEvents", "sendInitialEvents is forbidden for list"))
    _raise(errors)
    if version and (problem := version_problem(version)):
        raise bad_request(f"invalid resource version: {problem}")
    if token and version not in ("", "0"):
        raise bad_request("specifying resource version is not allowed when using continue")


def check_watch(query: Query) -> None:
    """Raises ApiError Invalid, BadRequest."""
    match, asked = query.get(MATCH, ""), "sendInitialEvents" in query
    errors = []
    if asked and match != NOT_OLDER_THAN:
        errors.append(field_forbidden(MATCH, f"sendInitialEvents requires setting {MATCH} to {NOT_OLDER_THAN}"))
    if match:
        if not asked:
            errors.append(
                field_forbidden(MATCH, f"{MATCH} is forbidden for watch unless sendInitialEvents is provided")
            )
        if match != NOT_OLDER_THAN:
            errors.append(field_not_supported(MATCH, match, [NOT_OLDER_THAN]))
        if query.get("continue"):
            errors.append(field_forbidden(MATCH, f"{MATCH} is forbidden when continue is provided"))
    _raise(errors)
    version = query.get("resourceVersion", "")
    if version and (problem := version_problem(version)):
        raise bad_request(f"invalid resource version: {problem}")


def check_get(query: Query, current: Callable[[], int]) -> None:
    """The object shall not be older than a version. Raises ApiError BadRequest, Timeout for one that is yet to come."""
    version = query.get("resourceVersion", "")
    if version in ("", "0"):
        return
    if problem := version_problem(version):
        raise bad_request(f"invalid resource version: {problem}")
    if int(version) > (now := current()):
        raise too_large(int(version), now)


def too_large(asked: int, current: int) -> ApiError:
    """A version that is yet to come."""
    details = {
        "causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}],
        "retryAfterSeconds": 1,
    }
    return ApiError(504, "Timeout", f"Too large resource version: {asked}, current: {current}", details)


def _raise(errors: list[FieldError]) -> None:
    if errors:
        raise invalid("ListOptions", "meta.k8s.io", "", errors)
