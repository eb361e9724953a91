"""`kubectl drain`."""

from __future__ import annotations

from minikctl.api.meta import Obj
from minikctl.api.selectors import SelectorError, parse_label_selector
from minikctl.kubectl import nodes
from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.common_options import CHUNK_SIZE
from minikctl.kubectl.draining import Drainer, Single
from minikctl.kubectl.dry_run import CLIENT, DRY_RUN, strategy
from minikctl.kubectl.flags import BOOL, DURATION, INT, Option
from minikctl.kubectl.printers import printer
from minikctl.kubectl.resolve import SELECTOR, Target
from minikctl.util.errors import Exit, UsageError


def run(call: Invocation) -> None:
    dry_run = strategy(call)
    if call.flags.pod_selector:
        try:
            parse_label_selector(call.flags.pod_selector)
        except SelectorError:
            raise UsageError("--pod-selector=<pod_selector> must be a valid label selector") from None
    found = nodes.targets(call)
    nodes.cordon(call, found, True, dry_run)
    remaining: list[tuple[str, str, list[Exception]]] = []
    for target in found:
        wrong = _drain(call, target, dry_run)
        if not wrong:
            printer(call, "drained", dry_run=dry_run)(target.obj or {}, target.kind)
            continue
        text = _joined(wrong)
        call.err(f'error: unable to drain node "{target.name}" due to error: {text}, continuing command...')
        remaining.append((target.name, text, wrong))
    if remaining:
        call.err("There are pending nodes to be drained:")
        for name, _, _ in remaining:
            call.err(f" {name}")
        for text in map(_last_word, remaining[0][2]) if len(remaining) == 1 else [t for _, t, _ in remaining]:
            call.err(text)
        raise Exit(1)


def _drain(call: Invocation, target: Target, dry_run: str) -> list[Exception]:
    drainer = Drainer(call, dry_run)
    pods, warnings, wrong = drainer.pods_of(target.name)
    if wrong:
        return wrong
    if warnings:
        call.err(f"Warning: {warnings}")
    if dry_run == CLIENT:
        for pod in pods:
            call.out(f"evicting pod {_name(pod)} (dry run)")
        return []
    problems = drainer.remove(pods)
    if problems:
        pending, _, _ = drainer.pods_of(target.name)
        if pending:
            why = _joined(problems)
            call.err(f'There are pending pods in node "{target.name}" when an error occurred: {why}')
            for pod in pending:
                call.err(f"pod/{pod['metadata']['name']}")
    return problems


def _last_word(problem: Exception) -> str:
    return f"error: {problem}" if isinstance(problem, Single) else str(problem)


def _joined(problems: list[Exception]) -> str:
    return str(problems[0]) if len(problems) == 1 else f"[{', '.join(map(str, problems))}]"


def _name(pod: Obj) -> str:
    return f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"


COMMAND = Command(
    name="drain",
    summary="Drain node in preparation for maintenance",
    group="Cluster Management",
    use="drain NODE",
    description=(
        "Close a node to new pods and evict those that are on it. Pods of DaemonSets stay, and must be ignored "
        "explicitly; pods without a controller and with local data need --force and --delete-emptydir-data, because they "
        "do not come back. PodDisruptionBudgets are kept to."
    ),
    examples=(
        ("Also pods that nobody will bring back", "drain node-1 --force"),
        ("With fifteen minutes for each pod to end", "drain node-1 --grace-period=900"),
    ),
    options=(
        SELECTOR,
        DRY_RUN,
        CHUNK_SIZE,
        Option("delete-emptydir-data", BOOL, help="Also pods with emptyDir volumes, whose data will be lost."),
        Option("disable-eviction", BOOL, help="Delete the pods instead of evicting them: budgets are not asked."),
        Option("force", BOOL, help="Also pods that no controller will bring back."),
        Option("grace-period", INT, default=-1, help="Seconds for each pod to end in; negative: its own."),
        Option("ignore-daemonsets", BOOL, help="Leave pods of DaemonSets where they are."),
        Option("pod-selector", help="Only pods with these labels."),
        Option(
            "skip-wait-for-delete-timeout", INT, help="Do not wait for pods that have been ending for so many seconds."
        ),
        Option("timeout", DURATION, help="Give up after this time; 0: never."),
    ),
    complete="nodes",
    run=run,
)
