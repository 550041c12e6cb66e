"""What Whisper made up, what it repeats, and where long speech is cut. No model here."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ws_audio.transcription.whisper import cut_at_quiet, has_words, invented, repeats


@pytest.mark.parametrize(
    ("text", "logprob", "no_speech"),
    [
        ("you", -0.67, 0.99), ("You", -2.0, 0.45), ("I'm not a fan of the game.", -2.0, 0.86), ("", -0.1, 0.0),
        ("Thank you.", -1.1, 0.3), (". . .", -0.2, 0.1), ("[MUSIC]", -0.1, 0.0),
        ("(applause)", -0.1, 0.0), ("♪ ♪", -0.1, 0.0),
        ("Beep beep beep beep", -0.2, 0.7), ("Thanks for watching!", -0.5, 0.7),
    ],
)  # fmt: skip
def test_what_nobody_said(text: str, logprob: float, no_speech: float) -> None:
    assert invented(text, logprob, no_speech)


@pytest.mark.parametrize(
    ("text", "logprob", "no_speech"),
    [
        ("Yes.", -0.2, 0.05), ("No.", -0.7, 0.22), ("Stop.", -0.99, 0.37), ("Thank you.", -0.23, 0.29),
        ("Bye.", -0.4, 0.03), ("No no no no!", -0.2, 0.1), ("Please do not call me again.", -0.8, 0.65),
        ("You", -0.9, 0.1),
        ("Да.", -0.3, 0.1),
    ],
)  # fmt: skip
def test_what_somebody_said(text: str, logprob: float, no_speech: float) -> None:
    assert not invented(text, logprob, no_speech)


@pytest.mark.parametrize(
    "text",
    [
        "yes yes yes yes",
        "Yes. Yes, yes! YES",
        "the game of the game of the game of the game of",
        "so I am I am I am I am",
        "Aaaaaaaaaaaaaaaaaaaaaaaaa",
    ],
)
def test_loops_are_seen(text: str) -> None:
    assert repeats(text)


@pytest.mark.parametrize("text", ["", "No, no, no!", "very very good, very very cheap", "I know that that is so"])
def test_people_repeat_themselves_too(text: str) -> None:
    assert not repeats(text)


def test_words_are_letters_and_digits_of_any_script() -> None:
    assert has_words("[laughs] 42")
    assert has_words("はい")
    assert not has_words("... [laughs] *sighs* ♪")


@given(st.integers(0, 200_000))
def test_cutting_loses_no_sample(size: int) -> None:
    audio = np.random.default_rng(size).integers(-1000, 1000, size).astype(np.int16)
    parts = cut_at_quiet(audio, longest_s=2.0)
    assert np.concatenate(parts).tobytes() == audio.tobytes()
    assert all(part.size <= 32000 for part in parts)


def test_long_speech_is_cut_in_its_pauses() -> None:
    audio = np.full(16000 * 5, 5000, dtype=np.int16)
    audio[16000 * 17 // 10 : 16000 * 18 // 10] = 0
    assert 16000 * 17 // 10 <= cut_at_quiet(audio, longest_s=2.0)[0].size <= 16000 * 18 // 10
