"""[amd] of campaign.toml: what it says, and how mistakes in it are told."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from robot.call.amd.greetings import AmdClass
from robot.call.answer_policy import AnswerPolicy, AnswerScreening, GoOn, HangUp, LeaveMessage, PressKeys
from robot.campaign.amd_table import AmdTable


def test_what_is_not_said_is_done_as_usual() -> None:
    policy = AmdTable().policy()
    assert policy is not None
    for kind in AmdClass:
        assert policy.action(kind) == AnswerPolicy().action(kind)
    assert policy.action(AmdClass.HUMAN) == GoOn()
    assert policy.action(AmdClass.VOICEMAIL) == HangUp("voicemail")
    assert AmdTable().settings().initial_silence_ms == 3000


def test_what_the_campaign_says() -> None:
    table = AmdTable.model_validate(
        {
            "voicemail": {"leave": "message"}, "call_screening": {"say": "who_we_are"}, "ivr": {"press": "1w2"},
            "silence": "hang_up", "fax": "go_on", "initial_silence_ms": 5000,
        }
    )  # fmt: skip
    policy = table.policy()
    assert policy is not None
    assert policy.action(AmdClass.VOICEMAIL) == LeaveMessage("message")
    assert policy.action(AmdClass.CALL_SCREENING) == AnswerScreening("who_we_are")
    assert policy.action(AmdClass.IVR) == PressKeys("1w2")
    assert policy.action(AmdClass.SILENCE) == HangUp("no_speech")
    assert policy.action(AmdClass.FAX) == GoOn()
    assert table.settings().initial_silence_ms == 5000
    assert dict(table.steps()) == {
        ("amd", "voicemail", "leave"): "message",
        ("amd", "call_screening", "say"): "who_we_are",
    }


def test_nobody_wants_to_know() -> None:
    assert AmdTable(enabled=False).policy() is None


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("voicemail", "hangup", 'should be "go_on", "hang_up" or { leave = "STEP" }; it is \'hangup\''),
        ("voicemail", {"leave": 3}, '{ leave = "STEP" }'),
        ("voicemail", {"say": "message"}, '{ leave = "STEP" }'),
        ("ivr", {"press": "one"}, '{ press = "1w2" }'),
        ("call_screening", ["say"], '{ say = "STEP" }'),
    ],
)
def test_a_mistake_is_told_once_with_what_to_write(key: str, value: Any, told: str) -> None:
    with pytest.raises(ValidationError) as raised:
        AmdTable.model_validate({key: value})
    [error] = raised.value.errors()
    assert error["loc"] == (key,)
    assert told in error["msg"]
