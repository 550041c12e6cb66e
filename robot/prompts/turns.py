"""Whose job is next when all workers are busy: the one that is needed first. On the loop, without threads."""

from __future__ import annotations

import asyncio
import heapq

from robot.prompts.errors import PromptsOverloaded


class Turns:
    """`places` jobs at once; at most `waiting` wait for a place."""

    def __init__(self, places: int, waiting: int) -> None:
        self._places = self._free = places
        self._most = waiting
        self._arrivals = 0
        self._queue: list[tuple[int, int, asyncio.Future[None]]] = []

    @property
    def waiting(self) -> int:
        return sum(not place.done() for _, _, place in self._queue)

    @property
    def taken(self) -> int:
        return self._places - self._free

    async def take(self, rank: int) -> None:
        """A place, to be given back: the lowest rank first, then who came first. Raises PromptsOverloaded."""
        if self._free:
            self._free -= 1
            return
        if self.waiting >= self._most:
            raise PromptsOverloaded(
                f"{self._most} phrases wait to be spoken already: have fewer calls at once, or use a faster machine"
            )
        place = asyncio.get_running_loop().create_future()
        self._arrivals += 1
        heapq.heappush(self._queue, (rank, self._arrivals, place))
        try:
            await place
        except asyncio.CancelledError:
            if not place.cancelled():  # it had come in the same moment
                self.give()
            raise

    def give(self) -> None:
        """A place back."""
        while self._queue:
            _, _, place = heapq.heappop(self._queue)
            if not place.done():
                place.set_result(None)
                return
        self._free += 1
