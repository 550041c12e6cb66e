"""Whether the gevent hub of a LinkThread still turns: a beat goes there and comes back.

A hub that hangs in one greenlet keeps the socket open and FreeSWITCH content, and hears nothing of any call.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import gevent
import gevent.event

from robot.esl.errors import EventSocketError
from robot.esl.link import LinkThread


class HubPulse:
    """A Resident of `thread`. Its methods but `run` and `thread_died` are for the asyncio thread."""

    label = "pulse"

    def __init__(self, thread: LinkThread) -> None:
        self._thread = thread
        self._loop = asyncio.get_running_loop()
        self._beat: asyncio.Future[None] | None = None
        self._dead = False
        # What belongs to the gevent thread:
        self._wake: Any = None
        self._stop: Any = None
        self._closing = False

    def start(self) -> None:
        """Raises EventSocketError when the thread does not run."""
        self._thread.add(self)

    async def beat(self) -> None:
        """Returns when the hub has taken its turn, however long that takes. Raises EventSocketError when it ended."""
        if self._beat is None or self._beat.done():
            self._beat = self._loop.create_future()
        if self._dead:
            raise EventSocketError("the event socket's thread has ended")
        if self._wake is not None:  # before the hub came to `run` there is no need: it answers by itself then
            with suppress(ValueError):  # it has just ended, and tells so
                self._wake.send()
        await asyncio.shield(self._beat)

    def close(self) -> None:
        self._closing = True
        if self._wake is not None:
            with suppress(ValueError):
                self._wake.send()

    # ── on the gevent thread ──────────────────────────────────────────────────────────────────────────────────────────

    def run(self) -> None:
        self._stop = gevent.event.Event()
        wake = gevent.get_hub().loop.async_()
        wake.start(self._woken)
        self._wake = wake
        try:
            self._woken()
            self._stop.wait()
        finally:
            wake.stop()
            wake.close()

    def thread_died(self) -> None:
        self._dead = True
        self._tell(EventSocketError("the event socket's thread has ended"))

    def _woken(self) -> None:
        if self._closing:
            self._stop.set()
        self._tell(None)

    def _tell(self, error: EventSocketError | None) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody is left to be told
            self._loop.call_soon_threadsafe(self._settle, error)

    def _settle(self, error: EventSocketError | None) -> None:
        if self._beat is None or self._beat.done():
            return
        if error is None:
            self._beat.set_result(None)
        else:
            self._beat.set_exception(error)
