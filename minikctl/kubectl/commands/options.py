"""`kubectl options`: the flags that every command takes."""

from __future__ import annotations

from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.global_options import GLOBAL_OPTIONS


def run(call: Invocation) -> None:
    from minikctl.kubectl.help import options_text

    call.out("The following options can be passed to any command:\n")
    call.out(options_text(o for o in GLOBAL_OPTIONS if not o.hidden), end="")


COMMAND = Command("options", "Print the list of flags inherited by all commands", run, use="options")
