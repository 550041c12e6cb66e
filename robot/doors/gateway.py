"""One connection to `/ws/voice/<call_id>`: a call through somebody's gateway, on Vonage's protocol or our own."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Final
from urllib.parse import parse_qs

import structlog
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode

from robot.call.hearing import StreamClock
from robot.call.report import Notice, StateChanged
from robot.call.states import CallState
from robot.dialogue.error_codes import ErrorCode
from robot.dialogue.scenario import Prompt
from robot.doors.campaigns import NoSuchCampaign
from robot.doors.parts import DoorParts
from robot.doors.session import Session
from robot.doors.visit import Visit
from robot.doors.wire import Wire
from ws_audio.events import AudioEvent, FinalTranscript, LikelyTranscript, PartialTranscript
from ws_audio.media import (
    FRAME_MS,
    Began,
    Clear,
    Ended,
    Frame,
    Heard,
    MediaOutbox,
    MediaProtocol,
    Over,
    Press,
    Pressed,
    ToSay,
    Transcribed,
    TurnEnd,
)
from ws_audio.voice import VIOLATION, Error

log = structlog.get_logger(__name__)

# A gateway that has connected a call says so at once.
_BEGIN_LIMIT_S: Final = 10.0
# The last of what was sent is still on its way to the callee's ear.
_LINGER_S: Final = 0.5


class GatewaySession(Session[ToSay]):
    """A connection has one call."""

    chunk_ms = FRAME_MS

    def __init__(self, connection: ServerConnection, call_id: str, query: str, parts: DoorParts) -> None:
        """query: of the address; it may name the campaign."""
        self._protocol = MediaProtocol(call_id)
        super().__init__(connection, Wire(connection, MediaOutbox(), self._protocol.encode))
        self._campaign = next(iter(parse_qs(query).get("campaign", [])), None)
        self._parts = parts
        self._loop = asyncio.get_running_loop()
        self._visit: Visit | None = None
        self._turn = 0
        self._partial = ""  # the last of the utterance that goes on
        self._running: asyncio.Task[None] | None = None

    async def _leave(self) -> None:
        if self._visit is not None and self._running is not None:
            self._visit.end("gone")
            await asyncio.wait({self._running})

    async def _read(self) -> None:
        while True:
            try:
                async with asyncio.timeout(_BEGIN_LIMIT_S if self._visit is None else None):
                    message = await self._connection.recv()
            except (TimeoutError, ConnectionClosed):
                return
            match self._protocol.received(message):
                case Began() as began:
                    if not await self._begin(began):
                        return
                case Heard(pcm) if self._visit is not None:
                    self._visit.audio(pcm, self._loop.time())
                case Pressed(key) if self._visit is not None:
                    self._visit.key(key)
                case Ended():
                    return
                case Error() as error:
                    self._wire.put(error)
                    if not error.recoverable:
                        self._closing = CloseCode.PROTOCOL_ERROR, "see the error"
                        return
                case _:
                    pass

    async def _begin(self, began: Began) -> bool:
        try:
            campaign = await self._parts.campaigns.named(began.campaign or self._campaign)
        except NoSuchCampaign as error:
            self._wire.put(Error(VIOLATION, str(error), recoverable=False))
            self._closing = CloseCode.POLICY_VIOLATION, "no such campaign"
            return False
        plan = campaign.incoming_plan(None, began.fields)
        if began.language is not None:
            plan = replace(plan, language=began.language)
        visit = self._visit = Visit(plan, self, self._parts.visits, rate=began.sample_rate, place="gateway")
        self._running = self._loop.create_task(self._converse(visit), name=f"visit {visit.uuid}")
        return True

    async def _converse(self, visit: Visit) -> None:
        report = await visit.run()
        if report.hangup_cause is None:
            await asyncio.sleep(_LINGER_S)
        self._wire.put(TurnEnd(self._turn, goes_on=False, outcome=report.outcome))
        self._wire.put(Over(report.outcome))
        log.info(
            "gateway.over", uuid=visit.uuid, chunks_missing=self._protocol.chunks_missing,
            chunks_late=self._protocol.chunks_late,
        )  # fmt: skip
        self._ended.set()

    # -- the conversation tells ----------------------------------------------------------------------------------------

    def told(self, notice: Notice) -> None:
        match notice:
            case StateChanged(state=CallState.LISTENING):
                self._wire.put(TurnEnd(self._turn, goes_on=True))
                self._turn += 1
            case _:
                pass

    def heard(self, event: AudioEvent, clock: StreamClock) -> None:
        match event:
            case PartialTranscript(draft=text) | LikelyTranscript(text=text) if text not in ("", self._partial):
                self._partial = text
                self._wire.put(Transcribed("callee", text, final=False))
            case FinalTranscript(text=text):
                self._partial = ""
                if text:
                    self._wire.put(Transcribed("callee", text, final=True))
            case _:
                pass

    def wrote(self, reply: int, text: str) -> None:
        pass

    def fault(self, code: ErrorCode, reason: str) -> None:
        self._wire.put(Error(code.value, reason))

    def phrase(self, number: int, seq: int, pcm: bytes, prompt: Prompt) -> None:
        if seq == 0:
            self._wire.put(Transcribed("robot", prompt.text, final=True))
        self._wire.put(Frame(pcm))

    def phrase_over(self, number: int, *, interrupted: bool, played_ms: int) -> None:
        if interrupted:
            self._wire.drop_audio()
            self._wire.put(Clear())

    def press(self, keys: str) -> None:
        self._wire.put(Press(keys))

    def not_done(self, what: str, message: str) -> None:
        log.info("gateway.not_done", what=what)
