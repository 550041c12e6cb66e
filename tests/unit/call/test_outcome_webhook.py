"""What is told of a call that is over: as documented, only the outcomes and fields that were asked for."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from robot.call.outcome_webhook import OutcomeWebhook
from robot.store.records import AttemptResult, Direction, NewWebhook

DOCUMENTATION = Path(__file__).parents[3] / "docs" / "campaigns.md"
UUID = "8e30c25c-033f-41b3-bdcb-a0339ea83b97"
RESULT = AttemptResult(
    "callback", "NORMAL_CLEARING", "human", 6200, 61400, datetime(2026, 11, 21, 12, 0, 8, 100_000, UTC),
    datetime(2026, 11, 21, 12, 1, 9, 500_000, UTC), None, None,
    callback_earliest=datetime(2026, 11, 22, 9, tzinfo=UTC), callback_latest=datetime(2026, 11, 22, 9, 30, tzinfo=UTC),
    answers={"callback_time": "tomorrow at ten"},
)  # fmt: skip
CONTACT = {"customer_id": "1001", "first_name": "Ann"}


def message(told: OutcomeWebhook, contact: dict[str, str] = CONTACT) -> NewWebhook | None:
    return told.message(
        UUID, RESULT, campaign="spring", number="+33140000001", direction=Direction.OUTGOING, contact=contact
    )


def test_the_message_is_the_one_that_is_documented() -> None:
    [documented] = re.findall(r"```json\n(\{\n  \"id\".*?)```", DOCUMENTATION.read_text(encoding="utf-8"), re.DOTALL)
    new = message(OutcomeWebhook("https://example.com/", fields=frozenset({"customer_id"})))
    assert new is not None
    assert (new.event, new.attempt_uuid, new.created_at) == ("outcome", UUID, RESULT.ended_at)
    assert json.loads(new.body) == json.loads(documented) | {"id": new.id}


@pytest.mark.parametrize(
    ("outcomes", "told"), [(None, True), (frozenset({"callback"}), True), (frozenset({"busy"}), False)]
)
def test_only_the_outcomes_that_were_asked_for_are_told(outcomes: frozenset[str] | None, told: bool) -> None:
    assert (message(OutcomeWebhook("https://example.com/", outcomes)) is not None) is told


def test_text_that_is_no_unicode_can_be_sent() -> None:
    new = message(OutcomeWebhook("https://example.com/"), {"name": "\ud800"})
    assert new is not None
    assert json.loads(new.body.encode())["data"]["fields"] == {"name": "\ud800"}
