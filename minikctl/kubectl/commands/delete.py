"""`kubectl delete`."""

from __future__ import annotations

from minikctl.kubectl import deletion
from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.dry_run import DRY_RUN, strategy
from minikctl.kubectl.flags import BOOL, DURATION, INT, Option
from minikctl.kubectl.manifest import filename_options
from minikctl.kubectl.resolve import ALL, ALL_NAMESPACES, FIELD_SELECTOR, SELECTOR, Resolved
from minikctl.kubectl.selecting import select
from minikctl.util.errors import UsageError

_TRUE = ("1", "t", "T", "TRUE", "true", "True")
_FALSE = ("0", "f", "F", "FALSE", "false", "False")
_IMMEDIATE = (
    "Immediate deletion does not wait for confirmation that the running resource has been terminated. "
    "The resource may continue to run on the cluster indefinitely."
)


def run(call: Invocation) -> None:
    propagation = cascade(call)
    grace = _grace_period(call)
    dry_run = strategy(call)
    flags = call.flags
    found = None if flags.raw else select(call, fetch=False)
    _check(call, grace)
    if found is None:
        _delete_raw(call)
        return
    if flags.interactive and not _confirmed(call, found):
        return
    selected = flags.all or flags.selector or flags.field_selector
    ignore = flags.ignore_not_found or bool(selected and not flags.changed("ignore-not-found"))
    how = deletion.Deletion(
        grace_period=grace,
        propagation=propagation,
        dry_run=dry_run,
        ignore_not_found=ignore,
        wait=flags.wait,
        timeout=flags.timeout,
        output=flags.output,
        warn_cluster_scope=call.namespace_given and not flags.all_namespaces,
    )
    deletion.delete(call, found.targets, how, found.errors)


def cascade(call: Invocation) -> str:
    """The propagation policy that --cascade means. Raises UsageError."""
    value = call.flags.cascade
    if value in _TRUE or value in _FALSE:
        meant = "background" if value in _TRUE else "orphan"
        call.err(
            f"warning: --cascade={value} is deprecated (boolean value) and can be replaced with --cascade={meant}."
        )
        value = meant
    if value not in deletion.PROPAGATION:
        raise UsageError(f'invalid cascade value ({value}). Must be "background", "foreground", or "orphan"')
    return deletion.PROPAGATION[value]


def _grace_period(call: Invocation) -> int:
    """Zero needs --force, so that nobody loses data by a slip; without it it means one second."""
    grace: int = call.flags.grace_period
    if call.flags.now:
        if grace != -1:
            raise UsageError("--now and --grace-period cannot be specified together")
        grace = 1
    if grace == 0 and not call.flags.force:
        return 1
    return 0 if call.flags.force and grace < 0 else grace


def _check(call: Invocation, grace: int) -> None:
    flags = call.flags
    if flags.output not in ("", "name"):
        raise UsageError(f"unexpected -o output mode: {flags.output}. We only support '-o name'")
    if flags.force and grace == 0:
        call.err(f"Warning: {_IMMEDIATE}")
    elif flags.force and grace > 0:
        raise UsageError("--force and --grace-period greater than 0 cannot be specified together")
    if not flags.raw:
        return
    if flags.interactive:
        raise UsageError("--interactive can not be used with --raw")
    if len(flags.filename) > 1:
        raise UsageError("--raw can only use a single local file or stdin")
    if flags.filename and flags.filename[0].startswith(("http://", "https://")):
        raise UsageError("--raw cannot read from a url")
    if flags.recursive:
        raise UsageError("--raw and --recursive are mutually exclusive")
    if flags.output:
        raise UsageError("--raw and --output are mutually exclusive")
    if not flags.raw.startswith(("/", "http://", "https://")):
        raise UsageError(f'--raw must be a valid URL path: parse "{flags.raw}": invalid URI for request')


def _delete_raw(call: Invocation) -> None:
    """DELETE of an object's path, as the API spells it."""
    from minikctl.api.errors import no_such_resource
    from minikctl.kubectl.printers.json_out import compact

    parts = call.flags.raw.partition("?")[0].strip("/").split("/")
    version, rest = ("v1", parts[2:]) if parts[0] == "api" else ("/".join(parts[1:3]), parts[3:])
    namespace = ""
    if len(rest) > 2 and rest[0] == "namespaces":
        namespace, rest = rest[1], rest[2:]
    kind = next((k for k in call.client.kinds() if rest and k.plural == rest[0] and k.api_version == version), None)
    if kind is None or len(rest) != 2:
        raise no_such_resource()
    call.out(compact(call.client.delete(kind, rest[1], namespace)), end="")


def _confirmed(call: Invocation, found: Resolved) -> bool:
    found.check()
    if not found.targets:
        call.out("No resources found")
        return False
    call.out(f"You are about to delete the following {len(found.targets)} resource(s):")
    for target in found.targets:
        call.out(target.label)
    call.out("Do you want to continue? (y/N): ", end="")
    call.env.stdout.flush()
    if call.env.stdin.readline().strip().lower() == "y":
        return True
    call.out("deletion is cancelled")
    return False


DELETION_OPTIONS = (
    Option(
        "cascade",
        default="background",
        no_value="background",
        complete=tuple(deletion.PROPAGATION),
        help='"background", "orphan" or "foreground": what becomes of the objects that this one owns.',
    ),
    Option("force", BOOL, help="Remove the object at once, without a graceful end. Data may be lost."),
    Option("grace-period", INT, default=-1, help="Seconds that are left to end in; negative: the object's own."),
    Option("timeout", DURATION, help="Wait no longer than this for the end; 0: as long as it takes."),
)
COMMAND = Command(
    name="delete",
    summary="Delete objects by file, by name, or by selector",
    group="Basic (Intermediate)",
    use="delete ([-f FILENAME] | [-k DIRECTORY] | TYPE [(NAME | -l label | --all)])",
    description=(
        "Delete objects. Some, such as pods, get time to end; --now shortens it, --grace-period=0 --force takes it away. "
        "The command waits until the objects are gone, finalizers included, unless told not to."
    ),
    examples=(
        ("Delete what a file describes", "delete -f ./pod.yaml"),
        ("Delete by kind and name", "delete pod web service front"),
        ("Delete by label", "delete pods,services -l app=web"),
        ("Delete a Deployment but leave its ReplicaSets", "delete deployment web --cascade=orphan"),
    ),
    options=(
        *DELETION_OPTIONS,
        *filename_options("to delete"),
        ALL,
        ALL_NAMESPACES,
        SELECTOR,
        FIELD_SELECTOR,
        DRY_RUN,
        Option("ignore-not-found", BOOL, help="A missing object is no error; the default with --all and selectors."),
        Option("interactive", BOOL, short="i", help="Ask before anything is deleted."),
        Option("now", BOOL, help="Give one second to end in (--grace-period=1)."),
        Option("output", short="o", help='"name" for short lines (kind/name).', complete=("name",)),
        Option("raw", help="Send a DELETE to this path of the server."),
        Option("wait", BOOL, default=True, help="Wait until the objects are gone."),
    ),
    complete="resources",
    run=run,
)
