"""How long something took, counted by size: without a lock, for the audio path."""

from __future__ import annotations

from bisect import bisect_left
from typing import Final

#: Upper ends of the classes, in seconds; what took longer is in one more. A frame comes every 20 ms.
BOUNDS_S: Final = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5)


class Delays:
    """Belongs to one thread. `counts` has one class more than BOUNDS_S; `total_s` is the sum of all."""

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS_S) + 1)
        self.total_s = 0.0

    def add(self, delay_s: float) -> None:
        self.counts[bisect_left(BOUNDS_S, delay_s)] += 1
        self.total_s += delay_s
