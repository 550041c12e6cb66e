"""When the callee talks over a prompt long enough to stop it: pure, in audio time, one decision a voiced frame.

Speech is a run whose gaps are bridged by `ws_audio.endpointing` (300 ms): a run is measured from its first voiced frame
to the end of the latest, so pauses between words count and a pause at the end does not.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BargeInRule:
    """`threshold_ms`: speech over the prompt, in ms, that stops it. None: the prompt cannot be interrupted."""

    threshold_ms: int | None = 1500

    def __post_init__(self) -> None:
        if self.threshold_ms is not None and self.threshold_ms <= 0:
            raise ValueError(f"a barge-in threshold of {self.threshold_ms} ms is not positive")


class BargeInDetector:
    """Watches one prompt at a time; says once that it is to stop."""

    def __init__(self) -> None:
        self._rule: BargeInRule | None = None
        self._prompt_started_ms = 0.0

    def arm(self, rule: BargeInRule, prompt_started_ms: float) -> None:
        """A prompt began to play at `prompt_started_ms` of the stream's audio time."""
        self._rule = rule
        self._prompt_started_ms = prompt_started_ms

    def disarm(self) -> None:
        """No prompt plays."""
        self._rule = None

    def speech(self, run_started_ms: float, at_ms: float) -> float | None:
        """The callee's speech goes on up to `at_ms`: the ms of it over the prompt, when that crosses the threshold.

        What was said before the prompt began does not count: a greeting that is still under way is no interruption.
        Returns a length once for each prompt; None otherwise.
        """
        if self._rule is None or self._rule.threshold_ms is None:
            return None
        over_prompt_ms = at_ms - max(run_started_ms, self._prompt_started_ms)
        if over_prompt_ms < self._rule.threshold_ms:
            return None
        self._rule = None
        return over_prompt_ms
