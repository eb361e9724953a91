"""kuberc: a person's own defaults for flags, and words of their own for commands.

The file is --kuberc's, else $KUBERC's, else ~/.kube/kuberc; `KUBERC=off` turns it off. Defaults never win over a flag
that was typed; aliases never over a command. Source: kubectl `pkg/kuberc`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minikctl.kubectl import dispatch
from minikctl.kubectl.flags import Option
from minikctl.util.errors import UsageError

if TYPE_CHECKING:
    from minikctl.kubectl.command import Environment

API_VERSIONS = ("kubectl.config.k8s.io/v1beta1", "kubectl.config.k8s.io/v1alpha1")
POLICIES = ("AllowAll", "DenyAll", "Allowlist")
KIND = "Preference"
Preference = dict[str, Any]
DEFAULT: Preference = {
    "apiVersion": API_VERSIONS[0],
    "kind": KIND,
    "defaults": [
        {"command": "apply", "options": [{"name": "server-side", "default": "true"}]},
        {"command": "delete", "options": [{"name": "interactive", "default": "true"}]},
    ],
}
"""What `kuberc view` offers to write where there is no file."""


def path_of(given: str, environ: Mapping[str, str]) -> tuple[str, bool]:
    """(the file, whether somebody asked for it); "" when kuberc is off. Raises UsageError."""
    variable = environ.get("KUBERC") or ""
    if variable == "off":
        if given:
            raise UsageError("disabling kuberc via KUBERC=off and passing kuberc flag are mutually exclusive")
        return "", False
    if given or variable:
        return given or variable, True
    home = environ.get("HOME") or ""
    return (f"{home}/.kube/kuberc", False) if home else ("", False)


def apply(argv: Sequence[str], env: Environment) -> list[str]:
    """The command line with the aliases and defaults of the file in force. Raises UsageError."""
    try:
        return _applied(argv, env)
    except UsageError as e:
        raise UsageError(f"error occurred while applying preferences {e.message}", prefix="") from None


def _applied(argv: Sequence[str], env: Environment) -> list[str]:
    given = _given(argv)
    try:
        path, asked = path_of(given, env.environ)
    except UsageError as e:
        raise UsageError(f"kuberc error {e.message}") from None
    if not path or not argv or (not asked and not Path(path).exists()):
        return list(argv)
    if any(word.startswith("__complete") for word in argv):
        return list(argv)
    preference = _load(env, path, asked)
    if preference is None:
        return list(argv)
    validate(preference)
    words, is_alias = _alias(env, preference, list(argv))
    return words if is_alias else _defaults(env, preference, words)


def _given(argv: Sequence[str]) -> str:
    for i, word in enumerate(argv):
        if word == "--":
            break
        value = argv[i + 1] if word == "--kuberc" and i + 1 < len(argv) else word.partition("=")[2]
        if word == "--kuberc" or word.startswith("--kuberc="):
            if not value:
                raise UsageError("kuberc file is not found")
            return value
    return ""


def _load(env: Environment, path: str, asked: bool) -> Preference | None:
    try:
        return read(env.cwd / path, path)
    except (OSError, UsageError) as e:
        text = f"open {path}: {(e.strerror or '').lower()}" if isinstance(e, OSError) else e.message
        if asked:
            raise UsageError(f"kuberc error kuberc: {text}") from None
        env.stderr.write(f"kuberc: no preferences loaded from {path}: {text}")
        return None


def read(path: Path, shown: str) -> Preference | None:
    """The first usable document of a file; None when it is empty. Raises OSError, UsageError."""
    from minikctl.kubectl import yaml_in

    tried = 0
    for text in re.split(r"^---.*\n", path.read_text("utf-8"), flags=re.M):
        if not text.strip():
            continue
        tried += 1
        try:
            found = yaml_in.loads(text)
        except yaml_in.YAMLError:
            continue
        if isinstance(found, dict) and found.get("kind") == KIND and found.get("apiVersion") in API_VERSIONS:
            return _current(found)
    if tried:
        raise UsageError(f"no valid preferences found in {shown}, use --v=5 to see details")
    return None


def _current(found: Preference) -> Preference:
    """An older version's `flags` and `overrides` under their present names."""
    out = dict(found)
    for old, new in (("overrides", "defaults"),):
        if old in out:
            out[new] = out.pop(old)
    for section in ("defaults", "aliases"):
        entries = [{("options" if k == "flags" else k): v for k, v in e.items()} for e in out.get(section) or []]
        if entries:
            out[section] = entries
    return out


