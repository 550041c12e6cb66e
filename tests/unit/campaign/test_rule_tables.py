"""What campaign.toml may say of whom to call, and when."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from robot.campaign.calling_hours import CallingHours, Span
from robot.campaign.rule_tables import (
    LAWS,
    AttemptsTable,
    Delays,
    HoursTable,
    RegionHoursTable,
    rule_book,
    rule_mistakes,
)
from robot.campaign.rules import DEFAULT_RETRIES, Candidate, Never, NotNow, RuleBook, Window
from robot.store.campaign_records import PastAttempt

PARIS = ZoneInfo("Europe/Paris")
LONDON = ZoneInfo("Europe/London")
IN_FRANCE, IN_BRITAIN = Candidate("+33140000001"), Candidate("+442079460001")
SATURDAY = datetime(2026, 11, 21, 12, tzinfo=LONDON)
MONDAY = datetime(2026, 11, 23, 9, tzinfo=LONDON)


def book(**tables: Any) -> RuleBook:
    retries = TypeAdapter(dict[str, Delays]).validate_python(tables.get("retries", {}))
    hours, attempts = tables.get("hours", {}), tables.get("attempts", {})
    return rule_book("spring", HoursTable.model_validate(hours), AttemptsTable.model_validate(attempts), retries)


def mistakes(hours: dict[str, Any], retries: dict[str, Any]) -> list[str]:
    delays = TypeAdapter(dict[str, Delays]).validate_python(retries)
    return [message for _, message in rule_mistakes(HoursTable.model_validate(hours), delays, {"appointment"})]


def opening(rules: RuleBook, whom: Candidate, now: datetime) -> datetime:
    """From when on somebody who was never called may be called."""
    verdict = rules.decide(whom, [], now)
    assert not isinstance(verdict, Never)
    return verdict.until if isinstance(verdict, NotNow) else now


def test_who_writes_nothing_calls_on_weekdays_from_nine_to_eight() -> None:
    assert opening(book(), IN_BRITAIN, SATURDAY) == MONDAY
    assert opening(book(), IN_BRITAIN, MONDAY.replace(hour=19, minute=59)) == MONDAY.replace(hour=19, minute=59)
    assert opening(book(), IN_BRITAIN, MONDAY.replace(hour=20)) == MONDAY + timedelta(days=1)


def test_the_french_have_their_lunch_in_peace_unless_the_campaign_says_otherwise() -> None:
    noon = MONDAY.replace(hour=13, tzinfo=PARIS)
    assert opening(book(), IN_FRANCE, noon) == noon.replace(hour=14)
    assert opening(book(), IN_BRITAIN, noon) == noon
    early = book(hours={"daily": "08:00-18:00", "days": ["mon", "sat"]})
    assert early.regional["FR"] == CallingHours(((Span(600, 780), Span(840, 1080)), (), (), (), (), (), ())), (
        "what the campaign wants, as far as the law allows it"
    )
    own = book(hours={"regions": {"FR": {"daily": "12:00-14:00"}}})
    assert opening(own, IN_FRANCE, noon) == noon
    holidays = book(hours={"regions": {"FR": {"holidays": ["2026-11-23"]}}})
    assert opening(holidays, IN_FRANCE, noon) == noon.replace(hour=10) + timedelta(days=1), "the law counts on"


def test_days_and_hours() -> None:
    week = HoursTable.model_validate(
        {"daily": ["09:00-12:00", "14:00-24:00"], "days": ["mon", "wed"], "sat": "10:00-16:00", "wed": []}
    ).hours()
    assert week.days == ((Span(540, 720), Span(840, 1440)), (), (), (), (), (Span(600, 960),), ())


def test_a_region_says_what_is_different_there() -> None:
    rules = book(
        hours={
            "daily": "10:00-18:00",
            "sat": "10:00-12:00",
            "holidays": [date(2026, 12, 25)],
            "regions": {"GB": {"days": ["mon"], "holidays": [date(2026, 12, 28)]}, "US-CA": {"daily": "11:00-17:00"}},
        }
    )
    britain = rules.regional["GB"]
    assert [bool(day) for day in britain.days] == [True, False, False, False, False, True, False]
    assert britain.holidays == {date(2026, 12, 25), date(2026, 12, 28)}
    assert rules.regional["US-CA"].days[4] == (Span(660, 1020),)


@given(st.integers(0, 366 * 1440))
def test_the_law_is_never_passed_over(minute: int) -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minute)
    wide = HoursTable.model_validate({"daily": "00:00-24:00", "days": ["mon", "sun", "sat"]})
    if wide.regional()["FR"].open_at(at, PARIS):
        assert wide.hours().open_at(at, PARIS)
        assert LAWS["FR"].open_at(at, PARIS)


def test_attempts_and_retries() -> None:
    rules = book(
        attempts={"per_contact": 3, "per_day": 1, "gap_minutes": 90, "per_number": [{"count": 7, "days": 7}]},
        retries={"busy": ["10m", "2h", "1d"], "no_answer": [], "appointment": ["30d"]},
    )
    assert (rules.per_contact, rules.per_day, rules.gap) == (3, 1, timedelta(minutes=90))
    assert rules.per_number == (Window(7, timedelta(days=7)),)
    assert rules.retries["busy"].delays == (timedelta(minutes=10), timedelta(hours=2), timedelta(days=1))
    assert rules.retries["voicemail"] == DEFAULT_RETRIES["voicemail"]
    tried = PastAttempt("spring", MONDAY, MONDAY, "no_answer", None)
    assert rules.decide(IN_BRITAIN, [tried], MONDAY + timedelta(days=9)) == Never("is done: no_answer")
    assert book().per_number == (Window(4, timedelta(days=30)),)


@pytest.mark.parametrize(
    ("table", "written", "told"),
    [
        (HoursTable, {"daily": "9-20"}, "should be hours of one day, like 09:00-20:00"),
        (HoursTable, {"daily": "20:00-09:00"}, "the earlier first"),
        (HoursTable, {"daily": [900]}, "should be hours of one day"),
        (HoursTable, {"days": ["monday"]}, "'mon', 'tue'"),
        (HoursTable, {"holidays": ["25.12.2026"]}, "date"),
        (HoursTable, {"regions": {"FR": {"regions": {}}}}, "Extra inputs"),
        (RegionHoursTable, {"hours": "09:00-20:00"}, "Extra inputs"),
        (AttemptsTable, {"per_contact": 0}, "greater than or equal to 1"),
        (AttemptsTable, {"per_number": [{"count": 4}]}, "Field required"),
    ],
)
def test_what_makes_no_sense_is_refused(table: type[HoursTable], written: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        table.model_validate(written)


@pytest.mark.parametrize("delay", ["10", "10 m", "0m", "91d", "1w", "-1h", 10, "١٠m"])
def test_a_delay_is_minutes_hours_or_days(delay: object) -> None:
    with pytest.raises(ValidationError, match='like "10m", "2h" or "1d", up to 90 days'):
        TypeAdapter(Delays).validate_python([delay])


def test_names_that_there_are_not() -> None:
    assert mistakes({"regions": {"US-CA": {}, "GB": {}}}, {"busy": ["1h"], "appointment": [], "unknown": []}) == []
    [country, state] = mistakes({"regions": {"UK": {}, "US-XX": {}}}, {})
    assert country == "'UK' is no region: write a country, like FR, or a state of the USA, like US-CA"
    assert state.startswith("'US-XX' is no region")
    [outcome] = mistakes({}, {"no_anser": ["1h"]})
    assert outcome == "'no_anser' is an outcome of neither the robot nor a step; did you mean 'no_answer'?"
    assert [message[-9:] for message in mistakes({}, {"do_not_call": ["1d"], "unknown": ["1d"]})] == ["remove it"] * 2
    [never] = mistakes({"days": []}, {})
    assert never.startswith("leaves no hour")
