"""Calls per second, evenly spaced: when the next one may be placed. Pure; times are seconds of one monotonic clock.

The generic cell rate algorithm (ITU-T I.371) with a tolerance so small that it is no burst: carriers count calls per
second and refuse those that come too close (SIP 503).
"""

from __future__ import annotations

from typing import Final

# What a timer that fires late may make up for. More would bring calls closer together than a carrier lets pass; without
# it every late timer would make the rate lower than asked for.
_LATENESS_S: Final = 0.020


class Spacing:
    """One limit. In any `w` seconds at most `(w + tolerance_s) * per_s + 1` calls, and never two closer together than
    `1 / per_s - tolerance_s`; so also after a pause, for what was not used is gone.
    """

    def __init__(self, per_s: float) -> None:
        """per_s: calls per second, more than 0; 0.1 is one every ten seconds."""
        self._interval_s = 1 / per_s
        self._due = float("-inf")
        self._taken_at = float("-inf")
        self._due_before = float("-inf")

    @property
    def tolerance_s(self) -> float:
        return min(_LATENESS_S, self._interval_s / 2)

    @property
    def next_at(self) -> float:
        """The first moment at which `take` is allowed."""
        return self._due

    def take(self, now: float) -> None:
        """Place one. Raises ValueError before `next_at`."""
        if now < self._due:
            raise ValueError(f"too early by {self._due - now:.3f} s")
        self._due_before = self._due
        # A whole interval without a call was a pause and not a late timer: nothing to make up for.
        paused = now - self._due > self._interval_s
        self._due = (now if paused else max(self._due, now - self.tolerance_s)) + self._interval_s
        self._taken_at = now

    def give_back(self, at: float) -> None:
        """The call that was taken at `at` was not placed. Its time can be used again while no other was placed after
        it; later that would bring two others too close together."""
        if at == self._taken_at:
            self._due = self._due_before
            self._taken_at = float("-inf")  # the time is given back once

    def change(self, per_s: float) -> None:
        """Another rate, from the last call on."""
        new_interval_s = 1 / per_s
        self._due += new_interval_s - self._interval_s
        self._due_before += new_interval_s - self._interval_s
        self._interval_s = new_interval_s
