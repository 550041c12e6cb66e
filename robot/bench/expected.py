"""Does it help to tell recognition what the callee is expected to say, and does it make anything up?

Answers of the labelled set are spoken (Piper) and heard as they are and over telephone lines, with and without the
typical phrases of the intents that a step might expect; so are sounds in which nobody speaks. With `recordings`, a
folder of WAV files with `texts.tsv` (file name, text), other voices and languages can be measured; what their texts
mean is then what the matcher finds in them.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from robot.bench.intents import NONE, utterances
from robot.bench.telephone import RATE, Wave, around, on_line, recorded
from robot.bench.transcribe import word_errors
from robot.dialogue.intents import Intent, IntentMatcher, typical_phrases
from robot.dialogue.language import language_of
from robot.dialogue.words import reader_of
from robot.simulator.voice import CalleeVoice
from ws_audio.frames import Samples
from ws_audio.transcription.whisper import WhisperEngine

#: How far the noise of a telephone line is below the voice, in dB; None: wide band, no line.
LINES: Final[Mapping[str, float | None]] = MappingProxyType({"no": None, "good": 40.0, "noisy": 15.0, "bad": 5.0})
#: What a step of a sales campaign may expect.
EXPECTED: Final = (
    "yes", "no", "interested", "not_interested", "do_not_call", "repeat", "who_is_calling", "are_you_a_robot",
    "callback", "price",
)  # fmt: skip


def run(
    model: str = "tiny.en", *, language: str = "en", recordings: Path | None = None, every: int = 5
) -> dict[str, Any]:
    """Measure every so manyth answer, or all recordings. Without recordings it needs the extra `piper` and a voice."""
    engine = WhisperEngine(model)
    intents = [Intent(name, phrases) for name, phrases in language_of(language).intents.items()]
    matcher = IntentMatcher(intents, language)
    expected = typical_phrases(intent for intent in intents if intent.name in EXPECTED)
    said = list(_recorded(recordings, matcher) if recordings else _spoken(language, every))
    ways: Mapping[str, tuple[str, ...]] = {"without": (), "with": expected}
    figures: dict[str, Any] = {"benchmark": "expected", "model": model, "language": language, "answers": len(said)}
    for way, vocabulary in ways.items():
        began = time.process_time()
        for line, noise_db in LINES.items():
            random = np.random.default_rng(1)  # the same noise for both
            heard = [
                (text, intent, engine.transcribe(on_line(wave, noise_db, random), language, vocabulary).text)
                for text, intent, wave in said
            ]
            figures[f"{line} line, {way}"] = _counted(heard, matcher, language)
        figures[f"cpu_ms, {way}"] = round((time.process_time() - began) * 1000 / (len(said) * len(LINES)))
        figures[f"heard where nobody speaks, {way}"] = sum(
            engine.transcribe(sound, language, vocabulary).text != "" for sound in _without_speech()
        )
    return figures


def _spoken(language: str, every: int) -> Iterator[tuple[str, str, Wave]]:
    voice = CalleeVoice()
    for said in utterances(language)[::every]:
        yield said.text, said.intent, recorded(voice.wav(said.text))


def _recorded(folder: Path, matcher: IntentMatcher) -> Iterator[tuple[str, str, Wave]]:
    for line in (folder / "texts.tsv").read_text("utf-8").splitlines():
        name, _, text = line.partition("\t")
        yield text, matcher.understand(text).intent or NONE, recorded(folder / f"{name}.wav")


def _without_speech() -> Iterator[Samples]:
    """Silence, hiss, breath, a cough, a buzz, knocks: 1.5 s each, on good and bad lines."""
    seconds = np.arange(RATE * 3 // 2) / RATE
    hiss = np.random.default_rng(2).standard_normal(seconds.size)
    rumble = np.cumsum(hiss) / np.abs(np.cumsum(hiss)).max()
    sounds: tuple[Wave, ...] = (
        hiss * 0, hiss * 0.01, hiss * 0.1, rumble * 0.2, hiss * 0.1 * np.hanning(seconds.size),
        hiss * 0.3 * np.exp(-12 * seconds), 0.1 * np.sign(np.sin(2 * np.pi * 120 * seconds)),
        hiss * 0.3 * (seconds % 0.4 < 0.02),
    )  # fmt: skip
    for noise_db in LINES.values():
        random = np.random.default_rng(3)
        yield from (on_line(around(sound), noise_db, random) for sound in sounds)


def _counted(heard: list[tuple[str, str, str]], matcher: IntentMatcher, language: str) -> dict[str, int]:
    read = reader_of(language).read
    errors = words = right = wrong = 0
    for text, intent, transcript in heard:
        said, written = ([word.text for word in read(each).words] for each in (text, transcript))
        errors += word_errors(said, written)
        words += len(said)
        found = matcher.understand(transcript).intent or NONE
        right += found == intent
        wrong += found not in (intent, NONE)
    return {"word_errors": errors, "words": words, "intents_right": right, "intents_wrong": wrong}
