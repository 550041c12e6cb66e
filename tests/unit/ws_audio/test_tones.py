"""Sounds of machines on the line."""

from __future__ import annotations

import numpy as np
import pytest

from ws_audio.tones import is_tone

SECOND = np.arange(16000) / 16000


def sound(*hertz: float, level: float = 6000) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    wave = sum((np.sin(2 * np.pi * hz * SECOND) for hz in hertz), np.zeros(16000))
    padded = np.concatenate([np.zeros(3200), level * wave, np.zeros(3200)])
    noise = np.random.default_rng(1).normal(size=padded.size) * 10
    return np.asarray(padded + noise, dtype=np.int16)


@pytest.mark.parametrize("hertz", [(50,), (425,), (1000,), (1400,), (440, 480), (770, 1336)])
def test_hum_busy_beep_ringback_and_dtmf_are_tones(hertz: tuple[float, ...]) -> None:
    assert is_tone(sound(*hertz))


def test_a_buzz_with_harmonics_is_not() -> None:
    assert not is_tone(sound(*(120 * number for number in range(1, 20)), level=1000))


def test_noise_and_silence_are_not() -> None:
    assert not is_tone(sound(level=0))
    assert not is_tone(np.zeros(16000, dtype=np.int16))
    assert not is_tone(np.zeros(10, dtype=np.int16))
