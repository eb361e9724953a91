"""`kubectl create clusterrolebinding`."""

from __future__ import annotations

from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.flags import Option
from minikctl.kubectl.generating import GENERATOR_OPTIONS, name_argument, new, rbac, submit


def run(call: Invocation) -> None:
    name = name_argument(call)
    ref = rbac.role_ref("ClusterRole", call.flags.clusterrole)
    obj = new(call, rbac.API_VERSION, "ClusterRoleBinding", name, subjects=rbac.subjects(call), roleRef=ref)
    submit(call, obj, failure="failed to create clusterrolebinding: ")


COMMAND = Command(
    name="clusterrolebinding",
    summary="Create a cluster role binding for a particular cluster role",
    use=(
        "create clusterrolebinding NAME --clusterrole=NAME [--user=username] [--group=groupname] "
        "[--serviceaccount=namespace:serviceaccountname] [--dry-run=server|client|none]"
    ),
    description="Create a cluster role binding: who has a cluster role, in all namespaces.",
    examples=(
        ("A group may do everything", "create clusterrolebinding admins --clusterrole=cluster-admin --group=admins"),
    ),
    options=(
        *GENERATOR_OPTIONS,
        *rbac.SUBJECT_OPTIONS,
        Option("clusterrole", required=True, help="The cluster role to bind.", complete="value:clusterroles"),
    ),
    run=run,
)
