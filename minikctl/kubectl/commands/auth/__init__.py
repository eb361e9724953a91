"""`kubectl auth`: who one is and what one may do."""

from minikctl.kubectl.command import Command
from minikctl.kubectl.group import run_group

COMMAND = Command(
    name="auth",
    summary="Inspect authorization",
    description="Inspect authorization.",
    use="auth [flags]",
    run=run_group(__name__),
)
