"""Help texts, laid out as kubectl's: description, aliases, examples, commands, options, usage.

Source: kubectl `pkg/util/templates`.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from minikctl.api.durations import format_go_duration
from minikctl.kubectl import PROGRAM
from minikctl.kubectl.command import Command, Environment, as_typed
from minikctl.kubectl.dispatch import PACKAGES, Found, load, words
from minikctl.kubectl.flags import DURATION, STRING, Option

ROOT = """minikctl is a small Kubernetes to read and to try out; this command line is kubectl's.

 More about kubectl: https://kubernetes.io/docs/reference/kubectl/"""

GROUPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Basic Commands (Beginner)", ("create", "expose", "run", "set")),
    ("Basic Commands (Intermediate)", ("explain", "get", "edit", "delete")),
    ("Deploy Commands", ("rollout", "scale", "autoscale")),
    ("Cluster Management Commands", ("certificate", "cluster-info", "top", "cordon", "uncordon", "drain", "taint")),
    (
        "Troubleshooting and Debugging Commands",
        ("describe", "logs", "attach", "exec", "port-forward", "proxy", "cp", "auth", "debug", "events"),
    ),
    ("Advanced Commands", ("diff", "apply", "patch", "replace", "wait", "kustomize")),
    ("Settings Commands", ("label", "annotate", "completion")),
)
"""kubectl's own order; commands that are named nowhere here follow, under the group that they name themselves."""
OTHER = "Other Commands"
MIN_WIDTH = 11
"""Names of subcommands take at least so many columns."""
_NOT_LISTED = frozenset({"options", "help"})


def in_order(names: Iterable[str]) -> list[str]:
    """Commands in the order of the list above, without those that are not shown."""
    places = {name: i for i, name in enumerate(n for _, group in GROUPS for n in group)}
    return sorted((n for n in names if n not in _NOT_LISTED), key=lambda n: (places.get(n, len(places)), n))


def show_help(found: Found, env: Environment) -> None:
    """The help of one command, on the environment's stdout."""
    _write(env, command_help(found))


def show_root_help(env: Environment) -> None:
    """The list of all commands."""
    _write(env, root_help(env.environ))


def _write(env: Environment, text: str) -> None:
    env.stdout.write(_wrapped(text, _terminal_width()) if env.stdout_is_terminal else text)


def command_help(found: Found) -> str:
    command, path = found.command, as_typed(_full(found.path))
    parts = [(command.description or command.summary).strip()]
    if command.aliases:
        parts.append(f"Aliases:\n{', '.join((command.name, *command.aliases))}")
    if command.examples:
        parts.append("Examples:\n" + "\n  \n".join(_example(c, line, path.split()[0]) for c, line in command.examples))
    below = [_load(found.package, w) for w in words(found.package)] if found.package else []
    if below:
        parts.append(_listing("Available Commands", below, MIN_WIDTH))
    shown = [o for o in command.options if not o.hidden and not o.deprecated]
    if shown:
        parts.append("Options:\n" + options_text(shown).rstrip("\n"))
    parts.append(f"Usage:\n  {usage_line(command, path)}")
    hint = f'Use "{path} <command> --help" for more information about a given command.\n' if below else ""
    parts.append(
        f'{hint}Use "{path.split()[0]} options" for a list of global command-line options (applies to all commands).\n'
    )
    return "\n\n".join(parts)


def _full(path: str) -> str:
    return path if path.split()[0] == PROGRAM else f"{PROGRAM} {path}"


def usage_line(command: Command, path: str) -> str:
    """`kubectl create secret generic NAME … [options]`, wherever the command's `use` begins."""
    parents = path.split()[:-1]
    use = command.use or command.name
    if parents[1:] and not use.startswith(" ".join(parents[1:]) + " "):
        use = f"{' '.join(parents[1:])} {use}"
    line = f"{path.split()[0]} {use}"
    return line if "[options]" in line else f"{line} [options]"


def _example(comment: str, line: str, program: str = PROGRAM) -> str:
    lines = [f"  # {text}" for text in comment.splitlines()]
    for text in line.splitlines():
        lines.append(f"  {text}" if PROGRAM in text or "minikctl" in text else f"  {program} {text}")
    return "\n".join(lines)


def _load(package: str, word: str) -> Command:
    found = load(package, word)
    assert found is not None, f"{package} lists {word} and does not have it"
    return found.command


def _listing(title: str, commands: Iterable[Command], width: int = 0) -> str:
    shown = [c for c in commands if not c.hidden]
    width = max([width, *(len(c.name) for c in shown)])
    return "\n".join([f"{title}:", *(f"  {c.name:<{width}}   {c.summary}" for c in shown)])


def options_text(options: Iterable[Option]) -> str:
    """Two lines an option, sorted by name: `    -n, --name='default':` and what it is for."""
    blocks = []
    for option in sorted(options, key=lambda o: o.name):
        short = f"-{option.short}, " if option.short else ""
        value = f"'{option.initial}'" if option.type == STRING else _default(option)
        blocks.append(f"    {short}--{option.name}={value}:\n\t{' '.join(option.help.split())}\n\n")
    return "".join(blocks)


def _default(option: Option) -> str:
    value = option.initial
    if option.type == DURATION:
        return format_go_duration(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return "[" + ",".join(value) + "]" if isinstance(value, list | tuple) else str(value)


def root_help(environ: Mapping[str, str] | None = None) -> str:
    commands = {w: _load(p, w) for p in PACKAGES for w in words(p) if w not in _NOT_LISTED}
    width = max(map(len, commands))
    grouped = {title: [commands[n] for n in names if n in commands] for title, names in GROUPS}
    named = {n for _, names in GROUPS for n in names}
    for name in sorted(commands.keys() - named):
        title = commands[name].group
        title = OTHER if title == "Other" else title if "Commands" in title else f"{title} Commands"
        grouped.setdefault(title, []).append(commands[name])
    other = grouped.pop(OTHER, [])
    plugins = _plugins(environ)
    if plugins:
        grouped[PLUGINS] = plugins
    parts = [ROOT, *(_listing(t, cs, width) for t, cs in grouped.items() if cs), _listing(OTHER, other, width)]
    parts.append(f"Usage:\n  {PROGRAM} [flags] [options]")
    parts.append(
        f'Use "{PROGRAM} <command> --help" for more information about a given command.\n'
        f'Use "{PROGRAM} options" for a list of global command-line options (applies to all commands).\n'
    )
    return "\n\n".join(parts)


PLUGINS = "Subcommands provided by plugins"


def _plugins(environ: Mapping[str, str] | None) -> list[Command]:
    """What the plugins on PATH add."""
    from minikctl.kubectl import plugins

    found = {p.name for p in plugins.listed(environ or {}) if isinstance(p, Path) and plugins.runs(p)}
    names = sorted(n.removeprefix(plugins.PREFIX).replace("-", " ").replace("_", "-") for n in found)
    return [Command(n, f"The command {n} is a plugin installed by the user", lambda _call: None) for n in names]


def _terminal_width() -> int:
    """120, 100 or 80 columns, as wide as the terminal allows."""
    columns = shutil.get_terminal_size().columns
    return next((w for w in (120, 100, 80) if columns >= w), columns)


def _wrapped(text: str, width: int) -> str:
    import textwrap

    lines: list[str] = []
    for line in text.split("\n"):
        body = line.lstrip()
        lead = line[: len(line) - len(body)]
        room = width - len(lead.expandtabs(8))
        lines += [lead + part for part in textwrap.wrap(body, max(room, 20), break_long_words=False)] or [line]
    return "\n".join(lines)
