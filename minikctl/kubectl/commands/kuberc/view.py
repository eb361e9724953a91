"""`kubectl kuberc view`. Source: kubectl `pkg/cmd/kuberc/view.go`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from minikctl.kubectl import PROGRAM, kuberc
from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.flags import Option
from minikctl.kubectl.printers import PRINT_OPTIONS, Typed, printer
from minikctl.util.errors import UsageError

KUBERC = Option("kuberc", help="The kuberc file; KUBERC=off turns them off.", complete="files")
OFF = "KUBERC is disabled via KUBERC=off environment variable"
ORDER = ("kind", "apiVersion", "defaults", "aliases", "credentialPluginPolicy", "credentialPluginAllowlist")
ENTRY_ORDER = ("name", "default", "command", "prependArgs", "appendArgs", "options")
MISSING = object()


def run(call: Invocation) -> None:
    """Raises UsageError."""
    path, asked = kuberc.path_of(call.flags.kuberc, call.env.environ)
    if not path:
        raise UsageError(OFF)
    try:
        text = Path(call.env.cwd, path).read_text("utf-8")
    except FileNotFoundError:
        if asked:
            raise UsageError(f"kuberc file not found at {path}") from None
        _offer(call, path)
        return
    except OSError as e:
        reason = f"open {path}: {(e.strerror or '').lower()}"
        raise UsageError(f"error reading kuberc file: {reason}") from None
    found = parse(text)
    shown = {**found, "defaults": found.get("defaults") or [], "aliases": found.get("aliases") or []}
    printer(call)(Typed(in_order(shown, ORDER)), None)


def in_order(fields: dict[str, Any], order: tuple[str, ...] = ENTRY_ORDER) -> dict[str, Any]:
    """The fields as Go declares them; those that Go does not know are left out."""
    return {k: [in_order(e) if isinstance(e, dict) else e for e in v] if isinstance(v, list) else v
            for k in order if (v := fields.get(k, MISSING)) is not MISSING}  # fmt: skip


def parse(text: str) -> kuberc.Preference:
    """Raises UsageError."""
    from minikctl.kubectl import yaml_in

    try:
        found = yaml_in.loads(text)
    except yaml_in.YAMLError as e:
        raise UsageError(f"error parsing kuberc file: error converting YAML to JSON: {e}") from None
    return found if isinstance(found, dict) else {}


def _offer(call: Invocation, path: str) -> None:
    """Where there is no file, one with sensible defaults may be wanted."""
    call.out(f"kuberc file not found at {path}")
    call.out("Would you like to generate a default kuberc file with recommended options? (y/N): ", end="")
    call.env.stdout.flush()
    if call.env.stdin.readline().strip().lower() == "y":
        kuberc.save(kuberc.DEFAULT, path, call.env.cwd)
        call.out(f"Updated {path}")


COMMAND = Command(
    name="view",
    summary="Display the current kuberc configuration",
    use="kuberc view",
    description="Show the content of the kuberc file.",
    examples=(
        ("As YAML", f"{PROGRAM} kuberc view"),
        ("As JSON", f"{PROGRAM} kuberc view --output json"),
        ("Another file", f"{PROGRAM} kuberc view --kuberc /path/to/kuberc"),
    ),
    options=(KUBERC, *(replace(o, default="yaml") if o.name == "output" else o for o in PRINT_OPTIONS)),
    run=run,
)
