"""`create NAME`: what the generators of single objects share. Each builds its object; the rest is here.

Source: kubectl `pkg/cmd/create`.
"""

from __future__ import annotations

from minikctl.api import kinds, schema
from minikctl.api.errors import ApiError
from minikctl.api.kind import Kind
from minikctl.api.meta import Obj
from minikctl.client.protocol import WriteOptions
from minikctl.kubectl import last_applied, validation
from minikctl.kubectl.command import Invocation
from minikctl.kubectl.common_options import SAVE_CONFIG, field_manager
from minikctl.kubectl.dry_run import CLIENT, DRY_RUN, SERVER, strategy
from minikctl.kubectl.flags import Option
from minikctl.kubectl.printers import PRINT_OPTIONS, printer
from minikctl.util.errors import UsageError

GENERATOR_OPTIONS: tuple[Option, ...] = (
    *PRINT_OPTIONS,
    SAVE_CONFIG,
    validation.VALIDATE,
    DRY_RUN,
    field_manager("kubectl-create"),
)


def name_argument(call: Invocation) -> str:
    """The one NAME; what follows `--` is a command. Raises UsageError."""
    count = len(call.args) if call.dash < 0 else call.dash
    if count != 1:
        raise call.usage_error(f"exactly one NAME is required, got {count}")
    return call.args[0]


def required_name(call: Invocation) -> str:
    """As `name_argument`, for kinds whose generators refuse an empty name themselves."""
    name = name_argument(call)
    if not name:
        raise UsageError("name must be specified")
    return name


def new(call: Invocation, api_version: str, kind: str, name: str, **parts: object) -> Obj:
    """A fresh object; its namespace is named only when the command line names one."""
    metadata: Obj = {"name": name}
    if call.namespace_given and _kind(api_version, kind).namespaced:
        metadata["namespace"] = call.flags.get("namespace")
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **parts}


def _kind(api_version: str, kind: str) -> Kind:
    group, slash, version = api_version.rpartition("/")
    found = kinds.by_gvk(group if slash else "", version, kind)
    assert found is not None, f"{api_version} {kind}"
    return found


def submit(call: Invocation, obj: Obj, *, failure: str = "") -> None:
    """Create the object, or pretend to, and print it.

    `failure` stands before the message of an error of the server's (`failed to create job: `); without it the
    server's error is shown as it is. Raises ApiError, UsageError.
    """
    kind = _kind(obj["apiVersion"], obj["kind"])
    dry_run = strategy(call)
    show = printer(call, "created", dry_run=dry_run, typed=True)
    manager = call.flags.get("field-manager") or ""
    options = WriteOptions(
        dry_run=dry_run == SERVER, field_manager=manager, field_validation=validation.directive(call)
    )
    try:
        typed = schema.decode(kind.type, obj).value
    except schema.DecodeError as e:
        raise UsageError(str(e)) from None
    typed = last_applied.kept_current(typed, save=bool(call.flags.get("save-config")), typed=True)
    if dry_run != CLIENT:
        typed = _create(call, kind, typed, options, failure)
    show(typed, kind)


def _create(call: Invocation, kind: Kind, obj: Obj, options: WriteOptions, failure: str) -> Obj:
    namespace = call.namespace if kind.namespaced else ""
    try:
        return call.client.create(kind, obj, namespace, options=options)
    except ApiError as e:
        if failure:
            raise UsageError(failure + e.message) from None
        raise
