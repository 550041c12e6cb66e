"""A chat completions endpoint to test against: it keeps what it is asked, and answers what the test wrote."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
END = b"0\r\n\r\n"


@dataclass
class Connection:
    """One connection of a client; `gone` is set when the client has closed it."""

    writer: asyncio.StreamWriter
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    async def send(self, content: bytes) -> None:
        self.writer.write(content)
        await self.writer.drain()

    async def chunk(self, content: bytes) -> None:
        """A piece of the body."""
        await self.send(f"{len(content):x}\r\n".encode() + content + b"\r\n")

    async def refuse(self, status: str, body: bytes, *headers: str) -> None:
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
        await self.send("\r\n".join(lines).encode() + body)


def event(**delta: Any) -> bytes:
    finish = delta.pop("finish_reason", None)
    chunk = {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}
    return b"data: " + json.dumps(chunk, ensure_ascii=False).encode() + b"\n\n"


@dataclass
class ChatServer:
    """`answer` writes the response to each request, and the connection stays open after it."""

    url: str = ""
    answer: Callable[[Connection], Awaitable[None]] | None = None
    requests: list[dict[str, Any]] = field(default_factory=list)
    headers: list[str] = field(default_factory=list)
    connections: list[Connection] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection(writer)
        self.connections.append(connection)
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                text = head.decode().lower()
                self.headers.append(head.decode())
                size = int(text.partition("content-length: ")[2].partition("\r\n")[0] or 0)
                body = await reader.readexactly(size)
                if body:
                    self.requests.append(json.loads(body))
                answering = asyncio.ensure_future(self._answer(connection))
                while not answering.done():
                    if reader.at_eof():
                        answering.cancel()
                    await asyncio.wait({answering}, timeout=0.005)
                if answering.cancelled():
                    return
                answering.result()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            connection.gone.set()
            writer.close()

    async def _answer(self, connection: Connection) -> None:
        assert self.answer is not None
        await self.answer(connection)


@asynccontextmanager
async def chat_server() -> AsyncIterator[ChatServer]:
    chat = ChatServer()
    tasks: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.ensure_future(chat.serve(reader, writer)))

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    chat.url = f"http://{host}:{port}/v1"
    try:
        yield chat
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
