"""A language model's endpoint that costs nothing: chat completions over HTTP, whose words are known beforehand.

For measurements and tests of what is around a model. Streams a token every `token_ms`, the first after `first_ms`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

_HEAD: Final = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
_END: Final = b"0\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Answer:
    """text: what it writes. tools: what it calls after that, name and arguments. fails: an HTTP status instead."""

    text: str = ""
    tools: Sequence[tuple[str, Mapping[str, Any]]] = ()
    fails: int | None = None


#: What is answered to the messages of a request.
Script = Callable[[list[dict[str, Any]]], Answer]


@dataclass
class ChatEndpoint:
    """stopped: replies that were not wanted to their end."""

    script: Script
    first_ms: float = 50.0
    token_ms: float = 10.0
    url: str = ""
    requests: list[list[dict[str, Any]]] = field(default_factory=list)
    stopped: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, one request after the other."""
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                size = int(head.decode("latin-1").lower().partition("content-length: ")[2].partition("\r\n")[0] or 0)
                body = await reader.readexactly(size)
                if not body:  # the list of models
                    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
                    continue
                messages = json.loads(body)["messages"]
                self.requests.append(messages)
                await self._answer(self.script(messages), reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()

    async def _answer(self, answer: Answer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(self.first_ms / 1000)
        if answer.fails is not None:
            writer.write(f"HTTP/1.1 {answer.fails} No\r\nContent-Length: 0\r\n\r\n".encode())
            return
        writer.write(_HEAD)
        for token in _tokens(answer.text):
            await self._send({"content": token}, reader, writer)
            await asyncio.sleep(self.token_ms / 1000)
        for index, (name, arguments) in enumerate(answer.tools):
            function = {"name": name, "arguments": json.dumps(arguments)}
            call = {"index": index, "id": f"call_{index}", "type": "function", "function": function}
            await self._send({"tool_calls": [call]}, reader, writer)
        await self._send({}, reader, writer, finish="tool_calls" if answer.tools else "stop")
        await _chunk(writer, b"data: [DONE]\n\n")
        writer.write(_END)

    async def _send(
        self, delta: Mapping[str, Any], reader: asyncio.StreamReader, writer: asyncio.StreamWriter, finish: str = ""
    ) -> None:
        if reader.at_eof():
            self.stopped += 1
            raise ConnectionError
        choice = {"index": 0, "delta": delta, "finish_reason": finish or None}
        await _chunk(writer, b"data: " + json.dumps({"choices": [choice]}).encode() + b"\n\n")


@asynccontextmanager
async def chat_endpoint(
    script: Script, *, first_ms: float = 50.0, token_ms: float = 10.0
) -> AsyncIterator[ChatEndpoint]:
    """On a free port of this machine."""
    endpoint = ChatEndpoint(script, first_ms, token_ms)
    tasks: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(endpoint.serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    endpoint.url = f"http://{host}:{port}/v1"
    try:
        yield endpoint
    finally:
        server.close()
        for task in [*tasks]:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)


async def _chunk(writer: asyncio.StreamWriter, content: bytes) -> None:
    writer.write(f"{len(content):x}\r\n".encode() + content + b"\r\n")
    await writer.drain()


def _tokens(text: str) -> list[str]:
    """About as long as those of a model."""
    words = text.split(" ")
    return [
        word if last else f"{word} " for last, word in ((at == len(words) - 1, word) for at, word in enumerate(words))
    ]
