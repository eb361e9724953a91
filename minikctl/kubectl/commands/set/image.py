"""`kubectl set image`."""

from __future__ import annotations

from minikctl.api.meta import Obj
from minikctl.kubectl import pairs
from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.commands.set._changing import LOCAL, change_each, refuse_local_server, targets
from minikctl.kubectl.common_options import RECORD, field_manager
from minikctl.kubectl.dry_run import DRY_RUN, strategy
from minikctl.kubectl.manifest import filename_options
from minikctl.kubectl.pod_specs import pod_spec
from minikctl.kubectl.printers import PRINT_OPTIONS
from minikctl.kubectl.resolve import ALL, SELECTOR, Target
from minikctl.kubectl.selecting import has_files
from minikctl.util.errors import Aggregate, UsageError


def run(call: Invocation) -> None:
    dry_run = strategy(call)
    words, changes = pairs.split(call.args, "image")
    images, _ = pairs.parse(changes, "image")
    found = targets(call, words)
    _check(call, words, images)
    refuse_local_server(call, dry_run)
    missing: list[Exception] = []

    def change(obj: Obj, target: Target) -> None:
        spec = pod_spec(obj, target.kind)
        for name, image in images.items():
            if not set_image(spec, name, image):
                missing.append(UsageError(f'error: unable to find container named "{name}"'))

    try:
        failed = "failed to patch image update to pod template:"
        change_each(call, found, change, done="image updated", failed=failed, dry_run=dry_run)
    except Aggregate as e:
        missing += e.errors
    except UsageError as e:
        missing.append(e)
    if missing:
        raise missing[0] if len(missing) == 1 else Aggregate(missing)


def set_image(spec: Obj, name: str, image: str) -> bool:
    """Give the container called `name` (all with `*`) an image; whether there is one."""
    every = (spec.get("initContainers") or []) + (spec.get("containers") or [])
    meant = [c for c in every if name in ("*", c.get("name"))]
    for container in meant:
        container["image"] = image
    return bool(meant)


def _check(call: Invocation, words: list[str], images: dict[str, str]) -> None:
    wrong: list[Exception] = []
    if call.flags.all and call.flags.selector:
        wrong.append(UsageError("cannot set --all and --selector at the same time"))
    if not words and not has_files(call):
        text = "one or more resources must be specified as <resource> <name> or <resource>/<name>"
        wrong.append(UsageError(text))
    if not images:
        wrong.append(UsageError("at least one image update is required"))
    elif len(images) > 1 and "*" in images:
        text = "all containers are already specified by *, but saw more than one container_name=container_image pairs"
        wrong.append(UsageError(text))
    if wrong:
        raise wrong[0] if len(wrong) == 1 else Aggregate(wrong)


COMMAND = Command(
    name="image",
    summary="Update the image of a pod template",
    use="image (-f FILENAME | TYPE NAME) CONTAINER_NAME_1=CONTAINER_IMAGE_1 ... CONTAINER_NAME_N=CONTAINER_IMAGE_N",
    description=(
        "Set the images of containers. Works on pods, replication controllers, Deployments, DaemonSets, StatefulSets, "
        "CronJobs and ReplicaSets; `*` means all containers."
    ),
    examples=(
        ("Another image for one container", "set image deployment/web nginx=nginx:1.27"),
        ("For all containers of a DaemonSet", "set image daemonset logger '*=fluentd:v1.17'"),
        ("Only print the result", "set image -f web.yaml nginx=nginx:1.27 --local -o yaml"),
    ),
    options=(
        *PRINT_OPTIONS,
        *filename_options("to change"),
        RECORD,
        DRY_RUN,
        LOCAL,
        ALL,
        SELECTOR,
        field_manager("kubectl-set"),
    ),
    complete="resource:daemonsets,deployments,pods,cronjobs,replicasets,replicationcontrollers,statefulsets",
    run=run,
)
