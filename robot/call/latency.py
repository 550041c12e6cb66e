"""How long a callee waited for the robot's reply, stage by stage, and whether that was too long.

From their last voiced frame to our first sample: the silence that was waited for (endpoint), the recognition (stt), the
language model and the synthesis where there are any.
"""

from __future__ import annotations

from typing import Final

import structlog

from robot.store.records import LatencyRecord

# Above it people start to say "hello?" again.
TARGET_MS: Final = 700

log = structlog.get_logger(__name__)


def note(uuid: str, latency: LatencyRecord) -> None:
    """One line in the log for each reply."""
    log.info(
        "latency",
        uuid=uuid,
        turn=latency.turn,
        endpoint_ms=latency.endpoint_ms,
        stt_ms=latency.stt_ms,
        llm_ms=latency.llm_ms,
        tts_ms=latency.tts_ms,
        total_ms=latency.total_ms,
        verdict="SLOW" if latency.total_ms > TARGET_MS else "OK",
    )
