"""The model of a written conversation: which reply it gives, and what is no reply."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from robot.dialogue.llm import Finished, LlmFailed, Message, Request, Token, ToolCall
from robot.rehearsal.scripted_model import ModelTable, ScriptedModel

REPLIES: list[dict[str, Any]] = [
    {"to": ["when are you open", "hours"], "says": "From nine to five."},
    {"to": ["yes"], "after": "anything else", "says": "What is it?"},
    {"to": ["yes"], "says": "Good. Is there anything else?"},
    {"to": ["bye"], "says": "Goodbye.", "tools": [{"end_call": {"outcome": "sold"}}]},
    {"to": ["size"], "tools": [{"keep_fact": {"name": "size", "value": "9"}}], "then": "I have noted it."},
    {"to": ["fire"], "fails": True},
]


def user(text: str) -> Message:
    return Message("user", text)


async def reply(*messages: Message) -> tuple[str, list[ToolCall]]:
    model = ScriptedModel(ModelTable.model_validate({"reply": REPLIES}))
    text, calls = "", []
    async with model.stream(Request((Message("system", "Be kind."), *messages))) as events:
        async for event in events:
            match event:
                case Token(piece):
                    text += piece
                case ToolCall():
                    calls.append(event)
                case Finished():
                    pass
    return text.strip(), calls


async def test_the_first_reply_that_fits_is_given() -> None:
    assert await reply(user("Well, when are you OPEN?")) == ("From nine to five.", [])
    assert await reply(user("Yes!")) == ("Good. Is there anything else?", [])
    assert await reply(user("Yes!"), Message("assistant", "Is there anything else?"), user("Yes.")) == (
        "What is it?",
        [],
    )


async def test_parts_are_whole_words() -> None:
    with pytest.raises(LlmFailed, match=r"no .*reply"):
        await reply(user("Eyes."))


async def test_tools_come_after_what_is_said() -> None:
    text, [call] = await reply(user("Bye."))
    assert text == "Goodbye."
    assert (call.name, call.arguments) == ("end_call", {"outcome": "sold"})


async def test_what_became_of_a_tool_is_answered_without_calling_it_again() -> None:
    asked = user("My size is nine.")
    text, [call] = await reply(asked)
    assert text == ""
    assert await reply(asked, Message("assistant", "", (call,)), Message("tool", "Done.", tool_call_id=call.id)) == (
        "I have noted it.",
        [],
    )


async def test_it_can_fail() -> None:
    with pytest.raises(LlmFailed, match="as it is written"):
        await reply(user("Fire!"))


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ({}, "neither says nor does"),
        ({"fails": True, "says": "Oh."}, "fails and says"),
        ({"says": "Oh.", "then": "Yes."}, "calls no tool"),
        ({"tools": [{"keep_fact": {"name": "a", "value": "b"}}]}, "nobody would hear any more"),
        ({"tools": [{"dance": {}}]}, "dance"),
        ({"tools": [{"end_call": {}, "do_not_call": {}}]}, "at most 1"),
        ({"says": "Oh.", "too": ["a"]}, "too"),
    ],
)
def test_mistakes_are_told(table: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        ModelTable.model_validate({"reply": [table]})
