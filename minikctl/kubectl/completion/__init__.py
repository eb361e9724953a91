"""Shell completion: the scripts for the shells, and the answers that they ask for (`minikctl __complete WORDS…`).

A command or a flag declares what completes it, as data (`complete=`), so that commands stay cheap to import:

* a tuple of words: these;
* `files`, `folders`, `manifests`: left to the shell (`manifests`: .json, .yaml and .yml);
* a name of `live.KINDS_OF_WORDS` (`resources`, `nodes`, `pods`, `contexts` …), with what it is about behind a colon:
  `resources:deployment,daemonset`;
* a function (invocation, word) → words.

The protocol is cobra's second version: a line a candidate, `word<TAB>description`, then `:` and a directive.
"""

from __future__ import annotations

DEFAULT, ERROR, NO_SPACE, NO_FILES, FILE_EXTENSIONS, FOLDERS, KEEP_ORDER = 0, 1, 2, 4, 8, 16, 32
"""Directives: what the shell shall do with the candidates. All but DEFAULT are bits."""
NAMES = {
    ERROR: "ShellCompDirectiveError",
    NO_SPACE: "ShellCompDirectiveNoSpace",
    NO_FILES: "ShellCompDirectiveNoFileComp",
    FILE_EXTENSIONS: "ShellCompDirectiveFilterFileExt",
    FOLDERS: "ShellCompDirectiveFilterDirs",
    KEEP_ORDER: "ShellCompDirectiveKeepOrder",
}
SHELLS = ("bash", "zsh", "fish", "powershell")

Reply = tuple[list[str], int]
"""(candidates, directive)."""


def directive_name(directive: int) -> str:
    named = [name for bit, name in NAMES.items() if directive & bit]
    return ", ".join(named) or "ShellCompDirectiveDefault"


def script(shell: str) -> str:
    """The completion script of a shell."""
    from pathlib import Path

    return (Path(__file__).parent / "scripts" / f"minikctl.{shell}").read_text("utf-8")
