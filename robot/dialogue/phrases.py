"""Cuts what a language model writes, as it comes, into phrases that can be spoken one after the other. Pure.

    tokens ──▶ SpokenWords ─ words ──▶ PhraseCutter ─ phrases ──▶ synthesis

A phrase ends where a sentence or a line does, where it would become too long, and where no token comes for a while. The
clock is the caller's: times go in.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from robot.dialogue.speakable import SpokenWord, SpokenWords

#: Letters: some four seconds of speech, so that the first of it is synthesised soon and a stop loses little.
LONGEST: Final = 60
PATIENCE_MS: Final = 700

_PAUSES: Final = (",", ";", ":", "–", "—")
_PAUSE_FROM: Final = 1 / 3  # of the longest: a cut at a comma is worth so short a phrase


class PhraseCutter:
    """One reply. The phrases, joined by blanks, are `speakable(the whole text)`, however the text comes in pieces."""

    def __init__(self, longest: int = LONGEST, patience_ms: float = PATIENCE_MS) -> None:
        """longest: letters of a phrase; only a single word may be longer. patience_ms: how long to wait for a token."""
        self._longest = longest
        self._patience_ms = patience_ms
        self._source = SpokenWords()
        self._words: list[str] = []
        self._latest_ms: float | None = None

    def push(self, text: str, now_ms: float) -> list[str]:
        """A token came. The phrases that are complete with it."""
        if text:
            self._latest_ms = now_ms
        return self._phrases(self._source.push(text))

    def deadline(self) -> float | None:
        """When `expired` is due unless a token comes, on the clock of `push`; None: no whole word is waiting."""
        return self._latest_ms + self._patience_ms if self._words and self._latest_ms is not None else None

    def expired(self, now_ms: float) -> list[str]:
        """The time passed. What is waiting as a phrase, without the word that the next token may go on with: half a
        word is never spoken."""
        deadline = self.deadline()
        return self._all() if deadline is not None and now_ms >= deadline else []

    def end(self) -> list[str]:
        """The reply is complete; what is left of it."""
        return [*self._phrases(self._source.end()), *self._all()]

    def _phrases(self, words: Iterable[SpokenWord]) -> list[str]:
        phrases: list[str] = []
        for word in words:
            if word.text:
                self._words.append(word.text)
                if _length(self._words) > self._longest and len(self._words) > 1:
                    phrases += self._cut()
            if word.ends:
                phrases += self._all()
        return phrases

    def _cut(self) -> list[str]:
        """At the last comma that leaves a phrase worth saying, else before the last word that is too much."""
        places = range(len(self._words) - 1, 0, -1)
        pauses = (
            place
            for place in places
            if self._words[place - 1].endswith(_PAUSES) and _length(self._words[:place]) >= _PAUSE_FROM * self._longest
        )
        place = next(pauses, places[0])
        phrase, self._words = " ".join(self._words[:place]), self._words[place:]
        return [phrase]

    def _all(self) -> list[str]:
        phrases, self._words = [" ".join(self._words)] if self._words else [], []
        return phrases


def speakable(text: str) -> str:
    """The whole of `text` as it is spoken."""
    source = SpokenWords()
    return " ".join(word.text for words in (source.push(text), source.end()) for word in words if word.text)


def _length(words: list[str]) -> int:
    return sum(map(len, words)) + len(words) - 1
