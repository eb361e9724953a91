"""`kubectl kuberc set`. Source: kubectl `pkg/cmd/kuberc/set.go`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from minikctl.kubectl import PROGRAM, kuberc
from minikctl.kubectl.command import Command, Invocation
from minikctl.kubectl.commands.kuberc.view import KUBERC, OFF, parse
from minikctl.kubectl.flags import ARRAY, BOOL, Option
from minikctl.util.errors import Aggregate, UsageError

DEFAULTS, ALIASES, PLUGINS = "defaults", "aliases", "credentialplugin"


def run(call: Invocation) -> None:
    """Raises UsageError."""
    path, _ = kuberc.path_of(call.flags.kuberc, call.env.environ)
    if not path:
        raise UsageError(OFF)
    validate(call)
    preference = _load(call, path)
    options = [_option(text) for text in call.flags.option]
    match call.flags.section:
        case "defaults":
            preference[DEFAULTS] = with_defaults(call, preference.get(DEFAULTS) or [], options)
        case "aliases":
            preference[ALIASES] = with_alias(call, preference.get(ALIASES) or [], options)
        case _:
            if call.flags.policy == "Allowlist":
                preference["credentialPluginAllowlist"] = allowlist(call.flags.allowlist_entry)
            preference["credentialPluginPolicy"] = call.flags.policy
    kuberc.save(preference, path, call.env.cwd)
    call.out(f"Updated {path}")


def validate(call: Invocation) -> None:
    """Raises UsageError."""
    flags, section = call.flags, call.flags.section
    if section not in (DEFAULTS, ALIASES, PLUGINS):
        raise UsageError(f'--section must be "{DEFAULTS}", "{ALIASES}", or "{PLUGINS}", got: {section}')
    if section == ALIASES and not flags.name:
        raise UsageError(f"--name is required when --section={ALIASES}")
    if section == DEFAULTS and flags.name:
        raise UsageError(f"--name should not be specified when --section={DEFAULTS}")
    if section == DEFAULTS and (flags.prependarg or flags.appendarg):
        raise UsageError(f"--prependarg and --appendarg are only valid for --section={ALIASES}")
    if section != PLUGINS and not flags.command:
        raise UsageError(f"--command is required when --section={ALIASES} or --section={DEFAULTS}")
    if section == PLUGINS:
        _validate_policy(flags.policy, flags.allowlist_entry)


def _validate_policy(policy: str, entries: list[str]) -> None:
    if not policy:
        raise UsageError(f"--policy is required when --section={PLUGINS}")
    where = f"when --section={PLUGINS} and --policy=Allowlist"
    if policy not in kuberc.POLICIES:
        first, second, third = kuberc.POLICIES
        raise UsageError(f' --policy must be  "{first}", "{second}", or "{third}", got: {policy}')
    if policy == "Allowlist" and not entries:
        raise UsageError(f"--allowlist-entry is required {where}")
    if policy != "Allowlist" and entries:
        raise UsageError(f"--allowlist-entry may only be used {where}")


def _load(call: Invocation, path: str) -> kuberc.Preference:
    try:
        text = Path(call.env.cwd, path).read_text("utf-8")
    except FileNotFoundError:
        text = ""
    except OSError as e:
        raise UsageError(f"error reading kuberc file: open {path}: {(e.strerror or '').lower()}") from None
    return parse(text) if text else {"apiVersion": kuberc.API_VERSIONS[0], "kind": kuberc.KIND}


def _option(text: str) -> dict[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise UsageError(f'invalid option format "{text}", expected flag=value')
    return {"name": name.lstrip("-"), "default": value}


def with_defaults(call: Invocation, entries: list[Any], options: list[Any]) -> list[Any]:
    """The entries with one more, or one changed. Raises UsageError when it is there and shall not be overwritten."""
    command = call.flags.command
    for i, entry in enumerate(entries):
        if entry.get("command") == command:
            if not call.flags.overwrite:
                raise UsageError(f'defaults for command "{command}" already exist, use --overwrite to replace')
            return [*entries[:i], _entry(command=command, options=options or entry.get("options")), *entries[i + 1 :]]
    return [*entries, _entry(command=command, options=options)]


def with_alias(call: Invocation, entries: list[Any], options: list[Any]) -> list[Any]:
    """As `with_defaults`; what is not given stays as it was."""
    flags, name = call.flags, call.flags.name
    for i, entry in enumerate(entries):
        if entry.get("name") == name:
            if not flags.overwrite:
                raise UsageError(f'alias "{name}" already exists, use --overwrite to replace')
            changed = _entry(
                name=name,
                command=flags.command,
                prependArgs=flags.prependarg or entry.get("prependArgs"),
                appendArgs=flags.appendarg or entry.get("appendArgs"),
                options=options or entry.get("options"),
            )
            return [*entries[:i], changed, *entries[i + 1 :]]
    made = _entry(
        name=name, command=flags.command, prependArgs=flags.prependarg, appendArgs=flags.appendarg, options=options
    )
    return [*entries, made]


def _entry(**fields: Any) -> dict[str, Any]:
    return {k: v for k, v in fields.items() if v}


def allowlist(entries: list[str]) -> list[dict[str, str]]:
    """`command=helper` → entries of the allow list. Raises UsageError."""
    found: list[dict[str, str]] = []
    problems: list[Exception] = []
    for text in (part for entry in entries for part in entry.split(",")):
        field, equals, value = text.partition("=")
        if not equals:
            problems.append(UsageError(f'improperly formatted allowlist entry: "{text}"'))
        elif field == "name":
            problems.append(UsageError('allowlist entry field "name" is deprecated, use "command" instead'))
        elif field != "command":
            problems.append(UsageError(f'unrecognized allowlist entry field: "{field}"'))
        elif not value.strip():
            problems.append(UsageError(f'empty value in allowlist entry for field "{field}"'))
        else:
            found.append({"command": value})
    if problems:
        raise problems[0] if len(problems) == 1 else Aggregate([Aggregate(problems)])
    return found


COMMAND = Command(
    name="set",
    summary="Set values in the kuberc configuration",
    use="kuberc set --section (defaults|aliases) --command COMMAND",
    description=(
        "Set something in the kuberc file.\n\n"
        "The section `defaults` has defaults for the flags of a command; the section `aliases` has names for commands "
        "with flags and arguments."
    ),
    examples=(
        ("A default for a flag", f"{PROGRAM} kuberc set --section defaults --command get --option output=wide"),
        ("For a subcommand", f'{PROGRAM} kuberc set --section defaults --command "set env" --option output=yaml'),
        (
            "`getn` for `get nodes -o wide`",
            f"{PROGRAM} kuberc set --section aliases --name getn --command get --prependarg nodes --option output=wide",
        ),
        (
            "Which credential plugins may run",
            f"{PROGRAM} kuberc set --section credentialplugin --policy Allowlist --allowlist-entry command=my-helper",
        ),
    ),
    options=(
        Option("allowlist-entry", ARRAY, help="Entry of the allow list, field=value; may be repeated."),
        Option("appendarg", ARRAY, help="Argument behind those that are typed; may be repeated, for aliases only."),
        Option("command", help="The command that it is about ('get', 'create', 'set env')."),
        KUBERC,
        Option("name", help="The alias."),
        Option("option", ARRAY, help="Flag, flag=value; may be repeated."),
        Option("overwrite", BOOL, help="Change what is there."),
        Option("policy", help="Which credential plugins may run.", complete=kuberc.POLICIES),
        Option("prependarg", ARRAY, help="Argument before those that are typed; may be repeated, for aliases only."),
        Option(
            "section",
            required=True,
            help="What to change: 'defaults', 'aliases' or 'credentialplugin'.",
            complete=(DEFAULTS, ALIASES, PLUGINS),
        ),
    ),
    run=run,
)
