"""`kubectl set resources`."""

from __future__ import annotations

from minikctl.api import quantity
from minikctl.api.meta import Obj
from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.commands.set._changing import LOCAL, change_each, refuse_local_server, targets
from minikctl.kubectl.common_options import RECORD, field_manager
from minikctl.kubectl.dry_run import DRY_RUN, strategy
from minikctl.kubectl.flags import Option
from minikctl.kubectl.manifest import filename_options
from minikctl.kubectl.pod_specs import containers, pod_spec
from minikctl.kubectl.printers import PRINT_OPTIONS
from minikctl.kubectl.resolve import ALL, SELECTOR, Target
from minikctl.util.errors import Aggregate, UsageError


def run(call: Invocation) -> None:
    flags, dry_run = call.flags, strategy(call)
    found = targets(call, call.args)
    refuse_local_server(call, dry_run)
    if flags.all and flags.selector:
        raise UsageError("cannot set --all and --selector at the same time")
    if not flags.limits and not flags.requests:
        raise UsageError("you must specify an update to requests or limits (in the form of --requests/--limits)")
    wanted = {"limits": parse(flags.limits), "requests": parse(flags.requests)}
    missing: list[Exception] = []

    def change(obj: Obj, target: Target) -> bool:
        meant = containers(pod_spec(obj, target.kind), flags.containers)
        if not meant:
            missing.append(UsageError(f"error: unable to find container named {flags.containers}"))
        for container in meant:
            set_resources(container, wanted)
        return bool(meant)

    try:
        failed = "failed to patch resources update to pod template"
        change_each(call, found, change, done="resource requirements updated", failed=failed, dry_run=dry_run)
    except Aggregate as e:
        missing += e.errors
    except UsageError as e:
        missing.append(e)
    if missing:
        raise missing[0] if len(missing) == 1 else Aggregate(missing)


def parse(text: str) -> dict[str, str]:
    """`cpu=100m,memory=1Gi`. Raises UsageError."""
    amounts: dict[str, str] = {}
    for statement in text.split(",") if text else []:
        parts = statement.split("=")
        if len(parts) != 2:
            raise UsageError(f"Invalid argument syntax {statement}, expected <resource>=<value>")
        try:
            amounts[parts[0]] = quantity.canonical(parts[1])
        except quantity.QuantityError as e:
            raise UsageError(str(e)) from None
    return amounts


def set_resources(container: Obj, wanted: dict[str, dict[str, str]]) -> None:
    resources = container["resources"] = container.get("resources") or {}
    for title, amounts in wanted.items():
        if amounts:
            resources[title] = {**(resources.get(title) or {}), **amounts}


COMMAND = Command(
    name="resources",
    summary="Update resource requests/limits on objects with pod templates",
    use="resources (-f FILENAME | TYPE NAME)  ([--limits=LIMITS & --requests=REQUESTS]",
    description="Set what containers may use at most (limits) and what they are sure to get (requests).",
    examples=(
        ("Limits for one container", "set resources deployment web -c=nginx --limits=cpu=200m,memory=512Mi"),
        ("Limits and requests for all", "set resources deployment web --limits=cpu=200m --requests=cpu=100m"),
        ("Only print the result", "set resources -f web.yaml --limits=cpu=200m --local -o yaml"),
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
        Option("containers", short="c", default="*", help="Names of the containers, with * for any characters."),
        Option("limits", help="The most that a container may use: cpu=100m,memory=256Mi."),
        Option("requests", help="What a container is sure to get: cpu=100m,memory=256Mi."),
    ),
    complete="resources:deployments,daemonsets,pods,cronjobs,replicasets,replicationcontrollers,statefulsets",
    run=run,
)
