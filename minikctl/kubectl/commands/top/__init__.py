"""`kubectl top`: what nodes and pods use."""

from minikctl.kubectl.command import Command
from minikctl.kubectl.group import run_group

COMMAND = Command(
    name="top",
    summary="Display resource (CPU/memory) usage",
    group="Cluster Management",
    use="top [flags]",
    description=(
        "Show the CPU and memory that pods or nodes use at the moment, by the metrics API.\n\n"
        "CPU is an average of the last seconds. The figures are what autoscalers decide by."
    ),
    run=run_group(__name__, stdout=True),
)
