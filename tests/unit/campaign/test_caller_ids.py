"""Caller ids: near the callee, in turn, with their rest."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from robot.campaign.caller_ids import AllRest, CallerIds, CallerIdSettings, ShowNumber

PARIS, LYON, ANYWHERE, ALSO = "+33140000001", "+33440000001", "+33900000001", "+33900000002"
LOCAL = {"+33": (ANYWHERE,), "+331": (PARIS,), "+334": (LYON,)}


def calls(ids: CallerIds, callee: str, times: int, now: float = 0.0) -> list[str | float | None]:
    """What each call shows; or until when it has to wait."""
    shown: list[str | float | None] = []
    for _ in range(times):
        match ids.choose(callee, now):
            case ShowNumber(number=number):
                shown.append(number)
                if number is not None:
                    ids.used(number, now)
            case AllRest(until=until):
                shown.append(until)
    return shown


def test_the_gateway_shows_what_it_shows_when_the_campaign_has_none() -> None:
    assert calls(CallerIds(CallerIdSettings()), "+33140000009", 1) == [None]


def test_in_turn() -> None:
    ids = CallerIds(CallerIdSettings((ANYWHERE, ALSO)))
    assert calls(ids, "+33140000009", 4) == [ANYWHERE, ALSO, ANYWHERE, ALSO]


def test_the_longest_beginning_of_the_callees_number_counts() -> None:
    ids = CallerIds(CallerIdSettings((ALSO,), LOCAL))
    assert calls(ids, "+33140000009", 1) == [PARIS]
    assert calls(ids, "+33440000009", 1) == [LYON]
    assert calls(ids, "+33540000009", 1) == [ANYWHERE]
    assert calls(ids, "+442070000009", 1) == [ALSO]


def test_after_so_many_calls_it_rests_and_others_take_its_place() -> None:
    ids = CallerIds(CallerIdSettings((ALSO,), LOCAL, rest_after=2, rest_s=100))
    assert calls(ids, "+33140000009", 5) == [PARIS, PARIS, ALSO, ALSO, 100.0]
    assert calls(ids, "+33140000009", 3, now=100) == [PARIS, PARIS, ALSO]


def test_a_number_that_was_not_used_for_as_long_has_rested() -> None:
    ids = CallerIds(CallerIdSettings((ANYWHERE,), rest_after=2, rest_s=100))
    assert calls(ids, "+33140000009", 1) == [ANYWHERE]
    assert calls(ids, "+33140000009", 3, now=150) == [ANYWHERE, ANYWHERE, 250.0]


@given(st.lists(st.tuples(st.floats(0, 20), st.sampled_from(["+33140000009", "+33440000009", "+442070000009"]))))
def test_no_number_is_shown_more_often_than_it_may_before_it_has_rested(steps: list[tuple[float, str]]) -> None:
    ids = CallerIds(CallerIdSettings((ANYWHERE, ALSO), LOCAL, rest_after=3, rest_s=60))
    now, used = 0.0, dict[str, list[float]]()
    for seconds, callee in steps:
        now += seconds
        match ids.choose(callee, now):
            case ShowNumber(number=str(number)):
                ids.used(number, now)
                used.setdefault(number, []).append(now)
            case AllRest(until=until):
                assert now < until <= now + 60
    for times in used.values():
        # Of any four calls in a row two are a rest apart.
        rows = zip(times, times[1:], times[2:], times[3:], strict=False)
        assert all(max(b - a, c - b, d - c) >= 60 or (d - a) >= 60 for a, b, c, d in rows)
