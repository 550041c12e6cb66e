"""The prompt's echo is gone, the callee stays, and a line without an echo is left alone."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from ws_audio.echo import RATE, EchoFreeCallee, EchoSearch, Line

Wave = npt.NDArray[np.float64]
FRAME = RATE // 50
NUMBERS = np.random.default_rng(7)


def voice(seconds: float, pitch: float, seed: int) -> Wave:
    """Syllables of a buzz with formants that wander, four a second, in the telephone's band; RMS about 1."""
    numbers = np.random.default_rng(seed)
    times = np.arange(int(seconds * RATE)) / RATE
    knots = int(seconds * 4) + 2
    bend = np.interp(times * 4, np.arange(knots), numbers.uniform(0.8, 1.25, knots))
    phase = 2 * np.pi * np.cumsum(pitch * bend) / RATE
    formants = [np.interp(times * 4, np.arange(knots), numbers.uniform(low, high, knots)) for low, high in
                ((350, 900), (1000, 2200), (2300, 3000))]  # fmt: skip
    wave = np.zeros(times.size)
    for harmonic in range(2, int(3400 / pitch)):
        hz = pitch * bend * harmonic
        wave += sum(1 / (1 + ((hz - formant) / 120) ** 2) for formant in formants) * np.sin(harmonic * phase)
    wave += numbers.standard_normal(times.size) * 0.1
    wave *= np.interp(times * 8, np.arange(2 * knots), numbers.choice([0.05, 0.5, 1.0], 2 * knots))
    return np.asarray(wave / np.sqrt(np.mean(wave**2)))


def level(wave: Wave, db: float) -> Wave:
    return np.asarray(wave * 32768 * 10 ** (db / 20))


def echo_of(prompt: Wave, db: float, delay_ms: int) -> Wave:
    late = np.concatenate([np.zeros(delay_ms * RATE // 1000), prompt])[: prompt.size]
    return np.asarray(late * 10 ** (db / 20))


def heard(callee: Wave, prompt: Wave, ear: EchoFreeCallee | None = None) -> Wave:
    """What is left of the callee's side, from a line with a little noise."""
    ear = ear or EchoFreeCallee()
    line = callee + NUMBERS.standard_normal(callee.size) * 32768 * 10 ** (-65 / 20)
    sides = (np.rint(line).astype("<i2"), np.rint(prompt).astype("<i2"))
    frames = [
        ear.clean(*(side[start : start + FRAME].tobytes() for side in sides))
        for start in range(0, callee.size - FRAME + 1, FRAME)
    ]
    return np.frombuffer(b"".join(frames), "<i2").astype(np.float64)


def dbfs(wave: Wave) -> float:
    return float(10 * np.log10(np.mean((wave / 32768) ** 2) + 1e-12))


PROMPT = level(voice(6, 110, seed=1), -20)


@pytest.mark.parametrize("delay_ms", [0, 20, 150, 400])
@pytest.mark.parametrize("db", [-15, -30])
def test_the_echo_goes(db: int, delay_ms: int) -> None:
    left = heard(echo_of(PROMPT, db, delay_ms), PROMPT)
    # Below -54 dBFS nothing is taken for speech, in any half second from the first.
    assert max(dbfs(left[start : start + RATE // 2]) for start in range(RATE // 2, left.size, RATE // 2)) < -54


@pytest.mark.parametrize("echo_db", [None, -15, -25, -40])
def test_who_talks_over_it_stays(echo_db: int | None) -> None:
    talk = np.zeros(PROMPT.size)
    talk[2 * RATE : 5 * RATE] = level(voice(3, 180, seed=2), -25)
    line = talk if echo_db is None else talk + echo_of(PROMPT, echo_db, 120)
    left = heard(line, PROMPT)
    window = slice(int(2.5 * RATE), 5 * RATE)
    assert dbfs(left[window]) == pytest.approx(dbfs(talk[window]), abs=5)
    spectra = [np.abs(np.fft.rfft(wave[window].reshape(-1, FRAME)))[:, 6:68].ravel() for wave in (left, talk)]
    assert float(np.corrcoef(spectra[0], spectra[1])[0, 1]) > 0.6  # what was as loud as the echo has suffered


def test_a_line_without_echo_is_passed_on_as_it_is() -> None:
    ear = EchoFreeCallee()
    heard(np.zeros(PROMPT.size), PROMPT, ear)
    assert ear.search.line is Line.CLEAN
    quiet = level(voice(3, 180, seed=3), -38)
    callee = np.rint(quiet).astype("<i2")
    prompt = np.rint(PROMPT).astype("<i2")
    for start in range(0, callee.size - FRAME + 1, FRAME):
        frame = callee[start : start + FRAME].tobytes()
        assert ear.clean(frame, prompt[start : start + FRAME].tobytes()) == frame


def test_between_prompts_nothing_is_touched() -> None:
    ear = EchoFreeCallee()
    heard(echo_of(PROMPT, -15, 100), PROMPT, ear)
    silence = bytes(2 * FRAME)
    for _ in range(26):  # the echo of the last syllable may still come
        ear.clean(silence, silence)
    assert not ear.prompt_sounds
    frame = np.rint(level(voice(0.02, 180, seed=4), -20)).astype("<i2").tobytes()
    assert ear.clean(frame, silence) == frame


def test_an_echo_that_begins_in_the_middle_of_a_call_is_noticed() -> None:
    ear = EchoFreeCallee()
    heard(np.zeros(PROMPT.size), PROMPT, ear)
    left = heard(echo_of(PROMPT, -15, 200), PROMPT, ear)
    assert ear.search.line is Line.ECHO
    assert dbfs(left[int(1.5 * RATE) :]) < -54


@pytest.mark.parametrize("delay_ms", [5, 60, 333, 500])
def test_the_search_finds_delay_and_gain(delay_ms: int) -> None:
    search = EchoSearch()
    sides = (np.rint(echo_of(PROMPT, -20, delay_ms)).astype(np.int16), np.rint(PROMPT).astype(np.int16))
    for start in range(0, PROMPT.size - FRAME + 1, FRAME):
        search.push(*(side[start : start + FRAME] for side in sides))
    assert search.line is Line.ECHO
    assert search.delay_ms == pytest.approx(delay_ms, abs=1)
    assert 20 * np.log10(search.gain) == pytest.approx(-20, abs=2)


def test_another_voice_is_no_echo() -> None:
    search = EchoSearch()
    other = np.rint(level(voice(6, 180, seed=5), -20)).astype(np.int16)
    prompt = np.rint(PROMPT).astype(np.int16)
    for start in range(0, prompt.size - FRAME + 1, FRAME):
        search.push(other[start : start + FRAME], prompt[start : start + FRAME])
        assert search.line is not Line.ECHO
