"""Schedules: what they mean and why they are refused."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minikctl.api.cron import ScheduleError, next_time, parse


@pytest.mark.parametrize(
    ("text", "field", "values"),
    [
        ("*/15 * * * *", "minutes", {0, 15, 30, 45}),
        ("5,10-12 * * * *", "minutes", {5, 10, 11, 12}),
        ("50/4 * * * *", "minutes", {50, 54, 58}),
        ("0 8-18/5 * * *", "hours", {8, 13, 18}),
        ("0 0 1 Jan,jul *", "months", {1, 7}),
        ("0 0 * * mon-FRI", "weekdays", {1, 2, 3, 4, 5}),
        ("@hourly", "minutes", {0}),
        ("@weekly", "weekdays", {0}),
        ("@yearly", "months", {1}),
    ],
)
def test_fields(text: str, field: str, values: set[int]) -> None:
    assert getattr(parse(text), field) == values


@pytest.mark.parametrize(
    ("text", "any_day", "any_weekday"),
    [("* * * * *", True, True), ("* * 1 * *", False, True), ("* * ? * 1", True, False), ("* * */2 * 1", False, False)],
)
def test_stars_of_days(text: str, any_day: bool, any_weekday: bool) -> None:
    schedule = parse(text)
    assert (schedule.any_day, schedule.any_weekday) == (any_day, any_weekday)


@pytest.mark.parametrize(("text", "seconds"), [("@every 90m", 5400), ("@every 1h1s", 3601), ("@every 300ms", 1)])
def test_intervals(text: str, seconds: float) -> None:
    assert parse(text).every == seconds


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("every minute", "expected exactly 5 fields, found 2: [every minute]"),
        ("* * * * * *", "expected exactly 5 fields, found 6: [* * * * * *]"),
        ("60 * * * *", "end of range (60) above maximum (59): 60"),
        ("* * 0 * *", "beginning of range (0) below minimum (1): 0"),
        ("* * * * 7", "end of range (7) above maximum (6): 7"),
        ("9-5 * * * *", "beginning of range (9) beyond end of range (5): 9-5"),
        ("*/0 * * * *", "step of range should be a positive number: */0"),
        ("1-2-3 * * * *", "too many hyphens: 1-2-3"),
        ("*/2/3 * * * *", "too many slashes: */2/3"),
        ("x * * * *", 'failed to parse int from x: strconv.Atoi: parsing "x": invalid syntax'),
        ("* * * foo *", 'failed to parse int from foo: strconv.Atoi: parsing "foo": invalid syntax'),
        ("@never", "unrecognized descriptor: @never"),
        ("@every day", 'failed to parse duration @every day: time: invalid duration "day"'),
        ("CRON_TZ=Mars/Base * * * * *", "provided bad location Mars/Base: unknown time zone Mars/Base"),
    ],
)
def test_refusals(text: str, message: str) -> None:
    with pytest.raises(ScheduleError) as e:
        parse(text)
    assert str(e.value) == message


def test_a_zone_before_the_fields() -> None:
    schedule = parse("TZ=UTC 30 6 * * *")
    assert schedule.zone == "UTC"
    assert (schedule.minutes, schedule.hours) == (frozenset({30}), frozenset({6}))


# ---------------------------------------------------------------------- times


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


@pytest.mark.parametrize(
    ("schedule", "after", "found"),
    [
        ("* * * * *", "2026-03-01T10:00:00Z", "2026-03-01T10:01:00Z"),
        ("* * * * *", "2026-03-01T10:00:59Z", "2026-03-01T10:01:00Z"),
        ("*/15 * * * *", "2026-03-01T10:46:00Z", "2026-03-01T11:00:00Z"),
        ("30 4 * * *", "2026-03-01T10:00:00Z", "2026-03-02T04:30:00Z"),
        ("0 0 29 2 *", "2026-03-01T10:00:00Z", "2028-02-29T00:00:00Z"),
        ("0 0 30 2 *", "2026-03-01T10:00:00Z", None),
        ("0 0 13 * 5", "2026-03-01T00:00:00Z", "2026-03-06T00:00:00Z"),  # either of the two
        ("0 0 */13 * 5", "2026-03-02T00:00:00Z", "2026-03-06T00:00:00Z"),
        ("0 0 * * 1-5", "2026-03-06T12:00:00Z", "2026-03-09T00:00:00Z"),
        ("@monthly", "2026-12-31T23:59:00Z", "2027-01-01T00:00:00Z"),
        ("@every 90m", "2026-03-01T10:00:00Z", "2026-03-01T11:30:00Z"),
        ("TZ=Europe/Berlin 0 9 * * *", "2026-01-15T00:00:00Z", "2026-01-15T08:00:00Z"),
        ("TZ=Europe/Berlin 0 9 * * *", "2026-07-15T00:00:00Z", "2026-07-15T07:00:00Z"),
        ("TZ=Asia/Kolkata 0 0 * * *", "2026-01-01T00:00:00Z", "2026-01-01T18:30:00Z"),
        # clocks put forward: the time does not exist that night
        ("TZ=America/New_York 30 2 * * *", "2012-03-11T00:00:00-05:00", "2012-03-12T02:30:00-04:00"),
        ("TZ=America/New_York 0 * * * *", "2012-03-11T01:00:00-05:00", "2012-03-11T03:00:00-04:00"),
        # and put back: it exists twice
        ("TZ=America/New_York 0 1 * * *", "2012-11-04T00:00:00-04:00", "2012-11-04T01:00:00-04:00"),
        ("TZ=America/New_York 0 1 * * *", "2012-11-04T01:00:00-04:00", "2012-11-04T01:00:00-05:00"),
        ("TZ=America/New_York 0 1 * * *", "2012-11-04T01:00:00-05:00", "2012-11-05T01:00:00-05:00"),
    ],
)
def test_the_next_time(schedule: str, after: str, found: str | None) -> None:
    assert next_time(parse(schedule), at(after)) == (at(found) if found else None)


FIELDS = (st.integers(0, 59), st.integers(0, 23), st.integers(1, 31), st.integers(1, 12), st.integers(0, 6))


@settings(max_examples=150, deadline=None)
@given(
    st.tuples(
        *(
            st.one_of(st.just("*"), numbers.map(str), st.tuples(numbers, numbers).map(lambda t: f"{min(t)}-{max(t)}"))
            for numbers in FIELDS
        )
    ),
    st.integers(0, 2_000_000_000),
)
def test_times_are_those_of_another_library(fields: tuple[str, ...], since: int) -> None:
    from cronsim import CronSim

    start = datetime.fromtimestamp(since, UTC)
    text = " ".join(fields)
    theirs = next(CronSim(text, start), None)
    ours = next_time(parse(text), start)
    if theirs is None or theirs < start + timedelta(days=5 * 365):
        assert ours == theirs
