"""`kubectl create priorityclass`."""

from __future__ import annotations

from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.flags import BOOL, INT32, Option
from minikctl.kubectl.generating import GENERATOR_OPTIONS, name_argument, new, submit


def run(call: Invocation) -> None:
    flags = call.flags
    obj = new(
        call,
        "scheduling.k8s.io/v1",
        "PriorityClass",
        name_argument(call),
        value=flags.value,
        globalDefault=flags.global_default,
        description=flags.description,
        preemptionPolicy=flags.preemption_policy,
    )
    submit(call, obj, failure="failed to create priorityclass: ")


COMMAND = Command(
    name="priorityclass",
    summary="Create a priority class with the specified name",
    use="create priorityclass NAME --value=VALUE --global-default=BOOL [--dry-run=server|client|none]",
    aliases=("pc",),
    description="Create a priority class with the specified name: its value, and how its pods displace others.",
    examples=(
        ("Pods that go first", 'create priorityclass urgent --value=1000 --description="goes first"'),
        ("What pods have that name no class", "create priorityclass usual --value=100 --global-default=true"),
        (
            "First in the queue, but never in place of others",
            "create priorityclass polite --value=1000 --preemption-policy=Never",
        ),
    ),
    options=(
        *GENERATOR_OPTIONS,
        Option("description", help="What the class is for."),
        Option("global-default", BOOL, help="Whether pods without a class have this one."),
        Option(
            "preemption-policy",
            default="PreemptLowerPriority",
            help="Whether pods of lower priority make room.",
            complete=("PreemptLowerPriority", "Never"),
        ),
        Option("value", INT32, help="The priority; higher goes first."),
    ),
    run=run,
)
