"""From words to a command: finds the file, reads the flags, runs. Imports no command but the one that is meant."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

from minikctl.api.errors import ApiError
from minikctl.kubectl import PROGRAM
from minikctl.kubectl.command import Command, Environment, Invocation, see_help
from minikctl.kubectl.flags import Flags, Option, bind, require, scan
from minikctl.kubectl.global_options import GLOBAL_OPTIONS
from minikctl.util.errors import Aggregate, EnvironmentProblem, Failure, UsageError

PACKAGES = ("minikctl.kubectl.commands", "minikctl.cluster.commands")
ALIASES = {"cm": "configmap", "k": "kustomize"}
_SKIPPED = re.compile(r"^_")


@dataclass(frozen=True)
class Found:
    """A command and where it was found. `package` is the folder of its subcommands, if it is a group."""

    command: Command
    path: str
    package: str


class UnknownCommand(UsageError):
    """Nobody here is called like that; a plugin may be."""


def words(package: str) -> list[str]:
    """The names of the commands in a package, without importing them."""
    folder = Path(import_module(package).__path__[0])
    return sorted(m.name.replace("_", "-") for m in iter_modules([str(folder)]) if not _SKIPPED.match(m.name))


def load(package: str, word: str) -> Found | None:
    """The command called `word` in a package; aliases are looked up by loading the folder only when nothing fits."""
    module = word.replace("-", "_")
    folder = Path(import_module(package).__path__[0])
    if re.fullmatch("[a-z][a-z0-9_]*", module) and ((folder / f"{module}.py").exists() or (folder / module).is_dir()):
        return _found(package, module)
    return None


_SUMMARY = re.compile(
    r'^COMMAND = Command\(\n    (?:name=)?".*",(?:\n    group=".*",)?\n    (?:summary=)?"(.*)",$', re.M
)


def summaries(package: str) -> list[tuple[str, str]]:
    """(name, summary) of the commands in a package that are not hidden.

    Read from the text of the files where it can be found there: importing all commands costs a tenth of a second.
    """
    folder, found = Path(import_module(package).__path__[0]), []
    for name in words(package):
        module = folder / name.replace("-", "_")
        path = module / "__init__.py" if module.is_dir() else module.with_suffix(".py")
        text = path.read_text("utf-8") if path.exists() else ""
        summary = _SUMMARY.search(text)
        if summary and "\\" not in summary[1] and "\n    hidden=" not in text:
            found.append((name, summary[1]))
            continue
        loaded = load(package, name)
        if loaded is not None and not loaded.command.hidden:
            found.append((name, loaded.command.summary))
    return found


def load_alias(package: str, word: str) -> Found | None:
    for name in words(package):
        found = _found(package, name.replace("-", "_"))
        if word in found.command.aliases:
            return found
    return None


def _found(package: str, module: str) -> Found:
    loaded = import_module(f"{package}.{module}")
    return Found(loaded.COMMAND, loaded.COMMAND.name, loaded.__name__ if hasattr(loaded, "__path__") else "")


def find(word: str) -> Found | None:
    """A top-level command."""
    if word in ("__complete", "__completeNoDesc"):
        from minikctl.kubectl.completion.request import COMMANDS

        return Found(COMMANDS[word], word, "")
    for package in PACKAGES:
        if found := load(package, word):
            return found
    return None


def route(argv: Sequence[str]) -> tuple[Found | None, list[str]]:
    """The command that the words mean and the words left for it (flags that stood before it included).

    Raises UsageError for an unknown command or a malformed global flag.
    """
    before, rest = scan(GLOBAL_OPTIONS, argv, stop_at_word=True)
    early = [f"--{o.name}={v}" for o, v in before.flags]
    if before.help:
        return None, ["--help"]
    if not rest:
        return None, early + before.args
    word = rest[0]
    found = find(word)
    if found is None:
        raise UnknownCommand(unknown_command(word, PROGRAM, _top_words()))
    found = Found(found.command, f"{PROGRAM} {found.command.name}", found.package)
    return _descend(found, early, rest[1:])


def _descend(found: Found, early: list[str], rest: list[str]) -> tuple[Found, list[str]]:
    """Into subcommands, as long as the next argument names one."""
    while found.package and not found.command.raw_args:
        own = [*found.command.options, *GLOBAL_OPTIONS]
        try:
            between, left = scan(own, rest, stop_at_word=True)
        except UsageError:
            break
        if between.help or not left or between.dash >= 0:
            break
        below = load(found.package, left[0]) or load_alias(found.package, left[0])
        if below is None:
            break
        early = early + [f"--{o.name}={v}" for o, v in between.flags]
        found = Found(below.command, f"{found.path} {below.command.name}", below.package)
        rest = left[1:]
    return found, early + rest


def options_of(command: Command) -> tuple[Option, ...]:
    """The command's own flags and the global ones it does not replace."""
    own = {o.name for o in command.options}
    shorts = {o.short for o in command.options if o.short}
    return command.options + tuple(o for o in GLOBAL_OPTIONS if o.name not in own and o.short not in shorts)


