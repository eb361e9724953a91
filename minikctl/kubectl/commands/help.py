"""`kubectl help [COMMAND…]`: the help of a command, as `--help` shows it."""

from __future__ import annotations

from minikctl.kubectl.command import Command, Invocation
from minikctl.util.errors import UsageError


def run(call: Invocation) -> None:
    from minikctl.kubectl import dispatch
    from minikctl.kubectl.help import show_help, show_root_help

    if not call.args:
        show_root_help(call.env)
        return
    try:
        found, rest = dispatch.route(call.args)
    except UsageError:
        found, rest = None, []
    if found is None or (rest and found.package):
        shown = " ".join(f"`{a}`" for a in call.args)
        raise UsageError(f"Unknown help topic [{shown}]", prefix="")
    show_help(found, call.env)


COMMAND = Command("help", "Help about any command", run, use="help [command]", hidden=True)
