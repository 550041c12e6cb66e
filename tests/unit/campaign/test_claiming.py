"""What becomes of a contact to whom a prompt cannot be said."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from robot.call.prompting import FieldMissing
from robot.campaign.claiming import without_prompts
from robot.prompts.errors import NoSound, PromptError, PromptMissing, PromptsOverloaded, PromptTooLong, TtsFailed
from robot.store.campaign_records import Claim, ClaimedContact, GivenUp, NextTry, Priority

NOW = datetime.now(UTC)
CONTACT = ClaimedContact(Claim(1, "us", 1), NOW, "spring", "+33140000001", {}, Priority.CALLBACK, 0, None, ())


@pytest.mark.parametrize("error", [FieldMissing, PromptTooLong, NoSound])
def test_who_has_not_what_a_text_names_is_done_without_a_call(error: type[PromptError]) -> None:
    assert without_prompts(CONTACT, error("there is no {name}")) == GivenUp("there is no {name}")


@pytest.mark.parametrize("error", [PromptsOverloaded, PromptMissing, TtsFailed])
def test_what_is_wrong_for_everybody_gives_nobody_up(error: type[PromptError]) -> None:
    again = without_prompts(CONTACT, error("not now"))
    assert isinstance(again, NextTry)
    assert (again.priority, again.reason) == (Priority.CALLBACK, "not now")
    assert timedelta(seconds=55) < again.at - datetime.now(UTC) <= timedelta(minutes=1)
