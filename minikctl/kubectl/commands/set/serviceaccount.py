"""`kubectl set serviceaccount`."""

from __future__ import annotations

from minikctl.api.meta import Obj
from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.commands.set._changing import LOCAL, change_each, refuse_local_server
from minikctl.kubectl.common_options import RECORD, field_manager
from minikctl.kubectl.dry_run import DRY_RUN, strategy
from minikctl.kubectl.manifest import filename_options
from minikctl.kubectl.pod_specs import pod_spec
from minikctl.kubectl.printers import PRINT_OPTIONS
from minikctl.kubectl.resolve import ALL, Target
from minikctl.kubectl.selecting import has_files, select
from minikctl.kubectl.words import NOTHING_GIVEN
from minikctl.util.errors import UsageError


def run(call: Invocation) -> None:
    dry_run = strategy(call)
    refuse_local_server(call, dry_run)
    if not call.args:
        raise UsageError("serviceaccount is required")
    *words, account = call.args
    if call.flags.local and not has_files(call):
        raise UsageError(NOTHING_GIVEN)
    found = select(call, [] if call.flags.local else words, local=call.flags.local, latest=True).check()

    def change(obj: Obj, target: Target) -> None:
        pod_spec(obj, target.kind)["serviceAccountName"] = account

    failed = "failed to patch ServiceAccountName"
    change_each(call, found, change, done="serviceaccount updated", failed=failed, dry_run=dry_run, always=True)


COMMAND = Command(
    name="serviceaccount",
    summary="Update the service account of a resource",
    aliases=("sa",),
    use="serviceaccount (-f FILENAME | TYPE NAME) SERVICE_ACCOUNT",
    description="Set the ServiceAccount that the pods of a template run as.",
    examples=(
        ("For a Deployment", "set serviceaccount deployment web robot"),
        ("Only print the result", "set sa -f web.yaml robot --local --dry-run=client -o yaml"),
    ),
    options=(
        *PRINT_OPTIONS,
        *filename_options("to change"),
        RECORD,
        DRY_RUN,
        LOCAL,
        ALL,
        field_manager("kubectl-set"),
    ),
    complete="resource:deployments,daemonsets,pods,cronjobs,replicasets,replicationcontrollers,statefulsets",
    run=run,
)
