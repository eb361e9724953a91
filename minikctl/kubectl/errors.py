"""How kubectl words what went wrong. The only place that turns errors into text.

Source: kubectl `pkg/cmd/util/helpers.go` (checkErr, StandardErrorMessage, MultilineError).
"""

from __future__ import annotations

from minikctl.api.errors import ApiError
from minikctl.util.errors import Aggregate, EnvironmentProblem, UsageError


def message(error: Exception) -> str:
    """What stderr shows for an error that ends a command."""
    if isinstance(error, Aggregate):
        if len(error.errors) == 1:
            return message(error.errors[0])
        return "\n".join(bare(e) for e in error.errors)
    if isinstance(error, UsageError):
        text = error.message if error.message.startswith(error.prefix) else error.prefix + error.message
        return f"{text}\n{error.hint}" if error.hint else text
    if isinstance(error, ApiError):
        return invalid(error) if error.reason == "Invalid" else server_error(error)
    if isinstance(error, EnvironmentProblem):
        return f"error: {error}"
    return f"error: {error}"


def bare(error: Exception) -> str:
    """One of several errors: the server's in its usual form, others without a prefix."""
    if isinstance(error, ApiError):
        return server_error(error)
    if isinstance(error, UsageError):
        return error.message
    return str(error)


def server_error(error: ApiError) -> str:
    return (
        f"Error from server ({error.reason}): {error.message}"
        if error.reason
        else f"Error from server: {error.message}"
    )


def invalid(error: ApiError) -> str:
    """`The Pod "x" is invalid: …`, one line a cause when there are several."""
    details = error.details
    head = "The request is invalid"
    causes = details.get("causes") or []
    if details.get("kind") or details.get("name"):
        head = f'The {details.get("kind", "")} "{details.get("name", "")}" is invalid'
    elif error.message and not causes:
        head += f": {error.message}"
    if not causes:
        return head
    texts = list(dict.fromkeys(f"{c['field']}: {c['message']}" if c.get("field") else c["message"] for c in causes))
    if len(texts) == 1:
        return f"{head}: {texts[0]}"
    return f"{head}: \n" + "\n".join(f"* {t}" for t in texts)


def add_source(verb: str, source: str, error: ApiError) -> ApiError:
    """`error when creating "web.yaml": …`: the same error, saying which file it is about."""
    return ApiError(error.code, error.reason, f'error when {verb} "{source}": {error.message}', error.details)
