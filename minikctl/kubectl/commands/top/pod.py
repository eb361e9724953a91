"""`kubectl top pod`."""

from __future__ import annotations

from minikctl.api.durations import format_go_duration, parse_time
from minikctl.api.meta import Obj, name, namespace
from minikctl.kubectl import usage
from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.commands.top.node import one_name
from minikctl.kubectl.flags import BOOL, Option
from minikctl.kubectl.resolve import ALL_NAMESPACES, FIELD_SELECTOR, SELECTOR
from minikctl.util.errors import UsageError

PATIENCE_SECONDS = 120


def run(call: Invocation) -> None:
    """Raises UsageError, ApiError."""
    flags, wanted = call.flags, one_name(call)
    usage.check_sorting(flags.sort_by)
    if wanted and (flags.selector or flags.field_selector):
        raise UsageError("only one of NAME or selector can be provided")
    kind = usage.metrics_kind(call.client, "pods")
    where = "" if flags.all_namespaces else call.namespace
    if wanted:
        metrics = [call.client.get(kind, wanted, where)]
    else:
        selected = {"label_selector": flags.selector, "field_selector": flags.field_selector}
        metrics = call.client.list(kind, where, **selected)["items"]
        if not metrics:
            _explain_nothing(call, call.client.list("pods", where, **selected)["items"])
            return
    metrics = sorted(metrics, key=usage.sorting(flags.sort_by, usage.of_pod, flags.all_namespaces))
    table = usage.pod_table(
        metrics,
        containers=flags.containers,
        spaced=flags.all_namespaces,
        headers=not flags.no_headers,
        sort_by=flags.sort_by,
        summed=flags.sum,
        swap=flags.show_swap,
    )
    call.out(table, end="")


def _explain_nothing(call: Invocation, pods: list[Obj]) -> None:
    """Raises UsageError when there are pods."""
    for pod in pods:
        age = (call.env.clock.now() - parse_time(pod["metadata"]["creationTimestamp"])).total_seconds()
        if age > PATIENCE_SECONDS:
            about = f"{namespace(pod)}/{name(pod)}, age: {format_go_duration(age)}"
            raise UsageError(f"Metrics not available for pod {about}")
    if pods:
        raise UsageError("metrics not available yet")
    where = "" if call.flags.all_namespaces else f" in {call.namespace} namespace."
    call.err(f"No resources found{where}")


COMMAND = Command(
    name="pod",
    summary="Display resource (CPU/memory) usage of pods",
    use="pod [NAME | -l label]",
    aliases=("pods", "po"),
    description="Show the CPU and memory that pods use, all containers of a pod together or each by itself.",
    examples=(
        ("All pods of the namespace", "top pod"),
        ("Those of another one", "top pod --namespace=NAMESPACE"),
        ("One pod and its containers", "top pod POD_NAME --containers"),
        ("Those with a label", "top pod -l name=myLabel"),
    ),
    options=(
        SELECTOR,
        FIELD_SELECTOR,
        usage.SORT_BY,
        Option("containers", BOOL, help="A line for each container."),
        ALL_NAMESPACES,
        usage.NO_HEADERS,
        usage.PROTOBUF,
        Option("sum", BOOL, help="A line with the sum."),
        usage.SHOW_SWAP,
    ),
    complete="names:pods",
    run=run,
)
