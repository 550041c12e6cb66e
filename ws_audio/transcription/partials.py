"""When is a transcript of unfinished speech due, and which words of it can be believed. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PartialSettings:
    """Times in ms of audio."""

    first_ms: int = 800  # earlier there is hardly a word
    every_ms: int = 600


class Partials:
    """The partial transcripts of one utterance."""

    def __init__(self, settings: PartialSettings | None = None) -> None:
        self._settings = settings or PartialSettings()
        self._next_ms = self._settings.first_ms
        self._last: list[str] = []
        self._agreed: list[str] = []

    @property
    def so_far(self) -> str:
        """The words that were agreed upon, "" before the first."""
        return " ".join(self._agreed)

    def due(self, utterance_ms: int) -> bool:
        """Whether to transcribe now that the utterance is so long; True once per interval."""
        if utterance_ms < self._next_ms:
            return False
        self._next_ms = utterance_ms + self._settings.every_ms
        return True

    def agreed(self, text: str) -> str | None:
        """The words on which this transcript and the one before agree; None when they are no more than before.

        The last words of unfinished speech are often wrong: what two tries with more audio each begin with alike is
        seldom taken back.
        """
        words = text.split()
        common = 0
        while common < min(len(words), len(self._last)) and _bare(words[common]) == _bare(self._last[common]):
            common += 1
        self._last = words
        if common <= len(self._agreed):
            return None
        self._agreed = words[:common]
        return self.so_far


def _bare(word: str) -> str:
    return "".join(letter for letter in word.casefold() if letter.isalnum())
