"""How long a turn took, as the visitor met it."""

from __future__ import annotations

from robot.store.records import LatencyRecord
from ws_audio.voice import Metrics


class TurnTimes:
    """Of one conversation. Times on the loop's clock, in seconds."""

    def __init__(self) -> None:
        self._speech_at = 0.0  # of the utterance that goes on, or was the last
        self._partial_ms: int | None = None
        self._latency: LatencyRecord | None = None  # of the turn that goes on
        self._audio_at = 0.0

    def speech_began(self, at: float) -> None:
        self._speech_at, self._partial_ms = at, None

    def partial_came(self, at: float) -> None:
        if self._partial_ms is None:
            self._partial_ms = round((at - self._speech_at) * 1000)

    def replied(self, latency: LatencyRecord, at: float) -> None:
        """The first sound of the reply left at `at`."""
        self._latency, self._audio_at = latency, at

    def of_turn(self, turn: int, now: float) -> Metrics | None:
        """Of the turn that ends now; None: the robot replied to nothing in it."""
        latency, self._latency = self._latency, None
        if latency is None:
            return None
        final_ms = None
        if latency.endpoint_ms is not None and latency.stt_ms is not None:
            final_ms = latency.endpoint_ms + latency.stt_ms
        return Metrics(
            turn,
            t_first_partial_ms=self._partial_ms,
            t_final_transcript_ms=final_ms,
            t_first_token_ms=latency.token_at_ms,
            t_first_audio_ms=latency.total_ms,
            total_reply_ms=latency.total_ms + round((now - self._audio_at) * 1000),
        )
