"""A web server on this machine that takes the webhooks of a rehearsal, or refuses them: nothing goes to real ones."""

from __future__ import annotations

import asyncio
import re
from types import TracebackType
from typing import Final, Literal, Self

Manner = Literal["taken", "refused"]

_STATUS: Final = {"taken": "204 No Content", "refused": "503 Service Unavailable"}
_LONGEST_S: Final = 10.0


class WebhookReceiver:
    """Use as an async context manager; `url` is where to send to."""

    def __init__(self) -> None:
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()

    def url(self, manner: Manner) -> str:
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/{manner}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request a connection."""
        try:
            async with asyncio.timeout(_LONGEST_S):
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                length = re.search(r"(?im)^content-length: *(\d+)", head)
                await reader.readexactly(int(length[1]) if length else 0)
                manner = "refused" if head.split()[1] == "/refused" else "taken"
                writer.write(f"HTTP/1.1 {_STATUS[manner]}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
                await writer.drain()
        except (OSError, EOFError, asyncio.LimitOverrunError):  # who breaks off is told nothing
            pass
        finally:
            writer.close()
