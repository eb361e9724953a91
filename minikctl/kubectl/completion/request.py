"""`minikctl __complete WORDS…`: what may stand where the last word stands. Source: cobra `completions.go`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from minikctl.kubectl import PROGRAM, completion, dispatch
from minikctl.kubectl.command import Command, Environment, Invocation
from minikctl.kubectl.completion import DEFAULT, FILE_EXTENSIONS, FOLDERS, NO_FILES, Reply
from minikctl.kubectl.flags import ARRAY, COUNT, LIST, Flags, Option, convert
from minikctl.kubectl.global_options import GLOBAL_OPTIONS
from minikctl.util.errors import UsageError

HELP = Option("help", "bool", short="h", help="Help for this command.")
MANIFESTS = ["json", "yaml", "yml"]
PATIENCE = "2s"
"""How long one may wait at a prompt for a cluster that does not answer."""


def run(call: Invocation) -> None:
    if not call.args:
        raise UsageError("requires at least 1 arg(s), only received 0")
    candidates, directive = reply(call.env, call.args)
    for candidate in candidates:
        line = candidate.partition("\n")[0].strip()
        call.out(line.partition("\t")[0] if call.command.name == "__completeNoDesc" else line)
    call.out(f":{directive}")
    call.err(f"Completion ended with directive: {completion.directive_name(directive)}")


COMMANDS = {
    name: Command(name=name, summary="Answer a shell's request for completions", hidden=True, raw_args=True, run=run)
    for name in ("__complete", "__completeNoDesc")
}


@dataclass
class Line:
    """The words before the one that is typed, as far as they make sense."""

    found: dispatch.Found | None
    options: list[Option]
    args: list[str] = field(default_factory=list)
    flags: list[tuple[Option, str]] = field(default_factory=list)
    pending: Option | None = None
    """The flag whose value is typed."""
    dashes: bool = False
    unknown: bool = False
    """Whether there is a flag that the command does not know: no telling what follows it."""


def reply(env: Environment, words: Sequence[str]) -> Reply:
    """The candidates for the last of the words, and what the shell shall do with them."""
    *before, word = words
    line = read(before)
    if line.unknown:
        return [], DEFAULT
    option = line.pending
    if option is None and word.startswith("-") and not line.dashes:
        name, equals, value = word.partition("=")
        if not equals:
            return _flag_names(line, word), NO_FILES
        option = _flag(line.options, name)
        if option is None:
            return [], DEFAULT
        word = value
    call = _invocation(env, line)
    if option is not None:
        return _ask(call, option.complete, word)
    return _arguments(call, line, word)


# ---------------------------------------------------------------------- what was typed


def read(words: Sequence[str]) -> Line:
    """The command that the words mean and its flags and arguments. Takes everything; says what it does not know."""
    line = Line(None, [*GLOBAL_OPTIONS, HELP])
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if line.dashes or word == "-" or not word.startswith("-"):
            if line.dashes or line.args or not _descend(line, word):
                line.args.append(word)
        elif word == "--":
            line.dashes = True
        else:
            _read_flag(line, word, rest)
    return line


def _descend(line: Line, word: str) -> bool:
    """Enter the command or subcommand called `word`, if there is one."""
    at = line.found
    if at is None:
        below = dispatch.find(word)
    elif at.package and not at.command.raw_args:
        below = dispatch.load(at.package, word) or dispatch.load_alias(at.package, word)
    else:
        below = None
    if below is None:
        return False
    path = f"{at.path if at else PROGRAM} {below.command.name}"
    line.found = dispatch.Found(below.command, path, below.package)
    line.options = [*dispatch.options_of(below.command), HELP]
    return True


def _flag(options: Iterable[Option], shown: str) -> Option | None:
    """The flag that `--name`, `-n` or the end of `-in` is."""
    if shown.startswith("--"):
        return next((o for o in options if o.name == shown[2:]), None)
    return next((o for o in options if o.short and o.short == shown[-1:]), None)


def _read_flag(line: Line, word: str, rest: list[str]) -> None:
    if not word.startswith("--"):
        _read_short(line, word[1:], rest)
        return
    name, equals, value = word.partition("=")
    option = _flag(line.options, name)
    if option is None:
        line.unknown = True
    elif equals or option.alone is not None:
        line.flags.append((option, value if equals else option.alone or ""))
    else:
        _take_value(line, option, rest)


def _read_short(line: Line, letters: str, rest: list[str]) -> None:
    """`-n`, `-napp`, `-n=app`, `-itc`."""
    while letters:
        option, letters = _flag(line.options, letters[0]), letters[1:]
        if option is None:
            line.unknown = True
            return
        if letters.startswith("=") or (letters and option.alone is None):
            line.flags.append((option, letters.removeprefix("=")))
            return
        if option.alone is None:
            _take_value(line, option, rest)
            return
        line.flags.append((option, option.alone))


def _take_value(line: Line, option: Option, rest: list[str]) -> None:
    if rest:
        line.flags.append((option, rest.pop(0)))
    else:
        line.pending = option


def _invocation(env: Environment, line: Line) -> Invocation:
    """The call that the words would make: it starts no cluster, asks nobody and says nothing."""
    command = line.found.command if line.found else Command(PROGRAM, "", lambda _call: None)
    flags = Flags(line.options)
    for option, text in line.flags:
        try:
            value = convert(option, text)
        except ValueError:
            continue
        flags.set(option.name, [*flags.get(option.name), *value] if option.type in (LIST, ARRAY) else value)
    flags.set("request-timeout", PATIENCE)
    path = line.found.path if line.found else PROGRAM
    return Invocation(command, path, replace(env, ensure_running=None), flags, line.args)


# ---------------------------------------------------------------------- what may follow


def _flag_names(line: Line, word: str) -> list[str]:
    """The flags that begin so: required ones first and alone, those that were given only where they may be repeated."""
    given = {o.name for o, _ in line.flags}
    missing = [o for o in line.options if o.required and o.name not in given]
    left = [o for o in line.options if o.name not in given or o.type in (LIST, ARRAY, COUNT)]
    own = {o.name for o in line.found.command.options} if line.found else set()
    found: list[str] = []
    for options in (missing, sorted(left, key=lambda o: (o.name not in own, o.name))):
        for option in options:
            if option.hidden or option.deprecated:
                continue
            names = [f"--{option.name}", f"-{option.short}" if option.short else ""]
            found += [f"{n}\t{' '.join(option.help.split())}" for n in names if n and n.startswith(word)]
        if found:
            break
    return found


def _arguments(call: Invocation, line: Line, word: str) -> Reply:
    """Subcommands, flags that are due, and what the command says of its arguments."""
    found: list[str] = []
    at = line.found
    packages = dispatch.PACKAGES if at is None else (at.package,) if at.package else ()
    own = {o.name for o in at.command.options} if at else set()
    if not line.args and not line.dashes and not own & {o.name for o, _ in line.flags}:
        found = [f"{n}\t{s}" for p in packages for n, s in dispatch.summaries(p) if n.startswith(word)]
        found.sort()
    if at is None:
        return found, NO_FILES
    due = [o for o in at.command.options if o.required and o.name not in {o.name for o, _ in line.flags}]
    found += [f"--{o.name}\t{o.help}" for o in due if f"--{o.name}".startswith(word)]
    if not at.command.takes_arguments:
        return found, NO_FILES
    candidates, directive = _ask(call, at.command.complete, word)
    if packages and not candidates:
        directive = NO_FILES
    return found + candidates, directive


def _ask(call: Invocation, spec: object, word: str) -> Reply:
    """What `complete=` means for a word."""
    if spec == "manifests":
        return MANIFESTS, FILE_EXTENSIONS
    if spec == "folders":
        return [], FOLDERS
    if not spec or spec == "files":
        return [], DEFAULT
    if isinstance(spec, str):
        from minikctl.kubectl.completion import live

        return live.answer(call, spec, word)
    offered = spec(call, word) if callable(spec) else spec
    if isinstance(offered, tuple) and offered and isinstance(offered[0], list):
        return offered  # candidates and what to do with them
    return [w for w in offered if w.startswith(word)], NO_FILES  # type: ignore[attr-defined]
