"""A plain asyncio client of an event socket: knows nothing of the robot's own one."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass

from robot.esl.frames import Event, Frame, FrameReader, TruncatedFrame

WAIT_S = 10.0
PASSWORD = "ClueCon"


@dataclass(frozen=True, slots=True)
class Received:
    """A frame that came, and its event if it is one."""

    frame: Frame
    event: Event | None

    @property
    def name(self) -> str:
        return (self.event.subclass or self.event.name) if self.event else ""


class PlainClient:
    """Sends commands one at a time; everything that comes is kept in `received`, in order."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.received: list[Received] = []
        self.ended = False
        self._changed = asyncio.Event()
        self._task = asyncio.create_task(self._read())

    @classmethod
    async def connect(cls, port: int, password: str | None = PASSWORD, events: str = "") -> PlainClient:
        """`password` None: not logged in. `events`: what to subscribe to."""
        client = cls(*await asyncio.open_connection("127.0.0.1", port))
        await client.until(lambda: bool(client.received))
        if password is not None:
            assert await client.command(f"auth {password}") == "+OK accepted"
        if events:
            assert await client.command(f"event plain {events}") == "+OK event listener enabled plain"
        return client

    async def _read(self) -> None:
        frames = FrameReader()
        try:
            while data := await self._reader.read(65536):
                for frame in frames.feed(data):
                    is_event = frame.content_type == "text/event-plain"
                    self.received.append(Received(frame, Event(frame.body) if is_event else None))
                self._changed.set()
            frames.end()
        except (ConnectionError, TruncatedFrame):
            pass
        self.ended = True
        self._changed.set()

    async def until(self, condition: object) -> None:
        """Wait (bounded) until the callable `condition` is true."""
        assert callable(condition)
        async with asyncio.timeout(WAIT_S):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    @property
    def replies(self) -> list[Frame]:
        return [item.frame for item in self.received if item.event is None]

    @property
    def events(self) -> list[Event]:
        return [item.event for item in self.received if item.event is not None]

    def names(self, uuid: str = "") -> list[str]:
        return [event.subclass or event.name for event in self.events if not uuid or event.uuid == uuid]

    async def command(self, text: str) -> str:
        """Send one command and give back what it was answered."""
        count = len(self.replies)
        self.send(text)
        await self.until(lambda: len(self.replies) > count)
        return self.replies[count].reply

    def send(self, text: str) -> None:
        self._writer.write(text.encode() + b"\n\n")

    async def event(self, name: str, uuid: str = "", nth: int = 1) -> Event:
        """Wait for the `nth` event of that name (or subclass)."""

        def found() -> list[Event]:
            return [e for e in self.events if name in (e.subclass, e.name) and uuid in ("", e.uuid)]

        await self.until(lambda: len(found()) >= nth)
        return found()[nth - 1]

    async def end(self) -> None:
        """Wait until the server has closed."""
        await self.until(lambda: self.ended)

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._writer.close()
        with contextlib.suppress(ConnectionError):
            await self._writer.wait_closed()
