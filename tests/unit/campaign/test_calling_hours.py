"""Calling hours by the clock on the callee's wall, whatever that clock does."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robot.campaign.calling_hours import CallingHours, Span, end_of_day, first_common_opening

PARIS, NEW_YORK, LORD_HOWE = (ZoneInfo(name) for name in ("Europe/Paris", "America/New_York", "Australia/Lord_Howe"))
MINUTE = timedelta(minutes=1)
# Of 2026, all within a week of a clock change: Lord Howe's is half an hour, Cairo's is at midnight.
NEAR_CHANGES = {
    PARIS: (date(2026, 3, 29), date(2026, 10, 25)),
    NEW_YORK: (date(2026, 3, 8), date(2026, 11, 1)),
    LORD_HOWE: (date(2026, 4, 5), date(2026, 10, 4)),
    ZoneInfo("Africa/Cairo"): (date(2026, 4, 24), date(2026, 10, 30)),
    ZoneInfo("Asia/Kolkata"): (date(2026, 6, 1), date(2026, 12, 1)),
}


@st.composite
def spans(draw: st.DrawFn) -> Span:
    begin, end = sorted(draw(st.lists(st.integers(0, 96), min_size=2, max_size=2, unique=True)))
    return Span(begin * 15, end * 15)


@st.composite
def moments_near_changes(draw: st.DrawFn) -> tuple[ZoneInfo, datetime]:
    zone = draw(st.sampled_from(sorted(NEAR_CHANGES, key=str)))
    day = draw(st.sampled_from(NEAR_CHANGES[zone]))
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    return zone, noon + timedelta(seconds=draw(st.integers(-2 * 86_400, 2 * 86_400)))


hours_of_any_week = st.builds(
    CallingHours, st.tuples(*[st.lists(spans(), max_size=2).map(tuple)] * 7), st.just(frozenset[date]())
)


@pytest.mark.parametrize(
    ("local", "is_open"),
    [
        ((2026, 11, 20, 9, 0), True), ((2026, 11, 20, 8, 59), False), ((2026, 11, 20, 19, 59), True),
        ((2026, 11, 20, 20, 0), False), ((2026, 11, 21, 12, 0), False), ((2026, 12, 25, 12, 0), False),
    ],
)  # fmt: skip
def test_hours_days_and_holidays(local: tuple[int, int, int, int, int], is_open: bool) -> None:
    hours = CallingHours.daily("09:00-20:00", holidays=frozenset({date(2026, 12, 25)}))
    assert hours.open_at(datetime(*local, tzinfo=PARIS), PARIS) is is_open


def test_a_day_can_end_at_midnight_and_have_two_spans() -> None:
    hours = CallingHours((*[(Span.parse("10:00-13:00"), Span.parse("14:00-24:00"))] * 6, ()))
    assert hours.next_open(datetime(2026, 11, 20, 13, 30, tzinfo=PARIS), PARIS) == datetime(
        2026, 11, 20, 14, tzinfo=PARIS
    )
    assert hours.open_at(datetime(2026, 11, 20, 23, 59, 59, tzinfo=PARIS), PARIS)
    after_saturday = hours.next_open(datetime(2026, 11, 22, 0, 0, tzinfo=PARIS), PARIS)
    assert after_saturday == datetime(2026, 11, 23, 10, tzinfo=PARIS)


@pytest.mark.parametrize("text", ["", "9-20", "20:00-09:00", "09:00-09:00", "09:00-25:00", "09:60-10:00", "9:5-10:00"])
def test_what_is_no_hours_is_told(text: str) -> None:
    with pytest.raises(ValueError, match="should be hours of one day"):
        Span.parse(text)


def test_hours_that_the_clock_leaves_out_begin_when_it_is_put_forward() -> None:
    night = CallingHours.daily("02:15-04:00", range(7))
    before = datetime(2026, 3, 29, 0, 0, tzinfo=PARIS)
    assert night.next_open(before, PARIS) == datetime(2026, 3, 29, 1, 0, tzinfo=UTC)


def test_hours_that_the_clock_shows_twice_are_there_twice() -> None:
    night = CallingHours.daily("02:15-02:45", range(7))
    first_is_over = datetime(2026, 10, 25, 0, 50, tzinfo=UTC)
    assert night.next_open(first_is_over, PARIS) == datetime(2026, 10, 25, 1, 15, tzinfo=UTC)


def test_a_week_without_hours_never_opens() -> None:
    assert CallingHours(((),) * 7).next_open(datetime(2026, 1, 1, tzinfo=UTC), PARIS) is None


@settings(max_examples=150, deadline=None)
@given(hours_of_any_week, moments_near_changes())
def test_the_next_opening_is_the_first_minute_that_the_wall_clock_allows(
    hours: CallingHours, moment: tuple[ZoneInfo, datetime]
) -> None:
    zone, after = moment
    found = hours.next_open(after, zone)
    at = after
    while not hours.open_at(at, zone) and at < after + timedelta(days=8):
        at = at.replace(second=0, microsecond=0) + MINUTE
    assert found == (at if hours.open_at(at, zone) else None)


@settings(max_examples=60, deadline=None)
@given(hours_of_any_week, hours_of_any_week, moments_near_changes())
def test_a_common_opening_is_the_first_at_which_all_are_open(
    one: CallingHours, other: CallingHours, moment: tuple[ZoneInfo, datetime]
) -> None:
    zone, after = moment
    places = [(one, zone), (other, NEW_YORK)]
    found = first_common_opening(after, places)
    at = after
    while not all(hours.open_at(at, each) for hours, each in places) and at < after + timedelta(days=3):
        at = at.replace(second=0, microsecond=0) + MINUTE
    if all(hours.open_at(at, each) for hours, each in places):
        assert found == at
    else:
        assert found is None or found > at


@given(moments_near_changes())
def test_a_day_ends_at_the_callee_s_midnight(moment: tuple[ZoneInfo, datetime]) -> None:
    zone, at = moment
    end = end_of_day(at, zone)
    assert end > at
    assert end.astimezone(zone).date() == at.astimezone(zone).date() + timedelta(days=1)
    assert (end - MINUTE).astimezone(zone).date() == at.astimezone(zone).date()
