"""jsonpatch.escapeKey: a key as a step of a JSON Pointer. Source: apiserver `pkg/cel/library/jsonpatch.go`."""

from __future__ import annotations

from minikctl.api.cel.functions import Function


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")


FUNCTIONS = (
    Function("jsonpatch.escapeKey", "string_jsonpatch_escapeKey_string", ("string",), "string", _escaped, member=False),
)
