"""Gateways: which fails, for how long it rests, and how the calls are shared out."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from robot.campaign.blame import Blame, blame_of, fault_of
from robot.campaign.gateways import Gateways, GatewayState, Rest, Rotation, Through


def gateways() -> Gateways:
    return Gateways(Rest(first_s=30, longest_s=120), random.Random(1))  # noqa: S311 - a test that can be repeated


def fail(health: Gateways, now: float, blame: Blame = Blame.GATEWAY, times: int = 3) -> None:
    for _ in range(times):
        health.heard(health.placed("carrier", now), now, blame)


def test_three_failures_are_enough_and_one_that_freeswitch_calls_down() -> None:
    health = gateways()
    fail(health, 0, times=2)
    assert health.state("carrier") is GatewayState.UP
    change = health.heard(health.placed("carrier", 0), 0, Blame.GATEWAY)
    assert change is not None
    assert change.state is GatewayState.RESTING
    assert change.reason.startswith("3 of its last 3 calls did not get through; it is tried again in 3")
    other = gateways()
    fail(other, 0, Blame.GATEWAY_AWAY, times=1)
    assert not other.usable("carrier", 29)
    assert other.usable("other", 0)


@pytest.mark.parametrize("blame", [Blame.CALLEE, Blame.OURS])
def test_what_is_not_its_fault_does_not_count(blame: Blame) -> None:
    health = gateways()
    fail(health, 0, blame, times=50)
    assert health.state("carrier") is GatewayState.UP


def test_callees_who_decline_are_no_failure_until_all_do() -> None:
    health = gateways()
    fail(health, 0, Blame.UNSURE, times=9)
    assert health.state("carrier") is GatewayState.UP
    fail(health, 0, Blame.UNSURE, times=1)
    assert health.state("carrier") is GatewayState.RESTING


def test_a_gateway_that_lets_most_calls_through_goes_on() -> None:
    health = gateways()
    for _ in range(50):
        fail(health, 0, Blame.CALLEE, times=2)
        fail(health, 0, Blame.GATEWAY, times=1)
    assert health.state("carrier") is GatewayState.UP


def test_failures_of_long_ago_are_forgotten() -> None:
    health = gateways()
    fail(health, 0, times=2)
    fail(health, 500, times=2)
    assert health.state("carrier") is GatewayState.UP


def test_after_its_rest_one_call_probes_it_and_the_others_wait_for_that() -> None:
    health = gateways()
    fail(health, 0)
    again = health.usable_at("carrier")
    assert again is not None
    assert 30 <= again <= 33
    probe = health.placed("carrier", again)
    assert probe.probe
    assert not health.usable("carrier", again + 100)
    assert health.usable_at("carrier") is None
    change = health.heard(probe, again + 5, Blame.CALLEE)
    assert change is not None
    assert change.state is GatewayState.UP
    assert health.usable("carrier", again + 5)


def test_each_failed_probe_doubles_the_rest_up_to_its_limit() -> None:
    health, now, rests = gateways(), 0.0, []
    fail(health, now)
    for _ in range(4):
        again = health.usable_at("carrier")
        assert again is not None
        rests.append(again - now)
        now = again
        health.heard(health.placed("carrier", now), now, Blame.GATEWAY)
    assert [round(rest / 30) for rest in rests] == [1, 2, 4, 4]


def test_a_probe_that_was_not_dialled_is_followed_by_another() -> None:
    health = gateways()
    fail(health, 0)
    health.heard(health.placed("carrier", 40), 40, Blame.OURS)
    assert health.placed("carrier", 41).probe


def test_calls_of_before_say_nothing_while_it_rests() -> None:
    health = gateways()
    late = health.placed("carrier", 0)
    fail(health, 0)
    assert health.heard(late, 1, Blame.CALLEE) is None
    assert health.state("carrier") is GatewayState.RESTING


def test_what_freeswitch_says_of_it_counts() -> None:
    health = gateways()
    change = health.reported("carrier", 0, up=False)
    assert change is not None
    assert "FreeSWITCH says" in change.reason
    assert not health.usable("carrier", 5)
    health.reported("carrier", 5, up=True)
    assert health.placed("carrier", 5).probe


def test_weights_are_kept_without_clumps() -> None:
    rotation, order = Rotation({"a": 3, "b": 1}), []
    for _ in range(8):
        chosen = rotation.order(["a", "b"])[0]
        rotation.used(chosen, ["a", "b"])
        order.append(chosen)
    assert "".join(order) == "aabaaaba"


def test_a_gateway_that_comes_back_gets_no_more_than_its_share() -> None:
    rotation = Rotation({"a": 1, "b": 1})
    for _ in range(100):
        rotation.used("a", ["a"])
    counted: Counter[str] = Counter()
    for _ in range(10):
        chosen = rotation.order(["b", "a", "of another campaign"])[0]
        rotation.used(chosen, ["a", "b"])
        counted[chosen] += 1
    assert counted == {"a": 5, "b": 5}


@given(st.dictionaries(st.sampled_from("abcd"), st.integers(1, 9), min_size=1))
def test_every_gateway_gets_its_share(weights: dict[str, int]) -> None:
    rotation, counted, rounds = Rotation({name: float(weight) for name, weight in weights.items()}), Counter[str](), 7
    for _ in range(rounds * sum(weights.values())):
        chosen = rotation.order(list(weights))[0]
        rotation.used(chosen, list(weights))
        counted[chosen] += 1
    assert counted == {name: rounds * weight for name, weight in weights.items()}


@pytest.mark.parametrize(
    ("cause", "blame"),
    [
        ("USER_BUSY", Blame.CALLEE),
        ("GATEWAY_DOWN", Blame.GATEWAY_AWAY),
        ("NORMAL_TEMPORARY_FAILURE", Blame.GATEWAY),
        ("CALL_REJECTED", Blame.UNSURE),
        ("A_NEW_CAUSE", Blame.UNSURE),
        (None, Blame.OURS),
    ],
)
def test_whose_fault_it_was(cause: str | None, blame: Blame) -> None:
    assert blame_of(cause) is blame


@pytest.mark.parametrize(
    ("outcome", "cause", "fault"),
    [
        ("completed", "NORMAL_CLEARING", None),
        ("unreachable", "SUBSCRIBER_ABSENT", None),
        ("unreachable", "RECOVERY_ON_TIMER_EXPIRE", "RECOVERY_ON_TIMER_EXPIRE"),
        ("failed", "GATEWAY_DOWN", "GATEWAY_DOWN"),
        ("failed", "NORMAL_CLEARING", "failed in the call"),
        ("failed", None, "failed in the call"),
        ("unknown", None, "lost from sight"),
    ],
)
def test_what_is_a_fault_of_ours(outcome: str, cause: str | None, fault: str | None) -> None:
    assert fault_of(outcome, cause) == fault


class Health(RuleBasedStateMachine):
    """In whatever order calls end: at most one probe is on, a rest is kept, and a gateway always comes back."""

    @initialize()
    def begin(self) -> None:
        self.health = gateways()
        self.now = 0.0
        self.live: list[Through] = []

    @rule(seconds=st.floats(0, 200))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @precondition(lambda self: self.health.usable("carrier", self.now))
    @rule()
    def a_call_is_placed(self) -> None:
        rests_until = self.health.usable_at("carrier")
        through = self.health.placed("carrier", self.now)
        assert through.probe == (rests_until is not None)
        assert rests_until is None or self.now >= rests_until
        self.live.append(through)

    @precondition(lambda self: self.live)
    @rule(which=st.integers(0), blame=st.sampled_from(Blame))
    def a_call_is_heard_of(self, which: int, blame: Blame) -> None:
        before = self.health.state("carrier")
        change = self.health.heard(self.live.pop(which % len(self.live)), self.now, blame)
        assert change is None or change.state is self.health.state("carrier")
        assert change is not None or self.health.state("carrier") in (before, GatewayState.RESTING)

    @rule(up=st.booleans())
    def freeswitch_says(self, up: bool) -> None:
        self.health.reported("carrier", self.now, up=up)

    @invariant()
    def one_probe_at_most(self) -> None:
        probes = sum(through.probe for through in self.live)
        assert probes == (self.health.state("carrier") is GatewayState.PROBING)

    @invariant()
    def it_can_come_back(self) -> None:
        again = self.health.usable_at("carrier")
        assert again is None or again - self.now <= 1.1 * 120


TestHealth = Health.TestCase
TestHealth.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
