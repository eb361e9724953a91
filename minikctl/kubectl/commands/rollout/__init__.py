"""`kubectl rollout`: the changes of workloads, as they happen and as they were."""

from minikctl.kubectl.command import Command
from minikctl.kubectl.group import run_group

COMMAND = Command(
    name="rollout",
    summary="Manage the rollout of a resource",
    group="Deploy",
    use="rollout SUBCOMMAND",
    description=(
        "Manage the rollout of one or many resources.\n\nValid resource types include:\n\n"
        "  *  deployments\n  *  daemonsets\n  *  statefulsets"
    ),
    examples=(
        ("Go back to the previous version", "rollout undo deployment/abc"),
        ("How far is it?", "rollout status daemonset/foo"),
        ("Start all pods anew", "rollout restart deployment/abc"),
    ),
    run=run_group(__name__, stdout=True),
)
