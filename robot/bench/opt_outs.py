"""Is the wish never to be called again understood as recognition hears it, and nothing else mistaken for it?

Sentences are spoken (Pico, and Piper where it has a voice for the language) and recognised through a telephone's band
with noise at several levels, and judged among all shipped intents at once. What is not an opt-out comes from this set
and from the answers of `robot bench intents`. Needs the extras `pico` and `piper`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from robot.bench.expected import EXPECTED
from robot.bench.intents import SPLITS, utterances
from robot.bench.telephone import Wave, on_line, recorded, synthesised
from robot.dialogue.intents import DO_NOT_CALL, Intent, IntentMatcher, typical_phrases
from robot.dialogue.language import language_of
from robot.prompts.pico import PicoVoice
from robot.simulator.voice import CalleeVoice
from ws_audio.transcription.whisper import WhisperEngine

#: How far the noise of a telephone line is below the voice, in dB.
LINES: Final[Mapping[str, float]] = MappingProxyType({"clean": 60.0, "noisy": 35.0, "bad": 25.0})
#: What a language is recognised with unless told otherwise: tiny.en knows English alone.
MODELS: Final[Mapping[str, str]] = MappingProxyType({"en": "tiny.en", "fr": "base"})
_EVERY: Final = 2  # of the answers that are none: enough to find false alarms, and a quarter of an hour less

Speaker = Callable[[str], Wave]


@dataclass(frozen=True, slots=True)
class Sentence:
    text: str
    opt_out: bool
    split: str


@dataclass(frozen=True, slots=True)
class Heard:
    """What recognition wrote of a sentence, and whether it was understood as an opt-out."""

    said: Sentence
    voice: str
    line: str
    transcript: str
    understood: bool


def sentences(language: str) -> list[Sentence]:
    """The set of a language (ISO 639-1)."""
    written = tomllib.loads(files(__package__).joinpath("opt_outs.toml").read_text("utf-8"))[language]
    own = [
        Sentence(text, kind == "opt_out", split)
        for kind in ("opt_out", "other")
        for split in SPLITS
        for text in written[kind][split]
    ]
    answers = [Sentence(each.text, False, each.split) for each in utterances(language) if each.intent != DO_NOT_CALL]
    return own + answers[::_EVERY]


def run(language: str = "fr", model: str | None = None) -> dict[str, Any]:
    """Figures of both halves on each line, and the mistakes of the tuned half."""
    name = model or MODELS[language]
    heard = list(hear(language, WhisperEngine(name)))
    return {
        "benchmark": "opt-outs",
        "model": name,
        "language": language,
        **{
            f"{split}, {line} line": figures([each for each in heard if (each.said.split, each.line) == (split, line)])
            for split in SPLITS
            for line in LINES
        },
        "recall_by_voice": {
            f"{voice}, {split}, {line} line": figures(of_voice)["recall"]
            for voice in dict.fromkeys(each.voice for each in heard)
            for split in SPLITS
            for line in LINES
            if (
                of_voice := [each for each in heard if (each.voice, each.said.split, each.line) == (voice, split, line)]
            )
        },
        "mistakes": [
            {"said": each.said.text, "heard": each.transcript, "voice": each.voice, "line": each.line}
            for each in heard
            if each.said.split == "tuned" and each.understood != each.said.opt_out
        ],
    }


def hear(language: str, engine: WhisperEngine) -> Iterator[Heard]:
    """Every opt-out by every voice and everything else by one of them in turn, on each line.

    Recognition is told what a step of a sales campaign expects, as in a call.
    """
    intents = language_of(language).intents
    matcher = IntentMatcher.of(intents, language)
    expected = typical_phrases(Intent(name, intents[name]) for name in EXPECTED)
    voices = _voices(language)
    random = np.random.default_rng(1)
    for number, said in enumerate(sentences(language)):
        for name in voices if said.opt_out else [list(voices)[number % len(voices)]]:
            wave = voices[name](said.text)
            for line, noise_db in LINES.items():
                text = engine.transcribe(on_line(wave, noise_db, random), language, expected).text
                yield Heard(said, name, line, text, matcher.understand(text).intent == DO_NOT_CALL)


def figures(heard: list[Heard]) -> dict[str, Any]:
    """Recall of the opt-outs; `false`: how many of the others were taken for one."""
    meant = [each.understood for each in heard if each.said.opt_out]
    others = [each.understood for each in heard if not each.said.opt_out]
    return {
        "opt_outs": len(meant),
        "recall": round(sum(meant) / max(1, len(meant)), 4),
        "others": len(others),
        "false": sum(others),
    }


def _voices(language: str) -> dict[str, Speaker]:
    """A sentence to how it sounds, of each voice."""
    pico = {"en": ("pico-en-GB", "pico-en-US"), "fr": ("pico-fr-FR",)}[language]
    speeds = (1.0, 1.2) if len(pico) == 1 else (1.0,)
    voices = {f"{name} x{speed}": _pico(name, speed) for name in pico for speed in speeds}
    if language == "en":
        callees = CalleeVoice()
        voices["piper"] = lambda text: recorded(callees.wav(text))
    return voices


def _pico(name: str, speed: float) -> Speaker:
    voice = PicoVoice(name)
    return lambda text: synthesised(*voice.speak(text, speed))
