"""One conversation with somebody who came over a WebSocket: as a call, without a telephone, a number and a record.

    Visits' protocol ── audio, keys ──▶ Visit ── Talk ── Door ──▶ protocol
                                          └── notices ──▶ live view, metrics, protocol

What a call would do to the world (the do-not-call list, webhooks, a transfer) is not done, and said to the visitor.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, Protocol
from uuid import uuid4

import structlog

from robot.call.failures import CallFailure
from robot.call.hearing import Hearing, StreamClock
from robot.call.holding import Thinking
from robot.call.outcome import Outcome
from robot.call.plan import CallPlan
from robot.call.prompting import CallPrompts
from robot.call.record import CallRecord
from robot.call.report import (
    CallBegan,
    CallOver,
    CallReport,
    Fault,
    HearingChanged,
    Notice,
    Observer,
    StateChanged,
    WordsHeard,
)
from robot.call.states import CallState, check_transition
from robot.call.talk import Talk, TalkParts
from robot.call.waiting import first_of
from robot.dialogue.conversation import Conversation
from robot.dialogue.error_codes import ErrorCode
from robot.dialogue.scenario import Held, Webhook
from robot.doors import web_door
from robot.doors.overheard import OverheardModel
from robot.doors.web_door import WebDoor
from robot.prompts.errors import PromptError
from robot.prompts.library import PromptLibrary
from robot.store.records import Direction
from ws_audio.endpointing import EndpointSettings
from ws_audio.events import AudioEvent
from ws_audio.frames import SAMPLE_BYTES
from ws_audio.server import AudioServer
from ws_audio.stream import StreamOptions

log = structlog.get_logger(__name__)

#: The outcome of a conversation that the visitor cancelled.
CANCELLED: Final = "cancelled"
_TOO_LONG: Final = "too long"
# A microphone that is switched off sends nothing, and no silence either: it is put in, so that utterances end. A
# network that falters for less than that loses nothing.
_GAP_S: Final = 0.5
_LOOK_EVERY_S: Final = 0.25
_LAST_WORDS_S: Final = 2.0


class Client(web_door.Client, Protocol):
    """Who talks, behind their protocol. Nothing here waits, and nothing may raise."""

    def told(self, notice: Notice) -> None:
        """What happens, as observers of calls are told it."""

    def heard(self, event: AudioEvent, clock: StreamClock) -> None:
        """What is heard, after the conversation has been told."""

    def wrote(self, reply: int, text: str) -> None:
        """The language model wrote a token of its `reply`, counted from 1; it may come to nothing."""

    def fault(self, code: ErrorCode, reason: str) -> None:
        """Something went wrong; the conversation goes on as it can."""


@dataclass(frozen=True, slots=True)
class VisitSettings:
    """Times in ms."""

    vad_aggressiveness: int = 2
    vad_silence_ms: int = 700
    partial_interval_ms: int = 1000
    max_utterance_ms: int = 30_000


@dataclass(frozen=True, slots=True)
class VisitParts:
    """Of the house."""

    audio: AudioServer
    prompts: PromptLibrary
    thinking: Thinking
    settings: VisitSettings
    observer: Observer = lambda notice: None


class Visit:
    """`run` once; the rest from anywhere on the loop. rate: of the audio in both directions, Hz. place: which door."""

    def __init__(self, plan: CallPlan, client: Client, parts: VisitParts, *, rate: int, place: str) -> None:
        self.uuid = str(uuid4())
        self.state = CallState.CONNECTING
        self.report = CallReport(self.uuid, plan.number)
        self._plan = plan
        self._client = client
        self._parts = parts
        self._rate = rate
        self._place = place
        self._loop = asyncio.get_running_loop()
        self._record = CallRecord()
        self._prompts = CallPrompts(parts.prompts, plan.voice)
        self._hearing = Hearing(
            on_speech=lambda *frame: self._talk.on_speech(*frame),
            on_utterance=lambda utterance: self._talk.on_utterance(utterance),
            on_words=self._on_words,
            end_utterance=lambda number: self._stream.end_utterance(number),
            on_activity=lambda *activity: self._tell(HearingChanged(self.uuid, *activity)),
            on_fault=self._fault,
            tap=client.heard,
        )
        settings = parts.settings
        self._stream = parts.audio.new_stream(
            self.uuid,
            StreamOptions(
                rate=rate,
                language=plan.language,
                vad_aggressiveness=settings.vad_aggressiveness,
                endpointing=EndpointSettings(
                    end_silence_ms=settings.vad_silence_ms, max_utterance_ms=settings.max_utterance_ms
                ),
                partials=True,
                partial_interval_ms=settings.partial_interval_ms,
            ),
            self._hearing.new_stream(),
            lambda: self._crashed("what was heard could not be dealt with"),
        )
        self._door = WebDoor(self._stream, client, rate)
        model = parts.thinking.model
        thinking = replace(parts.thinking, model=None if model is None else OverheardModel(model, client.wrote))
        conversation = Conversation(plan.scenario, plan.fields, zone=plan.zone, first_variant=int(self.uuid[:8], 16))
        self._talk = Talk(
            self.uuid,
            conversation,
            TalkParts(
                door=self._door,
                hearing=self._hearing,
                prompts=self._prompts,
                record=self._record,
                deeds=_Untold(client),
                plan=plan,
                thinking=thinking,
                fault=self._fault,
                enter=self._enter,
                tell=self._tell,
                progress=lambda: None,
                handed_over=_nothing,
            ),
        )
        self._heard_until = 0.0
        self._ears: asyncio.TimerHandle | None = None
        self._too_long: asyncio.TimerHandle | None = None

    async def run(self) -> CallReport:
        """The conversation, to its end. Whatever goes wrong is in the report."""
        plan = self._plan
        self._tell(CallBegan(self.uuid, plan.campaign, Direction.VISIT, None, self._place))
        outcome: str = Outcome.FAILED
        try:
            outcome = await self._until_over()
        except CallFailure as failure:
            outcome, self.report.error = failure.outcome, str(failure)
            self._fault(ErrorCode.INTERNAL, str(failure))
        except PromptError as error:
            self.report.error = str(error)
            self._fault(error.code, str(error))
        except Exception as error:
            # A defect of ours in one conversation: the others go on.
            self.report.error = f"internal error: {error!r}. Please report it with the log of this conversation."
            log.exception("visit.crashed", uuid=self.uuid)
            self._fault(ErrorCode.INTERNAL, "internal error")
        finally:
            self._over(outcome)
        return self.report

    def audio(self, pcm: bytes, arrived_at: float) -> None:
        """L16 of the visitor; it may come faster than it was spoken."""
        self._heard_until = arrived_at
        self._stream.audio(pcm, arrived_at)

    def key(self, key: str) -> None:
        """The visitor pressed a key of their telephone."""
        if self._door.on_key is not None:
            self._door.on_key(key, self._loop.time())

    def finish_utterance(self) -> bool:
        """What was said is all. False: nothing was said."""
        return self._stream.finish_utterance()

    def end(self, cause: str) -> None:
        """The visitor is gone, or has had enough (CANCELLED): all that is thought, spoken and played stops."""
        self._door.hang_up(cause)

    # ------------------------------------------------------------------------------------------------------------------

    async def _until_over(self) -> str:
        talk, hung_up = self._loop.create_task(self._converse()), self._door.hung_up
        try:
            await first_of(talk, hung_up)
            if talk.done() and not hung_up.done():
                return talk.result() or self._outcome_without_conclusion()
        finally:
            talk.cancel()
            await asyncio.wait({talk})
        if not talk.cancelled():
            talk.exception()  # nobody is there any more to whom it matters
        cause = self.report.hangup_cause = hung_up.result()
        if self._talk.conclusion is not None:
            return self._talk.conclusion
        if cause == _TOO_LONG:
            return self._outcome_without_conclusion()
        return CANCELLED if cause == CANCELLED else Outcome.HUNG_UP

    async def _converse(self) -> str | None:
        plan = self._plan
        await self._prompts.prepare(plan.scenario, plan.fields)
        if any(isinstance(step.does, Held) for step in plan.scenario.steps):
            await self._parts.thinking.speech.warm(plan.voice)
        now = self._loop.time()
        self._record.answered_at = self._heard_until = now
        self.report.answered = True
        self._ears = self._loop.call_later(_LOOK_EVERY_S, self._fill_gap)
        self._too_long = self._loop.call_later(plan.max_call_s, self._end_at_last)
        self._enter(CallState.ACTIVE)
        return await self._talk.converse()

    def _over(self, outcome: str) -> None:
        report, record = self.report, self._record
        for timer in (self._ears, self._too_long):
            if timer is not None:
                timer.cancel()
        self._door.hang_up("over")
        self._stream.forget()
        self._parts.thinking.speech.forget(self.uuid)
        self._enter(CallState.ENDING)
        report.outcome = outcome
        report.talk_ms = record.ms(self._loop.time()) if report.answered else None
        report.turns, report.barge_ins, report.latencies = record.turns(), record.barge_ins(), record.latencies()
        self._enter(CallState.ERROR if outcome == Outcome.FAILED else CallState.ENDED)
        self._tell(CallOver(self.uuid, report))

    def _fill_gap(self) -> None:
        """Nothing came for a while: it was silence."""
        now = self._loop.time()
        self._ears = self._loop.call_later(_LOOK_EVERY_S, self._fill_gap)
        if now - self._heard_until > _GAP_S:
            silence = bytes(int((now - self._heard_until) * self._rate) * SAMPLE_BYTES)
            self._heard_until = now
            self._stream.audio(silence, now)

    def _end_at_last(self) -> None:
        self._fault(ErrorCode.MAX_DURATION_EXCEEDED, "the conversation lasted longer than `max_call_s` allows")
        self.end(_TOO_LONG)

    def _crashed(self, reason: str) -> None:
        self._fault(ErrorCode.INTERNAL, reason)
        self.end("crashed")

    def _outcome_without_conclusion(self) -> str:
        return Outcome.COMPLETED if self._record.callee_spoke else Outcome.NO_SPEECH

    def _fault(self, code: ErrorCode, reason: str) -> None:
        log.warning("visit.fault", uuid=self.uuid, code=code.value, reason=reason)
        self.report.faults.append(Fault(code.value, self._record.ms(self._loop.time()), reason))
        self._client.fault(code, reason)

    def _enter(self, state: CallState) -> None:
        if state is self.state:
            return
        self.state = check_transition(self.state, state)
        since = None if self._record.answered_at is None else self._record.ms(self._loop.time())
        self._tell(StateChanged(self.uuid, state, since))

    def _on_words(self, text: str, started_at: float, until: float, sure: str) -> None:
        self._talk.on_words(text, started_at, until, sure)
        self._tell(WordsHeard(self.uuid, text))

    def _tell(self, notice: Notice) -> None:
        self._parts.observer(notice)
        self._client.told(notice)


class _Untold:
    """Deeds that are only said to be done."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def opt_out(self) -> None:
        self._client.not_done("do_not_call", "A call's number would now be on the do-not-call list.")

    async def post(self, step: str, webhook: Webhook, values: Mapping[str, str]) -> bool:
        self._client.not_done("webhook", f"A message would now be sent to the web server of the step {step}.")
        return True


async def _nothing() -> None:
    pass
