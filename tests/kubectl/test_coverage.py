"""Every command and every flag of kubectl is here (`tools/record_kubectl_flags.py` asks kubectl for its own)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from minikctl.kubectl import dispatch
from minikctl.kubectl.flags import STRING, Option
from minikctl.kubectl.global_options import GLOBAL_OPTIONS
from minikctl.kubectl.help import _default, usage_line
from minikctl.util.errors import UsageError

TABLE = json.loads((Path(__file__).parent / "data" / "kubectl_flags.json").read_text("utf-8"))

LEFT_OUT: dict[str, str] = {}
"""`command --flag` → why a local cluster cannot have it. At most 15."""

OTHER_DEFAULTS = {
    "--cache-dir": "kubectl shows the path with the home of whoever asks",
    "--vmodule": "its type in Go shows nothing for nothing",
    "create clusterrole --aggregation-rule": "its type in Go shows nothing for nothing",
}
"""Flags whose default looks otherwise in kubectl's help, and why."""


def commands() -> list[Any]:
    return [pytest.param(path, entry, id=path) for path, entry in TABLE["commands"].items()]


def default_of(option: Option) -> str:
    return f"'{option.initial}'" if option.type == STRING else _default(option)


def compare(path: str, theirs: dict[str, list[str]], ours: tuple[Option, ...]) -> None:
    mine = {o.name: o for o in ours}
    wrong = []
    for name, (short, default) in theirs.items():
        shown = f"{path} --{name}".strip()
        if shown in LEFT_OUT:
            continue
        option = mine.get(name)
        if option is None:
            wrong.append(f"{shown} is missing")
        elif option.short != short:
            wrong.append(f"{shown} is -{option.short}, not -{short}")
        elif shown not in OTHER_DEFAULTS and default_of(option) != default:
            wrong.append(f"{shown} is {default_of(option)} by default, not {default}")
    assert wrong == []


@pytest.mark.parametrize(("path", "entry"), commands())
def test_commands_and_flags(path: str, entry: dict[str, Any]) -> None:
    try:
        found, rest = dispatch.route(path.split())
    except UsageError:
        found, rest = None, []
    assert found is not None and rest == [], f"there is no {path}"
    compare(path, entry["flags"], dispatch.options_of(found.command))
    assert set(entry["aliases"]) <= set(found.command.aliases)
    if entry["usage"]:
        assert usage_line(found.command, found.path) == entry["usage"]


def test_flags_of_all_commands() -> None:
    compare("", TABLE["options"], GLOBAL_OPTIONS)


def test_the_exceptions_are_few_and_real() -> None:
    assert len(LEFT_OUT) <= 15 and all(LEFT_OUT.values())
    known = {f"{p} --{f}" for p, e in TABLE["commands"].items() for f in e["flags"]}
    assert set(LEFT_OUT) <= known
    assert len(TABLE["commands"]) > 100
