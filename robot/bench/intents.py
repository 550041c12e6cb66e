"""How often is the intent of an answer found? Pure text: what recognition wrote, its mistakes included.

The utterances are in `utterances.LANGUAGE.toml`, labelled, in a part that was used for tuning and one that was not.
"""

from __future__ import annotations

import time
import tomllib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Final

from robot.bench.figures import spread
from robot.dialogue.intents import IntentMatcher, Understanding
from robot.dialogue.language import language_of, languages

SPLITS: Final = ("tuned", "held_out")
NONE: Final = "none"


@dataclass(frozen=True, slots=True)
class Labelled:
    """`intent`: what a person finds in `text`, `none` for what is no shipped intent."""

    text: str
    intent: str
    split: str
    language: str


@dataclass(frozen=True, slots=True)
class Result:
    said: Labelled
    understood: Understanding
    took_ms: float

    @property
    def intent(self) -> str:
        return self.understood.intent or NONE

    @property
    def right(self) -> bool:
        return self.intent == self.said.intent


def utterances(language: str) -> list[Labelled]:
    """All labelled utterances of a language (ISO 639-1)."""
    document = tomllib.loads(files(__package__).joinpath(f"utterances.{language}.toml").read_text("utf-8"))
    return [
        Labelled(text, intent, split, language)
        for intent, by_split in document.items()
        for split in SPLITS
        for text in by_split[split]
    ]


def understand(language: str) -> list[Result]:
    """Every utterance of a language, among all shipped intents at once: the hardest case."""
    matcher = IntentMatcher.of(language_of(language).intents, language)
    results = []
    for said in utterances(language):
        began = time.perf_counter()
        understood = matcher.understand(said.text)
        results.append(Result(said, understood, (time.perf_counter() - began) * 1000))
    return results


def run() -> dict[str, Any]:
    """Figures of all languages, and the mistakes of the tuned part: those of the other are nobody's to learn from."""
    results = {language: understand(language) for language in languages()}
    return {
        "benchmark": "intents",
        **{
            f"{language} {split}": figures([result for result in of_language if result.said.split == split])
            for language, of_language in results.items()
            for split in SPLITS
        },
        "took_ms": spread([result.took_ms for of_language in results.values() for result in of_language]),
        "by_intent": {
            f"{language} {split}": by_intent([result for result in of_language if result.said.split == split])
            for language, of_language in results.items()
            for split in SPLITS
        },
        "mistakes": [
            {
                "said": result.said.text,
                "is": result.said.intent,
                "found": result.intent,
                "why": result.understood.reason,
            }
            for of_language in results.values()
            for result in of_language
            if not result.right and result.said.split == "tuned"
        ],
    }


def figures(results: Sequence[Result]) -> dict[str, Any]:
    """Of these results. `wrong`: another intent was found than was meant; the rest was not understood, and asked again.

    sure: the part that did not need the rest of the silence; sure_wrong: how many of those were mistaken.
    """
    sure = [result for result in results if result.understood.sure]
    return {
        "utterances": len(results),
        "accuracy": round(sum(result.right for result in results) / max(1, len(results)), 4),
        "wrong": sum(not result.right and result.intent != NONE for result in results),
        "do_not_call_recall": _recall(results, "do_not_call"),
        "do_not_call_false": sum(result.intent == "do_not_call" != result.said.intent for result in results),
        "sure": round(len(sure) / max(1, len(results)), 4),
        "sure_wrong": sum(not result.right for result in sure),
    }


def by_intent(results: Sequence[Result]) -> dict[str, str]:
    """Of each intent, how many of its utterances were found."""
    of_intent = Counter(result.said.intent for result in results)
    right = Counter(result.said.intent for result in results if result.right)
    return {intent: f"{right[intent]}/{count}" for intent, count in of_intent.items()}


def _recall(results: Sequence[Result], intent: str) -> float:
    meant = [result for result in results if result.said.intent == intent]
    return round(sum(result.right for result in meant) / max(1, len(meant)), 4)
