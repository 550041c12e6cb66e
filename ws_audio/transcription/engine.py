"""What a speech recognition engine must do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from ws_audio.frames import Samples


@dataclass(frozen=True, slots=True)
class Transcript:
    """What an engine heard in an utterance."""

    text: str  # "" when there is no speech in it
    confidence: float  # 0 to 1: the geometric mean of the probabilities of the tokens
    no_speech: float = 0.0  # 0 to 1: how likely the engine finds that nobody spoke
    decoded_twice: bool = False  # the first try was poor


class TranscriptionEngine(Protocol):
    """Blocking and thread-safe: the scheduler calls it from its worker threads, several at a time."""

    def transcribe(self, audio: Samples, language: str | None, vocabulary: tuple[str, ...]) -> Transcript:
        """Text of mono `audio` at 16 kHz.

        `language` is an ISO 639-1 code, None lets the engine find out; `vocabulary` are words and phrases that are
        likely to be said, the likeliest first: they may help where the engine is in doubt, and must not be heard where
        nobody says them. Raises LanguageNotSupported.
        """
        ...
