"""Near-zero frames and comfort noise are no speech; a voice is."""

from __future__ import annotations

import numpy as np
import pytest

from ws_audio.vad import HOLD_FRAMES, SETTLE_FRAMES, ForegroundVad, WebRtcVad


def share(wave: np.ndarray[tuple[int], np.dtype[np.float64]], rate: int) -> float:
    """Of how many frames the detector says speech."""
    said = detected(wave, rate)
    return sum(said) / len(said)


def detected(wave: np.ndarray[tuple[int], np.dtype[np.float64]], rate: int) -> list[bool]:
    """What the detector says of each frame."""
    vad = WebRtcVad(rate)
    data = wave.astype("<i2").tobytes()
    size = rate // 50 * 2
    return [vad.is_speech(data[start : start + size]) for start in range(0, len(data) - size + 1, size)]


def vowel(rate: int, level: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """One second of a buzz of 120 Hz, shaped like the vowel of "yes"."""
    time = np.arange(rate) / rate
    formants = ((530, 1.0), (1840, 0.5), (2480, 0.3))
    wave = np.zeros(rate)
    for harmonic in range(1, 28):
        hz = 120 * harmonic
        gain = float(sum(weight / (1 + ((hz - formant) / 120) ** 2) for formant, weight in formants))
        wave += gain * np.sin(2 * np.pi * hz * time)
    return np.asarray(wave / np.abs(wave).max() * level)


@pytest.mark.parametrize("rate", [8000, 16000])
def test_a_voice_is_speech_at_both_rates(rate: int) -> None:
    assert share(vowel(rate, 6000), rate) >= 0.9


@pytest.mark.parametrize("rate", [8000, 16000])
@pytest.mark.parametrize("level", [0, 2, 40, 100, 330])
def test_silence_and_the_noise_of_a_line_are_not(rate: int, level: int) -> None:
    noise = np.random.default_rng(1).normal(size=rate * 2) * level
    assert share(noise, rate) == 0


def test_a_voice_below_the_floor_is_not() -> None:
    assert share(vowel(16000, 100), 16000) == 0


def test_the_decay_of_a_word_belongs_to_it_and_the_silence_after_does_not() -> None:
    wave = np.concatenate([vowel(16000, 6000), vowel(16000, 30)])  # 46 dB down: the detector alone goes on for ever
    said = detected(wave, 16000)
    assert 50 < sum(said) + SETTLE_FRAMES <= 50 + HOLD_FRAMES
    assert not any(said[50 + HOLD_FRAMES :])


def test_aggressiveness_goes_from_0_to_3() -> None:
    with pytest.raises(ValueError, match="0 to 3"):
        WebRtcVad(16000, 4)


def test_a_voice_in_the_background_is_none_until_the_one_in_front_is_long_over() -> None:
    near, far = vowel(16000, 28000), vowel(16000, 2200)  # 22 dB below
    alone = ForegroundVad(16000, 0), WebRtcVad(16000, 0)
    for vad in alone:
        assert heard(vad, far) > 0.8  # who speaks softly is heard
    foreground = ForegroundVad(16000, 0)
    assert heard(foreground, near) > 0.8
    assert heard(foreground, far) <= 0.1  # but for the frames that are held
    for _ in range(3):
        heard(foreground, np.zeros(16000))
    assert heard(foreground, far) > 0.8


def test_the_background_is_heard_again_at_once_when_asked_for() -> None:
    near, far = vowel(16000, 28000), vowel(16000, 2200)[:8000]
    foreground = ForegroundVad(16000, 0)
    heard(foreground, near)
    foreground.focused = False
    assert heard(foreground, far) > 0.8
    foreground.focused = True
    assert heard(foreground, far) <= 0.2  # but for the frames that are held


def heard(vad: WebRtcVad, wave: np.ndarray[tuple[int], np.dtype[np.float64]]) -> float:
    """Of how many frames of 16 kHz audio this detector, which has heard more before, says speech."""
    frames = wave.astype("<i2").reshape(-1, 320)
    return sum(vad.is_speech(frame.tobytes()) for frame in frames) / len(frames)
