"""What a command is: one file with a `COMMAND = Command(…)`, its flags as data, its completion and its run function.

A group (`create`, `rollout`) is a folder whose `__init__.py` holds the group's own COMMAND and whose files are its
subcommands. `run` gets an `Invocation`: the parsed words, the streams and, when it asks for it, the client.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from minikctl.kubectl import PROGRAM
from minikctl.kubectl.flags import Flags, Option
from minikctl.util.clock import Clock, SystemClock
from minikctl.util.errors import UsageError

if TYPE_CHECKING:
    from minikctl.client import Client
    from minikctl.kubectl.connection import Connection

Run = Callable[["Invocation"], int | None]
Completer = str | Sequence[str] | Callable[["Invocation", str], Sequence[str] | tuple[list[str], int]]
"""What may stand as an argument: words, the name of a source of words, or a function (the words so far, the word being
typed) → candidates, `word<TAB>description` where there is something to say. See `minikctl.kubectl.completion`."""


LOG_REQUESTS = 6
"""From which -v on every request is logged."""


@dataclass(frozen=True)
class Command:
    """One command. `use` is the usage line below the program's name; `examples` are (comment, command line) pairs."""

    name: str
    summary: str
    run: Run
    options: tuple[Option, ...] = ()
    use: str = ""
    description: str = ""
    examples: tuple[tuple[str, str], ...] = ()
    aliases: tuple[str, ...] = ()
    group: str = "Other"
    hidden: bool = False
    complete: Completer | None = None
    failure_code: int = 1
    """The exit code when something goes wrong, flags included (`diff`: 2, because 1 means differences)."""
    raw_args: bool = False
    """Hand everything to `run` unparsed (plugins, `__complete`)."""
    takes_arguments: bool = True
    """Whether words may follow that are no flags; where not, one is an error before anything is done."""


@dataclass
class Environment:
    """The world outside: streams, variables, working directory, time. Tests make their own."""

    stdin: IO[str] = field(default_factory=lambda: sys.stdin)
    stdout: IO[str] = field(default_factory=lambda: sys.stdout)
    stderr: IO[str] = field(default_factory=lambda: sys.stderr)
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    cwd: Path = field(default_factory=Path.cwd)
    clock: Clock = field(default_factory=SystemClock)
    connect: Callable[[Invocation], Connection] | None = None
    """Makes the connection; tests give their own, else `connection.open_connection`."""

    ensure_running: Callable[[Path], None] | None = None
    """Starts the local cluster when it is not running; None where commands shall work on the files alone."""

    @property
    def stdin_is_terminal(self) -> bool:
        return self.stdin is not None and self.stdin.isatty()

    @property
    def stdout_is_terminal(self) -> bool:
        return self.stdout.isatty()


@dataclass
class Invocation:
    """One call of a command: what was typed and what it needs."""

    command: Command
    path: str
    """`kubectl create deployment`: how messages name the command."""
    env: Environment
    flags: Flags
    args: list[str]
    dash: int = -1
    """How many arguments stood before `--`; -1 when there was none."""
    warnings: int = 0

    # ------------------------------------------------------------------ the cluster

    @cached_property
    def connection(self) -> Connection:
        """Which cluster, context and namespace this call is about; opened when first asked for."""
        from minikctl.kubectl.connection import open_connection
        from minikctl.kubectl.global_options import request_timeout

        request_timeout(self)
        connection = (self.env.connect or open_connection)(self)
        connection.client.on_warning(self.warn)
        if (self.flags.get("v") or 0) >= LOG_REQUESTS:
            from minikctl.kubectl.request_log import logged

            connection.client = logged(connection.client, self)
        return connection

    @property
    def client(self) -> Client:
        return self.connection.client

    @property
    def namespace(self) -> str:
        """The namespace that is meant: `-n`, else the context's, else `default`."""
        given: str = self.flags.get("namespace") or ""
        return given or self.connection.namespace

    @property
    def namespace_given(self) -> bool:
        return bool(self.flags.get("namespace"))

    # ------------------------------------------------------------------ speaking

    def out(self, text: str = "", end: str = "\n") -> None:
        self.env.stdout.write(text + end)

    def err(self, text: str = "", end: str = "\n") -> None:
        self.env.stderr.write(text + end)

    def warn(self, text: str) -> None:
        """A warning of the server's, or in its manner."""
        self.warnings += 1
        self.err(f"Warning: {text}")

    def usage_error(self, message: str) -> UsageError:
        """An error with the line that points to the command's help."""
        return UsageError(message, f"See '{as_typed(self.path)} -h' for help and examples")

    def klog(self, level: str, source: str, message: str) -> None:
        """A line as klog writes it to stderr: some of kubectl's deprecations come this way."""
        now = self.env.clock.now()
        self.err(f"{level}{now:%m%d %H:%M:%S.%f} {os.getpid():7d} {source}] {message}")

    @cached_property
    def cache(self) -> dict[str, Any]:
        """Things that parts of one call share."""
        return {}


def see_help(path: str) -> str:
    return f"See '{as_typed(path)} --help' for usage."


OWN = frozenset({"app", "cluster", "flow", "image", "ingress", "service", "trace", "why"})
"""Commands that kubectl does not have."""


def as_typed(path: str) -> str:
    """`kubectl create deployment`, but `minikctl cluster start`: the real kubectl would not know what is meant."""
    return f"minikctl {path.partition(' ')[2]}" if path.split()[1:2] and path.split()[1] in OWN else path


__all__ = ["PROGRAM", "Command", "Completer", "Environment", "Invocation", "Option", "Run", "as_typed", "see_help"]
