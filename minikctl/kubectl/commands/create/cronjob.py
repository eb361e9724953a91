"""`kubectl create cronjob`."""

from __future__ import annotations

from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.flags import Option
from minikctl.kubectl.generating import GENERATOR_OPTIONS, name_argument, new, submit
from minikctl.kubectl.generating.pods import pod_template


def run(call: Invocation) -> None:
    flags, name = call.flags, name_argument(call)
    template = pod_template(name, flags.image, call.args[1:], flags.restart or "OnFailure")
    job = {"metadata": {"name": name}, "spec": {"template": template}}
    spec = {"schedule": flags.schedule, "jobTemplate": job}
    submit(call, new(call, "batch/v1", "CronJob", name, spec=spec), failure="failed to create cronjob: ")


COMMAND = Command(
    name="cronjob",
    summary="Create a cron job with the specified name",
    use="create cronjob NAME --image=image --schedule='0/5 * * * ?' -- [COMMAND] [args...] [flags]",
    aliases=("cj",),
    description="Create a cron job with the specified name.",
    examples=(
        ("Every minute", 'create cronjob hello --image=busybox --schedule="*/1 * * * *" -- date'),
        ("At three on Mondays", 'create cronjob report --image=reports --schedule="0 3 * * 1"'),
    ),
    options=(
        *GENERATOR_OPTIONS,
        Option("image", required=True, help="Image of the container."),
        Option("restart", help="When the containers of a pod start again: OnFailure (the default) or Never."),
        Option("schedule", required=True, help="When to start a job: minute, hour, day, month, weekday."),
    ),
    run=run,
)
