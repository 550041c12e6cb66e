"""What all sessions have in common: one connection, read until one side has had enough, and closed in good order."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from typing import Generic, TypeVar

from websockets.asyncio.server import ServerConnection
from websockets.frames import CloseCode

from robot.doors.wire import Wire

T = TypeVar("T")


class Session(ABC, Generic[T]):
    """`run` once, `shut_down` from anywhere on the loop."""

    def __init__(self, connection: ServerConnection, wire: Wire[T]) -> None:
        self._connection = connection
        self._wire = wire
        self._closing: tuple[CloseCode, str] = (CloseCode.NORMAL_CLOSURE, "")  # how, when it comes to that
        self._ended = asyncio.Event()

    async def run(self) -> None:
        """Until `_read` returns, or `_end` was called."""
        loop = asyncio.get_running_loop()
        reading, ended = loop.create_task(self._read()), loop.create_task(self._ended.wait())
        try:
            await asyncio.wait({reading, ended}, return_when=asyncio.FIRST_COMPLETED)
            if reading.done():
                reading.result()
        finally:
            for task in (reading, ended):
                task.cancel()
            await asyncio.wait({reading, ended})
            await self._leave()
            await self._wire.close(*self._closing)

    def shut_down(self) -> None:
        """The robot is being stopped."""
        self._end(CloseCode.GOING_AWAY, "the robot is stopping")

    def _end(self, code: CloseCode, reason: str = "") -> None:
        self._closing = code, reason
        self._ended.set()

    @abstractmethod
    async def _read(self) -> None:
        """What the other side sends, until it is over."""

    @abstractmethod
    async def _leave(self) -> None:
        """End the conversation, if there is one."""
