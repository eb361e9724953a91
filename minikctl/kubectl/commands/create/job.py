"""`kubectl create job`."""

from __future__ import annotations

from minikctl.api.meta import Obj
from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.flags import Option
from minikctl.kubectl.generating import GENERATOR_OPTIONS, name_argument, new, submit
from minikctl.kubectl.generating.pods import pod_template
from minikctl.kubectl.resolve import from_args
from minikctl.util.errors import UsageError


def run(call: Invocation) -> None:
    flags, name = call.flags, name_argument(call)
    command = call.args[1:]
    if bool(flags.image) == bool(flags.get("from")):
        raise UsageError("either --image or --from must be specified")
    if command and flags.get("from"):
        raise UsageError("cannot specify --from and command")
    if flags.image:
        template = pod_template(name, flags.image, command, "Never")
        obj = new(call, "batch/v1", "Job", name, spec={"template": template})
    else:
        obj = _from_cron_job(call, name)
    submit(call, obj, failure="failed to create job: ")


def _from_cron_job(call: Invocation, name: str) -> Obj:
    """What the cron job would start next. The job belongs to it, but does not hold up its deletion."""
    targets = from_args(call, [call.flags.get("from")]).check()
    if len(targets) != 1:
        raise UsageError("from must be an existing cronjob")
    kind, cron_job = targets[0].kind, targets[0].obj or {}
    if kind.kind != "CronJob":
        package = kind.type.rpartition(".")[0].split("/")[-1]
        raise UsageError(f"unknown object type *{package}.{kind.kind}")
    template = cron_job["spec"]["jobTemplate"]
    metadata = template.get("metadata") or {}
    obj = new(call, "batch/v1", "Job", name, spec=template.get("spec") or {})
    obj["metadata"] |= {
        "labels": metadata.get("labels") or {},
        "annotations": {"cronjob.kubernetes.io/instantiate": "manual", **(metadata.get("annotations") or {})},
        "ownerReferences": [
            {
                "apiVersion": "batch/v1",
                "kind": "CronJob",
                "name": cron_job["metadata"]["name"],
                "uid": cron_job["metadata"]["uid"],
                "controller": True,
            }
        ],
    }
    return obj


COMMAND = Command(
    name="job",
    summary="Create a job with the specified name",
    use="create job NAME --image=image [--from=cronjob/name] -- [COMMAND] [args...]",
    description="Create a job with the specified name: from an image, or as the next run of a cron job.",
    examples=(
        ("Run a command once", "create job pi --image=perl:5.34 -- perl -Mbignum=bpi -wle 'print bpi(200)'"),
        ("Run a cron job now", "create job now --from=cronjob/nightly"),
    ),
    options=(
        *GENERATOR_OPTIONS,
        Option("from", help="The cron job to take the pod from: cronjob/NAME."),
        Option("image", help="Image of the container."),
    ),
    run=run,
)
