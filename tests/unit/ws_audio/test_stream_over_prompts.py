"""A stereo stream over a prompt: its echo is not heard, a held note is heard and no speech, a voice is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from ws_audio.events import AudioEvent, SpeechContinues
from ws_audio.stream import Stream, StreamOptions

RATE = 16000
FRAME = RATE // 50
OVER_PROMPTS = StreamOptions(channels=2, cancel_echo=True, judge_speech=True)
Wave = npt.NDArray[np.float64]


def syllables(seconds: float, pitch_hz: float, db: float) -> Wave:
    """A voice of four syllables a second, whose pitch and formants move; its loudest parts at about `db` dBFS."""
    times = np.arange(int(seconds * RATE)) / RATE
    pitch = pitch_hz * (1 + 0.2 * np.sin(2 * np.pi * 1.3 * times))
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    first = 550 + 250 * np.sin(2 * np.pi * 2.7 * times)
    second = 1600 + 600 * np.sin(2 * np.pi * 3.1 * times + 1)
    wave = np.zeros(times.size)
    for harmonic in range(2, int(3400 / pitch_hz / 1.2)):
        hz = pitch * harmonic
        formants = 1 / (1 + ((hz - first) / 150) ** 2) + 0.6 / (1 + ((hz - second) / 200) ** 2)
        wave += formants * np.sin(harmonic * phase)
    wave += np.random.default_rng(int(pitch_hz)).standard_normal(times.size) * 0.05
    wave *= np.clip(np.sin(2 * np.pi * 2 * times) ** 2, 0.02, 1) ** 1.5
    return np.asarray(wave / wave.std() * 32768 * 10 ** (db / 20))


PROMPT = syllables(6, 110, -20)


def speech(callee: Wave, robot: Wave = PROMPT, options: StreamOptions = OVER_PROMPTS) -> list[SpeechContinues]:
    """What a stream tells of speech: half a second of nothing, then the two sides."""
    told: list[AudioEvent] = []
    stream = Stream("s1", options, told.append)
    noise = np.random.default_rng(0).standard_normal(callee.size) * 32768 * 10 ** (-65 / 20)
    sides = np.column_stack((callee + noise, robot))
    sides = np.concatenate((np.zeros((RATE // 2, 2)), sides))
    for start in range(0, len(sides) - FRAME + 1, FRAME):
        stream.audio(np.rint(sides[start : start + FRAME]).astype("<i2").tobytes(), arrived_at=start / RATE)
    stream.forget()
    return [event for event in told if isinstance(event, SpeechContinues)]


def echo(db: float, delay_ms: int) -> Wave:
    late = np.concatenate((np.zeros(delay_ms * RATE // 1000), PROMPT))[: PROMPT.size]
    return np.asarray(late * 10 ** (db / 20))


@pytest.mark.parametrize("delay_ms", [20, 200, 400])
async def test_the_prompt_does_not_hear_itself(delay_ms: int) -> None:
    as_it_comes = replace(OVER_PROMPTS, cancel_echo=False, judge_speech=False)
    assert max(event.run_ms for event in speech(echo(-15, delay_ms), options=as_it_comes)) > 1500
    assert max((event.run_ms for event in speech(echo(-15, delay_ms))), default=0) < 500


async def test_a_callee_who_talks_over_the_echo_is_heard() -> None:
    callee = echo(-15, 120)
    callee[2 * RATE : 5 * RATE] += syllables(3, 180, -20)
    crossed = [event.at_ms for event in speech(callee) if event.run_ms >= 1500 and event.speechlike]
    assert 3900 <= crossed[0] <= 4300  # they began at 2500


async def test_music_is_heard_and_is_no_speech() -> None:
    times = np.arange(PROMPT.size) / RATE
    music = sum(np.sin(2 * np.pi * hz * number * times) / number for hz in (262, 330, 392) for number in (1, 2, 3))
    told = speech(np.asarray(music * 600))
    assert max(event.run_ms for event in told) > 1500
    assert not any(event.speechlike for event in told if event.run_ms > 700)
    # Between prompts nobody asks what it is.
    assert all(event.speechlike for event in speech(np.asarray(music * 600), np.zeros(PROMPT.size)))


def test_the_echo_wants_both_sides_and_the_judge_wants_the_echo() -> None:
    for wrong in ({"channels": 1}, {"rate": 8000}, {"cancel_echo": False}):
        with pytest.raises(ValueError, match="echo"):
            replace(OVER_PROMPTS, **wrong)


async def test_neither_can_change_in_mid_stream() -> None:
    stream = Stream("s1", OVER_PROMPTS, lambda event: None)
    with pytest.raises(ValueError, match="judge_speech cannot change"):
        stream.configure(replace(OVER_PROMPTS, judge_speech=False))
