"""What leaves for one visitor: in its order, as fast as they read, and no further than they are allowed to lag."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, Generic, Protocol, TypeVar

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode

#: For what waits still when a connection is closed in good order.
LAST_WORDS_S: Final = 1.0

T = TypeVar("T")


class Waiting(Protocol[T]):
    """What waits to leave."""

    def __len__(self) -> int: ...

    @property
    def overrun(self) -> bool: ...

    def put(self, event: T) -> None: ...

    def take(self) -> T: ...

    def drop_audio(self) -> None: ...


class Wire(Generic[T]):
    """Of one connection. `encode` makes the message of an event when its turn has come, or none.

    `close` it in the end.
    """

    def __init__(
        self, connection: ServerConnection, waiting: Waiting[T], encode: Callable[[T], str | bytes | None]
    ) -> None:
        self._connection = connection
        self._waiting = waiting
        self._encode = encode
        self._more = asyncio.Event()
        self._empty = asyncio.Event()
        self._given_up: asyncio.Task[None] | None = None
        self._writer = asyncio.get_running_loop().create_task(self._write(), name="to a visitor")

    def put(self, event: T) -> None:
        """Does not wait. Who does not read is let go some time."""
        self._waiting.put(event)
        self._empty.clear()
        self._more.set()
        if self._waiting.overrun and self._given_up is None:
            self._writer.cancel()
            self._given_up = asyncio.get_running_loop().create_task(
                self._connection.close(CloseCode.POLICY_VIOLATION, "too many messages wait for you")
            )

    def drop_audio(self) -> None:
        self._waiting.drop_audio()

    async def close(self, code: CloseCode, reason: str = "") -> None:
        """Send what waits, if that is quickly done, and close."""
        if self._given_up is None and not self._writer.done():
            try:
                async with asyncio.timeout(LAST_WORDS_S):
                    await self._empty.wait()
            except TimeoutError:
                pass  # they do not read
        self._writer.cancel()
        await asyncio.wait({self._writer})
        await (self._given_up or self._connection.close(code, reason))

    async def _write(self) -> None:
        try:
            while True:
                while len(self._waiting):
                    message = self._encode(self._waiting.take())
                    if message is not None:
                        await self._connection.send(message)
                self._empty.set()
                self._more.clear()
                await self._more.wait()
        except ConnectionClosed:
            self._empty.set()  # for nobody
