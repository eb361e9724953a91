"""Whether a container that has ended is to run again: its own rules by exit code, else its own policy, else its pod's.

Source: Kubernetes concept "Pod Lifecycle"; KEP-5307 (container restart rules), KEP-5532 (restart all containers).
"""

from __future__ import annotations

from minikctl.api.meta import Obj

ALWAYS, ON_FAILURE, NEVER = "Always", "OnFailure", "Never"
RESTART, RESTART_ALL = "Restart", "RestartAllContainers"


def action(container: Obj, exit_code: int) -> str:
    """That of the first rule that fits, "" when none does."""
    rules = container.get("restartPolicyRules") or [] if container.get("restartPolicy") else []
    return next((str(r.get("action") or "") for r in rules if _fits(r, exit_code)), "")


def _fits(rule: Obj, exit_code: int) -> bool:
    codes = rule.get("exitCodes") or {}
    return (exit_code in (codes.get("values") or [])) == (codes.get("operator") == "In")


def restarts_after(container: Obj, pod_policy: str, exit_code: int) -> bool:
    """Whether it runs again after it has ended with this code."""
    policy = container.get("restartPolicy") or pod_policy
    return bool(action(container, exit_code)) or policy == ALWAYS or (policy == ON_FAILURE and exit_code != 0)


def may_restart_all(container: Obj) -> bool:
    """Whether it can end in a way after which all containers of its pod run again."""
    return any(rule.get("action") == RESTART_ALL for rule in container.get("restartPolicyRules") or [])
