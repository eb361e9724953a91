"""`kubectl scale`."""

from __future__ import annotations

from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj
from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.common_options import CHANGE_CAUSE, RECORD, change_cause
from minikctl.kubectl.dry_run import CLIENT, DRY_RUN, NONE, SERVER, strategy
from minikctl.kubectl.flags import DURATION, INT, Option
from minikctl.kubectl.manifest import filename_options
from minikctl.kubectl.printers import PRINT_OPTIONS, printer
from minikctl.kubectl.resolve import ALL, SELECTOR, Target
from minikctl.kubectl.selecting import select
from minikctl.kubectl.waiting import Deadline, TimedOut, changes
from minikctl.util.errors import Aggregate, UsageError

RETRY_SECONDS = 300.0
"""How long a scale that meets conflicts is tried again."""


def run(call: Invocation) -> None:
    flags = call.flags
    dry_run = strategy(call)
    show = printer(call, "scaled", dry_run=dry_run)
    if flags.replicas < 0:
        raise UsageError("The --replicas=COUNT flag is required, and COUNT must be greater than or equal to 0")
    if flags.current_replicas < -1:
        raise UsageError("The --current-replicas must specify an integer of -1 or greater")
    found = select(call)
    if flags.resource_version and len(found.targets) > 1:
        raise UsageError("cannot use --resource-version with multiple resources")
    if not found.targets and not found.errors:
        raise UsageError("no objects passed to scale")
    for target in found.targets:
        replicas = flags.replicas
        if dry_run != CLIENT:
            replicas = _scale(call, target, dry_run)
            if flags.timeout and dry_run == NONE:
                _wait(call, target)
            if flags.record:
                patch = {"metadata": {"annotations": {CHANGE_CAUSE: change_cause(call)}}}
                call.client.patch(target.kind, target.name, patch, target.namespace)
        show(_with_replicas(target, replicas), target.kind)
    if found.errors:
        raise found.errors[0] if len(found.errors) == 1 else Aggregate(found.errors)


def _with_replicas(target: Target, replicas: int) -> Obj:
    """For printing: built-in kinds keep their count in spec.replicas, others may not."""
    obj = target.obj or {}
    if target.kind.group not in ("", "apps"):
        return obj
    return {**obj, "spec": {**(obj.get("spec") or {}), "replicas": replicas}}


def _scale(call: Invocation, target: Target, dry_run: str) -> int:
    """Write the scale, again when somebody else was faster. Raises ApiError, UsageError for unmet conditions."""
    deadline = Deadline(call, RETRY_SECONDS)
    while True:
        try:
            return _scale_once(call, target, dry_run)
        except ApiError as e:
            if e.reason != "Conflict":
                raise
            try:
                deadline.left()
            except TimedOut:
                raise e from None


def _scale_once(call: Invocation, target: Target, dry_run: str) -> int:
    from minikctl.client.protocol import WriteOptions

    flags, options = call.flags, WriteOptions(dry_run=dry_run == SERVER)
    kind, name, namespace = target.kind, target.name, target.namespace
    if flags.current_replicas == -1 and not flags.resource_version:
        patch = {"spec": {"replicas": flags.replicas}}
        scale = call.client.patch(kind, name, patch, namespace, subresource="scale", options=options)
        return int((scale.get("spec") or {}).get("replicas", 0))
    scale = call.client.get(kind, name, namespace, subresource="scale")
    spec = scale.get("spec") or {}
    size = spec.get("replicas", 0)
    if flags.current_replicas not in (-1, size):
        raise UsageError(f"Expected replicas to be {flags.current_replicas}, was {size}")
    version = scale["metadata"].get("resourceVersion", "")
    if flags.resource_version and flags.resource_version != version:
        raise UsageError(f"Expected resource version to be {flags.resource_version}, was {version}")
    wanted = {**scale, "spec": {**spec, "replicas": flags.replicas}}
    scale = call.client.update(kind, wanted, subresource="scale", options=options)
    return int((scale.get("spec") or {}).get("replicas", 0))


def _wait(call: Invocation, target: Target) -> None:
    """Until the status says what the spec says, or somebody else has set another size."""
    wanted = call.flags.replicas
    try:
        for event in changes(call, target.kind, target.namespace, target.name, Deadline(call, call.flags.timeout)):
            if event is None or event.type == "DELETED":
                call.client.get(target.kind, target.name, target.namespace, subresource="scale")
                continue
            scale = call.client.get(target.kind, target.name, target.namespace, subresource="scale")
            size = (scale.get("spec") or {}).get("replicas", 0)
            if size != wanted or (scale.get("status") or {}).get("replicas", 0) == wanted:
                return
    except TimedOut:
        raise UsageError(f'timed out waiting for "{target.name}" to be synced') from None


COMMAND = Command(
    name="scale",
    summary="Set a new size for a deployment, replica set, or replication controller",
    group="Deploy",
    use="scale [--resource-version=version] [--current-replicas=count] --replicas=COUNT (-f FILENAME | TYPE NAME)",
    description=(
        "Set how many pods a Deployment, ReplicaSet, ReplicationController or StatefulSet has. --current-replicas and "
        "--resource-version name what must be true for the change to be made."
    ),
    examples=(
        ("Three pods for a Deployment", "scale --replicas=3 deployment/web"),
        ("Only if it has two now", "scale --current-replicas=2 --replicas=3 deployment/web"),
        ("Several at once", "scale --replicas=5 deployment/web deployment/api"),
        ("What a file names", "scale --replicas=3 -f web.yaml"),
    ),
    options=(
        *PRINT_OPTIONS,
        *filename_options("to scale"),
        RECORD,
        DRY_RUN,
        SELECTOR,
        ALL,
        Option("replicas", INT, required=True, help="The number of pods wanted."),
        Option("current-replicas", INT, default=-1, help="Only if this is the size now; -1 for any."),
        Option("resource-version", help="Only if this is the object's version now."),
        Option("timeout", DURATION, help="Wait this long for the new size to be reached; 0: do not wait."),
    ),
    complete="resources:deployment,replicaset,replicationcontroller,statefulset",
    run=run,
)
