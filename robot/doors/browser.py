"""One connection to `/ws`: the voice protocol on one side, conversations, one after the other, on the other.

What a client may say and what it is told is `ws_audio.voice`'s; here states and events are made of what a visit tells.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Final

import structlog
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode

from robot.call.hearing import StreamClock
from robot.call.report import CallReport, HearingChanged, Notice, Replied, StateChanged
from robot.call.states import CallState
from robot.dialogue.error_codes import ErrorCode
from robot.dialogue.scenario import Prompt
from robot.doors.campaigns import NoSuchCampaign
from robot.doors.parts import DoorParts
from robot.doors.session import Session
from robot.doors.turn_times import TurnTimes
from robot.doors.visit import CANCELLED, Visit
from robot.doors.wire import Wire
from ws_audio.events import AudioEvent, FinalTranscript, LikelyTranscript, PartialTranscript, SpeechEnded, SpeechStarted
from ws_audio.voice import (
    TOO_LONG,
    VIOLATION,
    Audio,
    Cancel,
    Done,
    Entered,
    Error,
    Event,
    FinalText,
    Info,
    Outbox,
    PartialText,
    Start,
    Stop,
    Token,
    TtsChunk,
    TtsPhraseDone,
    VoiceProtocol,
    VoiceState,
)

log = structlog.get_logger(__name__)

PROTOCOL_VERSION: Final = 1
#: A client that says nothing and talks to nobody is let go after that.
IDLE_LIMIT_S: Final = 300.0
# Words that are no answer leave it the visitor's turn; those that are one have become a reply by then.
_NO_ANSWER_S: Final = 0.3


class BrowserSession(Session[Event]):
    """A connection may have several conversations."""

    chunk_ms = 200

    def __init__(self, connection: ServerConnection, parts: DoorParts) -> None:
        self._protocol = VoiceProtocol()
        super().__init__(connection, Wire(connection, Outbox(), self._protocol.encode))
        self._parts = parts
        self._loop = asyncio.get_running_loop()
        self._visit: Visit | None = None
        self._running: asyncio.Task[CallReport] | None = None
        self._begin_anew(16000)

    def _begin_anew(self, rate: int) -> None:
        self._rate = rate
        self._turn = 0
        self._call_state = CallState.CONNECTING
        self._times = TurnTimes()
        self._partial = ""  # the last of the utterance that goes on
        self._reply = 0
        self._unsent = ""  # of what the model writes while it is not sure that the visitor is done
        self._look_again: asyncio.TimerHandle | None = None

    def shut_down(self) -> None:
        self._wire.put(Info("shutting_down", "The robot is being stopped."))
        super().shut_down()

    # -- the client speaks ---------------------------------------------------------------------------------------------

    async def _read(self) -> None:
        self._wire.put(Info("ready", "Send start to begin.", {"protocol": PROTOCOL_VERSION}))
        while True:
            limit_s = IDLE_LIMIT_S if self._protocol.state is VoiceState.IDLE else None
            try:
                async with asyncio.timeout(limit_s):
                    message = await self._connection.recv()
            except TimeoutError:
                self._wire.put(Info("idle", "Nothing was said for a long time."))
                return
            except ConnectionClosed:
                return
            command = self._protocol.received(message)
            if isinstance(command, Error):
                self._wire.put(command)
                if not command.recoverable:
                    self._closing = CloseCode.PROTOCOL_ERROR, "see the error"
                    return
            else:
                await self._obey(command)

    async def _obey(self, command: Start | Stop | Cancel | Audio) -> None:
        visit = self._visit
        match command:
            case Start():
                await self._start(command)
            case Audio(pcm) if visit is not None:
                visit.audio(pcm, self._loop.time())
            case Stop() if visit is not None:
                if not visit.finish_utterance():
                    self._wire.put(Info("nothing_heard", "Nobody speaks: there is nothing to stop."))
            case Cancel():
                await self._end_visit(CANCELLED)

    async def _start(self, start: Start) -> None:
        try:
            campaign = await self._parts.campaigns.named(start.campaign)
        except NoSuchCampaign as error:
            self._wire.put(Error(VIOLATION, str(error)))
            return
        plan = campaign.incoming_plan(None, start.fields)
        if start.language is not None:
            plan = replace(plan, language=start.language)
        self._begin_anew(start.sample_rate)
        visit = self._visit = Visit(plan, self, self._parts.visits, rate=start.sample_rate, place="browser")
        told = {
            "session_id": visit.uuid, "campaign": plan.campaign, "language": plan.language,
            "sample_rate": start.sample_rate,
        }  # fmt: skip
        self._wire.put(Info("started", "The conversation begins.", told))
        self._enter(VoiceState.CAPTURING)
        self._running = self._loop.create_task(visit.run(), name=f"visit {visit.uuid}")
        self._running.add_done_callback(lambda running: self._over(visit, running))

    async def _leave(self) -> None:
        await self._end_visit("gone")

    async def _end_visit(self, cause: str) -> None:
        if self._visit is not None and self._running is not None:
            self._wire.drop_audio()
            self._visit.end(cause)
            await asyncio.wait({self._running})

    def _over(self, visit: Visit, running: asyncio.Task[CallReport]) -> None:
        self._visit = None
        if self._look_again is not None:
            self._look_again.cancel()
        if not running.cancelled() and (error := running.exception()) is not None:
            log.error("visit.died", uuid=visit.uuid, exc_info=error)
        if self._protocol.state is VoiceState.RESPONDING:
            self._enter(VoiceState.COMPLETE)
        self._tell_times(visit.uuid)
        self._wire.put(Done(self._turn, goes_on=False, outcome=visit.report.outcome))
        self._enter(VoiceState.IDLE)

    # -- the conversation tells ----------------------------------------------------------------------------------------

    def told(self, notice: Notice) -> None:
        match notice:
            case StateChanged(uuid=uuid, state=state):
                self._call_state = state
                self._follow(uuid, state)
            case HearingChanged(speaking=speaking, recognising=recognising):
                self._follow_hearing(speaking, recognising)
            case Replied(latency=latency):
                self._times.replied(latency, self._loop.time())
            case _:
                pass

    def heard(self, event: AudioEvent, clock: StreamClock) -> None:
        match event:
            case SpeechStarted(at_ms):
                self._times.speech_began(clock.at(at_ms))
            case PartialTranscript(draft=text) | LikelyTranscript(text=text) if text not in ("", self._partial):
                self._partial = text
                self._times.partial_came(self._loop.time())
                self._wire.put(PartialText(self._turn, text))
            case SpeechEnded() if event.decided_ms - event.started_ms >= self._longest_ms:
                self._wire.put(Error(TOO_LONG, "You have spoken for as long as is heard in one piece: it ends here."))
            case FinalTranscript(text=text):
                self._partial = ""
                self._wire.put(FinalText(self._turn, text))
            case _:
                pass

    def wrote(self, reply: int, text: str) -> None:
        if reply != self._reply:
            self._reply, self._unsent = reply, ""
        self._unsent += text
        self._send_tokens()

    def fault(self, code: ErrorCode, reason: str) -> None:
        self._wire.put(Error(code.value, reason))

    def phrase(self, number: int, seq: int, pcm: bytes, prompt: Prompt) -> None:
        self._respond()
        text, length_ms = (prompt.text, round(prompt.length_s * 1000)) if seq == 0 else (None, None)
        self._wire.put(TtsChunk(self._turn, number, seq, self._rate, pcm, text, length_ms))

    def phrase_over(self, number: int, *, interrupted: bool, played_ms: int) -> None:
        if interrupted:
            self._wire.drop_audio()
        self._wire.put(TtsPhraseDone(self._turn, number, interrupted, played_ms))

    def press(self, keys: str) -> None:
        self.not_done("keys", f"A call would now press the keys {keys}.")

    def not_done(self, what: str, message: str) -> None:
        self._wire.put(Info("not_done", message, {"what": what}))

    # -- states --------------------------------------------------------------------------------------------------------

    @property
    def _longest_ms(self) -> int:
        return self._parts.visits.settings.max_utterance_ms

    def _follow(self, uuid: str, state: CallState) -> None:
        """The state of the call as this protocol has it. The robot may say several prompts in one turn."""
        now = self._protocol.state
        match state:
            case CallState.ACTIVE | CallState.PROCESSING if now is VoiceState.CAPTURING:
                self._enter(VoiceState.THINKING)
            case CallState.SPEAKING:
                self._respond()
            case CallState.LISTENING if now is not VoiceState.CAPTURING:
                self._enter(VoiceState.COMPLETE)
                self._tell_times(uuid)
                self._wire.put(Done(self._turn, goes_on=True))
                self._turn += 1
                self._enter(VoiceState.CAPTURING)
            case _:
                pass

    def _respond(self) -> None:
        if self._protocol.state is VoiceState.CAPTURING:
            self._enter(VoiceState.THINKING)
        if self._protocol.state is VoiceState.THINKING:
            self._enter(VoiceState.RESPONDING)

    def _follow_hearing(self, speaking: bool, recognising: bool) -> None:
        if self._call_state is not CallState.LISTENING:
            return
        if speaking:
            self._let_speak()
        elif recognising and self._protocol.state is VoiceState.CAPTURING:
            self._enter(VoiceState.THINKING)
        elif not recognising:
            if self._look_again is not None:
                self._look_again.cancel()
            self._look_again = self._loop.call_later(_NO_ANSWER_S, self._no_answer)

    def _no_answer(self) -> None:
        if self._call_state is CallState.LISTENING:
            self._let_speak()

    def _let_speak(self) -> None:
        if self._protocol.state is VoiceState.THINKING:
            self._enter(VoiceState.CAPTURING)

    def _enter(self, state: VoiceState) -> None:
        self._protocol.enter(state)
        self._wire.put(Entered(state, self._turn))
        self._send_tokens()

    def _send_tokens(self) -> None:
        if self._unsent and self._protocol.state in (VoiceState.THINKING, VoiceState.RESPONDING):
            self._wire.put(Token(self._turn, self._reply, self._unsent))
            self._unsent = ""

    def _tell_times(self, uuid: str) -> None:
        metrics = self._times.of_turn(self._turn, self._loop.time())
        if metrics is None:
            return
        self._wire.put(metrics)
        if self._parts.log_latency:
            log.info(
                "latency", session_id=uuid, turn=metrics.turn, t_first_partial_ms=metrics.t_first_partial_ms,
                t_final_transcript_ms=metrics.t_final_transcript_ms, t_first_token_ms=metrics.t_first_token_ms,
                t_first_audio_ms=metrics.t_first_audio_ms, total_reply_ms=metrics.total_reply_ms,
            )  # fmt: skip
