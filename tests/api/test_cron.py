"""Schedules: what they mean and why they are refused."""

import pytest

from minikctl.api.cron import ScheduleError, parse


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
