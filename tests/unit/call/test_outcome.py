"""Which hangup cause means which outcome."""

import pytest

from robot.call.failures import NotAnswered
from robot.call.outcome import Outcome, advice_on_cause, outcome_of_cause


@pytest.mark.parametrize(
    ("cause", "outcome"),
    [
        ("USER_BUSY", Outcome.BUSY),
        ("NO_ANSWER", Outcome.NO_ANSWER),
        ("CALL_REJECTED", Outcome.REJECTED),
        ("NO_ROUTE_DESTINATION", Outcome.INVALID_NUMBER),
        ("UNALLOCATED_NUMBER", Outcome.INVALID_NUMBER),
        ("NORMAL_TEMPORARY_FAILURE", Outcome.UNREACHABLE),
        ("INVALID_GATEWAY", Outcome.FAILED),
        ("A_CAUSE_OF_TOMORROW", Outcome.FAILED),
    ],
)
def test_causes(cause: str, outcome: Outcome) -> None:
    assert outcome_of_cause(cause) is outcome


def test_what_is_not_the_callees_doing_comes_with_advice() -> None:
    failure = NotAnswered("INVALID_GATEWAY")
    assert failure.outcome is Outcome.FAILED
    assert "sofia status" in str(failure)
    assert advice_on_cause("A_CAUSE_OF_TOMORROW") is None
    assert str(NotAnswered("A_CAUSE_OF_TOMORROW")) == "not answered: A_CAUSE_OF_TOMORROW"
