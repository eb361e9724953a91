"""`kubectl autoscale`."""

from __future__ import annotations

import re

from minikctl.api import quantity
from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj
from minikctl.kubectl import last_applied
from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.common_options import RECORD, SAVE_CONFIG, field_manager, recorded, write_options
from minikctl.kubectl.dry_run import CLIENT, DRY_RUN, strategy
from minikctl.kubectl.flags import INT, Option
from minikctl.kubectl.manifest import filename_options
from minikctl.kubectl.printers import PRINT_OPTIONS, printer
from minikctl.kubectl.resolve import Target
from minikctl.kubectl.selecting import select
from minikctl.util.errors import Aggregate, UsageError

KIND = "horizontalpodautoscalers.autoscaling"
_UNITS = {"cpu": "m", "memory": "Mi"}
"""What a number without a unit counts."""
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")


def run(call: Invocation) -> None:
    dry_run = strategy(call)
    _check(call)
    found = select(call)
    problems = list(found.errors)
    for target in found.targets:
        try:
            if target.kind.scale is None:
                raise UsageError(
                    f"cannot autoscale a {target.kind.kind}: could not find scale subresource for "
                    f"{target.kind.group}/{target.kind.version}, Resource={target.kind.plural} in discovery information"
                )
            _create(call, autoscaler(call, target), dry_run)
        except (ApiError, UsageError) as e:
            problems.append(e)
    if problems:
        raise problems[0] if len(problems) == 1 else Aggregate(problems)
    if not found.targets:
        raise UsageError("no objects passed to autoscale")


def _check(call: Invocation) -> None:
    flags = call.flags
    if flags.max < 1:
        raise UsageError(f"--max=MAXPODS is required and must be at least 1, max: {flags.max}")
    if flags.max < flags.min:
        raise UsageError(f"--max=MAXPODS must be larger or equal to --min=MINPODS, max: {flags.max}, min: {flags.min}")
    if flags.cpu_percent > 0 and flags.cpu:
        raise UsageError("--cpu-percent and --cpu are mutually exclusive")
    for resource in _UNITS:
        if flags.get(resource):
            goal(flags.get(resource), resource)


def goal(text: str, resource: str) -> Obj:
    """The target of a metric: `70%`, `500m`, or a bare number of milli-CPUs or mebibytes. Raises UsageError."""
    text = text.strip()
    if not text:
        raise UsageError("empty input")
    if text.endswith("%"):
        share = text[:-1]
        if not re.fullmatch(r"[+-]?\d+", share) or not 0 <= int(share) < 2**31:
            raise UsageError(f"invalid percentage value: {share}")
        return {"type": "Utilization", "averageUtilization": int(share)}
    amount = f"{float(text):g}{_UNITS[resource]}" if _NUMBER.fullmatch(text) else text
    try:
        return {"type": "AverageValue", "averageValue": quantity.canonical(amount)}
    except quantity.QuantityError as e:
        raise UsageError(str(e) if amount != text else f"invalid resource {resource} value: {text}") from None


def autoscaler(call: Invocation, target: Target) -> Obj:
    """The autoscaling/v2 object. Raises UsageError."""
    flags = call.flags
    metadata: Obj = {"name": flags.name or target.name}
    if call.namespace_given:
        metadata["namespace"] = flags.get("namespace")
    goals = {"cpu": {"type": "Utilization", "averageUtilization": flags.cpu_percent}} if flags.cpu_percent > 0 else {}
    goals |= {name: goal(flags.get(name), name) for name in _UNITS if flags.get(name)}
    spec: Obj = {
        "scaleTargetRef": {"kind": target.kind.kind, "name": target.name, "apiVersion": target.kind.api_version},
        "maxReplicas": flags.max,
    }
    if flags.min > 0:
        spec["minReplicas"] = flags.min
    if goals:
        spec["metrics"] = [{"type": "Resource", "resource": {"name": n, "target": t}} for n, t in goals.items()]
    return {
        "kind": "HorizontalPodAutoscaler",
        "apiVersion": "autoscaling/v2",
        "metadata": metadata,
        "spec": spec,
    }


def _create(call: Invocation, obj: Obj, dry_run: str) -> None:
    """kubectl tries the older API when the newer one refuses, and names that as the problem."""
    kind = call.client.kind(KIND)
    obj = recorded(call, obj)
    if dry_run == CLIENT:
        printer(call, "created", dry_run=dry_run, typed=True)(obj, kind)
        return
    obj = last_applied.kept_current(obj, save=call.flags.save_config, typed=True)
    try:
        made = call.client.create(KIND, obj, call.namespace, options=write_options(call, dry_run))
    except ApiError:
        flags = call.flags
        text = "failed to create autoscaling/v2 HPA and the configuration is incompatible with autoscaling/v1:"
        if not flags.cpu:
            raise UsageError(f"{text} empty input") from None
        if flags.memory or (flags.cpu_percent < 0 and goal(flags.cpu, "cpu")["type"] != "Utilization"):
            raise UsageError(f"{text} %!w(<nil>)") from None
        raise
    printer(call, "autoscaled", dry_run=dry_run, typed=True)(made, kind)


COMMAND = Command(
    name="autoscale",
    summary="Auto-scale a deployment, replica set, stateful set, or replication controller",
    group="Deploy",
    use="autoscale (-f FILENAME | TYPE NAME | TYPE/NAME) [--min=MINPODS] --max=MAXPODS [--cpu=CPU] [--memory=MEMORY]",
    description="Make a HorizontalPodAutoscaler, which sets the size of a workload by what its pods use.",
    examples=(
        ("Between two and ten pods", "autoscale deployment web --min=2 --max=10"),
        ("By CPU", "autoscale deployment web --max=5 --cpu=80%"),
        ("By memory", "autoscale deployment web --max=5 --memory=200Mi"),
    ),
    options=(
        *PRINT_OPTIONS,
        *filename_options("to scale"),
        RECORD,
        SAVE_CONFIG,
        DRY_RUN,
        field_manager("kubectl-autoscale"),
        Option("cpu", help="CPU to aim at: a share of what is requested (70%) or an amount (500m)."),
        Option(
            "cpu-percent",
            INT,
            default=-1,
            hidden=True,
            deprecated="Use --cpu with percentage or resource quantity format (e.g., '70%' for utilization or "
            "'500m' for milliCPU).",
            help="CPU to aim at, in percent.",
        ),
        Option("max", INT, default=-1, required=True, help="The most pods."),
        Option("memory", help="Memory to aim at: a share of what is requested (60%) or an amount (200Mi)."),
        Option("min", INT, default=-1, help="The fewest pods; without it what the server takes."),
        Option("name", help="The autoscaler's name; without it that of the object."),
    ),
    complete="resources:deployment,replicaset,replicationcontroller,statefulset",
    run=run,
)
