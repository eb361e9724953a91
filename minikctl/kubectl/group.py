"""Commands that do nothing but hold subcommands (`create secret`, `rollout`, `set`)."""

from __future__ import annotations

from dataclasses import replace

from minikctl.kubectl.command import Invocation, Run
from minikctl.kubectl.dispatch import Found
from minikctl.kubectl.help import show_help
from minikctl.util.errors import Exit


def run_group(package: str) -> Run:
    """The run function of a group in `package`: help on stderr and exit 1, as kubectl does, or an error for a word."""

    def run(call: Invocation) -> int:
        if call.args:
            raise call.usage_error(f'unknown command "{" ".join(call.args)}"')
        show_help(Found(call.command, call.path, package), replace(call.env, stdout=call.env.stderr))
        raise Exit(1)

    return run
