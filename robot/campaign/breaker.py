"""Pauses a campaign whose calls fail for reasons of ours, before its whole list is called for nothing.

Pure; times are seconds of one monotonic clock.

    CLOSED ── too many of the last calls failed ──▶ OPEN ── its time is over ──▶ TRYING, one call at a time
    TRYING ── enough calls in a row went well ──▶ CLOSED        TRYING ── one failed ──▶ OPEN, twice as long
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass
from enum import Enum, auto


class BreakerState(Enum):
    CLOSED = auto()  # calls go
    OPEN = auto()  # none go
    TRYING = auto()


@dataclass(frozen=True, slots=True)
class BreakerSettings:
    """share: of the last `last_calls` that failed, from which on it opens; not before `least_calls` have ended.

    pause_s: first, then twice as long each time, up to longest_pause_s. trials: calls in a row that must go well.
    """

    share: float = 0.5
    least_calls: int = 10
    last_calls: int = 50
    pause_s: float = 60.0
    longest_pause_s: float = 1800.0
    trials: int = 3


@dataclass(frozen=True, slots=True)
class Ticket:
    """A call that the breaker let through. Give it to `ended`, or to `not_placed`. trial: its number, 0: it is none."""

    trial: int = 0


class Breaker:
    """Of one campaign."""

    def __init__(self, settings: BreakerSettings = BreakerSettings()) -> None:
        self._settings = settings
        self._last: deque[str | None] = deque(maxlen=settings.last_calls)
        self._state = BreakerState.CLOSED
        self._pauses = 0  # in a row
        self._again_at = 0.0
        self._trials = 0  # so far
        self._trial_on = 0  # the one that is on
        self._good_trials = 0  # in a row
        self._reason: str | None = None

    @property
    def state(self) -> BreakerState:
        return self._state

    @property
    def reason(self) -> str | None:
        """Why it does not let all calls through, for people; None: it does."""
        return self._reason

    @property
    def again_at(self) -> float | None:
        """When it lets a call through again; None: it does now, or as soon as the trial call has ended."""
        return self._again_at if self._state is BreakerState.OPEN else None

    def lets_through(self, now: float) -> bool:
        match self._state:
            case BreakerState.CLOSED:
                return True
            case BreakerState.OPEN:
                return now >= self._again_at
            case BreakerState.TRYING:
                return not self._trial_on

    def placed(self, now: float) -> Ticket:
        """A call is placed. Raises ValueError when it does not let one through."""
        if not self.lets_through(now):
            raise ValueError("the breaker lets no call through now")
        if self._state is BreakerState.CLOSED:
            return Ticket()
        self._state = BreakerState.TRYING
        self._trials += 1
        self._trial_on = self._trials
        return Ticket(self._trials)

    def not_placed(self, ticket: Ticket) -> None:
        """Nothing was dialled after all."""
        if ticket.trial == self._trial_on:
            self._trial_on = 0

    def ended(self, ticket: Ticket, now: float, fault: str | None) -> bool:
        """A call is over. fault: what failed for a reason of ours, see `blame.fault_of`; None: it went well.

        Whether `state` changed by it.
        """
        if ticket.trial and ticket.trial == self._trial_on:
            return self._tried(now, fault)
        if ticket.trial or self._state is not BreakerState.CLOSED:
            return False  # was placed before: says nothing of now
        self._last.append(fault)
        faults = Counter(each for each in self._last if each is not None)
        failed = faults.total()
        if len(self._last) < self._settings.least_calls or failed < self._settings.share * len(self._last):
            return False
        most = ", ".join(f"{number} {what}" for what, number in faults.most_common(3))
        self._open(now, f"{failed} of the last {len(self._last)} calls failed for reasons of ours: {most}")
        return True

    def close(self) -> None:
        """An operator has repaired it and wants calls now."""
        self._state = BreakerState.CLOSED
        self._reason = None
        self._pauses = 0
        self._last.clear()
        self._trial_on = 0

    def _tried(self, now: float, fault: str | None) -> bool:
        self._trial_on = 0
        if fault is not None:
            self._open(now, f"a trial call failed again: {fault}")
            return True
        self._good_trials += 1
        if self._good_trials < self._settings.trials:
            return False
        self.close()
        return True

    def _open(self, now: float, reason: str) -> None:
        pause_s = min(self._settings.longest_pause_s, self._settings.pause_s * 2 ** min(self._pauses, 30))
        self._state = BreakerState.OPEN
        self._reason = reason
        self._pauses += 1
        self._again_at = now + pause_s
        self._good_trials = 0
        self._last.clear()
