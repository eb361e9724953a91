"""Ports and protocols, as several kinds have them."""

from __future__ import annotations

from typing import Any

from minikctl.api.errors import FieldError, field_invalid, field_not_supported, field_required
from minikctl.api.names import port_name, port_number

PROTOCOLS = ["SCTP", "TCP", "UDP"]


def protocol(value: str | None, field: str) -> list[FieldError]:
    """TCP, UDP or SCTP."""
    if not value:
        return [field_required(field)]
    return [] if value in PROTOCOLS else [field_not_supported(field, value, PROTOCOLS)]


def port_number_or_name(value: Any, field: str) -> list[FieldError]:
    """A port given by number or by the name it has in the pod."""
    problems = port_name(value) if isinstance(value, str) else port_number(value)
    return [field_invalid(field, value, m) for m in problems]
