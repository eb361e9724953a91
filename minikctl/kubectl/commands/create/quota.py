"""`kubectl create quota`."""

from __future__ import annotations

from minikctl.api.meta import Obj
from minikctl.api.quantity import QuantityError, canonical
from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.flags import Option
from minikctl.kubectl.generating import GENERATOR_OPTIONS, new, required_name, submit
from minikctl.util.errors import UsageError


def run(call: Invocation) -> None:
    name = required_name(call)
    spec: Obj = {"hard": hard_limits(call.flags.hard), "scopes": scopes(call.flags.scopes)}
    submit(call, new(call, "v1", "ResourceQuota", name, spec=spec), failure="failed to create quota: ")


def hard_limits(text: str) -> dict[str, str]:
    """`cpu=1,pods=2` as a map. Raises UsageError."""
    limits: dict[str, str] = {}
    for pair in text.split(",") if text else []:
        if pair.count("=") != 1:
            raise UsageError(f"Invalid argument syntax {pair}, expected <resource>=<value>")
        name, _, value = pair.partition("=")
        try:
            limits[name] = canonical(value)
        except QuantityError as e:
            raise UsageError(str(e)) from None
    return limits


def scopes(text: str) -> list[str]:
    found = text.split(",") if text else []
    if "" in found:
        raise UsageError('invalid resource quota scope ""')
    return found


COMMAND = Command(
    name="quota",
    summary="Create a quota with the specified name",
    use="create quota NAME [--hard=key1=value1,key2=value2] [--scopes=Scope1,Scope2] [--dry-run=server|client|none]",
    aliases=("resourcequota",),
    description="Create a resource quota: how much the objects of a namespace may use together.",
    examples=(
        ("Limits for a team", "create quota team --hard=cpu=4,memory=8Gi,pods=20"),
        ("Only for pods without requests", "create quota guests --hard=pods=10 --scopes=BestEffort"),
    ),
    options=(
        *GENERATOR_OPTIONS,
        Option("hard", help="The limits: RESOURCE=QUANTITY, separated by commas."),
        Option("scopes", help="What an object must be to count, separated by commas."),
    ),
    run=run,
)
