"""A server that says and does exactly what a test wants: raw bytes over real sockets, no behaviour of its own."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Any, Self

from robot.esl import commands
from robot.esl.commands import Command
from robot.esl.frames import encode_event, encode_frame

PASSWORD = "s3cret"
UUID = "2553f481-1118-43e8-ad49-47fdc760dfc2"
OTHER = "db4cb415-7f4c-44a3-94ea-ea4f46dd022c"
DISCONNECT_NOTICE = (
    b"Content-Type: text/disconnect-notice\nContent-Length: 67\n\n"
    b"Disconnected, goodbye.\nSee you at ClueCon! http://www.cluecon.com/\n"
)


def command_reply(text: str, *more: tuple[str, str]) -> bytes:
    return encode_frame([("Content-Type", "command/reply"), ("Reply-Text", text), *more])


def api_response(text: str) -> bytes:
    body = text.encode()
    return b"Content-Type: api/response\nContent-Length: %d\n\n" % len(body) + body


def channel_event(name: str, uuid: str, **headers: str) -> bytes:
    named = [(key.replace("_", "-"), value) for key, value in headers.items()]
    return encode_event([("Event-Name", name), ("Unique-ID", uuid), *named])


def background_job(job_uuid: str, text: str) -> bytes:
    return encode_event([("Event-Name", "BACKGROUND_JOB"), ("Job-UUID", job_uuid)], text.encode())


class Peer:
    """One connection from the client under test."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self.received: list[str] = []
        self.subscribed = False

    async def read(self) -> str:
        """The next command. Raises IncompleteReadError when the client is gone."""
        command = (await self._reader.readuntil(b"\n\n")).decode().removesuffix("\n\n")
        self.received.append(command)
        return command

    def write(self, data: bytes) -> None:
        self._writer.write(data)

    async def write_in_pieces(self, data: bytes, size: int = 1) -> None:
        for place in range(0, len(data), size):
            self.write(data[place : place + size])
            await self._writer.drain()
            await asyncio.sleep(0)

    def hang_up(self) -> None:
        self._writer.close()

    def reset(self) -> None:
        """End it without a goodbye."""
        self._writer.transport.abort()


Script = Callable[[Peer, str], Awaitable[None]]


async def answer_all(peer: Peer, command: str) -> None:
    """Replies at once with what was asked, so that a reply at the wrong command shows."""
    if command.startswith("bgapi"):
        job = re.findall(r"Job-UUID: (\S+)", command)[0]
        peer.write(command_reply(f"+OK Job-UUID: {job}", ("Job-UUID", job)))
        peer.write(background_job(job, "+OK " + command.split("\n")[0].removeprefix("bgapi ") + "\n"))
    elif command.startswith("api"):
        peer.write(api_response("+OK " + command.removeprefix("api ") + "\n"))
    else:
        peer.write(command_reply("+OK"))


class ScriptedServer:
    """Logs clients in and hands every later command to `script`."""

    def __init__(self, script: Script = answer_all) -> None:
        self.script = script
        self.greeting = b"Content-Type: auth/request\n\n"
        self.peers: list[Peer] = []
        self.logins = 0
        self.port = 0
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        await self.listen()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def listen(self) -> None:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Drop every connection and listen no more; `listen` comes back on the same port."""
        assert self._server is not None
        self._server.close()
        for peer in self.peers:
            peer.reset()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.peers.clear()

    @property
    def open_connections(self) -> int:
        return len(self._tasks)

    @property
    def events(self) -> Peer:
        """The connection that subscribed last."""
        return [peer for peer in self.peers if peer.subscribed][-1]

    @property
    def commands(self) -> Peer:
        return [peer for peer in self.peers if not peer.subscribed][-1]

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        peer = Peer(reader, writer)
        self.peers.append(peer)
        try:
            peer.write(self.greeting)
            await self._serve(peer)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def _serve(self, peer: Peer) -> None:
        while True:
            command = await peer.read()
            if command == f"auth {PASSWORD}":
                self.logins += 1
                peer.write(command_reply("+OK accepted"))
            elif command.startswith("auth "):
                peer.write(command_reply("-ERR invalid") + DISCONNECT_NOTICE)
                return
            elif command.startswith("event "):
                peer.subscribed = True
                peer.write(command_reply("+OK event listener enabled plain"))
            else:
                await self.script(peer, command)


async def say_nothing(peer: Peer, command: str) -> None:
    """A FreeSWITCH that hangs."""


def only(script_for: str, answer: Callable[[Peer, str], Any]) -> Callable[[Peer, str], Any]:
    """`answer` for commands that hold `script_for`, the usual echo for all others."""

    async def script(peer: Peer, command: str) -> None:
        await (answer if script_for in command else answer_all)(peer, command)

    return script


def dial() -> Command:
    return commands.originate(UUID, "trunk", "+33140000001")