def invoke(found: Found, words_left: Sequence[str], env: Environment) -> int:
    """Read the flags, run, and give the exit code. Raises what the command raises."""
    code = found.command.failure_code
    if code == 1:
        return _invoke(found, words_left, env)
    try:
        return _invoke(found, words_left, env)
    except (ApiError, UsageError, EnvironmentProblem, Aggregate) as e:
        raise Failure(e, code) from None


def _invoke(found: Found, words_left: Sequence[str], env: Environment) -> int:
    command = found.command
    options = options_of(command)
    if command.raw_args:
        return command.run(Invocation(command, found.path, env, bind(options, ()), list(words_left))) or 0
    try:
        parsed, _ = scan(options, words_left)
        if parsed.help:
            from minikctl.kubectl.help import show_help

            show_help(found, env)
            return 0
        flags = bind(options, parsed.flags)
    except UsageError as e:
        raise UsageError(e.message, see_help(found.path)) from None
    call = Invocation(command, found.path, _with_colours(found, flags, env), flags, parsed.args, parsed.dash)
    for option, _text in parsed.flags:
        if option.deprecated:
            env.stderr.write(f"Flag --{option.name} has been deprecated, {option.deprecated}\n")
    require(options, flags)
    if call.args and not command.takes_arguments:
        raise call.usage_error(f"unknown argument {call.args[0]!r}")
    try:
        code = command.run(call) or 0
    finally:
        if call.env.stdout is not env.stdout:
            call.env.stdout.flush()
    if not code and call.warnings and flags.get("warnings-as-errors"):
        plural = "warning" if call.warnings == 1 else "warnings"
        raise UsageError(f"{call.warnings} {plural} received")
    return code


def _with_colours(found: Found, flags: Flags, env: Environment) -> Environment:
    """The environment, its output coloured where a person reads it."""
    if not env.stdout_is_terminal or any(flags.get(f) for f in ("stdin", "tty", "attach")):
        return env
    from minikctl.kubectl.colour import coloured

    stream = coloured(env, found.path.split()[1], str(flags.get("output") or ""))
    return env if stream is None else replace(env, stdout=stream)


def _top_words() -> list[str]:
    return [w for p in PACKAGES for w in words(p)]


SUGGESTED = {"list": "get", "ls": "get", "rm": "delete", "remove": "delete", "inspect": "describe", "stats": "top"}
"""Words of other programs and what they are called here."""
_SLIPS = 2


def unknown_command(word: str, path: str, known: Sequence[str]) -> str:
    """With cobra's suggestions: words that begin so, or that differ by at most two letters."""
    from minikctl.kubectl.help import in_order

    close = [k for k in in_order(known) if SUGGESTED.get(word) == k or _is_close(word.lower(), k)]
    text = f'unknown command "{word}" for "{path}"'
    if close:
        text += "\n\nDid you mean this?\n" + "".join(f"\t{c}\n" for c in close)
    return text


def _is_close(word: str, known: str) -> bool:
    """Levenshtein's distance, or a common beginning."""
    if known.startswith(word):
        return True
    row = list(range(len(known) + 1))
    for i, a in enumerate(word, 1):
        before, row[0] = row[0], i
        for j, b in enumerate(known, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (a != b))
    return row[-1] <= _SLIPS
