"""Serves the console in the loop of the robot, with uvicorn."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import uvicorn
from starlette.types import ASGIApp

from robot.console.auth import is_this_machine
from robot.console.errors import ConsoleError

# Connections at once; each page has one for events.
_MOST: Final = 200
# Streams of events end when asked to; a download that goes on is broken off.
_LAST_WORDS_S: Final = 2.0


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the robot's own."""
        yield


class ConsoleServer:
    """Serves `app` on `host`, `port` (0: a free one) between `start` and `close`. closing: called first at `close`.

    `task`, once started, ends with `close` and not before.
    """

    def __init__(self, app: ASGIApp, host: str, port: int, closing: Callable[[], None]) -> None:
        self._app = app
        self._address = host, port
        self._closing = closing
        self._socket: socket.socket | None = None
        self._server: _Server | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def port(self) -> int:
        if self._socket is None:
            raise RuntimeError("the console is not served")
        return int(self._socket.getsockname()[1])

    @property
    def task(self) -> asyncio.Task[None]:
        if self._task is None:
            raise RuntimeError("the console is not served")
        return self._task

    async def start(self) -> None:
        """Raises ConsoleError."""
        self._socket = await asyncio.to_thread(_listen, *self._address)
        self._server = _Server(
            uvicorn.Config(
                self._app, lifespan="off", log_config=None, access_log=False, ws="none", server_header=False,
                limit_concurrency=_MOST, timeout_graceful_shutdown=int(_LAST_WORDS_S),
            )
        )  # fmt: skip
        self._task = asyncio.create_task(self._server.serve([self._socket]), name="console")

    async def close(self) -> None:
        if self._server is None or self._task is None or self._socket is None:
            return
        self._closing()
        self._server.should_exit = True
        await asyncio.wait({self._task}, timeout=2 * _LAST_WORDS_S)
        self._task.cancel()
        await asyncio.wait({self._task})
        self._socket.close()


def check_who_may_come(host: str, token: str | None) -> None:
    """Raises ConsoleError where anybody could lead the robot."""
    if token is None and not is_this_machine(host):
        raise ConsoleError(
            f"`console.host` is {host!r}, so others than this machine reach the console, and `console.token` is not "
            "set: set it, or leave the host as 127.0.0.1"
        )


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family)
    except OSError as error:
        reason = "the port is in use" if error.errno == errno.EADDRINUSE else error.strerror or str(error)
        raise ConsoleError(
            f"the console cannot be served on {host}:{port} ({reason}): choose another `console.port` or "
            "`console.host`, or set `console.enabled` to false"
        ) from error
