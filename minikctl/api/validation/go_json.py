"""What Go's JSON decoder says about text that is no JSON object."""

from __future__ import annotations

from minikctl.util.jsonio import JSONError, loads

_KINDS = {str: "string", bool: "bool", int: "number", float: "number", list: "array"}


def parse_error(text: bytes) -> str:
    """The decoder's complaint when `text` is to be an object, `""` when it is one (or null)."""
    try:
        value = loads(text)
    except JSONError as e:
        rest = text.decode("utf-8", "replace")
        if not rest.strip() or e.pos >= len(rest):
            return "unexpected end of JSON input"
        return f"invalid character '{rest[e.pos]}' looking for beginning of value"
    if value is None or isinstance(value, dict):
        return ""
    return f"json: cannot unmarshal {_KINDS[type(value)]} into Go value of type map[string]interface {{}}"
