"""Calls per second, simultaneous calls and fair shares, with a clock of its own."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from robot.campaign.pace import Go, Limits, Pace, Wait
from robot.campaign.spacing import LATENESS_S, Spacing

RATES = st.floats(0.05, 200)
# How late a timer or a busy loop lets us look: mostly in time, sometimes by seconds.
LATE = st.one_of(st.just(0.0), st.floats(0, 0.03), st.floats(0, 20))
_EPSILON = 1e-6


def most_in_window(times: Sequence[float], window_s: float) -> int:
    first = most = 0
    for last, at in enumerate(times):
        while times[first] <= at - window_s:
            first += 1
        most = max(most, last - first + 1)
    return most


@given(RATES, st.lists(LATE, min_size=2, max_size=200))
def test_calls_are_spaced_however_late_we_look(per_s: float, lates: list[float]) -> None:
    spacing, now, times = Spacing(per_s), 0.0, []
    for late in lates:
        now = max(now, spacing.next_at) + late
        spacing.take(now)
        times.append(now)
    assert_spaced(times, per_s)


@pytest.mark.parametrize("per_s", [0.3, 1.0, 7.5, 50.0])
@pytest.mark.parametrize("late_ms", [0, 1, 5, 9])
def test_a_timer_that_is_late_costs_no_calls(per_s: float, late_ms: int) -> None:
    spacing, now, placed = Spacing(per_s), 0.0, 0
    spacing.take(now)
    while (now := spacing.next_at + late_ms / 1000) <= 60:
        spacing.take(now)
        placed += 1
    assert placed == pytest.approx(60 * per_s, rel=0.001, abs=1)


def test_now_and_then_much_too_late_costs_no_calls_either() -> None:
    spacing, now, placed = Spacing(50), 0.0, 1
    spacing.take(now)
    while (now := spacing.next_at + (0.045 if placed % 10 == 0 else 0.001)) <= 60:
        spacing.take(now)
        placed += 1
    assert placed == pytest.approx(3000, rel=0.002)


def test_after_a_pause_nothing_is_made_up_for() -> None:
    spacing = Spacing(50)
    spacing.take(0)
    spacing.take(100)
    assert spacing.next_at == pytest.approx(100.02)
    with pytest.raises(ValueError, match="too early"):
        spacing.take(100.015)


def test_the_time_of_a_call_that_was_not_placed_is_used_by_the_next_but_not_once_another_was_placed() -> None:
    spacing = Spacing(1)
    spacing.take(0)
    spacing.take(1)
    spacing.give_back(1)
    assert spacing.next_at <= 1
    spacing.take(1.2)
    spacing.give_back(0)
    assert spacing.next_at >= 2


def test_another_rate_counts_from_the_last_call_on() -> None:
    spacing = Spacing(0.1)
    spacing.take(0)
    spacing.change(2)
    assert spacing.next_at == pytest.approx(0.5)
    spacing.change(0.1)
    assert spacing.next_at == pytest.approx(10)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from("abcd"), st.sampled_from([0.5, 1.0, 2.0, 7.0]), min_size=1))
def test_campaigns_share_by_weight_and_none_starves(weights: dict[str, float]) -> None:
    pace = Pace(Limits(calls_per_s=10))
    for name, weight in weights.items():
        pace.limit_campaign(name, Limits(), weight)
    placed = keep_calling(pace, {name: ["carrier"] for name in weights}, 30)
    counted, total = Counter(placed), sum(weights.values())
    for name, weight in weights.items():
        assert counted[name] == pytest.approx(300 * weight / total, abs=2)
        # Never longer without a call than its share of them says.
        gaps = [later - earlier for earlier, later in pairwise([i for i, each in enumerate(placed) if each == name])]
        assert max(gaps) <= math.ceil(total / weight) + len(weights)


def test_what_a_campaign_cannot_use_is_for_the_others_and_not_made_up_for() -> None:
    pace = Pace(Limits(calls_per_s=10))
    pace.limit_campaign("slow", Limits(calls_per_s=1), weight=9)
    both = {"slow": ["carrier"], "fast": ["carrier"]}
    counted = Counter(keep_calling(pace, both, 100))
    assert counted["slow"] == pytest.approx(100, abs=2)
    assert counted["fast"] == pytest.approx(900, abs=2)
    pace.limit_campaign("slow", Limits(), weight=1)
    assert Counter(keep_calling(pace, both, 10, begin=200))["slow"] == pytest.approx(50, abs=2)


def test_a_campaign_that_comes_later_gets_its_share_and_no_more() -> None:
    pace = Pace(Limits(calls_per_s=10))
    keep_calling(pace, {"old": ["carrier"]}, 100)
    counted = Counter(keep_calling(pace, {"old": ["carrier"], "new": ["carrier"]}, 10, begin=101))
    assert counted["new"] == pytest.approx(50, abs=2)


def test_a_full_gateway_sends_calls_to_the_next_and_says_why_when_there_is_none() -> None:
    pace = Pace()
    pace.limit_gateway("first", Limits(max_calls=1))
    pace.limit_gateway("second", Limits(calls_per_s=0.5))
    one = went(pace.next(0, {"spring": ["first", "second"]}))
    two = went(pace.next(0, {"spring": ["first", "second"]}))
    assert (one.gateway, two.gateway) == ("first", "second")
    assert pace.depart(two, 0) == 0
    waits = pace.next(0, {"spring": ["first", "second"], "autumn": ["first"]})
    assert waits == Wait(2.0, {"autumn": "the gateway first has 1 of 1 calls"})
    pace.ended(one)
    assert went(pace.next(0, {"spring": ["first", "second"]})).gateway == "first"


def test_calls_that_the_database_kept_go_out_as_far_apart_as_if_it_had_not() -> None:
    pace = Pace(Limits(calls_per_s=4))
    first, second = went(pace.next(0, {"spring": ["carrier"]})), went(pace.next(0.25, {"spring": ["carrier"]}))
    kept = pace.next(0.5, {"spring": ["carrier"]})
    assert kept == Wait(None, {"spring": "the calls before are being written down"})
    assert [pace.depart(first, 3), pace.depart(second, 3)] == [3, 3.25]
    third = went(pace.next(3, {"spring": ["carrier"]}))
    assert pace.depart(third, 3.01) == 3.5


def test_nothing_to_wait_for_but_the_end_of_a_call() -> None:
    pace = Pace(Limits(max_calls=0))
    assert pace.next(0, {"spring": ["carrier"]}) == Wait(None, {"spring": "the robot has 0 of 0 calls"})
    assert pace.next(0, {"spring": []}) == Wait(None, {"spring": "none of its gateways can be used"})
    assert pace.next(0, {}) == Wait(None, {})


def test_a_call_ends_once() -> None:
    pace = Pace()
    go = went(pace.next(0, {"spring": ["carrier"]}))
    pace.ended(go)
    with pytest.raises(KeyError):
        pace.ended(go)


def test_calls_of_before_a_restart_count() -> None:
    pace = Pace(Limits(max_calls=1))
    go = pace.adopt("spring", "carrier", 0)
    assert isinstance(pace.next(0, {"spring": ["carrier"]}), Wait)
    pace.ended(go)
    assert isinstance(pace.next(0, {"spring": ["carrier"]}), Go)


@pytest.mark.parametrize("wrong", [{"calls_per_s": 0}, {"calls_per_s": math.inf}, {"max_calls": -1}])
def test_limits_that_make_no_sense(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="should be"):
        Limits(**wrong)  # type: ignore[arg-type]


def test_what_several_campaigns_say_of_a_gateway_counts_together_as_long_as_they_call() -> None:
    pace = Pace()
    pace.limit_gateway("carrier", Limits(max_calls=1), by="spring")
    pace.limit_gateway("carrier", Limits(max_calls=2), by="autumn")
    went(pace.next(0, {"autumn": ["carrier"]}))
    assert isinstance(pace.next(0, {"autumn": ["carrier"]}), Wait)
    pace.forget_campaign("spring")
    went(pace.next(0, {"autumn": ["carrier"]}))
    assert isinstance(pace.next(0, {"autumn": ["carrier"]}), Wait)
    pace.forget_campaign("autumn")
    went(pace.next(0, {"autumn": ["carrier"]}))


@given(st.floats(0.01, 100), st.integers(0, 100), st.integers(1, 12))
def test_the_parts_of_several_daemons_make_the_whole(per_s: float, max_calls: int, daemons: int) -> None:
    parts = [Limits(per_s, max_calls).part(index, daemons) for index in range(daemons)]
    assert sum(part.calls_per_s or 0 for part in parts) == pytest.approx(per_s)
    assert sum(part.max_calls or 0 for part in parts) == max_calls
    assert Limits().part(0, daemons) == Limits()


def test_of_two_campaigns_the_stricter_says_what_a_gateway_takes() -> None:
    assert Limits(5, None).both(Limits(2, 30)) == Limits(2, 30)
    assert Limits().both(Limits()) == Limits()


def went(answer: Go | Wait) -> Go:
    assert isinstance(answer, Go)
    return answer


def keep_calling(pace: Pace, wanting: dict[str, list[str]], seconds: float, begin: float = 0.0) -> list[str]:
    """The campaigns in the order of their calls, each of which ends at once."""
    now, placed = begin, []
    while now < begin + seconds:
        match pace.next(now, wanting):
            case Go() as go:
                placed.append(go.campaign)
                pace.ended(go)
            case Wait(until=until):
                assert until is not None
                assert until > now
                now = until
    return placed


class Dialling(RuleBasedStateMachine):
    """Whatever is asked, ended and given back: no limit is passed, nobody waits who need not, all is counted."""

    CAMPAIGNS = ("spring", "autumn", "winter")
    GATEWAYS = ("first", "second")

    @initialize(
        system=st.builds(Limits, st.none() | RATES, st.none() | st.integers(1, 6)),
        campaigns=st.tuples(*[st.builds(Limits, st.none() | RATES, st.none() | st.integers(1, 4))] * 3),
        gateways=st.tuples(*[st.builds(Limits, st.none() | RATES, st.none() | st.integers(1, 4))] * 2),
        weights=st.tuples(*[st.sampled_from([0.5, 1.0, 3.0])] * 3),
    )
    def begin(
        self,
        system: Limits,
        campaigns: tuple[Limits, ...],
        gateways: tuple[Limits, ...],
        weights: tuple[float, ...],
    ) -> None:
        self.now = 0.0
        self.pace = Pace(system)
        self.limits = {"": system} | dict(zip(self.CAMPAIGNS, campaigns, strict=True))
        self.limits |= dict(zip(self.GATEWAYS, gateways, strict=True))
        for name, limits, weight in zip(self.CAMPAIGNS, campaigns, weights, strict=True):
            self.pace.limit_campaign(name, limits, weight)
        for name, limits in zip(self.GATEWAYS, gateways, strict=True):
            self.pace.limit_gateway(name, limits)
        self.live: list[Go] = []
        self.placed: list[Go] = []
        self.departed: list[tuple[float, Go]] = []
        self.pending: list[Go] = []

    @rule(seconds=st.one_of(st.floats(0, 0.1), st.floats(0, 30)))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(data=st.data(), times=st.integers(1, 8))
    def ask(self, data: st.DataObject, times: int) -> None:
        campaigns = data.draw(st.lists(st.sampled_from(self.CAMPAIGNS), unique=True, min_size=1))
        wanting = {name: data.draw(st.permutations(self.GATEWAYS)) for name in campaigns}
        for _ in range(times):
            answer = self.pace.next(self.now, wanting)
            if isinstance(answer, Wait):
                assert set(answer.reasons) <= set(wanting)
                assert answer.until is not None or set(answer.reasons) == set(wanting)
                assert answer.until is None or answer.until > self.now
                # Who is told to wait until then is let through then.
                if answer.until is not None:
                    self.now = answer.until
                    self.went(self.pace.next(self.now, wanting), wanting)
                return
            self.went(answer, wanting)

    @precondition(lambda self: self.pending)
    @rule(which=st.integers(0))
    def one_departs(self, which: int) -> None:
        go = self.pending.pop(which % len(self.pending))
        at = self.pace.depart(go, self.now)
        assert at >= self.now
        self.departed.append((at, go))

    def went(self, answer: Go | Wait, wanting: dict[str, list[str]]) -> None:
        assert isinstance(answer, Go)
        assert answer.gateway in wanting[answer.campaign]
        self.pending.append(answer)
        self.live.append(answer)
        self.placed.append(answer)

    @precondition(lambda self: self.live)
    @rule(which=st.integers(0))
    def a_call_ends(self, which: int) -> None:
        ended = self.live.pop(which % len(self.live))
        self.pace.ended(ended)
        self.pending = [go for go in self.pending if go is not ended]

    @precondition(lambda self: self.live and self.live[-1] is self.placed[-1])
    @rule()
    def the_last_was_not_placed(self) -> None:
        last = self.placed.pop()
        self.pace.not_placed(self.live.pop())
        self.pending = [go for go in self.pending if go is not last]

    @invariant()
    def limits_hold(self) -> None:
        for name, limits in self.limits.items():
            live = [go for go in self.live if name in ("", go.campaign, go.gateway)]
            assert limits.max_calls is None or len(live) <= limits.max_calls
            if limits.calls_per_s is None:
                continue
            pending = [go for go in self.pending if name in ("", go.campaign, go.gateway)]
            assert len(pending) <= max(1, math.ceil(limits.calls_per_s / 2))
            let_go = [go.at for go in self.placed if name in ("", go.campaign, go.gateway)]
            departed = sorted(at for at, go in self.departed if name in ("", go.campaign, go.gateway))
            for times in (let_go, departed):
                assert_spaced(times, limits.calls_per_s)

    @invariant()
    def nothing_is_lost(self) -> None:
        assert Counter(self.pace.live) == Counter(self.live)


def assert_spaced(times: Sequence[float], per_s: float) -> None:
    least_gap_s = max(0.5 / per_s, 1 / per_s - LATENESS_S)
    assert all(later - earlier >= least_gap_s - _EPSILON for earlier, later in pairwise(times))
    for window_s in (0.5, 1.0, 60.0):
        assert most_in_window(times, window_s) <= (window_s + LATENESS_S) * per_s + 1 + _EPSILON


TestDialling = Dialling.TestCase
TestDialling.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
