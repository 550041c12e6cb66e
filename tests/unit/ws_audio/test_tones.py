"""Sounds of machines on the line: of a whole utterance, and followed through a stream."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ws_audio.events import ToneEnded, ToneEvent, ToneStarted
from ws_audio.frames import Samples
from ws_audio.tones import SURE_MS, ToneDetector, is_tone

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


def test_a_high_voice_whose_power_is_at_its_pitch_is_not() -> None:
    pitch = 250 + 25 * np.sin(2 * np.pi * 3 * SECOND)  # Hz; "oui" of a woman has two harmonics and little else
    phase = 2 * np.pi * np.cumsum(pitch) / 16000
    voice = 6000 * np.sin(phase) + 2000 * np.sin(2 * phase)
    assert not is_tone(voice.astype(np.int16))


def test_dialled_digits_are() -> None:
    pairs = [(697, 1209), (770, 1336), (852, 1477), (941, 1336)]
    digits = [beep(*pair, ms=100) for pair in pairs]
    assert is_tone(line(*(part for digit in digits for part in (digit, quiet(80)))))


def test_noise_and_silence_are_not() -> None:
    assert not is_tone(sound(level=0))
    assert not is_tone(np.zeros(16000, dtype=np.int16))
    assert not is_tone(np.zeros(10, dtype=np.int16))


# -- followed through a stream -----------------------------------------------------------------------------------------

Wave = npt.NDArray[np.float64]  # full scale is 1


def beep(*hertz: float, ms: int = 500, rate: int = 16000, level: float = 0.2) -> Wave:
    times = np.arange(ms * rate // 1000) / rate
    return np.asarray(level * sum(np.sin(2 * np.pi * hz * times) for hz in hertz) / len(hertz))


def chirp(from_hz: float, to_hz: float, ms: int) -> Wave:
    times = np.arange(ms * 16) / 16000
    return np.asarray(0.2 * np.sin(2 * np.pi * (from_hz * times + (to_hz - from_hz) * times**2 / (ms / 500))))


def quiet(ms: int, rate: int = 16000) -> Wave:
    return np.zeros(ms * rate // 1000)


def line(*parts: Wave, noise_db: float = -50) -> Samples:
    wave = np.concatenate(parts)
    noise = np.random.default_rng(3).standard_normal(wave.size) * 10 ** (noise_db / 20)
    return np.asarray(np.clip((wave + noise) * 32768, -32768, 32767), dtype=np.int16)


def tones_of(audio: Samples, rate: int = 16000) -> list[ToneEnded]:
    """The tones that ended, each of which began before."""
    events = ToneDetector(rate).push(audio)
    for first, second in pairwise(events):
        assert isinstance(first, ToneStarted) != isinstance(second, ToneStarted)
    return [event for event in events if isinstance(event, ToneEnded)]


@pytest.mark.parametrize("rate", [8000, 16000])
@pytest.mark.parametrize("hz", [360, 440, 620, 1000, 1400, 2100, 2450])
@pytest.mark.parametrize("ms", [160, 400, 1500])
def test_a_beep_is_told_with_its_pitch_and_its_times(hz: int, ms: int, rate: int) -> None:
    parts = quiet(500, rate), beep(hz, ms=ms, rate=rate), quiet(300, rate)
    [tone] = tones_of(line(*parts), rate)
    assert tone.hz == pytest.approx(hz, abs=3)
    assert tone.started_ms == pytest.approx(500, abs=40)
    assert tone.ended_ms == pytest.approx(500 + ms, abs=20)
    assert tone.at_ms <= 500 + ms + 80


def test_a_beep_is_told_while_it_sounds() -> None:
    [started] = ToneDetector(16000).push(line(quiet(400), beep(1000, ms=300)))
    assert isinstance(started, ToneStarted)
    assert started.at_ms <= 400 + SURE_MS + 40


@pytest.mark.parametrize(
    "hertz",
    [(440, 480), (400, 450), (350, 440), (480, 620), (770, 1336)],
    ids=["ringback", "British ringback", "dial tone", "busy", "keypad"],
)
def test_two_tones_at_a_time_are_none(hertz: tuple[float, ...]) -> None:
    assert tones_of(line(quiet(300), beep(*hertz, ms=1500), quiet(300))) == []


@pytest.mark.parametrize("noise_db", [-60, -40, -30])
def test_noise_does_not_hide_a_beep(noise_db: float) -> None:
    [tone] = tones_of(line(quiet(300), beep(850, ms=400), quiet(300), noise_db=noise_db))
    assert tone.ended_ms == pytest.approx(700, abs=40)


def test_neither_noise_nor_a_click_nor_an_offset_is_a_tone() -> None:
    click = quiet(1000)
    click[8000:8020] = 0.9
    assert tones_of(line(quiet(1000), noise_db=-10)) == []
    assert tones_of(line(click)) == []
    assert tones_of(line(quiet(1000) + 0.3)) == []


def test_the_harmonics_and_the_moving_pitch_of_a_voice_are_none() -> None:
    times = np.arange(16000) / 16000
    buzz = np.sum([np.sin(2 * np.pi * 190 * number * times) / number for number in range(2, 12)], axis=0)
    assert tones_of(line(0.1 * buzz)) == []
    # A high voice on "oo" has but one harmonic above 300 Hz; its pitch moves by more than one Hz in a hundred.
    vibrato = 380 * times + 8 * np.sin(2 * np.pi * 5 * times) / (2 * np.pi * 0.5)
    assert tones_of(line(0.2 * np.sin(2 * np.pi * vibrato))) == []


def test_the_parts_of_a_beep_follow_each_other_closely() -> None:
    first, second = tones_of(line(quiet(200), beep(1000, ms=250), beep(1400, ms=250), quiet(300)))
    assert (round(first.hz, -2), round(second.hz, -2)) == (1000, 1400)
    assert abs(second.started_ms - first.ended_ms) <= 40
    assert second.ended_ms == pytest.approx(700, abs=20)


def test_a_short_second_part_is_enough() -> None:
    audio = line(quiet(200), beep(1000, ms=250), quiet(60), beep(1000, ms=80), quiet(300))
    assert len(tones_of(audio)) == 2
    assert tones_of(line(quiet(200), beep(1000, ms=80), quiet(300))) == []  # alone it may be anything


def test_a_chirp_is_one_tone() -> None:
    [tone] = tones_of(line(quiet(300), chirp(800, 1600, 400), quiet(300)))
    assert tone.started_ms == pytest.approx(300, abs=40)
    assert tone.ended_ms == pytest.approx(700, abs=20)


def test_a_lost_packet_does_not_part_a_beep() -> None:
    [tone] = tones_of(line(quiet(200), beep(1000, ms=120), quiet(20), beep(1000, ms=120), quiet(300)))
    assert tone.ended_ms == pytest.approx(460, abs=20)


def test_an_echo_does_not_lengthen_a_beep() -> None:
    wave = np.concatenate([quiet(300), beep(1000), quiet(800)])
    for delay_ms, level in ((80, 0.2), (200, 0.1), (350, 0.05)):
        wave[delay_ms * 16 :] += level * wave[: wave.size - delay_ms * 16]
    [tone] = tones_of(line(wave))
    assert tone.ended_ms == pytest.approx(800, abs=25)


def test_the_modulated_answer_tone_of_a_fax_is_one_tone() -> None:
    times = np.arange(48000) / 16000
    turned = 1 - 2 * (times // 0.45 % 2)
    wave = 0.2 * np.sin(2 * np.pi * 2100 * times) * (1 + 0.2 * np.sin(2 * np.pi * 15 * times)) * turned
    [tone] = tones_of(line(quiet(200), wave, quiet(300)))
    assert tone.ended_ms - tone.started_ms == pytest.approx(3000, abs=60)


def test_times_go_on_from_where_the_detector_was_turned_on() -> None:
    [tone] = [event for event in ToneDetector(16000, 5000).push(line(quiet(200), beep(1000), quiet(200)))
              if isinstance(event, ToneEnded)]  # fmt: skip
    assert tone.started_ms == pytest.approx(5200, abs=20)


def test_other_rates_are_refused() -> None:
    with pytest.raises(ValueError, match="44100"):
        ToneDetector(44100)


_SPLIT_AUDIO = line(
    *(quiet(130), beep(1000, ms=300), beep(1300, ms=200), quiet(210), beep(440, 480, ms=200)),
    *(chirp(700, 1500, 333), quiet(100)),
)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 3000), max_size=20))
def test_however_the_audio_is_cut_the_tones_are_the_same(sizes: list[int]) -> None:
    detector = ToneDetector(16000)
    events: list[ToneEvent] = []
    start = 0
    for size in [*sizes, _SPLIT_AUDIO.size]:
        events += detector.push(_SPLIT_AUDIO[start : start + size])
        start += size
    assert tuple(events) == ToneDetector(16000).push(_SPLIT_AUDIO)
    assert sum(isinstance(event, ToneEnded) for event in events) == 3


@settings(max_examples=25, deadline=None)
@given(
    hz=st.floats(370, 2450), ms=st.integers(170, 900), before_ms=st.integers(50, 300), level=st.floats(0.05, 0.6)
)  # fmt: skip
def test_no_tone_is_told_before_it_was_heard(hz: float, ms: int, before_ms: int, level: float) -> None:
    events = ToneDetector(16000).push(line(quiet(before_ms), beep(hz, ms=ms, level=level), quiet(200), noise_db=-60))
    started, ended = events
    assert isinstance(started, ToneStarted)
    assert isinstance(ended, ToneEnded)
    assert before_ms - 40 <= started.started_ms < started.at_ms
    assert ended.at_ms >= before_ms + ms
    assert abs(ended.ended_ms - before_ms - ms) <= 25
