"""All connections to `/ws` and `/ws/voice/<call_id>`: who is let in, a session for each, and the end of all of them."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import structlog
from websockets.asyncio.server import ServerConnection
from websockets.frames import CloseCode
from websockets.http11 import Request

from robot.campaign.definition import Campaign
from robot.doors.browser import BrowserSession
from robot.doors.gateway import GatewaySession
from robot.doors.parts import DoorParts
from robot.doors.wire import LAST_WORDS_S
from ws_audio.admission import Admission
from ws_audio.server import VISIT_PATH, Refusal

log = structlog.get_logger(__name__)

_GATEWAY_PATH: Final = re.compile(rf"{VISIT_PATH}/voice/([A-Za-z0-9_-]{{1,64}})")


@dataclass(frozen=True, slots=True)
class DoorSettings:
    token: str | None = None
    max_sessions: int = 100


class Doors:
    """`ws_audio.server.Visits` of one robot."""

    def __init__(self, parts: DoorParts, settings: DoorSettings) -> None:
        self._parts = parts
        self._max_sessions = settings.max_sessions
        self._admission = Admission(settings.token)
        self._sessions: dict[BrowserSession | GatewaySession, asyncio.Task[None] | None] = {}
        self._closing = False

    @property
    def open_sessions(self) -> int:
        return len(self._sessions)

    @property
    def port(self) -> int:
        """Where connections come in."""
        return self._parts.visits.audio.port

    async def campaigns(self) -> list[Campaign]:
        """Those that can be talked to, the usual one first. Raises CampaignError."""
        return await self._parts.campaigns.all()

    def ticket(self) -> str:
        """For a page whose user was let in elsewhere: opens `/ws?ticket=TICKET` once, within a minute."""
        return self._admission.ticket()

    def refusal(self, request: Request, peer: str) -> Refusal | None:
        path = urlsplit(request.path).path
        if path != VISIT_PATH and not _GATEWAY_PATH.fullmatch(path):
            return Refusal.UNKNOWN_PATH
        if self._closing or len(self._sessions) >= self._max_sessions:
            return Refusal.TOO_MANY_STREAMS
        return self._admission.refusal(request.path, request.headers, peer)

    async def receive(self, connection: ServerConnection) -> None:
        if self._closing or len(self._sessions) >= self._max_sessions:  # they came all at once
            await connection.close(CloseCode.TRY_AGAIN_LATER, "too many sessions")
            return
        session = self._session(connection)
        self._sessions[session] = asyncio.current_task()
        try:
            await session.run()
        finally:
            del self._sessions[session]

    async def close(self) -> None:
        """Every session is told, and closed with 1001. Nobody is let in any more."""
        self._closing = True
        for session in self._sessions:
            session.shut_down()
        running = [task for task in self._sessions.values() if task is not None]
        if running:
            _, left = await asyncio.wait(running, timeout=2 * LAST_WORDS_S)
            if left:
                log.warning("doors.not_closed", sessions=len(left))

    def _session(self, connection: ServerConnection) -> BrowserSession | GatewaySession:
        assert connection.request is not None
        url = urlsplit(connection.request.path)
        gateway = _GATEWAY_PATH.fullmatch(url.path)
        if gateway is None:
            return BrowserSession(connection, self._parts)
        return GatewaySession(connection, gateway[1], url.query, self._parts)
