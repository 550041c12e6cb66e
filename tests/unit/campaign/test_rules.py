"""Who may be called now: with a clock of the test's own, across changes of the callee's clock."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robot.campaign.calling_hours import CallingHours
from robot.campaign.rules import Allowed, Candidate, Never, NotNow, Retry, RuleBook, Verdict, Window
from robot.store.campaign_records import PastAttempt

PARIS = ZoneInfo("Europe/Paris")
CALLEE = Candidate("+33140000001")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ALWAYS = CallingHours.daily("00:00-24:00", range(7))
BOOK = RuleBook("spring", CallingHours.daily("09:00-20:00"), per_day=2, gap=timedelta(minutes=10))
MONDAY = datetime(2026, 11, 23, 10, tzinfo=PARIS)


def tried(
    at: datetime,
    outcome: str | None = "busy",
    campaign: str = "spring",
    *,
    callback_earliest: datetime | None = None,
) -> PastAttempt:
    ended_at = None if outcome is None else at + timedelta(minutes=1)
    return PastAttempt(campaign, at, ended_at, outcome, callback_earliest)


def not_now(verdict: Verdict) -> tuple[datetime, str]:
    assert isinstance(verdict, NotNow)
    return verdict.until, verdict.reason


def test_who_was_never_called_may_be_called_in_the_hours_of_their_zone() -> None:
    assert BOOK.decide(CALLEE, [], MONDAY) == Allowed()
    assert not_now(BOOK.decide(CALLEE, [], MONDAY.replace(hour=20))) == (
        datetime(2026, 11, 24, 9, tzinfo=PARIS), "outside the hours of its time zone",
    )  # fmt: skip
    friday_night = datetime(2026, 11, 20, 22, tzinfo=PARIS)
    assert not_now(BOOK.decide(CALLEE, [], friday_night))[0] == datetime(2026, 11, 23, 9, tzinfo=PARIS)


def test_the_zone_of_the_list_goes_before_that_of_the_number() -> None:
    elsewhere = replace(CALLEE, zone="America/New_York")
    assert not_now(BOOK.decide(elsewhere, [], MONDAY))[0] == datetime(
        2026, 11, 23, 9, tzinfo=ZoneInfo("America/New_York")
    )


def test_where_a_number_may_be_in_several_zones_all_of_them_allow() -> None:
    australian_mobile = Candidate("+61412345678")
    until, _ = not_now(
        BOOK.decide(australian_mobile, [], datetime(2026, 11, 23, 0, tzinfo=ZoneInfo("Australia/Perth")))
    )
    # The Cocos Islands, half an hour behind Jakarta, are the last to get up.
    assert until == datetime(2026, 11, 23, 9, tzinfo=ZoneInfo("Indian/Cocos"))
    evening_in_the_east = datetime(2026, 11, 23, 20, tzinfo=ZoneInfo("Australia/Sydney"))
    assert isinstance(BOOK.decide(australian_mobile, [], evening_in_the_east), NotNow)


@pytest.mark.parametrize(
    ("candidate", "reason"),
    [
        (Candidate("+80012345678"), "cannot be told from the number"),
        (replace(CALLEE, zone="Europe/Pairs"), "write an IANA name"),
        (replace(CALLEE, zone="../etc/passwd"), "write an IANA name"),
    ],
)
def test_without_a_zone_nobody_is_called(candidate: Candidate, reason: str) -> None:
    verdict = BOOK.decide(candidate, [], MONDAY)
    assert isinstance(verdict, Never)
    assert reason in verdict.reason


def test_the_narrowest_region_counts() -> None:
    book = replace(
        BOOK,
        regional={
            "US": CallingHours.daily("08:00-21:00"),
            "US-CA": CallingHours.daily("12:00-13:00"),
            "FR": CallingHours.daily("10:00-13:00", holidays=frozenset({date(2026, 11, 24)})),
        },
    )
    assert not_now(book.decide(CALLEE, [], MONDAY.replace(hour=14)))[0] == datetime(2026, 11, 25, 10, tzinfo=PARIS)
    los_angeles, new_york = Candidate("+12135550100"), Candidate("+12125550100")
    pacific, eastern = ZoneInfo("America/Los_Angeles"), ZoneInfo("America/New_York")
    assert isinstance(book.decide(los_angeles, [], datetime(2026, 11, 23, 11, tzinfo=pacific)), NotNow)
    assert book.decide(new_york, [], datetime(2026, 11, 23, 11, tzinfo=eastern)) == Allowed()


def test_each_outcome_has_its_delays_and_then_no_more() -> None:
    book = replace(BOOK, retries={"busy": Retry((HOUR, 3 * HOUR))}, per_day=9)
    first = tried(MONDAY)
    assert not_now(book.decide(CALLEE, [first], MONDAY + HOUR))[0] == MONDAY + HOUR + timedelta(minutes=1)
    assert book.decide(CALLEE, [first], MONDAY + HOUR + timedelta(minutes=1)) == Allowed()
    second = tried(MONDAY + 2 * HOUR)
    until, reason = not_now(book.decide(CALLEE, [first, second], MONDAY + 3 * HOUR))
    assert (until, reason) == (MONDAY + 5 * HOUR + timedelta(minutes=1), "a retry later")
    third = tried(MONDAY + 6 * HOUR)
    assert book.decide(CALLEE, [third, first, second], MONDAY + DAY) == Never("is done: busy 3 times")
    assert book.decide(CALLEE, [tried(MONDAY, "no_answer")], MONDAY + DAY) == Never("is done: no_answer")


@pytest.mark.parametrize("outcome", ["completed", "interested", "do_not_call", "invalid_number", "unknown", "hung_up"])
def test_what_is_done_is_done(outcome: str) -> None:
    assert BOOK.decide(CALLEE, [tried(MONDAY, outcome)], MONDAY + 30 * DAY) == Never(f"is done: {outcome}")


def test_another_campaign_s_outcome_does_not_end_this_one() -> None:
    assert BOOK.decide(CALLEE, [tried(MONDAY - DAY, "interested", "autumn")], MONDAY) == Allowed()


def test_nobody_is_called_twice_at_once() -> None:
    assert not_now(BOOK.decide(CALLEE, [tried(MONDAY, None, "autumn")], MONDAY))[1] == "is in a call"


def test_a_callback_comes_at_its_time_and_first() -> None:
    wish = MONDAY + timedelta(minutes=5)
    past = [tried(MONDAY, "callback", callback_earliest=wish)]
    assert not_now(BOOK.decide(CALLEE, past, MONDAY + timedelta(minutes=2))) == (wish, "a callback later")
    assert BOOK.decide(CALLEE, past, wish) == Allowed(callback=True), "the gap is the callee's own wish"
    at_night = [tried(MONDAY, "callback", callback_earliest=MONDAY.replace(hour=23))]
    assert not_now(BOOK.decide(CALLEE, at_night, MONDAY + HOUR))[0] == MONDAY.replace(hour=9) + DAY
    no_time = [tried(MONDAY, "callback")]
    assert BOOK.decide(CALLEE, no_time, MONDAY + DAY) == Never("is done: callback")


def test_limits_count_over_all_campaigns() -> None:
    elsewhere = [tried(MONDAY - 2 * HOUR, campaign="autumn"), tried(MONDAY - HOUR, campaign="summer")]
    until, reason = not_now(BOOK.decide(CALLEE, elsewhere, MONDAY))
    assert (until, reason) == (MONDAY.replace(hour=9) + DAY, "was called often enough today")
    gap = BOOK.decide(CALLEE, elsewhere[1:], MONDAY - timedelta(minutes=55))
    assert not_now(gap) == (MONDAY - timedelta(minutes=49), "was called a moment ago")
    month = replace(BOOK, per_number=(Window(2, 30 * DAY),))
    until, reason = not_now(month.decide(CALLEE, elsewhere, MONDAY + DAY))
    assert reason == "was called often enough lately"
    assert until == datetime(2026, 12, 23, 9, tzinfo=PARIS)


def test_what_is_older_than_the_window_does_not_count() -> None:
    book = replace(BOOK, hours=ALWAYS, per_day=9, per_number=(Window(2, 2 * DAY),))
    past = [tried(MONDAY - age, campaign="autumn") for age in (3 * DAY, DAY, HOUR)]
    assert not_now(book.decide(CALLEE, past, MONDAY))[0] == MONDAY + DAY, "then the one of yesterday is out of it"
    assert book.decide(CALLEE, past[:2], MONDAY) == Allowed()


def test_a_contact_is_called_so_often_and_no_more() -> None:
    book = replace(BOOK, per_contact=2, retries={"busy": Retry((HOUR,) * 9)})
    past = [tried(MONDAY - 3 * DAY), tried(MONDAY - 2 * DAY, "callback", callback_earliest=MONDAY)]
    assert book.decide(CALLEE, past, MONDAY) == Never("was called 2 times")


outcomes = st.sampled_from(["busy", "no_answer", "voicemail", "callback", "failed"])
changes = st.sampled_from([datetime(2026, 3, 29, 1, tzinfo=UTC), datetime(2026, 10, 25, 1, tzinfo=UTC)])


@st.composite
def situations(draw: st.DrawFn) -> tuple[RuleBook, list[PastAttempt], datetime]:
    """Rules, a history and a time within days of a clock change in Paris."""
    now = draw(changes) + timedelta(minutes=draw(st.integers(-4 * 1440, 4 * 1440)))
    begin, end = sorted(draw(st.lists(st.integers(0, 24), min_size=2, max_size=2, unique=True)))
    past = []
    for age in draw(st.lists(st.integers(2, 3 * 1440), max_size=4, unique=True)):
        at, outcome = now - timedelta(minutes=age), draw(outcomes)
        wish = (
            {"callback_earliest": at + timedelta(minutes=draw(st.integers(1, 2880)))} if outcome == "callback" else {}
        )
        past.append(tried(at, outcome, draw(st.sampled_from(["spring", "autumn"])), **wish))
    book = RuleBook(
        "spring",
        CallingHours.daily(f"{begin:02}:00-{end:02}:00", draw(st.sets(st.integers(0, 6), min_size=1))),  # type: ignore[arg-type]
        per_contact=draw(st.integers(1, 5)),
        per_day=draw(st.integers(1, 3)),
        per_number=tuple(draw(st.lists(st.builds(Window, st.integers(1, 4), st.just(2 * DAY)), max_size=1))),
        gap=timedelta(minutes=draw(st.integers(0, 600))),
    )
    return book, past, now


@settings(max_examples=300, deadline=None)
@given(situations())
def test_who_is_allowed_breaks_no_rule(situation: tuple[RuleBook, list[PastAttempt], datetime]) -> None:
    book, past, now = situation
    verdict = book.decide(CALLEE, past, now)
    if not isinstance(verdict, Allowed):
        return
    wall = now.astimezone(PARIS)
    [[span]] = {tuple(day) for day in book.hours.days if day}
    assert book.hours.days[wall.weekday()]
    assert span.begin <= wall.hour * 60 + wall.minute < span.end
    assert sum(each.created_at.astimezone(PARIS).date() == wall.date() for each in past) < book.per_day
    assert sum(each.campaign == "spring" for each in past) < book.per_contact
    for window in book.per_number:
        assert sum(each.created_at > now - window.per for each in past) < window.count
    if not verdict.callback:
        assert all(each.ended_at is not None and each.ended_at + book.gap <= now for each in past)


@settings(max_examples=200, deadline=None)
@given(situations(), st.floats(0, 0.999))
def test_before_the_time_that_is_told_nobody_is_allowed(
    situation: tuple[RuleBook, list[PastAttempt], datetime], share: float
) -> None:
    book, past, now = situation
    verdict = book.decide(CALLEE, past, now)
    if isinstance(verdict, NotNow):
        assert verdict.until > now
        assert not isinstance(book.decide(CALLEE, past, now + (verdict.until - now) * share), Allowed)


@settings(max_examples=100, deadline=None)
@given(situations())
def test_whoever_waits_is_called_or_done_in_the_end(situation: tuple[RuleBook, list[PastAttempt], datetime]) -> None:
    book, past, now = situation
    for _ in range(20):
        verdict = book.decide(CALLEE, past, now)
        if not isinstance(verdict, NotNow):
            return
        now = verdict.until
    pytest.fail("waits for ever")


@settings(max_examples=200, deadline=None)
@given(situations())
def test_who_is_allowed_is_kept_by_no_rule_and_the_other_way_round(
    situation: tuple[RuleBook, list[PastAttempt], datetime],
) -> None:
    book, past, now = situation
    verdict, each = book.decide(CALLEE, past, now), [ruling.verdict for ruling in book.rulings(CALLEE, past, now)]
    assert isinstance(verdict, Allowed) is all(isinstance(one, Allowed) for one in each)
    if isinstance(verdict, NotNow):
        assert verdict.until >= max(one.until for one in each if isinstance(one, NotNow))


def test_what_each_rule_says_by_itself() -> None:
    past = [tried(MONDAY - 2 * HOUR), tried(MONDAY - timedelta(minutes=5), campaign="autumn")]
    book = replace(BOOK, per_number=(Window(4, 30 * DAY),))
    said = {ruling.rule: (ruling.counted, type(ruling.verdict)) for ruling in book.rulings(CALLEE, past, MONDAY)}
    assert said == {
        "calling hours": (None, Allowed),
        "calls in this campaign": ("1 of 6", Allowed),
        "after busy": ("1 of 4", Allowed),
        "10 min between calls": (None, NotNow),
        "calls today in Europe/Paris": ("2 of 2", NotNow),
        "calls in 30 days": ("2 of 4", Allowed),
    }
    assert [ruling.rule for ruling in book.rulings(replace(CALLEE, zone="Europe/Pairs"), past, MONDAY)] == ["time zone"]


def test_a_holiday_is_told_as_one() -> None:
    book = replace(BOOK, hours=CallingHours.daily("09:00-20:00", holidays=frozenset({MONDAY.date()})))
    assert not_now(book.decide(CALLEE, [], MONDAY)) == (MONDAY.replace(hour=9) + DAY, "it is a holiday there")
