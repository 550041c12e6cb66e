"""Calls per second, evenly spaced: when the next one may be placed. Pure; times are seconds of one monotonic clock.

The generic cell rate algorithm (ITU-T I.371) with a tolerance so small that it is no burst: carriers count calls per
second and refuse those that come too close (SIP 503).
"""

from __future__ import annotations

from typing import Final

#: What a timer that fires late, or a loop that is busy, may make up for. More would bring more calls into a second than
#: a carrier lets pass; without it every late timer would make the rate lower than asked for.
LATENESS_S: Final = 0.050


class Spacing:
    """One limit. In any `w` seconds at most `(w + LATENESS_S) * per_s + 1` calls, and never two closer together than
    `least_gap_s`; so also after a pause, for what was not used is gone.
    """

    def __init__(self, per_s: float) -> None:
        """per_s: calls per second, more than 0; 0.1 is one every ten seconds."""
        self._interval_s = 1 / per_s
        self._due = float("-inf")
        self._last_at = float("-inf")
        self._before = (self._due, self._last_at)
        self._taken_at = float("-inf")

    @property
    def least_gap_s(self) -> float:
        return max(self._interval_s / 2, self._interval_s - LATENESS_S)

    @property
    def next_at(self) -> float:
        """The first moment at which `take` is allowed."""
        return max(self._due, self._last_at + self.least_gap_s)

    def take(self, now: float) -> None:
        """Place one. Raises ValueError before `next_at`."""
        if now < self.next_at:
            raise ValueError(f"too early by {self.next_at - now:.3f} s")
        self._before = (self._due, self._last_at)
        # So long without a call was a pause and not a late timer: nothing to make up for.
        paused = now - self._due > max(self._interval_s, LATENESS_S)
        self._due = (now if paused else max(self._due, now - LATENESS_S)) + self._interval_s
        self._last_at = self._taken_at = now

    def give_back(self, at: float) -> None:
        """The call that was taken at `at` was not placed. Its time can be used again while no other was placed after
        it; later that would bring two others too close together."""
        if at == self._taken_at:
            self._due, self._last_at = self._before
            self._taken_at = float("-inf")  # the time is given back once

    def change(self, per_s: float) -> None:
        """Another rate, from the last call on."""
        new_interval_s = 1 / per_s
        self._due += new_interval_s - self._interval_s
        due_before, last_before = self._before
        self._before = (due_before + new_interval_s - self._interval_s, last_before)
        self._interval_s = new_interval_s
