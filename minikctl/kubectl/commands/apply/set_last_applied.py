"""`kubectl apply set-last-applied`."""

from __future__ import annotations

from minikctl.api.errors import ApiError
from minikctl.api.meta import Obj
from minikctl.client.protocol import WriteOptions
from minikctl.kubectl import last_applied, requests, visiting
from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.dry_run import CLIENT, DRY_RUN, SERVER, strategy
from minikctl.kubectl.errors import add_source
from minikctl.kubectl.flags import BOOL, LIST, Option
from minikctl.kubectl.printers import PRINT_OPTIONS, json_out, printer
from minikctl.kubectl.resolve import Target
from minikctl.util.errors import UsageError


def run(call: Invocation) -> None:
    dry_run = strategy(call)
    show = printer(call, "configured", dry_run=dry_run)
    call.flags.set("kustomize", "", given=False)
    call.flags.set("recursive", False, given=False)
    planned: list[tuple[Target, Obj, Obj]] = []

    def plan(target: Target) -> None:
        text = json_out.compact(target.obj or {}) + "\n"
        current = _current(call, target)
        before = last_applied.original(current)
        if not before and not call.flags.create_annotation:
            raise UsageError(
                f"no last-applied-configuration annotation found on resource: {target.name}, "
                "to create the annotation, run the command with --create-annotation"
            )
        if before == text:
            call.out(f"set-last-applied {target.name}: no changes required.")
        else:
            planned.append((target, last_applied.patch(text), current))

    visiting.visit(call, plan)
    options = WriteOptions(dry_run=dry_run == SERVER)
    for target, patch, current in planned:
        obj = current
        if dry_run != CLIENT:
            obj = call.client.patch(target.kind, target.name, patch, target.namespace, options=options)
        show(obj, target.kind)


def _current(call: Invocation, target: Target) -> Obj:
    try:
        return call.client.get(target.kind, target.name, target.namespace)
    except ApiError as e:
        if e.reason == "NotFound":
            raise
        where = f"retrieving current configuration of:\n{requests.describe(target)}\nfrom server for:"
        raise add_source(where, target.source, e) from None


COMMAND = Command(
    name="set-last-applied",
    summary="Set the last-applied-configuration annotation on a live object to match the contents of a file",
    use="apply set-last-applied -f FILENAME",
    description=(
        "Note a file as the configuration that was applied last, and change nothing else: as if it had been applied."
    ),
    examples=(
        ("As if a file had been applied", "apply set-last-applied -f web.yaml"),
        ("Also for an object that was never applied", "apply set-last-applied -f web.yaml --create-annotation=true"),
    ),
    options=(
        *PRINT_OPTIONS,
        DRY_RUN,
        Option("create-annotation", BOOL, help="Make the annotation when there is none."),
        Option("filename", LIST, short="f", help="File, folder or URL with the configurations.", complete="manifests"),
    ),
    run=run,
)
