"""How long the callee waited for an answer, stage by stage: from their last voiced frame to our first sample.

The target is 700 ms in all: above it people start to say "hello?" again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

TARGET_MS: Final = 700


@dataclass(frozen=True, slots=True)
class TurnLatency:
    """Of the reply to turn `turn`. All ms; a stage that did not take place is None.

    endpoint_ms: last voiced frame to the decision that the callee has finished.
    stt_ms: from there to the final transcript.
    llm_ms, tts_ms: to the first phrase, to its first audio.
    total_ms: last voiced frame to PLAYBACK_START of the reply.
    """

    turn: int
    endpoint_ms: int
    stt_ms: int
    llm_ms: int | None
    tts_ms: int | None
    total_ms: int

    @property
    def slow(self) -> bool:
        return self.total_ms > TARGET_MS
