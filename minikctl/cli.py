"""The program: a Typer application whose commands are found and imported when they are called.

Typer gives the application its frame (groups, contexts, `typer.Exit`); the words are read by `kubectl.flags`, because
pflag's rules (`--watch=false`, `--dry-run` with and without a value, flags after arguments) are not Click's.

Exit codes: 0 done; 1 anything the user or the cluster did; 3 a bug, with a crash log; 130 Ctrl-C. Nothing but this
module ends the process.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from minikctl.api.errors import ApiError
from minikctl.kubectl import PROGRAM, dispatch
from minikctl.kubectl.command import Environment
from minikctl.util.errors import Aggregate, EnvironmentProblem, Exit, Failure, UsageError

EXPECTED = (ApiError, UsageError, EnvironmentProblem, Aggregate)
REFUSED = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO, errno.EACCES, errno.EPERM)
"""What the machine says of a full disk or a file of somebody else's: no bug of ours, wherever it happens."""


SIGPIPE = 141
"""The exit code that shells give for a program that nobody reads any more."""


class LazyCommand(TyperCommand):
    """A command found by `dispatch`; its flags are read when it is invoked."""

    def __init__(self, found: dispatch.Found):
        super().__init__(name=found.command.name, callback=None, help=found.command.summary, add_help_option=False)
        self.found = found

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        ctx.args = list(args)
        return ctx.args

    def invoke(self, ctx: Any) -> int:
        return dispatch.invoke(self.found, ctx.args, ctx.obj)


class LazyGroup(TyperGroup):
    """The root: knows its commands by the listing of their folders."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        ctx.args = list(args)
        return ctx.args

    def list_commands(self, _ctx: Any) -> list[str]:
        return sorted(w for p in dispatch.PACKAGES for w in dispatch.words(p))

    def get_command(self, _ctx: Any, name: str) -> Any:
        found = dispatch.find(name)
        return LazyCommand(found) if found else None

    def invoke(self, ctx: Any) -> int:
        try:
            return self._run(ctx)
        except BrokenPipeError:  # Click would end the process here
            _silence(ctx.obj)
            raise Exit(SIGPIPE) from None

    def _run(self, ctx: Any) -> int:
        found, rest = _route(ctx.args, ctx.obj)
        if found is None:
            from minikctl.kubectl.help import show_root_help

            show_root_help(ctx.obj)
            return 0
        command = LazyCommand(found)
        with command.make_context(found.command.name, rest, parent=ctx) as inner:
            return int(command.invoke(inner) or 0)


def _route(argv: list[str], env: Environment) -> tuple[dispatch.Found | None, list[str]]:
    """The command that is meant, with a person's own defaults and aliases; a plugin takes the process over."""
    from minikctl.kubectl import kuberc

    argv = kuberc.apply(argv, env)
    try:
        found, rest = dispatch.route(argv)
    except dispatch.UnknownCommand:
        _try_plugin(argv, env)
        raise
    if found is not None and found.path == f"{PROGRAM} create" and rest and not rest[0].startswith("-"):
        _try_plugin(argv, env)
    return found, rest


def _try_plugin(argv: list[str], env: Environment) -> None:
    """Become the plugin that the words mean, if there is one."""
    from minikctl.kubectl import plugins

    plugin = plugins.find(argv, env.environ)
    if plugin is not None:
        _flush(env)
        plugins.run(*plugin, env.environ)


def application() -> Any:
    """The Typer application as a Click-style command."""
    app = typer.Typer(cls=LazyGroup, name=PROGRAM, add_completion=False, invoke_without_command=True)
    app.callback()(lambda: None)
    return typer.main.get_command(app)


def run(argv: Sequence[str], env: Environment) -> int:
    """Run one command line and return its exit code. Never raises; writes to the environment's streams only."""
    try:
        _hear_interrupts()
        return int(application().main(list(argv), prog_name=PROGRAM, standalone_mode=False, obj=env) or 0)
    except Exit as e:
        return e.code
    except typer.Exit as e:
        return int(e.exit_code)
    except EXPECTED as e:
        return _failed(env, e, 1)
    except Failure as e:
        return _failed(env, e.error, e.code)
    except (KeyboardInterrupt, typer.Abort):
        return 130
    except BrokenPipeError:
        _silence(env)
        return SIGPIPE
    except RecursionError as e:
        env.stderr.write(f"error: the input is nested too deeply: {e}\n")
        return 1
    except Exception as e:
        if isinstance(e, OSError) and e.errno in REFUSED:
            return _failed(env, EnvironmentProblem(_refused(e)), 1)
        env.stderr.write(_crash_log(e, argv))
        return 3


def _hear_interrupts() -> None:
    """See `__main__`: from here on Ctrl-C is an exception, which has an exit code."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _refused(error: OSError) -> str:
    return f"{error.filename or 'cannot write the output'}: {error.strerror}"


def _failed(env: Environment, error: Exception, code: int) -> int:
    from minikctl.kubectl import errors

    _flush(env)
    env.stderr.write(errors.line(error))
    return code


def _flush(env: Environment) -> None:
    try:
        env.stdout.flush()
    except (OSError, ValueError):
        _silence(env)


def _silence(env: Environment) -> None:
    """Nobody reads us any more: have Python's own flush at exit go nowhere."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), env.stdout.fileno())
    except (OSError, ValueError):
        pass


def _crash_log(error: Exception, argv: Sequence[str]) -> str:
    """Write the traceback to a file of its own and say where."""
    import tempfile
    import traceback

    line = f"error: this is a bug in minikctl: {type(error).__name__}: {error}\n"
    try:
        fd, path = tempfile.mkstemp(prefix="minikctl-crash-", suffix=".log")
        with os.fdopen(fd, "w", errors="backslashreplace") as f:
            f.write(f"minikctl {' '.join(argv)}\n")
            traceback.print_exception(error, file=f)
    except OSError as e:
        return f"{line}The details cannot be kept: {e.strerror}\n"
    return f"{line}The details are in {path}\n"


def _ensure_running(state_dir: Path) -> None:
    from minikctl.cluster import start

    start.ensure_running(state_dir)


def _standard_streams() -> None:
    """Have all three, so that no other file gets their numbers, and have them speak UTF-8, as kubectl does in every
    locale; on a terminal of another one, what it cannot show is escaped."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        stream = getattr(sys, name)
        if stream is None:
            os.dup2(os.open(os.devnull, os.O_RDWR), number)
            os.set_inheritable(number, True)
            stream = open(number, mode, encoding="utf-8", closefd=False)  # noqa: SIM115
            setattr(sys, name, stream)
        if "utf" in stream.encoding.lower() or mode == "r" or not stream.isatty():
            stream.reconfigure(encoding="utf-8", errors="surrogateescape")
        else:
            stream.reconfigure(errors="backslashreplace")


def main() -> None:
    """The console script."""
    import gc

    gc.disable()  # a command lives for a moment: collecting cycles costs more than it frees
    _standard_streams()
    env = Environment(ensure_running=_ensure_running)
    code = run(sys.argv[1:], env)
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except BrokenPipeError:
        code = code or SIGPIPE
    except OSError as e:
        code = code or _failed(env, EnvironmentProblem(_refused(e)), 1)
    os._exit(code)
