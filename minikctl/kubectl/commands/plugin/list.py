"""`kubectl plugin list`. Source: kubectl `pkg/cmd/plugin/plugin.go`."""

from __future__ import annotations

from pathlib import Path

from minikctl.kubectl import PROGRAM, dispatch, plugins
from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.flags import BOOL, Option
from minikctl.util.errors import UsageError


def run(call: Invocation) -> None:
    """Raises UsageError when there is none, or something is wrong with one."""
    found: list[Path] = []
    for entry in plugins.listed(call.env.environ):
        if isinstance(entry, Path):
            found.append(entry)
        else:
            call.err(entry.message)
    if not found:
        raise UsageError(f"error: unable to find any {PROGRAM} plugins in your PATH\n")
    call.out("The following compatible plugins are available:\n")
    seen: dict[str, Path] = {}
    count = 0
    for path in found:
        call.out(path.name if call.flags.name_only else str(path))
        for problem in problems(path, seen):
            call.err(f"  - {problem}")
            count += 1
    if count:
        raise UsageError(
            "error: one plugin warning was found\n" if count == 1 else f"error: {count} plugin warnings were found\n"
        )


def problems(path: Path, seen: dict[str, Path]) -> list[str]:
    """Why the plugin cannot be called. Adds it to those that were seen."""
    out = []
    try:
        if not plugins.is_executable(path):
            out.append(f"warning: {path} identified as a {PROGRAM} plugin, but it is not executable")
    except OSError as e:
        reason = f"stat {path}: {(e.strerror or '').lower()}"
        out.append(f"error: unable to identify {path} as an executable file: {reason}")
    if path.name in seen:
        out.append(f"warning: {path} is overshadowed by a similarly named plugin: {seen[path.name]}")
    seen.setdefault(path.name, path)
    if command := _overwritten(path.name.split("-")[1:]):
        out.append(f'warning: {path.name} overwrites existing command: "{command}"')
    return out


def _overwritten(words: list[str]) -> str:
    """The command that stands in the way, whose words come first."""
    try:
        found, _ = dispatch.route(words)
    except UsageError:
        return ""
    return found.path if found is not None else ""


COMMAND = Command(
    name="list",
    summary="List all visible plugin executables on a user's PATH",
    use="plugin list [flags]",
    description=(
        "List all plugins on PATH.\n\n"
        f"A plugin is a file that can be executed, stands in a folder of PATH and is called {PROGRAM}-something."
    ),
    examples=(
        ("All plugins that there are", f"{PROGRAM} plugin list"),
        ("Only their names", f"{PROGRAM} plugin list --name-only"),
    ),
    options=(Option("name-only", BOOL, help="Show the names only, not the whole paths."),),
    run=run,
)
