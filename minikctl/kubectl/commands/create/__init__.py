"""`kubectl create`: objects from files (`-f`), or a single one from flags (the subcommands in this folder)."""

from __future__ import annotations

from minikctl.api.errors import ApiError
from minikctl.client.protocol import WriteOptions
from minikctl.kubectl import last_applied, requests, validation, visiting
from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.common_options import RECORD, SAVE_CONFIG, field_manager, recorded
from minikctl.kubectl.dry_run import CLIENT, DRY_RUN, SERVER, strategy
from minikctl.kubectl.errors import add_source
from minikctl.kubectl.flags import BOOL, Option
from minikctl.kubectl.manifest import filename_options
from minikctl.kubectl.printers import PRINT_OPTIONS, json_out, printer
from minikctl.kubectl.resolve import SELECTOR, Target
from minikctl.util.errors import UsageError


def run(call: Invocation) -> None:
    flags = call.flags
    if call.args:
        raise call.usage_error(f"Unexpected args: [{' '.join(call.args)}]")
    dry_run = strategy(call)
    validate = validation.directive(call)
    show = printer(call, "created", dry_run=dry_run)
    visiting.require_files(call)
    if flags.raw:
        _check_raw(call)
        place = requests.parse_path(call, flags.raw)
        obj = requests.raw_object(call, flags.filename[0])
        answer = call.client.create(place.kind, obj, place.namespace, name=place.name, subresource=place.subresource)
        call.out(json_out.compact(answer))
        return
    if flags.edit:
        from minikctl.kubectl.editing.modes import edit_before_create

        edit_before_create(call)
        return
    options = WriteOptions(dry_run=dry_run == SERVER, field_manager=flags.field_manager, field_validation=validate)

    def create(target: Target) -> None:
        obj = last_applied.kept_current(target.obj or {}, save=flags.save_config)
        obj = recorded(call, obj)
        if dry_run != CLIENT:
            try:
                obj = requests.create(call, target, obj, options)
            except ApiError as e:
                raise add_source("creating", target.source, e) from None
        show(obj, target.kind)

    if not visiting.visit(call, create, validate=validate):
        raise UsageError("no objects passed to create")


def _check_raw(call: Invocation) -> None:
    """Raises UsageError for flags that --raw cannot stand beside."""
    flags = call.flags
    if flags.edit:
        raise UsageError("--raw and --edit are mutually exclusive")
    if len(flags.filename) != 1:
        raise UsageError("--raw can only use a single local file or stdin")
    if flags.filename[0].startswith(("http://", "https://")):
        raise UsageError("--raw cannot read from a url")
    if flags.recursive:
        raise UsageError("--raw and --recursive are mutually exclusive")
    if flags.selector:
        raise UsageError("--raw and --selector (-l) are mutually exclusive")
    if flags.output:
        raise UsageError("--raw and --output are mutually exclusive")


COMMAND = Command(
    name="create",
    summary="Create a resource from a file or from stdin",
    group="Basic (Beginner)",
    use="create -f FILENAME",
    description="Create the objects of a JSON or YAML file, or one object from flags with a subcommand.",
    examples=(
        ("The objects of a file", "create -f web.yaml"),
        ("What another program writes", "create -f - < web.json"),
        ("Look at a file, and change it, before it is created", "create -f web.yaml --edit"),
    ),
    options=(
        *PRINT_OPTIONS,
        *filename_options("to create"),
        RECORD,
        SAVE_CONFIG,
        validation.VALIDATE,
        DRY_RUN,
        SELECTOR,
        field_manager("kubectl-create"),
        Option("edit", BOOL, help="Open an editor on the objects before they are created."),
        Option("raw", help="Path on the server to POST the file to."),
        Option("windows-line-endings", BOOL, help="With --edit: lines that end as on Windows."),
    ),
    run=run,
)
