"""Simulated time: what is due when. One timeline drives every channel, stream and event queue of a simulator.

`Timeline` moves only when it is told to, so tests of the simulator need no sleeping. `PacedTimeline` follows the
event loop's clock with absolute deadlines: an action that is late runs late, and the next one is on time again.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Callable
from typing import Final

# After a longer pause than this (a suspended laptop) simulated time goes on from now instead of running after it.
MAX_CATCH_UP_MS: Final = 2_000.0


class Timer:
    """One action that waits for its time; `cancel` makes it never happen."""

    __slots__ = ("_action", "due_ms")

    def __init__(self, due_ms: float, action: Callable[[], None]) -> None:
        self.due_ms = due_ms
        self._action: Callable[[], None] | None = action

    def cancel(self) -> None:
        self._action = None

    def fire(self) -> None:
        action, self._action = self._action, None
        if action is not None:
            action()


class Timeline:
    """Time in milliseconds since the simulator started, moved by `advance`."""

    def __init__(self) -> None:
        self._now_ms = 0.0
        self._waiting: list[tuple[float, int, Timer]] = []
        self._order = itertools.count()  # what is due at the same moment happens in the order it was asked for

    @property
    def now_ms(self) -> float:
        return self._now_ms

    def call_in(self, delay_ms: float, action: Callable[[], None]) -> Timer:
        return self.call_at(self.now_ms + delay_ms, action)

    def call_at(self, due_ms: float, action: Callable[[], None]) -> Timer:
        timer = Timer(due_ms, action)
        heapq.heappush(self._waiting, (due_ms, next(self._order), timer))
        return timer

    def advance(self, ms: float) -> None:
        self.advance_to(self._now_ms + ms)

    def advance_to(self, now_ms: float) -> None:
        """Do all that is due up to `now_ms`, in order; each action sees its own due time as the present."""
        while self._waiting and self._waiting[0][0] <= now_ms:
            due_ms, _, timer = heapq.heappop(self._waiting)
            self._now_ms = max(self._now_ms, due_ms)
            timer.fire()
        self._now_ms = max(self._now_ms, now_ms)

    def catch_up(self) -> None:
        """Do what is already due: called before a command is obeyed, so that it never overtakes the past."""


class PacedTimeline(Timeline):
    """A timeline that follows the running event loop's clock while `run` runs."""

    def __init__(self) -> None:
        super().__init__()
        self._loop = asyncio.get_running_loop()
        self._origin_s = self._loop.time()
        self._earlier = asyncio.Event()  # something is due before what `run` sleeps for
        self._sleeps_until_ms = float("inf")
        self._advancing = False

    @property
    def now_ms(self) -> float:
        if self._advancing:
            return self._now_ms
        return max(self._now_ms, (self._loop.time() - self._origin_s) * 1000)

    def call_at(self, due_ms: float, action: Callable[[], None]) -> Timer:
        if due_ms < self._sleeps_until_ms:
            self._earlier.set()
        return super().call_at(due_ms, action)

    def advance_to(self, now_ms: float) -> None:
        self._advancing = True
        try:
            super().advance_to(now_ms)
        finally:
            self._advancing = False

    def catch_up(self) -> None:
        if self._advancing:
            return
        now_ms = (self._loop.time() - self._origin_s) * 1000
        behind_ms = now_ms - self._now_ms
        if behind_ms > MAX_CATCH_UP_MS:
            self._origin_s += behind_ms / 1000
            now_ms = self._now_ms
        self.advance_to(now_ms)

    async def run(self) -> None:
        """Keep the pace until cancelled."""
        while True:
            self._earlier.clear()
            self.catch_up()
            self._sleeps_until_ms = self._waiting[0][0] if self._waiting else float("inf")
            delay_s = (self._sleeps_until_ms - self.now_ms) / 1000
            try:
                async with asyncio.timeout(max(0.0, delay_s) if self._waiting else None):
                    await self._earlier.wait()
            except TimeoutError:
                pass
