"""The console of one robot, put together: who may come, what happens, the application, the server."""

from __future__ import annotations

import asyncio

from robot.console.api import application
from robot.console.auth import Access
from robot.console.events import Feed
from robot.console.parts import ConsoleParts
from robot.console.server import ConsoleServer, check_who_may_come
from robot.settings import ConsoleSettings


class Console:
    """Served between `start` and `close`. `feed.run` is to be run meanwhile; `task` must not end before."""

    def __init__(self, parts: ConsoleParts, settings: ConsoleSettings) -> None:
        """Raises ConsoleError."""
        token = None if settings.token is None else settings.token.get_secret_value()
        check_who_may_come(settings.host, token)
        self.feed = Feed(parts)
        app = application(parts, self.feed, Access(token, settings.port))
        self._server = ConsoleServer(app, settings.host, settings.port, self.feed.close)

    @property
    def port(self) -> int:
        return self._server.port

    @property
    def task(self) -> asyncio.Task[None]:
        return self._server.task

    async def start(self) -> None:
        """Raises ConsoleError."""
        await self._server.start()

    async def close(self) -> None:
        await self._server.close()
