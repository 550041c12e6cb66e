"""What must not end while the service runs: background tasks, the two loops.

A task that ends, by an error or by itself, is loud: `Watched.failed` is done with the reason, and the service ends.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Final

import structlog

log = structlog.get_logger(__name__)

#: How often the loops are looked at where systemd does not say.
BEAT_EVERY_S: Final = 5.0
# systemd advises to be twice as fast as it asks for; a third leaves room for a late one.
_BEATS_IN_TIME: Final = 3
_CANCEL_LIMIT_S: Final = 5.0


class TaskDied(Exception):
    """A part of the service ended, which none may. The cause is the error that it died of, if it was one."""

    def __init__(self, name: str, error: BaseException | None) -> None:
        self.name = name
        # Its kind alone: a message may hold what callees said.
        super().__init__(f"{name} died of {type(error).__name__}" if error else f"{name} ended by itself")
        self.__cause__ = error


class Watched:
    """Tasks that run until `close`. `failed` is done when the first of them ended before. Belongs to one loop."""

    def __init__(self) -> None:
        self.failed: asyncio.Future[TaskDied] = asyncio.get_running_loop().create_future()
        self._own: set[asyncio.Task[None]] = set()
        self._closing = False

    def start(self, work: Coroutine[None, None, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._own.add(task)
        self.add(task)

    def add(self, task: asyncio.Task[None]) -> None:
        """Somebody else's, who ends it."""
        task.add_done_callback(self._ended)

    def stand_down(self) -> None:
        """What ends from now on was meant to."""
        self._closing = True

    async def close(self) -> None:
        """Cancel what was started here."""
        self.stand_down()
        for task in self._own:
            task.cancel()
        if self._own:
            _, left = await asyncio.wait(self._own, timeout=_CANCEL_LIMIT_S)
            for task in left:
                log.error("service.task_does_not_end", task=task.get_name())

    def _ended(self, task: asyncio.Task[None]) -> None:
        if self._closing or (task.cancelled() and task not in self._own):
            return
        error = None if task.cancelled() else task.exception()
        died = TaskDied(task.get_name(), error)
        log.critical("service.task_died", task=task.get_name(), reason=str(died), exc_info=error)
        if not self.failed.done():
            self.failed.set_result(died)


async def feed(beat: Callable[[], Awaitable[None]], alive: Callable[[], None], watchdog_s: float | None) -> None:
    """Call `alive` again and again, as long as this loop turns and `beat`, a turn of the other one, comes back.

    Raises what `beat` raises: that loop is gone for good.
    """
    every_s = BEAT_EVERY_S if watchdog_s is None else watchdog_s / _BEATS_IN_TIME
    while True:
        beating = asyncio.ensure_future(beat())
        try:
            silent = not (await asyncio.wait({beating}, timeout=every_s))[0]
            if silent:
                log.error("service.event_socket_thread_hangs", seconds=round(every_s, 1))
            await beating  # for ever, if it must be: nobody feeds the watchdog meanwhile
        finally:
            beating.cancel()
        alive()
        await asyncio.sleep(every_s)
