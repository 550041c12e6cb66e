"""Cuts a text into what a synthesis speaks at once. Pure.

It speaks a sentence as one breath. One that does not end costs Piper gigabytes (4,000 letters: 4.6 GB and a minute),
and a word that does not end (150 letters) keeps Pico busy for ever.
"""

from __future__ import annotations

import re
from typing import Final

_LONGEST: Final = 300
_LONGEST_WORD: Final = 60
# A number of that many digits is no number that anybody says, and Pico gives up.
_DIGITS: Final = re.compile(r"(\d{15})(?=\d)")
_END: Final = re.compile(r"(?<=[.!?…])\s+")
_PAUSES: Final = (", ", "; ", ": ", " – ", " ")


def sentences(text: str) -> list[str]:
    """At least one letter or digit in each, at most 300 letters."""
    printable = "".join(letter if letter.isprintable() else " " for letter in text)
    words = " ".join(_shortened(word) for word in printable.split())
    parts = [part for sentence in _END.split(words) for part in _breaths(sentence)]
    return [part for part in parts if any(letter.isalnum() for letter in part)]


def _shortened(word: str) -> str:
    grouped = _DIGITS.sub(r"\1 ", word)
    return " ".join(
        part[at : at + _LONGEST_WORD] for part in grouped.split() for at in range(0, len(part), _LONGEST_WORD)
    )


def _breaths(sentence: str) -> list[str]:
    """A sentence that is too long, cut at its last pause that fits."""
    parts = []
    while len(sentence) > _LONGEST:
        begin = sentence[:_LONGEST]
        cut = next(at + len(pause) for pause in _PAUSES if (at := begin.rfind(pause)) > 0)
        parts.append(sentence[:cut].rstrip())
        sentence = sentence[cut:]
    return [*parts, sentence]
