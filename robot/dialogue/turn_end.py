"""Whose turn is it? How long a silence after a text must be before somebody who may say anything has said it. Pure.

Where a script asks, an answer that it understands needs no more silence. Where anything may be said, the sentence
tells: recognition ends one that sounds complete with a full stop, and nobody is done who says "and" or "my".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from robot.dialogue.language import language_of

_ENDS: Final = (".", "!", "?")
_GOES_ON: Final = (",", ";", ":", "-", "–", "—", "...", "…")


@dataclass(frozen=True, slots=True)
class Patience:
    """In ms after the last voiced frame. Raises ValueError where they are not in this order."""

    complete_ms: int = 400  # after what sounds like a whole sentence
    open_ms: int = 600  # after what may be one
    unfinished_ms: int = 1200  # after what is none

    def __post_init__(self) -> None:
        if not 0 < self.complete_ms <= self.open_ms <= self.unfinished_ms:
            raise ValueError("a whole sentence must not be waited after for longer than half of one")


def patience_ms(text: str, language: str | None, patience: Patience) -> int:
    """How long a silence after `text` ends the turn."""
    text = text.strip()
    words = text.casefold().split()
    last = words[-1].strip("".join(_ENDS) + ",;:…-–—\"'»") if words else ""
    if not last or text.endswith(_GOES_ON) or last in language_of(language).unfinished:
        return patience.unfinished_ms
    return patience.complete_ms if text.endswith(_ENDS) else patience.open_ms
