"""How long ago, in kubectl's words, and Go's duration notation.

Source: apimachinery `util/duration` (ShortHumanDuration, HumanDuration) and Go `time.ParseDuration`.
"""

from __future__ import annotations

import re
from datetime import datetime


def human(seconds: float) -> str:
    """Two units at the most: `5s`, `2m30s`, `3h12m`, `2d4h`, `1y20d`."""
    total = int(seconds)
    if total < -1:
        return "<invalid>"
    if total < 0:
        return "0s"
    if total < 120:
        return f"{total}s"
    minutes = total // 60
    if minutes < 10:
        return _pair(minutes, "m", total % 60, "s")
    if minutes < 180:
        return f"{minutes}m"
    hours = minutes // 60
    if hours < 8:
        return _pair(hours, "h", minutes % 60, "m")
    if hours < 48:
        return f"{hours}h"
    if hours < 192:
        return _pair(hours // 24, "d", hours % 24, "h")
    days = hours // 24
    if days < 365 * 2:
        return f"{days}d"
    if days < 365 * 8:
        return _pair(days // 365, "y", days % 365, "d")
    return f"{days // 365}y"


def _pair(big: int, big_unit: str, small: int, small_unit: str) -> str:
    return f"{big}{big_unit}" if small == 0 else f"{big}{big_unit}{small}{small_unit}"


def parse_time(text: str) -> datetime:
    """An RFC 3339 time as the API writes it. Raises ValueError."""
    return datetime.fromisoformat(text)


def since(text: str | None, now: datetime) -> str:
    """The AGE column: `<unknown>` when there is no time."""
    if not text:
        return "<unknown>"
    return human((now - parse_time(text)).total_seconds())


_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]*)?|\.[0-9]+")
_UNIT = re.compile(r"[^0-9.]+")
_LONGEST = 2**63 / 1e9
"""Seconds that Go's nanoseconds can hold."""


def parse_go_duration(text: str) -> float:
    """Seconds meant by `1h15m`, `1.5s`, `0`. Raises ValueError with Go's message."""
    body = text[1:] if text[:1] in "+-" and text else text
    if body == "0":
        return 0.0
    position, total = 0, 0.0
    while position < len(body):
        number = _NUMBER.match(body, position)
        if number is None:
            break
        unit = _UNIT.match(body, number.end())
        if unit is None:
            raise ValueError(f'time: missing unit in duration "{text}"')
        if unit[0] not in _UNITS:
            raise ValueError(f'time: unknown unit "{unit[0]}" in duration "{text}"')
        position, total = unit.end(), total + float(number[0]) * _UNITS[unit[0]]
    if not body or position != len(body) or total > _LONGEST:
        raise ValueError(f'time: invalid duration "{text}"')
    return -total if text.startswith("-") else total


def format_go_duration(seconds: float) -> str:
    """Go's Duration.String for whole milliseconds: `1m30s`, `2s`, `500ms`."""
    if seconds == 0:
        return "0s"
    sign, rest = ("-" if seconds < 0 else ""), abs(seconds)
    if rest < 1:
        return f"{sign}{_trim(rest * 1000)}ms"
    hours, rest = divmod(rest, 3600)
    minutes, rest = divmod(rest, 60)
    text = f"{int(hours)}h" if hours else ""
    text += f"{int(minutes)}m" if hours or minutes else ""
    return f"{sign}{text}{_trim(rest)}s"


def _trim(value: float) -> str:
    return f"{value:.9f}".rstrip("0").rstrip(".") or "0"
