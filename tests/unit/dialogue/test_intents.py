"""Intents in what was recognised."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robot.dialogue.intents import IntentMatcher, words_of

MATCHER = IntentMatcher.of(
    {
        "interested": ["yes", "sure", "interested", "tell me more"],
        "not_interested": ["no", "not interested", "no thank you"],
        "do_not_call": ["don't call", "remove my number"],
    }
)


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("Yes.", "interested"),
        ("Yes hello, I am listening, I am quite interested in your offer.", "interested"),
        ("I'm intrested", "interested"),
        ("No thank you, I am not interested.", "not_interested"),
        ("I'm not interested", "not_interested"),
        ("not really interested", None),
        ("Please don’t call me again.", "do_not_call"),
        ("No, please remove my number", "do_not_call"),
        ("Who is this?", None),
        ("I know", None),
        ("", None),
        ("Yes... no, I mean no.", "not_interested"),
    ],
)
def test_what_people_say(text: str, intent: str | None) -> None:
    match = MATCHER.match(text)
    assert (match.intent if match else None) == intent


def test_only_what_the_step_expects() -> None:
    assert MATCHER.match("yes", frozenset({"do_not_call"})) is None


@given(st.text(max_size=200))
def test_any_text_is_taken(text: str) -> None:
    match = MATCHER.match(text)
    if match is not None:
        assert len(words_of(text)) >= match.position + match.words
