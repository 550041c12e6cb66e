"""How long is waited after which words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robot.dialogue.turn_end import Patience, patience_ms

PATIENCE = Patience(300, 500, 1000)


@pytest.mark.parametrize("text", ["Yes, please.", "How much is it?", "Stop!", "Non, merci."])
def test_a_sentence_is_complete(text: str) -> None:
    assert patience_ms(text, "en", PATIENCE) == 300


@pytest.mark.parametrize("text", ["Saturday", "tomorrow at ten", "le matin"])
def test_words_without_a_full_stop_may_be_all(text: str) -> None:
    assert patience_ms(text, "en", PATIENCE) == 500


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("I would like to", "en"), ("Because my.", "en"), ("Well,", "en"), ("So...", "en"), ("Let me think…", "en"),
        ("My number is", "en"), ("", "en"), ("Oui mais", "fr"), ("C'est pour", "fr"),
    ],
)  # fmt: skip
def test_nobody_is_done_in_the_middle(text: str, language: str) -> None:
    assert patience_ms(text, language, PATIENCE) == 1000


def test_a_language_that_nobody_wrote_down_has_its_punctuation() -> None:
    assert patience_ms("Hyvää päivää.", "fi", PATIENCE) == 300
    assert patience_ms("Hyvää päivää.", None, PATIENCE) == 300


@given(st.text())
def test_any_text_has_its_time(text: str) -> None:
    assert patience_ms(text, "en", PATIENCE) in (300, 500, 1000)


def test_impatience_with_the_undecided_is_refused() -> None:
    with pytest.raises(ValueError, match="half"):
        Patience(complete_ms=800, open_ms=600)
