"""How kubectl words what went wrong. The only place that turns errors into text.

Source: kubectl `pkg/cmd/util/helpers.go` (checkErr, StandardErrorMessage, MultilineError).
"""

from __future__ import annotations

from minikctl.api.errors import ApiError
from minikctl.util.errors import Aggregate, Unreachable, UsageError


def line(error: Exception) -> str:
    """The message with a line end, unless it has one (some of kubectl's texts bring their own)."""
    text = message(error)
    return text if text.endswith("\n") else text + "\n"


def message(error: Exception) -> str:
    """What stderr shows for an error that ends a command."""
    if isinstance(error, Aggregate):
        if len(error.errors) == 1:
            return message(error.errors[0])
        return "\n".join(bare(e) for e in error.errors)
    if isinstance(error, UsageError):
        text = error.message if error.message.startswith("error: ") else error.prefix + error.message
        return f"{text}\n{error.hint}" if error.hint else text
    if isinstance(error, ApiError):
        return invalid(error) if error.reason == "Invalid" else server_error(error)
    if isinstance(error, Unreachable):
        return str(error)
    return f"error: {error}"


def bare(error: Exception) -> str:
    """One of several errors: the server's in its usual form, others without a prefix, groups in brackets."""
    if isinstance(error, ApiError):
        return server_error(error)
    return plain(error)


def plain(error: Exception) -> str:
    """Go's `err.Error()`: of several errors `[one, two]`, each text once."""
    if isinstance(error, Aggregate):
        texts = list(dict.fromkeys(_texts(error)))
        return texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
    return error.message if isinstance(error, ApiError | UsageError) else str(error)


def _texts(error: Aggregate) -> list[str]:
    out: list[str] = []
    for inner in error.errors:
        out += _texts(inner) if isinstance(inner, Aggregate) else [plain(inner)]
    return out


def server_error(error: ApiError) -> str:
    if error.reason == "Unauthorized":
        return f"error: You must be logged in to the server ({error.message})"
    head = f"Error from server ({error.reason})" if error.reason else "Error from server"
    return f"{head}: {error.message}"


def invalid(error: ApiError) -> str:
    """`The Pod "x" is invalid: …`, one line a cause when there are several; causes end with a line end, as in kubectl."""
    details = error.details
    head = "The request is invalid"
    causes = details.get("causes") or []
    if details.get("kind") or details.get("name"):
        head = f'The {details.get("kind", "")} "{details.get("name", "")}" is invalid'
    elif error.message and not causes:
        head += f": {error.message}"
    if not causes:
        return head
    texts = list(dict.fromkeys(f"{c.get('field', '')}: {c.get('message', '')}" for c in causes))
    if len(texts) == 1:
        return f"{head}: {texts[0]}\n"
    return f"{head}: \n" + "".join(f"* {t}\n" for t in texts)


def add_source(verb: str, source: str, error: Exception) -> Exception:
    """`error when creating "web.yaml": …`: the same error, saying which file it is about."""
    if not source:
        return error
    text = f'error when {verb} "{source}": {plain(error)}'
    if isinstance(error, ApiError):
        return ApiError(error.code, error.reason, text, error.details)
    return UsageError(text)
