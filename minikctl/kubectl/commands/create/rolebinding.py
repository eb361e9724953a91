"""`kubectl create rolebinding`."""

from __future__ import annotations

from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.flags import Option
from minikctl.kubectl.generating import GENERATOR_OPTIONS, new, rbac, required_name, submit
from minikctl.util.errors import UsageError


def run(call: Invocation) -> None:
    flags, name = call.flags, required_name(call)
    if bool(flags.clusterrole) == bool(flags.role):
        raise UsageError("exactly one of clusterrole or role must be specified")
    ref = rbac.role_ref("Role", flags.role) if flags.role else rbac.role_ref("ClusterRole", flags.clusterrole)
    obj = new(call, rbac.API_VERSION, "RoleBinding", name, subjects=rbac.subjects(call), roleRef=ref)
    submit(call, obj, failure="failed to create rolebinding: ")


COMMAND = Command(
    name="rolebinding",
    summary="Create a role binding for a particular role or cluster role",
    use=(
        "create rolebinding NAME --clusterrole=NAME|--role=NAME [--user=username] [--group=groupname] "
        "[--serviceaccount=namespace:serviceaccountname] [--dry-run=server|client|none]"
    ),
    description="Create a role binding: who has a role, or a cluster role, in this namespace.",
    examples=(
        ("Two people may look at things", "create rolebinding viewers --clusterrole=view --user=ann --user=bob"),
        ("A service account has a role", "create rolebinding robot --role=scaler --serviceaccount=default:robot"),
    ),
    options=(
        *GENERATOR_OPTIONS,
        *rbac.SUBJECT_OPTIONS,
        Option("clusterrole", help="The cluster role to bind.", complete="value:clusterroles"),
        Option("role", help="The role to bind.", complete="value:roles"),
    ),
    run=run,
)
