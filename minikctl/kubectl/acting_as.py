"""`--as`, `--as-group`, `--as-uid`, `--as-user-extra` at the door to the files: act as somebody else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minikctl.util.errors import UsageError

if TYPE_CHECKING:
    from minikctl.kubectl.command import Invocation


def acting_as(call: Invocation, client: Any, user_name: str = "minikctl-admin") -> Any:
    """The client (a LocalClient) as whom the flags name, itself when they name nobody.

    user_name: what the kubeconfig calls the user who is asking. Raises UsageError, ApiError.
    """
    flags = call.flags
    user, uid = flags.get("as") or "", flags.get("as-uid") or ""
    groups, extra = flags.get("as-group") or [], flags.get("as-user-extra") or []
    if not user:
        if uid or groups or extra:
            raise UsageError(f"requesting uid, groups or user-extra for {user_name} without impersonating a user")
        return client
    from minikctl.client import authorized

    return authorized.acting_as(client, user, groups, uid, _extra(extra))


def _extra(given: list[str]) -> dict[str, list[str]]:
    out: dict[str, list[str]] = {}
    for pair in given:
        key, equals, value = pair.partition("=")
        if equals:
            out.setdefault(key.lower(), []).append(value)
    return out
