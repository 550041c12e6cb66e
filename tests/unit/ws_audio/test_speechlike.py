"""Syllables are like speech; held notes, noise, a clicking keyboard and barks are not."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from ws_audio.speechlike import LEAST_MS, SpeechJudge

Wave = npt.NDArray[np.float64]
RATE = 16000
FRAME = RATE // 50
TIMES = np.arange(int(1.5 * RATE)) / RATE


def noise(db: float) -> Wave:
    return np.asarray(np.random.default_rng(1).standard_normal(TIMES.size) * 10 ** (db / 20))


def note(hz: float) -> Wave:
    return np.asarray(sum(np.sin(2 * np.pi * hz * number * TIMES) / number for number in range(1, 6)) / 5)


def syllables() -> Wave:
    """Four a second: a voice whose pitch and two formants move, swelling and fading."""
    pitch = 130 + 25 * np.sin(2 * np.pi * 1.3 * TIMES)
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    first = 550 + 250 * np.sin(2 * np.pi * 2.7 * TIMES)
    second = 1600 + 600 * np.sin(2 * np.pi * 3.1 * TIMES + 1)
    wave = np.zeros(TIMES.size)
    for harmonic in range(2, 22):
        hz = pitch * harmonic
        wave += (1 / (1 + ((hz - first) / 150) ** 2) + 0.6 / (1 + ((hz - second) / 200) ** 2)) * np.sin(
            harmonic * phase
        )
    loudness = np.clip(np.sin(2 * np.pi * 2 * TIMES) ** 2, 0.02, 1) ** 1.5
    return np.asarray(wave * loudness * 0.2 + noise(-60))


def knocks(each_ms: int, length_ms: int) -> Wave:
    wave = noise(-60)
    for start in range(0, TIMES.size - 1, each_ms * RATE // 1000):
        length = min(length_ms * RATE // 1000, TIMES.size - start)
        wave[start : start + length] += noise(-14)[:length] * np.exp(-np.arange(length) * 5 / length)
    return wave


def judge(wave: Wave, voiced: float = 1.0, rate: int = RATE) -> SpeechJudge:
    """Having heard `wave`, of whose frames the first `voiced` share was taken for speech."""
    hears = SpeechJudge(rate)
    frame = rate // 50
    data = np.rint(wave[:: RATE // rate] * 8000).astype("<i2")
    count = data.size // frame
    for number in range(count):
        hears.push(data[number * frame : (number + 1) * frame].tobytes(), number < voiced * count)
    return hears


@pytest.mark.parametrize("rate", [8000, 16000])
def test_syllables_are_like_speech(rate: int) -> None:
    hears = judge(syllables(), rate=rate)
    assert hears.speechlike(0, 1500), hears.look(1500)


@pytest.mark.parametrize("level", [0.02, 0.2, 1.0])
def test_whatever_their_level(level: float) -> None:
    assert judge(syllables() * level + noise(-65)).speechlike(0, 1500)


@pytest.mark.parametrize(
    "wave",
    [noise(-20), note(262), note(262) + note(330) + note(392), knocks(180, 20), knocks(330, 150), noise(-80)],
    ids=["noise", "note", "chord", "keyboard", "blows", "nothing"],
)
def test_what_is_no_speech(wave: Wave) -> None:
    assert not judge(wave).speechlike(0, 1500)


def test_speech_with_few_voiced_frames_is_none() -> None:
    assert not judge(syllables(), voiced=0.4).speechlike(0, 1500)


def test_with_little_to_look_at_everything_is() -> None:
    assert judge(noise(-20)).speechlike(0, LEAST_MS - 20)
    assert SpeechJudge(RATE).speechlike(0, 5000)


def test_only_the_run_is_looked_at() -> None:
    hears = judge(np.concatenate([note(262), syllables()[: RATE * 8 // 10]])[-TIMES.size :])
    assert not hears.look(1500).speechlike
    assert hears.look(1500) != hears.look(800)


def test_one_look_is_not_enough_against_those_before() -> None:
    hears = judge(note(262))
    assert not hears.speechlike(0, 1500)
    frames = np.rint(np.tile(syllables(), 2) * 8000).astype("<i2").reshape(-1, FRAME)
    alone, verdicts = [], []
    for number, frame in enumerate(frames):
        hears.push(frame.tobytes(), True)
        at_ms = 1520 + 20 * number
        alone.append(hears.look(at_ms).speechlike)
        verdicts.append(hears.speechlike(0, at_ms))
    assert 200 <= 20 * (verdicts.index(True) - alone.index(True)) <= 600
    assert verdicts[-1]