def validate(preference: Preference) -> None:
    """Raises UsageError."""
    names: set[str] = set()
    for alias in preference.get("aliases") or []:
        name = str(alias.get("name") or "")
        if not re.fullmatch("[a-zA-Z]+", name):
            raise UsageError("invalid alias name, can only include alphabetical characters")
        _check_options(alias)
        if name in names:
            raise UsageError(f"duplicate alias name {name}")
        names.add(name)
    for entry in preference.get("defaults") or []:
        _check_options(entry)


def _check_options(entry: Mapping[str, Any]) -> None:
    for option in entry.get("options") or []:
        if str(option.get("name") or "").startswith("-"):
            raise UsageError(f"flag name {option['name']} should be in long form without dashes")


def _alias(env: Environment, preference: Preference, argv: list[str]) -> tuple[list[str], bool]:
    """The words behind an alias, and whether there was one."""
    index = next((i for i, word in enumerate(argv) if not word.startswith("-")), None)
    if index is None:
        return argv, False
    try:
        index = len(argv) - len(dispatch.scan(dispatch.GLOBAL_OPTIONS, argv, stop_at_word=True)[1])
    except UsageError:
        return argv, False
    word = argv[index] if index < len(argv) else ""
    if not word or dispatch.find(word) is not None:
        return argv, False
    for alias in preference.get("aliases") or []:
        if alias.get("name") != word:
            continue
        command = str(alias.get("command") or "").split()
        found = _command(command)
        if found is None:
            raise UsageError(f'command "{" ".join(command)}" not found to set alias "{word}": {command}')
        rest = argv[index + 1 :]
        flags = _missing(found, alias, rest, f"invalid alias flag {{}} in alias {word}")
        before = [*argv[:index], *command, *flags, *(alias.get("prependArgs") or [])]
        return [*before, *rest, *(alias.get("appendArgs") or [])], True
    return argv, False


def _command(words: Sequence[str]) -> dispatch.Found | None:
    try:
        found, rest = dispatch.route(words)
    except UsageError:
        return None
    return None if rest else found


def _defaults(env: Environment, preference: Preference, argv: list[str]) -> list[str]:
    try:
        found, _ = dispatch.route(argv)
    except UsageError:
        return argv
    if found is None:
        return argv
    flags: list[str] = []
    for entry in preference.get("defaults") or []:
        command = str(entry.get("command") or "")
        meant = _command(command.split())
        if meant is None:
            env.stderr.write(f'Warning: command "{command}" not found to set kuberc override\n')
        elif meant.path == found.path:
            flags += _missing(found, entry, argv, f"invalid flag {{}} for command {command}")
    return [*argv[: _length(argv, found)], *flags, *argv[_length(argv, found) :]] if flags else argv


def _length(argv: Sequence[str], found: dispatch.Found) -> int:
    """How many words the command itself takes: up to the last word of its path."""
    wanted, at = len(found.path.split()) - 1, 0
    for i, word in enumerate(argv):
        at += not word.startswith("-") and (at > 0 or dispatch.find(word) is not None)
        if at == wanted:
            return i + 1
    return len(argv)


def _missing(found: dispatch.Found, entry: Mapping[str, Any], argv: Sequence[str], unknown: str) -> list[str]:
    """`--name=value` of the options that were not typed. Raises UsageError for flags that the command has not."""
    known = {o.name: o for o in dispatch.options_of(found.command)}
    out = []
    for option in entry.get("options") or []:
        name = str(option.get("name") or "")
        if name not in known:
            raise UsageError(unknown.format(name))
        if not _typed(known[name], known.values(), argv):
            out.append(f"--{name}={option.get('default', '')}")
    return out


def _typed(option: Option, known: Any, argv: Sequence[str]) -> bool:
    """Whether the flag stands in the words: `--name`, `--name=…`, `-n…`, or among letters that are all flags."""
    letters = {o.short for o in known if o.short}
    for word in argv:
        if word == f"--{option.name}" or word.startswith(f"--{option.name}="):
            return True
        if not option.short or not word.startswith("-") or word.startswith("--"):
            continue
        if word[1:2] == option.short or (set(word[1:]) <= letters and option.short in word[1:]):
            return True
    return False


# ---------------------------------------------------------------------- changing the file


def save(preference: Preference, path: str, cwd: Path) -> None:
    """Raises UsageError."""
    from minikctl.kubectl.printers import yaml_out

    target = cwd / path
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise UsageError(f"failed to create directory {target.parent}: {(e.strerror or '').lower()}") from None
    try:
        always = {section: preference.get(section) for section in ("defaults", "aliases")}
        target.write_text(yaml_out.dumps({**preference, **always}), "utf-8")
    except OSError as e:
        raise UsageError(f"failed to write kuberc file: open {path}: {(e.strerror or '').lower()}") from None
