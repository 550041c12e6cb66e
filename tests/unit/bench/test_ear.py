"""What an ear makes of a recording, from made sound whose times are known."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest

from robot.bench.ear import Tape, read_tape, sounding, threshold_passed_ms, threshold_to_silence_ms
from robot.simulator.sound import Samples, tone

RATE = 8000
# By how much the tape has the callee's side late.
LATE_MS = 23


def silence(ms: int) -> Samples:
    return np.zeros(ms * RATE // 1000, np.int16)


def voice(ms: int) -> Samples:
    """Voiced to webrtcvad: a vowel, which is a pulse of 120 Hz through resonances."""
    count = ms * RATE // 1000
    pulses = np.zeros(count)
    pulses[:: RATE // 120] = 1.0
    heard = pulses
    for hz in (700, 1200, 2600):
        times = np.arange(200) / RATE
        heard = np.convolve(heard, np.exp(-times * 300) * np.cos(2 * np.pi * hz * times))[:count]
    loud: Samples = (heard / np.abs(heard).max() * 12000).astype(np.int16)
    return loud


def tape(heard: Samples, said: Samples) -> Tape:
    length = max(len(heard), len(said))
    return Tape(np.pad(heard, (0, length - len(heard))), np.pad(said, (0, length - len(said))), RATE)


def test_sound_with_short_pauses_is_one_and_with_long_ones_two() -> None:
    side = np.concatenate([silence(100), tone(300, 200, RATE), silence(50), tone(300, 100, RATE), silence(300),
                           tone(300, 150, RATE), silence(80)])  # fmt: skip
    first, second = sounding(side, RATE, pause_ms=100)
    assert first.from_ms == pytest.approx(100, abs=1)
    assert first.to_ms == pytest.approx(450, abs=1)
    assert second.length_ms == pytest.approx(150, abs=1)


def test_the_silence_of_a_telephone_line_is_no_sound() -> None:
    line = np.random.default_rng(1).integers(-8, 9, RATE).astype(np.int16)
    assert sounding(line, RATE, pause_ms=100) == []


def test_the_threshold_is_passed_when_speech_has_lasted_so_long() -> None:
    said = np.concatenate([silence(2000), voice(3000)])
    passed_ms = threshold_passed_ms(tape(silence(6000), said), 1500, 0, 2)
    assert passed_ms == pytest.approx(3500, abs=40)


def test_what_was_said_before_the_prompt_does_not_count() -> None:
    said = np.concatenate([silence(1000), voice(3000)])
    assert threshold_passed_ms(tape(silence(5000), said), 1500, 2000, 2) == pytest.approx(3500, abs=40)


def test_who_does_not_talk_for_so_long_passes_no_threshold() -> None:
    said = np.concatenate([silence(500), voice(800), silence(2000)])
    assert threshold_passed_ms(tape(silence(4000), said), 1500, 0, 2) is None


@pytest.mark.parametrize("delay_ms", [20, 60, 400])
def test_from_the_threshold_to_silence(delay_ms: int) -> None:
    said = np.concatenate([silence(1000), voice(4000)])
    passed_ms = threshold_passed_ms(tape(silence(5000), said), 1500, 0, 2)
    assert passed_ms is not None
    heard = np.concatenate([silence(200), tone(300, round(passed_ms) - 200 + delay_ms, RATE), silence(2000)])
    measured = threshold_to_silence_ms(tape(heard, said), 1500, 2)
    assert measured == pytest.approx(delay_ms + LATE_MS, abs=1)


def test_a_prompt_that_was_over_before_was_not_stopped() -> None:
    said = np.concatenate([silence(1000), voice(4000)])
    heard = np.concatenate([silence(200), tone(300, 1000, RATE), silence(4000)])
    assert threshold_to_silence_ms(tape(heard, said), 1500, 2) is None
    assert threshold_to_silence_ms(tape(silence(5000), said), 1500, 2) is None


def test_a_recording_is_read_left_and_right(tmp_path: Path) -> None:
    left, right = tone(300, 100, RATE), tone(600, 100, RATE)
    file = tmp_path / "both.wav"
    with wave.open(str(file), "wb") as opened:
        opened.setnchannels(2)
        opened.setsampwidth(2)
        opened.setframerate(RATE)
        opened.writeframes(np.stack([left, right], axis=1).tobytes())
    read = read_tape(file)
    assert (read.heard == left).all()
    assert (read.said == right).all()
    assert read.rate == RATE


def test_a_recording_of_one_side_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "one.wav"
    with wave.open(str(file), "wb") as opened:
        opened.setnchannels(1)
        opened.setsampwidth(2)
        opened.setframerate(RATE)
        opened.writeframes(tone(300, 100, RATE).tobytes())
    with pytest.raises(ValueError, match="both sides"):
        read_tape(file)
