"""The breaker that pauses a campaign."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from robot.campaign.breaker import Breaker, BreakerSettings, BreakerState, Ticket

SETTINGS = BreakerSettings(share=0.5, least_calls=4, last_calls=8, pause_s=60, longest_pause_s=200, trials=2)


def end(breaker: Breaker, now: float, *faults: str | None) -> None:
    for fault in faults:
        breaker.ended(breaker.placed(now), now, fault)


def opened() -> Breaker:
    breaker = Breaker(SETTINGS)
    end(breaker, 0, None, None, "GATEWAY_DOWN", "lost from sight")
    return breaker


def test_it_pauses_when_too_many_fail_and_says_why_and_until_when() -> None:
    breaker = opened()
    assert breaker.state is BreakerState.OPEN
    assert breaker.reason == "2 of the last 4 calls failed for reasons of ours: 1 GATEWAY_DOWN, 1 lost from sight"
    assert breaker.again_at == 60
    assert not breaker.lets_through(59)
    with pytest.raises(ValueError, match="lets no call through"):
        breaker.placed(59)


def test_a_few_calls_are_no_proof_and_calls_that_went_well_outweigh() -> None:
    breaker = Breaker(SETTINGS)
    end(breaker, 0, "failed", "failed", "failed")
    assert breaker.state is BreakerState.CLOSED
    breaker = Breaker(SETTINGS)
    end(breaker, 0, *[None, None, "failed"] * 20)
    assert breaker.state is BreakerState.CLOSED
    assert breaker.reason is None


def test_trials_one_at_a_time_close_it() -> None:
    breaker = opened()
    trial = breaker.placed(60)
    assert not breaker.lets_through(61)
    assert breaker.again_at is None
    assert not breaker.ended(trial, 70, None)
    assert breaker.ended(breaker.placed(70), 80, None)
    assert breaker.state is BreakerState.CLOSED
    assert breaker.reason is None


def test_a_trial_that_fails_pauses_twice_as_long_up_to_the_limit() -> None:
    breaker, now = opened(), 60.0
    for pause_s in (120, 200, 200):
        assert breaker.ended(breaker.placed(now), now, "GATEWAY_DOWN")
        assert breaker.again_at == now + pause_s
        now += pause_s
    assert breaker.reason == "a trial call failed again: GATEWAY_DOWN"


def test_good_trials_of_before_a_bad_one_do_not_count() -> None:
    breaker = opened()
    breaker.ended(breaker.placed(60), 60, None)
    breaker.ended(breaker.placed(60), 60, "GATEWAY_DOWN")
    assert not breaker.ended(breaker.placed(180), 180, None)
    assert breaker.reason is not None
    breaker.ended(breaker.placed(180), 180, None)
    assert breaker.state is BreakerState.CLOSED


def test_a_trial_that_was_not_placed_is_followed_by_another() -> None:
    breaker = opened()
    breaker.not_placed(breaker.placed(60))
    assert breaker.lets_through(60)


def test_an_operator_closes_it() -> None:
    breaker = opened()
    trial = breaker.placed(60)
    breaker.close()
    assert breaker.state is BreakerState.CLOSED
    assert not breaker.ended(trial, 61, "GATEWAY_DOWN")
    assert breaker.state is BreakerState.CLOSED


def test_calls_of_before_do_not_prolong_the_pause() -> None:
    breaker = Breaker(SETTINGS)
    tickets = [breaker.placed(0) for _ in range(10)]
    for ticket in tickets:
        breaker.ended(ticket, 5, "failed")
    assert breaker.again_at == 65


class Breaking(RuleBasedStateMachine):
    """In whatever order calls end: one trial at a time, no call in a pause, and there is always a way on."""

    @initialize()
    def begin(self) -> None:
        self.breaker = Breaker(SETTINGS)
        self.now = 0.0
        self.live: list[Ticket] = []
        self.trial: Ticket | None = None

    @rule(seconds=st.floats(0, 100))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @precondition(lambda self: self.breaker.lets_through(self.now))
    @rule()
    def a_call_is_placed(self) -> None:
        again_at = self.breaker.again_at
        assert again_at is None or self.now >= again_at
        ticket = self.breaker.placed(self.now)
        self.live.append(ticket)
        if ticket.trial:
            assert self.trial is None
            self.trial = ticket

    @precondition(lambda self: self.live)
    @rule(which=st.integers(0), fault=st.none() | st.just("failed"), placed=st.booleans())
    def a_call_ends(self, which: int, fault: str | None, placed: bool) -> None:
        ticket = self.live.pop(which % len(self.live))
        before = self.breaker.state
        if not placed:
            self.breaker.not_placed(ticket)
        else:
            changed = self.breaker.ended(ticket, self.now, fault)
            assert changed == (self.breaker.state is not before)
        if ticket == self.trial:
            self.trial = None

    @precondition(lambda self: self.trial is None)
    @rule()
    def an_operator_closes_it(self) -> None:
        self.breaker.close()

    @invariant()
    def there_is_a_way_on(self) -> None:
        again_at = self.breaker.again_at
        assert self.trial is not None or self.breaker.lets_through(again_at if again_at is not None else self.now)
        assert (self.breaker.reason is None) == (self.breaker.state is BreakerState.CLOSED)


TestBreaking = Breaking.TestCase
TestBreaking.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
