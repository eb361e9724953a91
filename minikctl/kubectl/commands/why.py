"""`minikctl why`: the scheduler's last decision about a pod, node by node."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from minikctl.api.durations import since
from minikctl.api.meta import Obj, condition, get_path, uid
from minikctl.client import decisions
from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.flags import Option
from minikctl.kubectl.printers.columns import render
from minikctl.kubectl.resolve import from_args
from minikctl.util.errors import Aggregate, UsageError

ELSEWHERE = "the scheduler's decisions are kept with the local cluster: this command cannot ask another one"


def run(call: Invocation) -> None:
    output = call.flags.output
    if output not in ("", "json"):
        raise UsageError(f"unknown output format {output!r}, allowed formats are: json")
    pod = _pod(call)
    if call.connection.state_dir is None:
        raise UsageError(ELSEWHERE)
    decision = decisions.last(call.connection.state_dir, uid(pod))
    if output == "json":
        from minikctl.kubectl.printers.json_out import dumps

        call.out(dumps(decision or {}, sort_keys=False))
        return
    for line in lines(pod, decision, call.env.clock.now()):
        call.out(line)


def _pod(call: Invocation) -> Obj:
    """The pod that the words name: `why web-0`, `why pod/web-0`. Raises UsageError, ApiError."""
    words = call.args
    if len(words) == 1 and "/" not in words[0]:
        words = ["pods", words[0]]
    if not words:
        raise call.usage_error("say which pod it is about")
    found = from_args(call, words)
    if found.errors:
        raise found.errors[0] if len(found.errors) == 1 else Aggregate(found.errors)
    if len(found.targets) != 1 or found.targets[0].kind.resource != "pods" or found.targets[0].obj is None:
        raise call.usage_error("a decision is about one pod")
    return found.targets[0].obj


# ---------------------------------------------------------------------- words


def lines(pod: Obj, decision: Obj | None, now: datetime) -> list[str]:
    """What is printed. Pure."""
    head = _head(pod, decision, now)
    if decision is None or not (decision.get("nodes") or decision.get("rejected")):
        return head
    return [*head, "", *table(decision)]


def _head(pod: Obj, decision: Obj | None, now: datetime) -> list[str]:
    who, node = f"Pod {pod['metadata']['namespace']}/{pod['metadata']['name']}", get_path(pod, "spec", "nodeName")
    if decision is None:
        return [f"{who} {_without(pod, node)}"]
    when = f"{since(decision['time'], now)} ago, attempt {decision['attempt']}"
    if decision.get("node"):
        fitting, every = decision["fitting"], decision["all"]
        others = f"the best of {fitting} nodes that fit" if fitting > 1 else "the only node looked at that fits"
        text = [f"{who} was given {decision['node']}: {others}, of {every} in all ({when})."]
        if node and node != decision["node"]:
            text.append(f"It is on {node} now: somebody else has bound it.")
        return text
    text = [f"{who} found no node ({when}):", f"  {decision['message']}"]
    if decision.get("nominated"):
        text.append(f"Pods of lower priority make room for it on {decision['nominated']}.")
    if node:
        text.append(f"It is on {node} now: somebody else has bound it.")
    return text


def _without(pod: Obj, node: str | None) -> str:
    """Why there is no decision to show."""
    gates = [g["name"] for g in get_path(pod, "spec", "schedulingGates", default=[])]
    if gates:
        return f"is not tried before its scheduling gates are gone: {', '.join(gates)}."
    if node:
        return f"is on {node}. No decision of the scheduler's is kept: it was bound by others, or long ago."
    if (condition(pod, "PodScheduled") or {}).get("message"):
        return f"waits: {(condition(pod, 'PodScheduled') or {})['message']}"
    name = get_path(pod, "spec", "schedulerName", default="default-scheduler")
    return f"has not been looked at by its scheduler ({name}) yet."


def table(decision: Obj) -> list[str]:
    """Nodes that fit, the best first, with the weighted scores of the plugins that made a difference; then the others."""
    scores = {name: found for name, found in (decision.get("scores") or {}).items() if any(found)}
    rows = [["NODE", "RESULT", "TOTAL", *(_short(name) for name in scores)]]
    totals = decision.get("totals") or []
    for i, node in enumerate(decision.get("nodes") or []):
        result = "chosen" if node == decision.get("node") else "fits"
        total = str(totals[i]) if totals else "-"
        rows.append([node, result, total, *(str(found[i]) for found in scores.values())])
    for node, (plugin, *reasons) in sorted((decision.get("rejected") or {}).items()):
        rows.append([node, f"{plugin}: {', '.join(reasons)}", "-", *["-"] * len(scores)])
    drawn: Sequence[str] = render(rows).splitlines()
    return [*(line.rstrip() for line in drawn), *_rest(decision, len(rows) - 1)]


def _short(name: str) -> str:
    return name.removeprefix("NodeResources").upper()


def _rest(decision: Obj, shown: int) -> list[str]:
    left = decision.get("all", 0) - shown
    return [f"… and {left} nodes more, not looked at or not shown."] if left > 0 else []


COMMAND = Command(
    name="why",
    summary="Show why a pod is on its node, or on none: the scheduler's last decision, node by node",
    group="Troubleshooting and Debugging",
    description=(
        "Show the scheduler's last decision about a pod.\n\n"
        "For every node it says which plugin refused it and in what words, or how well it fits: the scores of the plugins "
        "with their weights, and their total. Some thousands of decisions are kept."
    ),
    use="why (POD | pod/POD) [-o json]",
    options=(Option("output", short="o", help="Output format. One of: (json).", complete=("json",)),),
    examples=(
        ("Why is this pod where it is?", "why web-5d8f7c9b4-x2x7k"),
        ("Why does it wait?", "why pod/pending"),
        ("The same for a program", "why web-0 -o json"),
    ),
    complete="pods",
    run=run,
)
