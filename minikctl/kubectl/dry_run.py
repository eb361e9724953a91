"""`--dry-run`: none, client (nothing is sent) or server (everything but the write)."""

from __future__ import annotations

from minikctl.kubectl.command import Invocation
from minikctl.kubectl.flags import Option
from minikctl.util.errors import UsageError

NONE, CLIENT, SERVER = "none", "client", "server"
DRY_RUN = Option(
    "dry-run",
    default=NONE,
    no_value="unchanged",
    help='"none", "server" or "client": with client, only print the object that would be sent; with server, send it without keeping it.',
    complete=(NONE, SERVER, CLIENT),
)
_SUFFIX = {NONE: "", CLIENT: " (dry run)", SERVER: " (server dry run)"}


def strategy(call: Invocation) -> str:
    """NONE, CLIENT or SERVER. Raises UsageError. A bare `--dry-run` still means client, with a line that says so."""
    value = call.flags.get("dry-run", NONE)
    match value:
        case "none" | "client" | "server":
            return str(value)
        case "unchanged":
            call.klog("W", "helpers.go:719", "--dry-run is deprecated and can be replaced with --dry-run=client.")
            return CLIENT
        case "true" | "false" | "1" | "0" | "t" | "f" | "T" | "F" | "TRUE" | "FALSE" | "True" | "False":
            meant = CLIENT if value[0] in "tT1" else NONE
            text = f"--dry-run={value} is deprecated (boolean value) and can be replaced with --dry-run={meant}."
            call.klog("W", "helpers.go:709", text)
            return meant
    raise UsageError(f'Invalid dry-run value ({value}). Must be "none", "server", or "client".')


def suffix(dry_run: str) -> str:
    """What follows `pod/web created` in a dry run."""
    return _SUFFIX[dry_run]
