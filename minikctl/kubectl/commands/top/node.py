"""`kubectl top node`."""

from __future__ import annotations

from minikctl.api.meta import name
from minikctl.kubectl import PROGRAM, usage
from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.flags import BOOL, Option
from minikctl.kubectl.resolve import SELECTOR
from minikctl.util.errors import UsageError


def run(call: Invocation) -> None:
    """Raises UsageError, ApiError."""
    flags, wanted = call.flags, one_name(call)
    usage.check_sorting(flags.sort_by)
    if wanted and flags.selector:
        raise UsageError("only one of NAME or --selector can be provided")
    kind = usage.metrics_kind(call.client, "nodes")
    if wanted:
        metrics, nodes = [call.client.get(kind, wanted)], [call.client.get("nodes", wanted)]
    else:
        metrics = call.client.list(kind, label_selector=flags.selector)["items"]
        nodes = call.client.list("nodes", label_selector=flags.selector)["items"]
    if not metrics:
        raise UsageError("metrics not available yet")
    field = "capacity" if flags.show_capacity else "allocatable"
    available = {name(n): usage.amounts((n.get("status") or {}).get(field)) for n in nodes}
    metrics = sorted(metrics, key=usage.sorting(flags.sort_by, lambda m: usage.amounts(m.get("usage"))))
    call.out(usage.node_table(metrics, available, headers=not flags.no_headers, swap=flags.show_swap), end="")


def one_name(call: Invocation) -> str:
    """The only argument, "" without one. Raises UsageError."""
    if len(call.args) > 1:
        path = f"{PROGRAM} {call.path}"
        raise UsageError(f"{call.path.split()[-1]}\nSee '{path} -h' for help and examples")
    return call.args[0] if call.args else ""


COMMAND = Command(
    name="node",
    summary="Display resource (CPU/memory) usage of nodes",
    use="node [NAME | -l label]",
    aliases=("nodes", "no"),
    description="Show the CPU and memory that the containers of nodes use.",
    examples=(("All nodes", "top node"), ("One node", "top node NODE_NAME")),
    options=(
        SELECTOR,
        usage.SORT_BY,
        usage.NO_HEADERS,
        usage.PROTOBUF,
        Option("show-capacity", BOOL, help="Shares of the nodes' capacity, not of what is allocatable."),
        usage.SHOW_SWAP,
    ),
    complete="nodes",
    run=run,
)
