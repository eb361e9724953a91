"""What the fields of built-in types mean, in the API's own words: for `explain` and OpenAPI.

The texts come from the docstrings of the package `lightkube-models`, read as text (it is not imported). A type or
field that it does not describe has an empty description; without the package, all have.
"""

from __future__ import annotations

import ast
import re
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

_FIELD = re.compile(r"^\* \*\*(\w+)\*\* ``[^`]*`` ?-? ?", re.M)
_MODULES = {
    "Quantity": "resource",
    "IntOrString": "util_intstr",
}


@cache
def _source(module: str) -> str:
    try:
        path = distribution("lightkube-models").locate_file(f"lightkube/models/{module}.py")
        return Path(str(path)).read_text()
    except (PackageNotFoundError, OSError):
        return ""


@cache
def _docstrings(module: str) -> dict[str, str]:
    """Class name → docstring."""
    source = _source(module)
    if not source:
        return {}
    tree = ast.parse(source)
    return {n.name: ast.get_docstring(n) or "" for n in tree.body if isinstance(n, ast.ClassDef)}


def _unwrapped(text: str) -> str:
    """Lines of a paragraph joined; blank lines and list items stay."""
    out = ""
    for line in (raw.strip() for raw in text.strip().splitlines()):
        if not line:
            out += "\n\n"
        elif line.startswith(("- ", "* ", "+ ")) or not out or out.endswith("\n"):
            out += ("" if not out or out.endswith("\n") else "\n") + line
        else:
            out += f" {line}"
    return re.sub(r"\n{3,}", "\n\n", out)


@cache
def describe(type_name: str) -> tuple[str, dict[str, str]]:
    """(description of a type, field name → description) for `apps/v1.DeploymentSpec`."""
    package, _, name = type_name.rpartition(".")
    doc = _docstrings(_MODULES.get(name, package.replace("/", "_"))).get(name, "")
    head, _, body = doc.partition("**parameters**")
    parts = _FIELD.split(body)
    fields = {parts[i]: _unwrapped(parts[i + 1]) for i in range(1, len(parts) - 1, 2)}
    return _unwrapped(head), fields
