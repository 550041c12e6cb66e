"""When what the callee says over a prompt stops it: pure, in audio time, one decision a voiced frame or text.

Speech is a run whose gaps are bridged by `ws_audio.endpointing` (300 ms): a run is measured from its first voiced frame
to the end of the latest, so pauses between words count and a pause at the end does not.

    a stop word is recognised                        now
    five words that are sure, past the threshold     now, also where it did not sound like speech
    speech past the threshold, its words not known   now, from the very frame that crossed it
    ... and known to be no more than "mm-hmm"        with the next other word, or 1500 ms past the threshold
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from robot.dialogue.interruption import InterruptionWords, interruption_words

#: Nobody hums on for longer; and recognition may have misheard.
BENEFIT_MS: Final = 1500
# In the first 0.6 s of speech through a telephone band the base model found no words in 4 cases of 33, in the first
# 1.2 s never: after so much audio a draft without words is believed, and what is going on is taken for noise.
_WORDLESS_MS: Final = 1000
# Two drafts agree on fewer in the barking of dogs, the rest of an echo and the talk of a room: with four of them two
# prompts of 49 were stopped in vain, with five one (`robot bench barge-in --interruptions`, its quiet situations).
_WORDS: Final = 5


@dataclass(frozen=True, slots=True)
class BargeInRule:
    """What stops one prompt.

    threshold_ms: speech over the prompt, in ms, that stops it. None: nothing does.
    resume_after_ms: so long after speech that turned out to be no words the prompt goes on; 0: it does not.
    """

    threshold_ms: int | None = 1500
    words: InterruptionWords = field(default_factory=lambda: interruption_words(None))
    resume_after_ms: int = 1000

    def __post_init__(self) -> None:
        if self.threshold_ms is not None and self.threshold_ms <= 0:
            raise ValueError(f"a barge-in threshold of {self.threshold_ms} ms is not positive")
        if self.resume_after_ms < 0:
            raise ValueError(f"resume_after_ms is {self.resume_after_ms}: it cannot be negative")


class BargeInDetector:
    """Watches one prompt at a time; says once that it is to stop. All times are on one clock, in ms."""

    def __init__(self) -> None:
        self.began_ms = 0.0  # when the callee began to say what stopped the last prompt that was stopped
        self._rule: BargeInRule | None = None
        self._prompt_started_ms = 0.0
        self._run_started_ms = self._spoken_to_ms = 0.0  # of the latest run
        self._harmless_to_ms: float | None = None  # what was said up to here is known, and holds nothing to stop for

    def arm(self, rule: BargeInRule, prompt_started_ms: float) -> None:
        """A prompt began to play at `prompt_started_ms` of the stream's audio time."""
        self._rule = rule
        self._prompt_started_ms = prompt_started_ms
        self._harmless_to_ms = None

    def disarm(self) -> None:
        """No prompt plays."""
        self._rule = None

    def speech(self, run_started_ms: float, at_ms: float) -> float | None:
        """The callee's speech goes on up to `at_ms`: the ms of it over the prompt, when that is to stop it.

        What was said before the prompt began does not count: a greeting that is still under way is no interruption.
        Returns a length once for each prompt; None otherwise.
        """
        self._run_started_ms, self._spoken_to_ms = run_started_ms, at_ms
        if self._rule is None or self._rule.threshold_ms is None:
            return None
        harmless = self._harmless_to_ms is not None and self._harmless_to_ms > run_started_ms
        limit_ms = self._rule.threshold_ms + (BENEFIT_MS if harmless else 0)
        return self._stop(run_started_ms) if self._over_prompt_ms(run_started_ms) >= limit_ms else None

    def heard(self, text: str, started_ms: float, until_ms: float, sure: str = "") -> float | None:
        """All that is recognised so far of an utterance, from its beginning at `started_ms` up to `until_ms`: as
        `speech`. Drafts, likely and final texts alike; a later one replaces the one before. sure: the words on which
        two drafts agree.
        """
        rule = self._rule
        if rule is None or rule.threshold_ms is None or until_ms <= self._prompt_started_ms:
            return None
        if rule.words.stops(text):
            return self._stop(started_ms, until_ms)
        wordless = not any(letter.isalnum() for letter in text)
        if rule.words.ignorable(text) and not (wordless and until_ms - started_ms < _WORDLESS_MS):
            self._harmless_to_ms = until_ms
            return None
        self._harmless_to_ms = None
        # Of those who talk some sound like music or noise. Their words stay what they are from one draft to the next.
        over_prompt_ms = until_ms - max(started_ms, self._prompt_started_ms)
        if len(set(sure.casefold().split())) >= _WORDS and over_prompt_ms >= rule.threshold_ms:
            return self._stop(started_ms, until_ms)
        # Speech that was past the threshold already had the benefit of the doubt, which is over.
        if self._run_started_ms < until_ms and self._over_prompt_ms(self._run_started_ms) >= rule.threshold_ms:
            return self._stop(self._run_started_ms)
        return None

    def _over_prompt_ms(self, started_ms: float) -> float:
        return self._spoken_to_ms - max(started_ms, self._prompt_started_ms)

    def _stop(self, began_ms: float, spoken_to_ms: float = 0.0) -> float:
        self._rule = None
        self.began_ms = began_ms
        return max(self._spoken_to_ms, spoken_to_ms) - max(began_ms, self._prompt_started_ms)
