"""Output by JSONPath templates (`-o jsonpath=…`)."""

from __future__ import annotations

from typing import Any

from minikctl.api import jsonpath
from minikctl.api.jsonpath import JSONPathError
from minikctl.kubectl.printers.json_out import compact, dumps
from minikctl.util import go_format

__all__ = ["JSONPath", "JSONPathError"]


class JSONPath(jsonpath.JSONPath):
    """A template whose results can be printed."""

    def text_of(self, data: Any, *, as_json: bool = False) -> str:
        """What kubectl prints."""
        out = []
        for results in self.find(data):
            if as_json:
                out.append(dumps(results) + "\n")
            else:
                out.append(" ".join(_shown(r) for r in results))
        return "".join(out)


def _shown(value: Any) -> str:
    if isinstance(value, dict | list):
        return compact(value)
    return "null" if value is None else go_format.sprint(value)
