"""Calls for free agents, and the abandon rate that is kept under its limit."""

from __future__ import annotations

from datetime import date, timedelta
from math import comb

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from robot.campaign.agents import AgentMode, AgentPace, AgentSettings, Handovers, calls_for

TODAY = date(2026, 11, 21)
PREDICTIVE = AgentSettings(AgentMode.PREDICTIVE)


def experienced(share: float, connected: int = 1000) -> AgentPace:
    """Has seen 500 calls, of which `share` came to a transfer."""
    pace = AgentPace(PREDICTIVE, {TODAY: Handovers(connected)})
    for number in range(500):
        pace.call_ended(came_to_transfer=number < share * 500)
    return pace


def test_progressive_places_a_call_for_each_free_agent() -> None:
    pace = AgentPace(AgentSettings())
    assert pace.room(5, 2, TODAY) == 3
    assert pace.room(2, 5, TODAY) == 0
    assert pace.why(2, 5, TODAY) == "2 agents are free and 5 calls on the way to them"
    assert pace.why(5, 2, TODAY) is None


def test_predictive_is_progressive_until_it_has_learnt_and_abandons_nobody_without_agents() -> None:
    pace = AgentPace(PREDICTIVE, {TODAY: Handovers(1000)})
    assert pace.room(5, 0, TODAY) == 5
    assert experienced(0.1).room(0, 0, TODAY) == 0


def test_predictive_places_more_where_fewer_come_to_a_transfer_and_less_after_abandoned_calls() -> None:
    rooms = [experienced(share).room(10, 0, TODAY) for share in (0.05, 0.2, 0.5, 1.0)]
    assert rooms == sorted(rooms, reverse=True)
    assert rooms[0] > 25
    assert rooms[-1] == 10
    pace = experienced(0.05)
    for _ in range(31):
        pace.abandoned(TODAY)
    assert pace.handovers(TODAY).abandon_rate > 0.03
    assert pace.room(10, 0, TODAY) == 10
    assert pace.why(10, 10, TODAY) == "10 agents are free and 10 calls on the way to them; 3.0% abandoned in 30 days"


def test_what_is_older_than_the_limit_is_for_does_not_count() -> None:
    pace = AgentPace(
        PREDICTIVE, {TODAY - timedelta(days=30): Handovers(0, 5), TODAY - timedelta(days=29): Handovers(7)}
    )
    assert pace.handovers(TODAY) == Handovers(7, 0)
    pace.abandoned(TODAY)
    pace.connected(TODAY)
    assert pace.handovers(TODAY) == Handovers(8, 1)
    assert pace.handovers(TODAY + timedelta(days=1)) == Handovers(1, 1)


@given(st.integers(0, 10_000), st.integers(0, 500), st.sampled_from([0.0, 0.01, 0.03, 0.5]))
def test_what_may_be_abandoned_keeps_the_limit_and_one_more_would_not(
    connected: int, abandoned: int, limit: float
) -> None:
    before = Handovers(connected, abandoned)
    more = before.may_abandon(limit)
    if more:
        assert Handovers(connected, abandoned + more).abandon_rate <= limit + 1e-9
    assert Handovers(connected, abandoned + more + 1).abandon_rate > limit


@settings(deadline=None)
@given(st.integers(1, 20), st.floats(0.01, 1), st.integers(0, 40))
def test_calls_are_placed_up_to_the_expected_limit(free: int, share: float, beyond: int) -> None:
    most = free + beyond
    calls = calls_for(free, share, 0.03, most)
    assert free <= calls <= most
    assert calls == free or expected_rate(calls, free, share) <= 0.03 + 1e-9
    assert calls == most or expected_rate(calls + 1, free, share) > 0.03 - 1e-9


def expected_rate(calls: int, free: int, share: float) -> float:
    """Abandoned of transferred, by the binomial distribution written out."""
    chances = [comb(calls, k) * share**k * (1 - share) ** (calls - k) for k in range(calls + 1)]
    return sum(chance * max(0, k - free) for k, chance in enumerate(chances)) / (calls * share)


@pytest.mark.parametrize("free", [2, 5, 20])
def test_the_limit_holds_on_average_in_the_long_run(free: int) -> None:
    calls = calls_for(free, 0.1, 0.03, 10_000)
    assert calls > free
    assert expected_rate(calls, free, 0.1) <= 0.03


class CallCentre(RuleBasedStateMachine):
    """Whoever wants an agent, and whenever: the rate stays under its limit while no agent leaves."""

    @initialize(
        agents=st.integers(1, 6), connected=st.integers(0, 400), share=st.sampled_from([0.0, 0.1, 0.5]),
        mode=st.sampled_from(AgentMode),
    )  # fmt: skip
    def begin(self, agents: int, connected: int, share: float, mode: AgentMode) -> None:
        self.free, self.talking, self.on_the_way = agents, 0, 0
        self.pace = AgentPace(AgentSettings(mode), {TODAY: Handovers(connected)})
        self.mode = mode
        for number in range(200):
            self.pace.call_ended(came_to_transfer=number < share * 200)

    @rule()
    def calls_are_placed(self) -> None:
        self.on_the_way += self.pace.room(self.free, self.on_the_way, TODAY)
        assert self.pace.room(self.free, self.on_the_way, TODAY) == 0

    @precondition(lambda self: self.on_the_way)
    @rule(times=st.integers(1, 12))
    def callees_want_an_agent(self, times: int) -> None:
        for _ in range(min(times, self.on_the_way)):
            self.on_the_way -= 1
            self.pace.call_ended(came_to_transfer=True)
            if self.free:
                self.free -= 1
                self.talking += 1
                self.pace.connected(TODAY)
            else:
                self.pace.abandoned(TODAY)

    @precondition(lambda self: self.on_the_way)
    @rule()
    def a_callee_wants_none(self) -> None:
        self.on_the_way -= 1
        self.pace.call_ended(came_to_transfer=False)

    @precondition(lambda self: self.talking)
    @rule()
    def an_agent_is_free_again(self) -> None:
        self.talking -= 1
        self.free += 1

    @invariant()
    def the_limit_holds(self) -> None:
        counted = self.pace.handovers(TODAY)
        assert counted.abandon_rate <= 0.03 + 1e-9
        if self.mode is AgentMode.PROGRESSIVE:
            assert counted.abandoned == 0


TestCallCentre = CallCentre.TestCase
TestCallCentre.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
