"""format.NAME().validate(text): the optional list of what is wrong. Source: apiserver `pkg/cel/library/format.go`.

The runtime makes optional values but takes none, so the answer is a map that `hasValue` and `value` know; it
keeps `orValue` to its own kind.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minikctl.api import names
from minikctl.api.cel.functions import TYPE, Function, value

Check = Callable[[str], list[str]]
OPTIONAL = "optional"


def _prefix(check: Check) -> Check:
    """For the beginning of a name that will be generated: a dash at the end is fine."""
    return lambda text: check(text[:-1] + "a" if text.endswith("-") else text)


def _one(name: str, words: str) -> Check:
    """A format of OpenAPI, with one way to be wrong."""

    def check(text: str) -> list[str]:
        from minikctl.api.crd import formats

        return [] if formats.fits(name, text) else [words]

    return check


FORMATS: dict[str, Check] = {
    "dns1123Label": names.dns_label,
    "dns1123Subdomain": names.dns_subdomain,
    "dns1035Label": names.dns_1035_label,
    "qualifiedName": names.qualified_name,
    "dns1123LabelPrefix": _prefix(names.dns_label),
    "dns1123SubdomainPrefix": _prefix(names.dns_subdomain),
    "dns1035LabelPrefix": _prefix(names.dns_1035_label),
    "labelValue": names.label_value,
    "uri": _one("uri", "invalid URI for request"),
    "uuid": _one("uuid", "does not match the UUID format"),
    "byte": _one("byte", "invalid base64"),
    "date": _one("date", "invalid date"),
    "datetime": _one("datetime", "invalid datetime"),
}


def _optional(found: Any) -> dict[str, Any]:
    return {TYPE: OPTIONAL} if found in (None, []) else {TYPE: OPTIONAL, "value": found}


def _validate(form: dict[str, Any], text: str) -> dict[str, Any]:
    return _optional(FORMATS[form["name"]](text))


def _named(name: str) -> dict[str, Any]:
    return _optional(value("format", name=name) if name in FORMATS else None)


def _value(optional: dict[str, Any]) -> Any:
    if "value" not in optional:
        raise ValueError("optional.none() dereference")
    return optional["value"]


def _constant(name: str) -> Callable[[], dict[str, Any]]:
    return lambda: value("format", name=name)


FUNCTIONS = (
    *(Function(f"format.{n}", f"format.{n}", (), "format", _constant(n), member=False) for n in FORMATS),
    Function("format.named", "format-named", ("string",), "dyn", _named, member=False),
    Function("validate", "format-validate", ("format", "string"), "dyn", _validate),
)
RUNTIME = (
    Function("hasValue", "optional_map_has_value", ("map",), "bool", lambda o: "value" in o),
    Function("value", "optional_map_value", ("map",), "dyn", _value),
)
"""More overloads of standard functions, which the checker need not know."""
