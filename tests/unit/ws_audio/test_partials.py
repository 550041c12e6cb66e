"""Which words of unfinished speech can be believed."""

from __future__ import annotations

from ws_audio.transcription.partials import Partials, PartialSettings


def test_due_once_per_interval() -> None:
    partials = Partials(PartialSettings(first_ms=100, every_ms=50))
    assert [ms for ms in range(0, 300, 10) if partials.due(ms)] == [100, 150, 200, 250]


def test_words_are_told_when_two_tries_agree_on_them() -> None:
    partials = Partials()
    assert partials.agreed("I would") is None
    assert partials.agreed("I would lie.") == "I would"
    assert partials.agreed("I would like, to") is None
    assert partials.agreed("I would like to know") == "I would like to"


def test_case_and_punctuation_do_not_matter() -> None:
    partials = Partials()
    partials.agreed("yes. Please")
    assert partials.agreed("Yes, please") == "Yes, please"
