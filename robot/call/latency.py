"""How long a callee waited for the robot's reply, stage by stage, and whether that was too long.

    last voiced frame ── text final ── model asked ── first token ── first phrase ── synthesis ── first sample played

A script has the ends of it only. The stages overlap where the model is asked while the silence is still being counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import structlog

from robot.call.hearing import Utterance
from robot.store.records import LatencyRecord

#: Above it people start to say "hello?" again.
TARGET_MS: Final = 700

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class ReplyTimes:
    """Of a generated reply, on the loop's clock in seconds; None: not yet."""

    model_at: float
    token_at: float | None = None
    phrase_at: float | None = None
    synthesis_at: float | None = None
    spoken_at: float | None = None  # the first phrase was synthesised


def latency(turn: int, utterance: Utterance, played_at: float, times: ReplyTimes | None) -> LatencyRecord:
    """Of the reply to `utterance`, whose turn has the number `turn`. times: None: nothing was generated."""

    def since_speech(at: float | None) -> int | None:
        return None if at is None else round((at - utterance.ended_at) * 1000)

    total_ms = round((played_at - utterance.ended_at) * 1000)
    if times is None:
        return LatencyRecord(turn, utterance.endpoint_ms, utterance.stt_ms, None, None, total_ms)
    return LatencyRecord(
        turn,
        utterance.endpoint_ms,
        utterance.stt_ms,
        llm_ms=_between(times.model_at, times.phrase_at),
        tts_ms=_between(times.synthesis_at, times.spoken_at),
        total_ms=total_ms,
        text_at_ms=utterance.endpoint_ms + utterance.stt_ms,
        model_at_ms=since_speech(times.model_at),
        token_at_ms=since_speech(times.token_at),
        phrase_at_ms=since_speech(times.phrase_at),
        synthesis_at_ms=since_speech(times.synthesis_at),
    )


def note(uuid: str, record: LatencyRecord) -> None:
    """One line in the log for each reply."""
    stages = {name: value for name in _STAGES if (value := getattr(record, name)) is not None}
    verdict = "SLOW" if record.total_ms > TARGET_MS else "OK"
    log.info("latency", uuid=uuid, turn=record.turn, **stages, total_ms=record.total_ms, verdict=verdict)


_STAGES: Final = (
    "endpoint_ms", "stt_ms", "llm_ms", "tts_ms",
    "text_at_ms", "model_at_ms", "token_at_ms", "phrase_at_ms", "synthesis_at_ms",
)  # fmt: skip


def _between(begin: float | None, end: float | None) -> int | None:
    return None if begin is None or end is None else round((end - begin) * 1000)
