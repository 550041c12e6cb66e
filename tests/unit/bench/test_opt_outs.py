"""The set of spoken opt-outs, as it is written: what recognition makes of it takes minutes (`robot bench opt-outs`)."""

from __future__ import annotations

import pytest

from robot.bench.intents import SPLITS
from robot.bench.opt_outs import Heard, Sentence, figures, sentences
from robot.dialogue.intents import DO_NOT_CALL, IntentMatcher
from robot.dialogue.language import language_of


@pytest.mark.parametrize("language", ["en", "fr"])
def test_the_set_is_large_and_parted_evenly(language: str) -> None:
    said = sentences(language)
    assert len({each.text.casefold() for each in said}) == len(said)
    assert sum(not each.opt_out for each in said) >= 200
    assert [sum(each.opt_out and each.split == split for each in said) for split in SPLITS] == [34, 34]


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("language", ["en", "fr"])
def test_opt_outs_that_are_heard_word_for_word_are_understood(language: str, split: str) -> None:
    matcher = IntentMatcher.of(language_of(language).intents, language)
    heard = [
        Heard(said, "", "", said.text, matcher.understand(said.text).intent == DO_NOT_CALL)
        for said in sentences(language)
        if said.split == split
    ]
    measured = figures(heard)
    assert measured["recall"] >= (1.0 if split == "tuned" else 0.97)
    assert measured["false"] <= (0 if split == "tuned" else 1)


def test_figures() -> None:
    opt_out, other = Sentence("stop calling me", True, "tuned"), Sentence("yes", False, "tuned")
    heard = [Heard(opt_out, "", "", "", understood) for understood in (True, True, True, False)]
    heard.append(Heard(other, "", "", "", True))
    assert figures(heard) == {"opt_outs": 4, "recall": 0.75, "others": 1, "false": 1}
