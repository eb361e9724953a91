#!/usr/bin/env python3
"""Record which commands and flags real kubectl has into tests/kubectl/data/kubectl_flags.json.

    record_kubectl_flags.py /path/to/kubectl

Everything is read from its own help. `commands` maps `create secret tls` to its flags, name → [shorthand, default as the
help shows it], to its aliases and its usage line; `options` are the flags of all commands.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

DATA = Path(__file__).parent.parent / "tests" / "kubectl" / "data" / "kubectl_flags.json"
FLAG = re.compile(r"^    (?:-(?P<short>\w), )?--(?P<name>[\w-]+)=(?P<default>.*):$", re.M)
COMMAND = re.compile(r"^  ([a-z][\w-]*) +\S", re.M)


def help_of(kubectl: str, *words: str) -> str:
    return subprocess.run([kubectl, *words], capture_output=True, text=True, check=True).stdout


def section(text: str, title: str) -> str:
    found = re.search(rf"^{title}:\n(.*?)(?:\n\n\S|\Z)", text, re.M | re.S)
    return found[1] if found else ""


def flags(text: str) -> dict[str, list[str]]:
    return {m["name"]: [m["short"] or "", m["default"]] for m in FLAG.finditer(text)}


def walk(kubectl: str, words: list[str], out: dict[str, Any]) -> None:
    text = help_of(kubectl, *words, "--help")
    own = flags(text)
    aliases = [a.strip() for a in section(text, "Aliases").split(",")][1:]
    usage = section(text, "Usage").strip()
    out[" ".join(words)] = {"flags": own, "aliases": aliases, "usage": usage}
    for name in COMMAND.findall(section(text, "Available Commands")):
        walk(kubectl, [*words, name], out)


def main() -> int:
    if len(sys.argv) != 2:
        print(__doc__)
        return 1
    kubectl = sys.argv[1]
    top = help_of(kubectl, "--help")
    listed = [n for title in re.findall(r"^(.* Commands.*|Other Commands):$", top, re.M) for n in COMMAND.findall(section(top, re.escape(title)))]  # fmt: skip
    commands: dict[str, Any] = {}
    for name in sorted({*listed, "options"}):
        walk(kubectl, [name], commands)
    version = json.loads(help_of(kubectl, "version", "--client", "-o", "json"))["clientVersion"]["gitVersion"]
    data = {"version": version, "options": flags(help_of(kubectl, "options")), "commands": commands}
    lines = [f"{json.dumps(name)}: {json.dumps(command, sort_keys=True)}" for name, command in sorted(commands.items())]
    head = f'{{"version": {json.dumps(version)},\n"options": {json.dumps(data["options"], sort_keys=True)},\n"commands": {{\n'
    DATA.write_text(head + ",\n".join(lines) + "\n}}\n", "utf-8")
    print(f"{len(commands)} commands, {sum(len(c['flags']) for c in commands.values())} flags of their own")
    return 0


if __name__ == "__main__":
    sys.exit(main())
