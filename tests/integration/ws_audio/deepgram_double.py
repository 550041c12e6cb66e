"""A server that speaks Deepgram's streaming protocol as its reference has it, and the ways in which it can go wrong."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import numpy as np
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

KEY = "s3cret-key"
_BYTES_A_S = 32_000  # linear16 at 16 kHz
_LOUD = 250


@dataclass
class DeepgramDouble:
    """Hears the words `says` in whatever is loud.

    refuses: the status of every handshake. silent: it never answers. first: a message, or a close code, sent instead of
    what it heard first.
    """

    says: str = "Yes please."
    refuses: HTTPStatus | None = None
    silent: bool = False
    first: str | int | None = None
    requests: list[Request] = field(default_factory=list)
    audio: bytearray = field(default_factory=bytearray)
    control: list[str] = field(default_factory=list)
    _server: Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await serve(self._serve, "127.0.0.1", 0, process_request=self._check, close_timeout=0.1)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()

    @property
    def url(self) -> str:
        assert self._server is not None
        port: int = next(iter(self._server.sockets)).getsockname()[1]
        return f"ws://127.0.0.1:{port}/v1/listen"

    @property
    def asked(self) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self.requests[-1].path).query)

    def _check(self, connection: ServerConnection, request: Request) -> Response | None:
        self.requests.append(request)
        if self.refuses is None and request.headers["Authorization"] == f"Token {KEY}":
            return None
        status = self.refuses or HTTPStatus.UNAUTHORIZED
        return connection.respond(status, json.dumps({"err_code": "INVALID_AUTH", "err_msg": "Invalid credentials."}))

    async def _serve(self, connection: ServerConnection) -> None:
        heard_from: float | None = None
        at_s = 0.0  # of this connection
        with suppress(ConnectionClosed):
            async for message in connection:
                if isinstance(message, bytes):
                    self.audio += message
                    if heard_from is None and np.abs(np.frombuffer(message, np.int16)).max() >= _LOUD:
                        heard_from = at_s
                        if not await self._first(connection):
                            draft = self.says.split()[0].lower()
                            await self._send(connection, heard_from, at_s + 0.1, draft, final=False)
                    at_s += len(message) / _BYTES_A_S
                    continue
                kind = json.loads(message)["type"]
                self.control.append(kind)
                if kind == "CloseStream":
                    await connection.send('{"type": "Metadata", "request_id": "1", "duration": 0.0, "channels": 0}')
                    return
                if kind == "Finalize" and not self.silent:
                    text = "" if heard_from is None else self.says
                    await self._send(connection, heard_from or 0.0, at_s, text, final=True)
                    heard_from = None

    async def _first(self, connection: ServerConnection) -> bool:
        """Whether something else was sent than what was heard."""
        if isinstance(self.first, int):
            await connection.close(self.first, "NET-0000")
        elif self.first is not None:
            await connection.send(self.first)
        return self.silent or self.first is not None

    async def _send(
        self, connection: ServerConnection, start_s: float, until_s: float, text: str, *, final: bool
    ) -> None:
        words = [
            {"word": word.lower(), "punctuated_word": word, "confidence": 0.9}
            | {"start": start_s + 0.1 * index, "end": start_s + 0.1 * index + 0.1}
            for index, word in enumerate(text.split())
        ]
        document: dict[str, Any] = {
            "type": "Results", "channel_index": [0, 1], "start": start_s, "duration": until_s - start_s,
            "is_final": final, "speech_final": final, "from_finalize": final,
            "channel": {"alternatives": [{"transcript": text, "confidence": 0.9, "words": words}]},
            "metadata": {"request_id": "1"},
        }  # fmt: skip
        await connection.send(json.dumps(document))


async def deaf() -> tuple[asyncio.Server, str]:
    """A server that takes connections and says nothing, not even to the handshake."""

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    return server, f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1/listen"
