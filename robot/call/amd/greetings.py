"""What the words of a greeting tell about who says them. Pure but for reading the phrases, once.

Phrases are data, one TOML file a language beside this module. They are found anywhere in what was recognised, letter
by letter and not word by word: recognition writes "least a message" and "la messagerie de votre correspondance est
pleine", and joins and parts words at will.
"""

from __future__ import annotations

import tomllib
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Final

from rapidfuzz import fuzz

# How alike, of a hundred, what was heard must be to a phrase of so many letters and spaces: one wrong letter in five
# is little in a long phrase, but makes "tell us your name" of "say your name".
_ALIKE: Final = ((24, 82.0), (16, 86.0), (0, 90.0))
# Shorter ones are found in words that mean something else.
SHORTEST_PHRASE: Final = 7


class AmdClass(StrEnum):
    """Who picked up. The values are what is stored and reported."""

    HUMAN = "human"
    VOICEMAIL = "voicemail"
    MAILBOX_FULL = "mailbox_full"
    CALL_SCREENING = "call_screening"
    IVR = "ivr"
    FAX = "fax"
    SILENCE = "silence"


@dataclass(frozen=True, slots=True)
class Recognised:
    """`phrase` (of our list, not the callee's words) was heard: `sure` says by itself who speaks."""

    kind: AmdClass
    phrase: str
    sure: bool


class UnknownGreetings(Exception):
    """There are no phrases for a language: the message names those there are."""


class Greetings:
    """The phrases of some languages."""

    def __init__(
        self, phrases: Mapping[AmdClass, Mapping[bool, Sequence[str]]], digits: frozenset[str] = frozenset()
    ) -> None:
        """`phrases[kind][sure]`; `digits` are the words that stand for a key of a telephone."""
        self._digits = frozenset(_plain(digit) for digit in digits)
        self._phrases = [
            (Recognised(kind, phrase, sure), self._normal(phrase))
            for kind, by_certainty in phrases.items()
            for sure, several in by_certainty.items()
            for phrase in several
        ]
        short = [found.phrase for found, normal in self._phrases if len(normal.strip()) < SHORTEST_PHRASE]
        if short:
            raise ValueError(f"too short to be told from other words: {', '.join(short)}")

    def recognise(self, text: str) -> Recognised | None:
        """Who says `text`: the surest phrase in it counts, then a full mailbox (which says all that a voicemail says,
        and one thing more), then any machine before a human, then the longest phrase.
        """
        heard = self._normal(text)
        found = [recognised for recognised, normal in self._phrases if _within(heard, normal)]
        return max(
            found,
            key=lambda each: (
                each.sure, each.kind is AmdClass.MAILBOX_FULL, each.kind is not AmdClass.HUMAN, len(each.phrase)
            ),
            default=None,
        )  # fmt: skip

    def _normal(self, text: str) -> str:
        return (
            " "
            + " ".join("#" if word in self._digits or word.isdigit() else word for word in _plain(text).split())
            + " "
        )


def _within(heard: str, phrase: str) -> bool:
    """Whether `phrase`, or nearly that, is a part of what was heard."""
    # Of two texts partial_ratio looks for the shorter one in the longer: "hello" is not "hello, you have reached".
    alike = fuzz.ratio if len(heard) < len(phrase) else fuzz.partial_ratio
    enough = next(score for length, score in _ALIKE if len(phrase) >= length)
    return alike(heard, phrase, score_cutoff=enough) > 0


def _plain(text: str) -> str:
    """Lower case without accents; what is no letter or digit parts words, but an apostrophe joins them."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(
        letter if letter.isalnum() else "" if letter in "'’" or unicodedata.combining(letter) else " "
        for letter in decomposed
    )  # fmt: skip


def languages() -> tuple[str, ...]:
    """The languages (ISO 639-1) that phrases are shipped for."""
    names = (file.name.split(".") for file in files(__package__).iterdir())
    return tuple(sorted(parts[1] for parts in names if parts[0] == "greetings" and parts[-1] == "toml"))


@cache
def greetings_in(*wanted: str) -> Greetings:
    """The shipped phrases of one or more languages. Raises UnknownGreetings."""
    phrases: dict[AmdClass, dict[bool, list[str]]] = {}
    digits: set[str] = set()
    for language in wanted:
        if language not in languages():
            raise UnknownGreetings(
                f"no greetings are known in {language!r}, only in {', '.join(languages())}: who picked up is told by "
                "timing and tones alone in this language"
            )
        document = tomllib.loads(files(__package__).joinpath(f"greetings.{language}.toml").read_text("utf-8"))
        digits.update(document.pop("digits"))
        for name, by_certainty in document.items():
            kind = phrases.setdefault(AmdClass(name), {True: [], False: []})
            kind[True] += by_certainty["sure"]
            kind[False] += by_certainty["likely"]
    return Greetings(phrases, frozenset(digits))


def greetings_for(language: str | None) -> Greetings:
    """The phrases for a call in `language`; None, where nobody knows which it will be: of all. There may be none."""
    if language is None:
        return greetings_in(*languages())
    return greetings_in(language) if language in languages() else Greetings({})
