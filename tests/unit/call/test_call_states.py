"""The table of call states."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robot.call.states import TRANSITIONS, CallState, IllegalTransition, check_transition

FINAL = {CallState.ENDED, CallState.ERROR}


def test_every_state_has_a_row() -> None:
    assert set(TRANSITIONS) == set(CallState)


@pytest.mark.parametrize("state", sorted(set(CallState) - FINAL))
def test_every_call_can_end_and_fail_from_anywhere(state: CallState) -> None:
    assert check_transition(state, CallState.ERROR) is CallState.ERROR
    assert check_transition(state, CallState.ENDED) is CallState.ENDED


@pytest.mark.parametrize("state", sorted(FINAL))
@pytest.mark.parametrize("following", sorted(CallState))
def test_nothing_follows_a_final_state(state: CallState, following: CallState) -> None:
    with pytest.raises(IllegalTransition, match=f"from {state} to {following}"):
        check_transition(state, following)


@given(st.lists(st.sampled_from(sorted(CallState)), max_size=30))
def test_no_walk_leads_back_before_the_answer(walk: list[CallState]) -> None:
    state = CallState.CONNECTING
    answered = False
    for following in walk:
        if following in TRANSITIONS[state]:
            state = check_transition(state, following)
            answered = answered or state is CallState.ACTIVE
            assert not (answered and state is CallState.CONNECTING)
            assert state not in (CallState.SPEAKING, CallState.LISTENING, CallState.PROCESSING) or answered


def test_a_prompt_may_be_followed_by_listening_and_never_by_dialling() -> None:
    assert CallState.LISTENING in TRANSITIONS[CallState.SPEAKING]
    assert CallState.CONNECTING not in TRANSITIONS[CallState.SPEAKING]
