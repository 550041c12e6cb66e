"""Which words of unfinished speech can be believed."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ws_audio.frames import Samples
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


RATE = 16000


def speech(ms: int, quiet_at_ms: int) -> Samples:
    """As loud all the time, but for 200 ms from `quiet_at_ms` on."""
    sound = np.full(ms * RATE // 1000, 1000, dtype=np.int16)
    sound[quiet_at_ms * RATE // 1000 : (quiet_at_ms + 200) * RATE // 1000] = 10
    return sound


def test_a_window_is_cut_where_it_is_quiet_when_it_gets_long() -> None:
    partials = Partials()
    assert partials.head_ms(speech(7000, 4000), RATE) is None
    head_ms = partials.head_ms(speech(7020, 4000), RATE)
    assert head_ms is not None
    assert 4000 <= head_ms <= 4200


@given(st.integers(7020, 30_000), st.integers(0, 30_000), st.sampled_from([8000, 16000]))
def test_what_is_cut_off_leaves_words_before_and_after(ms: int, quiet_at_ms: int, rate: int) -> None:
    settings = PartialSettings()
    head_ms = Partials(settings).head_ms(speech(ms, quiet_at_ms)[:: RATE // rate], rate)
    assert head_ms is not None
    assert settings.cut_from_ms <= head_ms <= settings.cut_to_ms


def test_what_was_kept_stands_before_what_the_window_says() -> None:
    partials = Partials()
    partials.agreed("I would like to")
    partials.agreed("I would like to know")
    partials.keep("I would like", 3000)
    assert partials.since_ms == 3000
    assert partials.so_far == "I would like to", "what was believed is not taken back"
    assert partials.draft("to know more") == "I would like to know more"
    assert partials.agreed("to know more") is None
    assert partials.agreed("to know more about") == "I would like to know more"


@given(st.lists(st.tuples(st.booleans(), st.lists(st.sampled_from("abc"), max_size=5))))
def test_what_is_believed_only_grows(heard: list[tuple[bool, list[str]]]) -> None:
    partials = Partials()
    for keep, words in heard:
        before = partials.so_far
        if keep:
            partials.keep(" ".join(words), 3000)
        else:
            partials.agreed(" ".join(words))
        assert len(partials.so_far) >= len(before)
