"""Flags that many commands share and that are no business of one module alone."""

from __future__ import annotations

from minikctl.api.meta import Obj, annotations_of, with_metadata
from minikctl.client.protocol import WriteOptions
from minikctl.kubectl.command import Invocation
from minikctl.kubectl.dry_run import SERVER
from minikctl.kubectl.flags import BOOL, INT, Option

RECORD = Option(
    "record",
    BOOL,
    hidden=True,
    deprecated="--record will be removed in the future",
    help="Note this command line in the annotation kubernetes.io/change-cause.",
)
SAVE_CONFIG = Option(
    "save-config", BOOL, help="Keep the object's configuration in its annotation, as a later `kubectl apply` needs it."
)
CHUNK_SIZE = Option("chunk-size", INT, default=500, help="Ask for long lists in parts of this size; 0 for no parts.")
CHANGE_CAUSE = "kubernetes.io/change-cause"


def field_manager(default: str) -> Option:
    """Under whose name the server notes which fields were written."""
    return Option("field-manager", default=default, help="The name that the written fields are noted under.")


def write_options(call: Invocation, dry_run: str) -> WriteOptions:
    """How the command writes, from its flags."""
    return WriteOptions(dry_run=dry_run == SERVER, field_manager=call.flags.get("field-manager") or "")


def change_cause(call: Invocation) -> str:
    """The command line, as --record keeps it."""
    flags = "".join(f" --{name}={_text(call.flags.get(name))}" for name in call.flags.given())
    return " ".join([call.path, *call.args]) + flags


def recorded(call: Invocation, obj: Obj) -> Obj:
    """With --record, a copy of the object that is annotated with the command line."""
    if not call.flags.get("record"):
        return obj
    return with_metadata(obj, annotations={**annotations_of(obj), CHANGE_CAUSE: change_cause(call)})


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)
