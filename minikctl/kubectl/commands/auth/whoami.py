"""`kubectl auth whoami`."""

from __future__ import annotations

from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj
from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.printers import PRINT_OPTIONS, printer
from minikctl.kubectl.printers.columns import render
from minikctl.util.errors import UsageError

REVIEW = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview", "metadata": {}}
NOT_ENABLED = "the selfsubjectreviews API is not enabled in the cluster"


def run(call: Invocation) -> None:
    wants_format = bool(call.flags.get("output") or call.flags.get("template"))
    show = printer(call, typed=True) if wants_format else None
    try:
        review = call.client.create("selfsubjectreviews.authentication.k8s.io", REVIEW)
    except ApiError as e:
        if e.reason == "Forbidden":
            raise UsageError(f"{NOT_ENABLED} or you do not have permission to call it") from None
        if e.reason == "NotFound":
            raise UsageError(NOT_ENABLED) from None
        raise
    if show is not None:
        show(review, None)
    else:
        call.out(render(table((review.get("status") or {}).get("userInfo") or {})), end="")


def table(user: Obj) -> list[list[str]]:
    """The rows that show a user."""
    rows = [["ATTRIBUTE", "VALUE"]]
    rows += [[title, user[field]] for title, field in (("Username", "username"), ("UID", "uid")) if user.get(field)]
    if user.get("groups"):
        rows.append(["Groups", _list(user["groups"])])
    return rows + [[f"Extra: {key}", _list(values)] for key, values in sorted((user.get("extra") or {}).items())]


def _list(words: list[str]) -> str:
    return f"[{' '.join(words)}]"


COMMAND = Command(
    name="whoami",
    summary="Experimental: Check self subject attributes",
    use="whoami",
    description=(
        "Experimental: Show who you are for the server: user name, groups and the rest.\n\nThis helps where identities "
        "come from elsewhere: a proxy, a webhook or OpenID Connect."
    ),
    examples=(("Who am I?", "auth whoami"), ("The same as JSON", "auth whoami -o json")),
    options=PRINT_OPTIONS,
    run=run,
)
