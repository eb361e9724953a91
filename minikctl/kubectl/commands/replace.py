"""`kubectl replace`."""

from __future__ import annotations

from minikctl.api.errors import ApiError
from minikctl.api.meta import with_metadata
from minikctl.client.protocol import WriteOptions
from minikctl.kubectl import deletion, last_applied, requests, validation, visiting
from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.commands.delete import DELETION_OPTIONS, cascade
from minikctl.kubectl.common_options import RECORD, SAVE_CONFIG, field_manager, recorded
from minikctl.kubectl.dry_run import CLIENT, DRY_RUN, NONE, SERVER, strategy
from minikctl.kubectl.errors import add_source
from minikctl.kubectl.flags import BOOL, Option
from minikctl.kubectl.manifest import filename_options
from minikctl.kubectl.printers import PRINT_OPTIONS, json_out, printer
from minikctl.kubectl.resolve import Target
from minikctl.kubectl.waiting import Deadline
from minikctl.util.errors import UsageError

FORCE_SECONDS = 300.0
"""How long --force waits for old objects to go when no --timeout is given."""


def run(call: Invocation) -> None:
    flags = call.flags
    validate = validation.directive(call)
    dry_run = strategy(call)
    show = printer(call, "replaced", dry_run=dry_run)
    visiting.require_files(call)
    _check(call, dry_run)
    if flags.raw:
        place = requests.parse_path(call, flags.raw)
        obj = requests.raw_object(call, flags.filename[0])
        obj = with_metadata(obj, name=place.name, namespace=place.namespace or None)
        call.out(json_out.compact(call.client.update(place.kind, obj, subresource=place.subresource)))
        return
    if flags.force:
        _force(call, validate)
        return
    options = WriteOptions(dry_run=dry_run == SERVER, field_manager=flags.field_manager, field_validation=validate)

    def replace(target: Target) -> None:
        obj = recorded(call, last_applied.kept_current(target.obj or {}, save=flags.save_config))
        if dry_run != CLIENT:
            try:
                obj = requests.replace(call, target, obj, options, flags.subresource)
            except (ApiError, UsageError) as e:
                raise add_source("replacing", target.source, e) from None
        show(obj, target.kind)

    visiting.visit(call, replace, validate=validate)


def _check(call: Invocation, dry_run: str) -> None:
    flags = call.flags
    if flags.grace_period >= 0 and not flags.force:
        raise UsageError("--grace-period must have --force specified")
    if flags.timeout and not flags.force:
        raise UsageError("--timeout must have --force specified")
    if flags.force and dry_run != NONE:
        raise UsageError("--dry-run can not be used when --force is set")
    if not flags.raw:
        return
    if len(flags.filename) != 1:
        raise UsageError("--raw can only use a single local file or stdin")
    if flags.filename[0].startswith(("http://", "https://")):
        raise UsageError("--raw cannot read from a url")
    if flags.recursive:
        raise UsageError("--raw and --recursive are mutually exclusive")
    if flags.output:
        raise UsageError("--raw and --output are mutually exclusive")


def _force(call: Invocation, validate: str) -> None:
    """Delete all, wait until they are gone, create them anew. Everything is read, and judged, before anything goes."""
    flags = call.flags
    targets: list[Target] = []
    problems: list[Exception] = []
    for found in visiting.read(call, validate=validate):
        targets += found.targets
        problems += found.errors
    visiting.raise_all(problems)
    grace = 1 if flags.grace_period == 0 else flags.grace_period
    how = deletion.Deletion(
        grace_period=grace,
        propagation=cascade(call),
        ignore_not_found=True,
        wait=flags.wait or flags.grace_period == 0,
        timeout=flags.timeout,
        output=flags.output,
    )
    deletion.delete(call, targets, how)
    for target in targets:
        deletion.wait_gone(call, target, "", Deadline(call, flags.timeout or FORCE_SECONDS))
    show = printer(call, "replaced")
    options = WriteOptions(field_manager=flags.field_manager, field_validation=validate)
    for target in targets:
        obj = recorded(call, last_applied.kept_current(target.obj or {}, save=flags.save_config))
        try:
            show(requests.create(call, target, obj, options), target.kind)
        except ApiError as e:
            problems.append(e)
    visiting.raise_all(problems)
    if not targets:
        raise UsageError("no objects passed to replace")


COMMAND = Command(
    name="replace",
    summary="Replace a resource by file name or stdin",
    group="Advanced",
    use="replace -f FILENAME",
    description=(
        "Replace objects by what a JSON or YAML file holds, whole: what the file does not say is gone. "
        "`kubectl get TYPE NAME -o yaml` gives a file to start from."
    ),
    examples=(
        ("By what a file holds", "replace -f web.yaml"),
        ("By what another program writes", "replace -f - < web.json"),
        ("Delete the old one and create it anew", "replace --force -f web.yaml"),
    ),
    options=(
        *PRINT_OPTIONS,
        *filename_options("to replace"),
        *DELETION_OPTIONS,
        RECORD,
        SAVE_CONFIG,
        validation.VALIDATE,
        DRY_RUN,
        field_manager("kubectl-replace"),
        Option("raw", help="Path on the server to PUT the file to."),
        Option("subresource", help="Replace this subresource."),
        Option("wait", BOOL, help="With --force: wait until the old objects are gone."),
    ),
    run=run,
)
