"""Commands that do nothing but hold subcommands (`create secret`, `rollout`, `set`)."""

from __future__ import annotations

from dataclasses import replace

from minikctl.kubectl.command import Invocation, Run
from minikctl.kubectl.dispatch import Found
from minikctl.kubectl.help import show_help
from minikctl.util.errors import Exit


def run_group(package: str, *, stdout: bool = False) -> Run:
    """The run function of a group in `package`: help and exit 1, as kubectl does, or an error for a word.

    kubectl shows the help of most groups on stderr; `stdout` is for those where it does not.
    """

    def run(call: Invocation) -> int:
        if call.args:
            raise call.usage_error(f'unknown command "{" ".join(call.args)}"')
        env = call.env if stdout else replace(call.env, stdout=call.env.stderr)
        show_help(Found(call.command, call.path, package), env)
        raise Exit(1)

    return run
