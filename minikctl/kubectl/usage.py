"""The tables of `kubectl top`. Source: kubectl `pkg/metricsutil/metrics_printer.go`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from minikctl.api import quantity
from minikctl.api.kind import Kind
from minikctl.api.meta import Obj, name, namespace
from minikctl.client import Client
from minikctl.kubectl.flags import BOOL, Option
from minikctl.kubectl.printers.columns import render
from minikctl.util.errors import UsageError

RESOURCES = ("cpu", "memory")
SORT_BY = Option("sort-by", help="The larger ones first, of `cpu` or `memory`.")
NO_HEADERS = Option("no-headers", BOOL, help="Leave the headers out.")
PROTOBUF = Option("use-protocol-buffers", BOOL, default=True, help="Ask for protobuf; makes no difference here.")
SHOW_SWAP = Option("show-swap", BOOL, help="Also show swap.")
Amounts = Mapping[str, int]
"""Nano-units by resource."""


def metrics_kind(client: Client, plural: str) -> Kind:
    """Raises UsageError when the cluster has no metrics API."""
    kind = client.kind(f"{plural}.metrics.k8s.io")
    if kind is None:
        raise UsageError("Metrics API not available")
    return kind


def check_sorting(sort_by: str) -> None:
    """Raises UsageError."""
    if sort_by not in ("", *RESOURCES):
        raise UsageError("--sort-by accepts only cpu or memory")


def amounts(usage: Mapping[str, str] | None) -> Amounts:
    return {r: quantity.parse((usage or {}).get(r) or "0") for r in RESOURCES}


def total(usages: Iterable[Amounts]) -> Amounts:
    listed = list(usages)
    return {r: sum(u[r] for u in listed) for r in RESOURCES}


def of_pod(metrics: Obj) -> Amounts:
    return total(amounts(c.get("usage")) for c in metrics.get("containers") or [])


def sorting(sort_by: str, used: Callable[[Obj], Amounts], spaced: bool = False) -> Callable[[Obj], tuple[object, ...]]:
    """A sort key: the most used first, or by name."""

    def key(metrics: Obj) -> tuple[object, ...]:
        if sort_by:
            return (-used(metrics)[sort_by],)
        return (namespace(metrics) if spaced else "", name(metrics) or metrics.get("name", ""))

    return key


def cells(used: Amounts) -> list[str]:
    """`250m`, `64Mi`."""
    return [f"{-(-used['cpu'] // 10**6)}m", f"{used['memory'] // quantity.NANO // 1024**2}Mi"]


def text(rows: list[list[str]]) -> str:
    """kubectl ends every cell with a tab, the last one of a line too."""
    return render([[*row, ""] for row in rows])


def node_table(metrics: list[Obj], available: Mapping[str, Amounts], *, headers: bool, swap: bool) -> str:
    """available: what each node has; one without metrics is listed last."""
    head = ["NAME", "CPU(cores)", "CPU(%)", "MEMORY(bytes)", "MEMORY(%)", *(["SWAP(bytes)", "SWAP(%)"] if swap else [])]
    rows = [head] if headers else []
    for one in metrics:
        used, has = amounts(one.get("usage")), available.get(name(one), {})
        row = [name(one)]
        for shown, resource in zip(cells(used), RESOURCES, strict=True):
            share = int(used[resource] * 100 / has[resource]) if has.get(resource) else 0
            row += [shown, f"{share}%"]
        rows.append(row + ["<unknown>"] * (2 * swap))
    known = {name(m) for m in metrics}
    rows += [[node] + ["<unknown>"] * (len(head) - 1) for node in sorted(available) if node not in known]
    return text(rows)


def pod_table(
    metrics: list[Obj], *, containers: bool, spaced: bool, headers: bool, sort_by: str, summed: bool, swap: bool
) -> str:
    """containers: a line for each; spaced: with their namespaces; summed: a line for all of them."""
    columns = ["NAME", "CPU(cores)", "MEMORY(bytes)", *(["SWAP(bytes)"] if swap else [])]
    before = [*(["NAMESPACE"] if spaced else []), *(["POD"] if containers else [])]
    rows = [before + columns] if headers else []
    for one in metrics:
        lead = [namespace(one)] if spaced else []
        if not containers:
            rows.append([*lead, name(one), *cells(of_pod(one)), *(["0Mi"] if swap else [])])
            continue
        listed = list(one.get("containers") or [])
        listed.sort(key=sorting(sort_by, lambda c: amounts(c.get("usage"))))
        for container in listed:
            used = cells(amounts(container.get("usage")))
            rows.append([*lead, name(one), container.get("name", ""), *used, *(["0Mi"] if swap else [])])
    if summed:
        width = len(before) + len(columns)
        sums = [*cells(total(of_pod(m) for m in metrics)), *(["0Mi"] if swap else [])]
        rows += [[""] * (width - 2) + ["________", "________"], [""] * (width - len(sums)) + sums]
    return text(rows)
