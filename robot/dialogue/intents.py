"""What an answer means: sample phrases of each intent, found in what was recognised. Pure.

A phrase is found as whole words, tolerating what recognition does to them ("intrested"). The longest match wins, so
that "not interested" beats "interested"; an affirmative phrase that is negated does not count.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from rapidfuzz import fuzz

# One wrong letter in a word of five ("intrested") gives 90 and more; "interested" against "interesting" gives 76.
_SAME_WORD: Final = 86.0
# Up to three letters a single wrong one makes another word ("no", "now").
_SHORTEST_TOLERANT: Final = 4
# "no" and "non" are not among them: they answer what was asked and negate nothing that follows.
_NEGATIONS: Final = frozenset({"not", "don't", "dont", "never", "pas", "jamais", "ne"})
_WORD: Final = re.compile(r"[^\W_]+(?:'[^\W_]+)*")


@dataclass(frozen=True, slots=True)
class Intent:
    """`name` as steps refer to it; `phrases` as people say it."""

    name: str
    phrases: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Match:
    """`words` words of `phrase` were found at word `position` of the text."""

    intent: str
    phrase: str
    words: int
    position: int


def words_of(text: str) -> list[str]:
    """Lower-case words without accents' variants of encoding: `I'm` stays one word."""
    normal = unicodedata.normalize("NFKC", text).casefold().replace("’", "'")
    return _WORD.findall(normal)


class IntentMatcher:
    """Finds the intent of a text among the intents of one campaign."""

    def __init__(self, intents: Sequence[Intent]) -> None:
        self._phrases = [
            (intent.name, phrase, words)
            for intent in intents
            for phrase in intent.phrases
            if (words := words_of(phrase))
        ]

    @classmethod
    def of(cls, intents: Mapping[str, Sequence[str]]) -> IntentMatcher:
        return cls([Intent(name, tuple(phrases)) for name, phrases in intents.items()])

    def match(self, text: str, among: frozenset[str] | None = None) -> Match | None:
        """The best match in `text`; only intents named in `among`, when given. None when nothing is recognised.

        The longest phrase wins; of two as long, the one said last: people correct themselves ("yes, no, I mean no").
        An affirmative phrase inside a negation ("not really interested") does not count.
        """
        heard = words_of(text)
        found = [
            Match(intent, phrase, len(words), position)
            for intent, phrase, words in self._phrases
            if among is None or intent in among
            for position in _positions(words, heard)
            if _NEGATIONS.intersection(words) or not _negated(heard, position)
        ]
        return max(found, key=lambda match: (match.words, match.position), default=None)


def _positions(phrase: list[str], heard: list[str]) -> list[int]:
    last = len(heard) - len(phrase)
    return [at for at in range(last + 1) if all(_same(a, b) for a, b in zip(phrase, heard[at:], strict=False))]


def _same(expected: str, heard: str) -> bool:
    if expected == heard:
        return True
    return len(expected) >= _SHORTEST_TOLERANT and fuzz.ratio(expected, heard) >= _SAME_WORD


def _negated(heard: list[str], position: int) -> bool:
    """Whether one of the two words before `position` negates what follows: "not really interested"."""
    return any(word in _NEGATIONS for word in heard[max(0, position - 2) : position])
