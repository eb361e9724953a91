"""`kubectl set subject`."""

from __future__ import annotations

from minikctl.api.meta import Obj
from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.commands.set._changing import LOCAL, change_each, refuse_local_server, targets
from minikctl.kubectl.common_options import field_manager
from minikctl.kubectl.dry_run import DRY_RUN, strategy
from minikctl.kubectl.flags import ARRAY, Option
from minikctl.kubectl.manifest import filename_options
from minikctl.kubectl.printers import PRINT_OPTIONS
from minikctl.kubectl.resolve import ALL, SELECTOR, Target
from minikctl.util.errors import UsageError

RBAC = "rbac.authorization.k8s.io"


def run(call: Invocation) -> None:
    dry_run = strategy(call)
    found = targets(call, call.args)
    refuse_local_server(call, dry_run)
    _check(call, found)
    # with --local there is no cluster to ask for its namespace
    own = call.flags.get("namespace") or "default" if call.flags.local else call.namespace
    wanted = subjects(call.flags.user, call.flags.group, call.flags.serviceaccount, own)

    def change(obj: Obj, target: Target) -> bool:
        if target.kind.group != RBAC or target.kind.kind not in ("RoleBinding", "ClusterRoleBinding"):
            raise UsageError("setting subjects is only supported for RoleBinding/ClusterRoleBinding")
        there = obj.get("subjects") or []
        added = [s for s in wanted if s not in there]
        obj["subjects"] = there + added
        return bool(added)

    failed = "failed to patch subjects to rolebinding:"
    change_each(call, found, change, done="subjects updated", failed=failed, dry_run=dry_run)


def subjects(users: list[str], groups: list[str], accounts: list[str], namespace: str) -> list[Obj]:
    """RBAC subjects, without repetitions."""
    found: list[Obj] = [{"kind": "User", "apiGroup": RBAC, "name": u} for u in sorted(set(users))]
    found += [{"kind": "Group", "apiGroup": RBAC, "name": g} for g in sorted(set(groups))]
    for account in sorted(set(accounts)):
        where, _, name = account.partition(":")
        found.append({"kind": "ServiceAccount", "name": name, "namespace": where or namespace})
    return found


def _check(call: Invocation, found: list[Target]) -> None:
    flags = call.flags
    if flags.all and flags.selector:
        raise UsageError("cannot set --all and --selector at the same time")
    if not (flags.user or flags.group or flags.serviceaccount):
        raise UsageError("you must specify at least one value of user, group or serviceaccount")
    for account in flags.serviceaccount:
        parts = account.split(":")
        if len(parts) != 2 or not parts[1]:
            raise UsageError("serviceaccount must be <namespace>:<name>")
        if not parts[0] and any(t.kind.kind == "ClusterRoleBinding" for t in found):
            raise UsageError("serviceaccount must be <namespace>:<name>, namespace must be specified")


COMMAND = Command(
    name="subject",
    summary="Update the user, group, or service account in a role binding or cluster role binding",
    use=(
        "subject (-f FILENAME | TYPE NAME) [--user=username] [--group=groupname] "
        "[--serviceaccount=namespace:serviceaccountname] [--dry-run=server|client|none]"
    ),
    description="Add users, groups and ServiceAccounts to a RoleBinding or ClusterRoleBinding.",
    examples=(
        ("A ServiceAccount", "set subject clusterrolebinding admins --serviceaccount=default:robot"),
        ("Users and a group", "set subject rolebinding readers --user=ann --user=bob --group=ops"),
    ),
    options=(
        *PRINT_OPTIONS,
        *filename_options("to change"),
        DRY_RUN,
        LOCAL,
        ALL,
        SELECTOR,
        field_manager("kubectl-set"),
        Option("user", ARRAY, help="A user to add; may be repeated."),
        Option("group", ARRAY, help="A group to add; may be repeated."),
        Option("serviceaccount", ARRAY, help="A ServiceAccount to add, NAMESPACE:NAME; may be repeated."),
    ),
    complete="resources:rolebindings,clusterrolebindings",
    run=run,
)
