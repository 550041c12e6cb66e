"""When is a transcript of unfinished speech due, of which part of it, and which words of it can be believed. Pure.

    |<-------- kept: its words stand --------->|<-- the window, transcribed each time -->|
                                               └── moves on where it is quiet, when the window is long

So the cost of a partial transcript does not grow with the utterance.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from ws_audio.frames import Samples

_BLOCK_MS: Final = 20
# The gap between two words; a shorter one is within one.
_QUIET_BLOCKS: Final = 5


@dataclass(frozen=True, slots=True)
class PartialSettings:
    """Times in ms of audio. A window that is longer than longest_ms is cut between the two others of its ms.

    Up to 7 s Whisper costs the same (`whisper.MIN_WINDOW_S`), and more than a second is left to hear a word in.
    """

    first_ms: int = 800  # earlier there is hardly a word
    every_ms: int = 600
    longest_ms: int = 7000
    cut_from_ms: int = 2500
    cut_to_ms: int = 5500


class Partials:
    """The partial transcripts of one utterance."""

    def __init__(self, settings: PartialSettings | None = None) -> None:
        self._settings = settings or PartialSettings()
        self._next_ms = self._settings.first_ms
        self._kept: list[str] = []
        self._last: list[str] = []  # of the window
        self._believed: list[str] = []
        self.since_ms = 0  # the beginning of the window, in ms of the utterance

    @property
    def so_far(self) -> str:
        """The words that were agreed upon, "" before the first."""
        return " ".join(self._believed)

    def due(self, utterance_ms: int) -> bool:
        """Whether to transcribe now that the utterance is so long; True once per interval."""
        if utterance_ms < self._next_ms:
            return False
        self._next_ms = utterance_ms + self._settings.every_ms
        return True

    def head_ms(self, window: Samples, rate: int) -> int | None:
        """How much of the window to transcribe once more, by itself, and to `keep`; None: it is not long."""
        settings = self._settings
        if window.size * 1000 // rate <= settings.longest_ms:
            return None
        block = rate * _BLOCK_MS // 1000
        first, last = settings.cut_from_ms // _BLOCK_MS, settings.cut_to_ms // _BLOCK_MS
        zone = window[first * block : last * block].reshape(-1, block).astype(np.float32)
        power = np.convolve(np.square(zone).mean(axis=1), np.ones(_QUIET_BLOCKS), "valid")
        return (first + int(power.argmin())) * _BLOCK_MS + _QUIET_BLOCKS * _BLOCK_MS // 2

    def keep(self, text: str, head_ms: int) -> None:
        """`text` is what the first `head_ms` of the window say. The window begins there now."""
        self._kept += text.split()
        self._last = []
        self.since_ms += head_ms
        self._believe(self._kept)

    def draft(self, text: str) -> str:
        """All that is said so far, when the window says `text`."""
        return " ".join([*self._kept, *text.split()])

    def agreed(self, text: str) -> str | None:
        """The words on which this transcript of the window and the one before agree, with those before it; None when
        they are no more than before.

        The last words of unfinished speech are often wrong: what two tries with more audio each begin with alike is
        seldom taken back.
        """
        words = text.split()
        common = 0
        while common < min(len(words), len(self._last)) and _bare(words[common]) == _bare(self._last[common]):
            common += 1
        self._last = words
        return self.so_far if self._believe([*self._kept, *words[:common]]) else None

    def _believe(self, words: list[str]) -> bool:
        if len(words) <= len(self._believed):
            return False
        self._believed = [*words]
        return True


def _bare(word: str) -> str:
    return "".join(letter for letter in word.casefold() if letter.isalnum())
