"""CronJob schedules: `*/5 * * * *`, `@hourly`, `@every 90m`.

The notation and the words of refusal are those of robfig/cron's standard parser, which Kubernetes uses, and so is the
treatment of clocks that are put forward or back: a time that does not exist is left out, one that exists twice counts
twice. No library here: those on PyPI read other dialects (7 for Sunday, `L`, `#`, six fields), refuse in other words and
move times that do not exist; what they agree about is tested against one of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo

from minikctl.api.durations import parse_go_duration

_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
_NAMES: tuple[dict[str, int], ...] = (
    {},
    {},
    {},
    {m: i + 1 for i, m in enumerate(_MONTHS)},
    {d: i for i, d in enumerate(_DAYS)},
)
_BOUNDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6))
_DESCRIPTORS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_EVERY = "@every "
_YEARS_AHEAD = 5


class ScheduleError(ValueError):
    """The text is no schedule; the message says why."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """When to run: in every minute that is in all sets, or every so many seconds.

    Days of the month and of the week both count when both are restricted: a day in either of them will do.
    """

    minutes: frozenset[int] = frozenset()
    hours: frozenset[int] = frozenset()
    days: frozenset[int] = frozenset()
    months: frozenset[int] = frozenset()
    weekdays: frozenset[int] = frozenset()
    any_day: bool = False
    any_weekday: bool = False
    every: float = 0.0
    zone: str = ""


def parse(text: str) -> Schedule:
    """Read a schedule. Raises ScheduleError."""
    zone = ""
    if text.startswith(("TZ=", "CRON_TZ=")):
        head, _, text = text.partition(" ")
        zone, text = head.partition("=")[2], text.strip()
        if not known_zone(zone):
            raise ScheduleError(f"provided bad location {zone}: unknown time zone {zone}")
    if text.startswith(_EVERY):
        return Schedule(every=_interval(text[len(_EVERY) :]), zone=zone)
    if text.startswith("@"):
        if text not in _DESCRIPTORS:
            raise ScheduleError(f"unrecognized descriptor: {text}")
        text = _DESCRIPTORS[text]
    fields = text.split()
    if len(fields) != len(_BOUNDS):
        raise ScheduleError(f"expected exactly {len(_BOUNDS)} fields, found {len(fields)}: [{' '.join(fields)}]")
    minutes, hours, days, months, weekdays = (_field(f, i) for i, f in enumerate(fields))
    return Schedule(
        minutes[0], hours[0], days[0], months[0], weekdays[0], any_day=days[1], any_weekday=weekdays[1], zone=zone
    )


def known_zone(name: str) -> bool:
    """Whether this machine's time zone data has the zone."""
    from zoneinfo import ZoneInfo

    try:
        return name == "UTC" or bool(ZoneInfo(name))
    except (OSError, ValueError, KeyError):
        return False


def zone_of(name: str) -> tzinfo:
    """The zone of that name, UTC for "". Raises KeyError or ValueError for what this machine does not know."""
    from zoneinfo import ZoneInfo

    return ZoneInfo(name) if name and name != "UTC" else UTC


def next_time(schedule: Schedule, after: datetime) -> datetime | None:
    """The first time of the schedule after a moment, in UTC; None when there is none within five years."""
    if schedule.every:
        return after.astimezone(UTC).replace(microsecond=0) + timedelta(seconds=schedule.every)
    zone = zone_of(schedule.zone)
    begin = after.astimezone(zone).replace(tzinfo=None) - timedelta(hours=2)  # clocks may have been put back
    for day in _days(schedule, begin.date()):
        least = begin.hour if day == begin.date() else 0
        for hour in sorted(h for h in schedule.hours if h >= least):
            for moment in _moments(day, hour, sorted(schedule.minutes), zone):
                if moment > after:
                    return moment
    return None


def _days(schedule: Schedule, first: date) -> Iterator[date]:
    """The days of the schedule, from the first on."""
    for i in range(366 * _YEARS_AHEAD):
        day = first + timedelta(days=i)
        if day.month in schedule.months and _is_on(schedule, day):
            yield day


def _is_on(schedule: Schedule, day: date) -> bool:
    of_month, of_week = day.day in schedule.days, day.isoweekday() % 7 in schedule.weekdays
    if schedule.any_day or schedule.any_weekday:
        return of_month and of_week
    return of_month or of_week


def _moments(day: date, hour: int, minutes: list[int], zone: tzinfo) -> Iterator[datetime]:
    """The moments, in UTC, at which clocks there show these minutes of an hour: none, one or two each."""
    for fold in (0, 1):
        for minute in minutes:
            shown = datetime(day.year, day.month, day.day, hour, minute, fold=fold, tzinfo=zone)
            moment = shown.astimezone(UTC)
            back = moment.astimezone(zone)
            exists = (back.date(), back.hour, back.minute) == (day, hour, minute)
            if exists and (fold == 0 or back.fold == 1):
                yield moment


def _interval(text: str) -> float:
    try:
        return max(float(int(parse_go_duration(text))), 1.0)
    except ValueError as e:
        raise ScheduleError(f"failed to parse duration {_EVERY}{text}: {e}") from None


def _field(text: str, which: int) -> tuple[frozenset[int], bool]:
    """The numbers that a field allows, and whether it is a star."""
    found: set[int] = set()
    star = False
    for part in text.split(","):
        if part:
            numbers, is_star = _range(part, which)
            found.update(numbers)
            star = star or is_star
    return frozenset(found), star


def _range(text: str, which: int) -> tuple[range, bool]:
    """`*`, `5`, `1-5`, `*/2`, `10-20/5`; `N/step` runs from N to the end."""
    low, high = _BOUNDS[which]
    span, *steps = text.split("/")
    ends = span.split("-")
    star = ends[0] in ("*", "?")
    if star:
        start, end = low, high
    else:
        start = _number(ends[0], which)
        if len(ends) > 2:
            raise ScheduleError(f"too many hyphens: {text}")
        end = _number(ends[1], which) if len(ends) == 2 else start
    step = 1
    if steps:
        if len(steps) > 1:
            raise ScheduleError(f"too many slashes: {text}")
        step = _number(steps[0], None)
        if len(ends) == 1:
            end = high
    if start < low:
        raise ScheduleError(f"beginning of range ({start}) below minimum ({low}): {text}")
    if end > high:
        raise ScheduleError(f"end of range ({end}) above maximum ({high}): {text}")
    if start > end:
        raise ScheduleError(f"beginning of range ({start}) beyond end of range ({end}): {text}")
    if step == 0:
        raise ScheduleError(f"step of range should be a positive number: {text}")
    return range(start, end + 1, step), star and step == 1


def _number(text: str, which: int | None) -> int:
    named = _NAMES[which].get(text.lower()) if which is not None else None
    if named is not None:
        return named
    digits = text[1:] if text[:1] in ("+", "-") else text
    if not (digits.isascii() and digits.isdigit()):
        raise ScheduleError(f'failed to parse int from {text}: strconv.Atoi: parsing "{text}": invalid syntax')
    if int(text) < 0:
        raise ScheduleError(f"negative number ({int(text)}) not allowed: {text}")
    return int(text)
