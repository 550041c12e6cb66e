"""What a synthesis gets at once: whole sentences, none without an end."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robot.prompts.sentences import sentences


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("Hello.", ["Hello."]),
        ("Hello. How are you?  Fine!", ["Hello.", "How are you?", "Fine!"]),
        ("It costs 3.50 euros.", ["It costs 3.50 euros."]),
        ("Bonjour… Ça va ?", ["Bonjour…", "Ça va ?"]),
        ("... ! Hello.", ["Hello."]),
        ("One\ntwo\x00three", ["One two three"]),
        ("", []),
    ],
)
def test_sentences_are_spoken_one_by_one(text: str, parts: list[str]) -> None:
    assert sentences(text) == parts


def test_a_long_sentence_is_cut_at_a_pause() -> None:
    first, second = sentences("word " * 40 + "end, " + "word " * 40)
    assert first.endswith("end,")
    assert second.startswith("word")


@given(st.text(max_size=2000) | st.text("ab1 ,.", min_size=200, max_size=4000))
def test_nothing_is_too_long_and_nothing_is_lost(text: str) -> None:
    parts = sentences(text)
    assert all(len(part) <= 300 and len(word) <= 60 for part in parts for word in part.split())
    assert all(part.isprintable() for part in parts)
    spoken = [letter for part in parts for letter in part if letter.isalnum()]
    assert spoken == [letter for letter in text if letter.isalnum() and letter.isprintable()]
