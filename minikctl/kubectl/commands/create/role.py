"""`kubectl create role`."""

from __future__ import annotations

from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.generating import GENERATOR_OPTIONS, new, rbac, required_name, submit
from minikctl.util.errors import UsageError


def run(call: Invocation) -> None:
    flags, name = call.flags, required_name(call)
    verbs, resources = rbac.verbs(flags.verb), rbac.resources(flags.resource)
    if not verbs:
        raise UsageError("at least one verb must be specified")
    rbac.warn_of_odd_verbs(call, verbs)
    if not resources:
        raise UsageError("at least one resource must be specified")
    rbac.check_resources(call, resources, verbs)
    rules = rbac.rules(call, verbs, resources, flags.resource_name)
    submit(call, new(call, rbac.API_VERSION, "Role", name, rules=rules))


COMMAND = Command(
    name="role",
    summary="Create a role with single rule",
    use=(
        "create role NAME --verb=verb --resource=resource.group/subresource [--resource-name=resourcename] "
        "[--dry-run=server|client|none]"
    ),
    description="Create a role with a single rule.",
    examples=(
        ("Look at pods", "create role pod-reader --verb=get,list,watch --resource=pods"),
        (
            "Look at one config map",
            "create role settings-reader --verb=get --resource=configmaps --resource-name=settings",
        ),
        ("Scale deployments", "create role scaler --verb=get,update --resource=deployments.apps/scale"),
    ),
    options=(*GENERATOR_OPTIONS, *rbac.RULE_OPTIONS),
    run=run,
)
