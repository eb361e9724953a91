"""`kubectl create poddisruptionbudget`."""

from __future__ import annotations

import re

from minikctl.api.selectors import SelectorError, to_label_selector
from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.flags import Option
from minikctl.kubectl.generating import GENERATOR_OPTIONS, new, required_name, submit
from minikctl.util.errors import UsageError

_AMOUNT = re.compile("[0-9]+%?")


def run(call: Invocation) -> None:
    flags, name = call.flags, required_name(call)
    if not flags.selector:
        raise UsageError("a selector must be specified")
    if not flags.max_unavailable and not flags.min_available:
        raise UsageError("one of min-available or max-unavailable must be specified")
    if flags.max_unavailable and flags.min_available:
        raise UsageError("min-available and max-unavailable cannot be both specified")
    flag, field = ("min-available", "minAvailable") if flags.min_available else ("max-unavailable", "maxUnavailable")
    amount = flags.get(flag)
    if not _AMOUNT.fullmatch(amount):
        raise UsageError(f"invalid format specified for {flag}")
    try:
        selector = to_label_selector(flags.selector)
    except SelectorError as e:
        raise UsageError(str(e)) from None
    spec = {"selector": selector, field: amount if "%" in amount else int(amount)}
    obj = new(call, "policy/v1", "PodDisruptionBudget", name, spec=spec)
    submit(call, obj, failure="failed to create poddisruptionbudgets: ")


COMMAND = Command(
    name="poddisruptionbudget",
    summary="Create a pod disruption budget with the specified name",
    use="create poddisruptionbudget NAME --selector=SELECTOR --min-available=N [--dry-run=server|client|none]",
    aliases=("pdb",),
    description=(
        "Create a pod disruption budget: how many of the selected pods must stay, or may be missing, while nodes are drained."
    ),
    examples=(
        ("One pod of the shop must stay", "create poddisruptionbudget shop --selector=app=shop --min-available=1"),
        ("Half of them", "create pdb shop --selector=app=shop --min-available=50%"),
    ),
    options=(
        *GENERATOR_OPTIONS,
        Option("max-unavailable", help="How many pods, or what share of them, may be missing."),
        Option("min-available", help="How many pods, or what share of them, must stay."),
        Option("selector", help="Label query for the pods."),
    ),
    run=run,
)
