"""One call, from the plan to the written outcome.

    dial or pick up → the callee's audio → (prompt → answer)* → hang up → outcome

Carries out what the scenario decides and keeps the record. What can end a call early (the callee, the line, FreeSWITCH,
the operator, the clock) is raced against the conversation in one place, `_until_over`; whatever ends it, the channel is
hung up and the outcome is written once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, TypeVar

import structlog

from robot.call.amd.greetings import greetings_for
from robot.call.answering import Answering
from robot.call.audio_line import AudioLine, StreamAddress
from robot.call.beginning import Beginning
from robot.call.channel import Channel
from robot.call.deeds import StoredDeeds
from robot.call.delivery import Delivery
from robot.call.failures import CallFailure, Stopped
from robot.call.hearing import Hearing
from robot.call.holding import Thinking
from robot.call.nodes import Nodes
from robot.call.outcome import Outcome
from robot.call.plan import CallPlan
from robot.call.playing import LINK_GRACE_S
from robot.call.prompting import CallPrompts
from robot.call.record import CallRecord
from robot.call.recording import Recording
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
from robot.call.switch_door import SwitchDoor
from robot.call.talk import Talk, TalkParts
from robot.call.waiting import first_of
from robot.call.who_picked_up import WhoPickedUp
from robot.dialogue.conversation import Conversation
from robot.dialogue.error_codes import CONSEQUENCES, ErrorCode
from robot.dialogue.scenario import Held
from robot.esl import commands
from robot.esl.errors import EventSocketError
from robot.prompts.errors import PromptError
from robot.prompts.library import PromptLibrary
from robot.store.facts import Answered, Finished, Progress
from robot.store.records import AttemptResult
from robot.store.store import Store
from robot.webhooks import WebhookSender
from ws_audio.endpointing import EndpointSettings
from ws_audio.server import AudioServer
from ws_audio.stream import StreamOptions

log = structlog.get_logger(__name__)

# The last words of somebody who hung up are still being recognised then.
_LAST_WORDS_S: Final = 5.0
# FreeSWITCH ends a call that is too long; this process does so when FreeSWITCH was not told, or does not.
_OVERTIME_S: Final = 2.0
_TOO_LONG: Final = "the call lasted longer than `max_call_s` allows"
# Events are polled every 20 ms by FreeSWITCH, replies are immediate.
_HANGUP_EVENT_S: Final = 0.3

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Parts:
    """What every call needs of the house: built and owned by `robot.daemon`."""

    nodes: Nodes
    audio: AudioServer
    store: Store
    webhooks: WebhookSender
    prompts: PromptLibrary
    thinking: Thinking
    vad_aggressiveness: int
    recordings: Path  # the folder for them, on FreeSWITCH's host
    send_prompts: bool = False  # through the audio stream: FreeSWITCH cannot read our files
    observer: Observer = lambda notice: None  # of all calls


class Call:
    """One attempt to reach one person, or one call that came in. `run` once; `stop` from anywhere on the loop.

    Has its place on a node from the beginning and gives it back at the end of `run`.
    """

    def __init__(self, plan: CallPlan, beginning: Beginning, parts: Parts, observer: Observer | None = None) -> None:
        self.uuid = beginning.uuid
        self._beginning = beginning
        self._node = beginning.node
        self.state = CallState.CONNECTING
        self.report = CallReport(self.uuid, plan.number)
        self._plan = plan
        self._parts = parts
        self._observer = observer
        self._loop = asyncio.get_running_loop()
        self._record = CallRecord()
        self._channel = Channel(self.uuid, self._node.switch)
        self._prompts = CallPrompts(parts.prompts, plan.voice)
        self._conversation = Conversation(plan.scenario, plan.fields, zone=plan.zone, first_variant=_lot(self.uuid))
        self._hearing = Hearing(
            on_speech=lambda *frame: self._talk.on_speech(*frame),
            on_utterance=lambda utterance: self._talk.on_utterance(utterance),
            on_words=self._on_words,
            end_utterance=lambda number: parts.audio.end_utterance(self.uuid, number),
            on_activity=lambda *activity: self._tell(HearingChanged(self.uuid, *activity)),
            on_fault=self._fault,
        )
        self._line = AudioLine(
            self._channel,
            parts.audio,
            StreamAddress(self._node.stream_host, parts.audio.port),
            _stream_options(plan, parts.vad_aggressiveness),
            self._hearing,
        )
        self._who: WhoPickedUp | None = None
        if plan.answer_policy is not None:
            self._who = WhoPickedUp(greetings_for(plan.language), plan.amd, listen=self._line.find_out_who)
            self._hearing.tap = self._who.hear
            self._line.find_out_who(True)
        self._talk = self._talk_of()
        self._recording = (
            None if plan.recording is None else Recording(plan.recording, parts.recordings, self._channel, parts.store)
        )
        self._stopped: asyncio.Future[str] = self._loop.create_future()
        self._too_long: asyncio.TimerHandle | None = None

    def _talk_of(self) -> Talk:
        plan, parts = self._plan, self._parts
        delivery = Delivery(self.uuid, parts.audio, parts.prompts.rate) if parts.send_prompts else None
        if delivery is not None:
            self._channel.on_delivered = delivery.arrived
        return Talk(
            self.uuid,
            self._conversation,
            TalkParts(
                door=SwitchDoor(
                    self._channel, self._line, self._node.switch, plan, self._prompts,
                    spool=parts.thinking.speech.folder, broadcast=self._node.broadcast, delivery=delivery,
                ),
                hearing=self._hearing,
                prompts=self._prompts,
                record=self._record,
                deeds=StoredDeeds(self.uuid, plan, parts.store, parts.webhooks),
                plan=plan,
                thinking=parts.thinking,
                fault=self._fault,
                enter=self._enter,
                tell=self._tell,
                progress=self._save_progress,
                handed_over=self._handed_over,
            ),
        )  # fmt: skip

    async def run(self) -> CallReport:
        """Place the call and see it to its end.

        Raises PromptError when a prompt cannot be said to this callee, and StoreError when the attempt cannot be
        written down: then nothing was dialled. Everything else ends in the report, whose `error` says what went wrong
        and what to do.
        """
        try:
            await self._prompts.prepare(self._plan.scenario, self._plan.fields)
            if any(isinstance(step.does, Held) for step in self._plan.scenario.steps):
                await self._parts.thinking.speech.warm(self._plan.voice)
            await self._beginning.write_down(self._parts.store)
        except BaseException:
            await self._let_go()
            raise
        plan, direction = self._plan, self._beginning.direction
        self._tell(CallBegan(self.uuid, plan.campaign, direction, plan.number or None, self._node.name))
        outcome: str = Outcome.FAILED
        try:
            outcome = await self._until_over()
        except CallFailure as failure:
            outcome = failure.outcome
            if self._talk.handed_over_to is not None and self._talk.conclusion is not None:
                outcome = self._talk.conclusion  # two people talk on without us
            self.report.error = str(failure)
            self.report.hangup_cause = failure.hangup_cause
            self.report.switch_away = failure.switch_away
            log.info("call.failed", uuid=self.uuid, failure=type(failure).__name__, reason=str(failure))
        except PromptError as error:
            self.report.error = str(error)
            self._fault(ErrorCode.TTS_FAIL, str(error))
        except Exception as error:
            # A defect of ours in one call: the person on the line must be let go and the attempt must have an outcome.
            self.report.error = f"internal error: {error!r}. Please report it with the log of this call."
            self._fault(ErrorCode.INTERNAL, type(error).__name__)
            log.exception("call.crashed", uuid=self.uuid)
            raise
        finally:
            await asyncio.shield(self._finish(outcome))
        return self.report

    def stop(self, reason: str) -> None:
        """End the call now; its outcome is `failed` unless the conversation came to one."""
        if not self._stopped.done():
            self._stopped.set_result(reason)

    # -- the way of a call ---------------------------------------------------------------------------------------------

    async def _until_over(self) -> str:
        """Dial and talk. The outcome; raises CallFailure."""
        channel = self._channel
        try:
            await self._race(self._connect(), channel.lost, self._stopped)
            outcome = await self._race(
                self._converse(), channel.hung_up, channel.lost, self._line.broken, self._stopped
            )
        except CallFailure:
            # A command that failed because the callee had just hung up: the event that says so is an event poll behind.
            # Or because FreeSWITCH died and was started again: that is known when its events are back.
            if self.report.answered:
                within_s = LINK_GRACE_S if channel.events_missed else _HANGUP_EVENT_S
                await first_of(channel.hung_up, channel.lost, within_s=within_s)
                if channel.lost.done() and not channel.hung_up.done():
                    raise channel.lost.result() from None
            if not (self.report.answered and channel.hung_up.done()):
                raise
            outcome = None
        if outcome is not None:
            return outcome
        if channel.hung_up.result() == "ALLOTTED_TIMEOUT":
            if self._talk.handed_over_to is None:
                self._fault(ErrorCode.MAX_DURATION_EXCEEDED, _TOO_LONG)
            return self._talk.conclusion or self._outcome_without_conclusion()
        return self._talk.conclusion or Outcome.HUNG_UP

    async def _race(self, work: Coroutine[None, None, T], *enders: asyncio.Future[Any]) -> T | None:
        """What `work` returns; None when the callee hung up first. Raises the failure that ended it otherwise."""
        task = self._loop.create_task(work)
        try:
            await first_of(task, *enders)
            if task.done():
                return task.result()
        finally:
            task.cancel()
            await asyncio.wait({task})
        for failure in (self._channel.lost, self._line.broken):
            if failure.done():
                raise failure.result()
        if self._stopped.done():
            raise Stopped(f"stopped: {self._stopped.result()}")
        return None

    async def _connect(self) -> None:
        await self._on_answer(await self._beginning.connect(self._channel, self._line.token))

    async def _converse(self) -> str:
        await self._line.open()
        policy = self._plan.answer_policy
        if self._who is None or policy is None:
            outcome = await self._talk.converse()
        else:
            outcome = await Answering(self._who, policy, self._talk).run()
        return outcome or self._outcome_without_conclusion()

    async def _on_answer(self, ring_ms: int | None) -> None:
        self._record.answered_at = self._channel.answered_at or self._loop.time()
        self.report.answered = True
        self.report.ring_ms = ring_ms
        self._enter(CallState.ACTIVE)
        if self._recording is not None:
            await self._recording.start()
        self._parts.store.record(Answered(self.uuid, datetime.now(UTC), self.report.ring_ms))
        await self._limit_length()

    async def _limit_length(self) -> None:
        """Have FreeSWITCH end the call in time, so that it ends even when this process does not live to see it."""
        try:
            await self._channel.api(commands.sched_hangup(self.uuid, self._plan.max_call_s))
        except EventSocketError as error:
            # Refused where the callee has hung up already; with a lost link the timer below is what is left.
            log.info("call.limit_not_set", uuid=self.uuid, reason=str(error))
        self._too_long = self._loop.call_later(self._plan.max_call_s + _OVERTIME_S, self._end_overtime)

    def _end_overtime(self) -> None:
        self._fault(ErrorCode.MAX_DURATION_EXCEEDED, _TOO_LONG)
        self.stop(_TOO_LONG)

    async def _handed_over(self) -> None:
        """What two people say to each other is none of our business. FreeSWITCH ends it after `max_talk_s`."""
        if self._who is not None:
            self._who.close()
        if self._too_long is not None:
            self._too_long.cancel()
        if self._recording is not None:
            await self._recording.stop()

    def _save_progress(self) -> None:
        """What is known so far, in case that this process does not live to write the outcome."""
        record = self._record
        self._parts.store.record(Progress(self.uuid, record.turns(), record.barge_ins(), record.latencies()))

    def _outcome_without_conclusion(self) -> str:
        return Outcome.COMPLETED if self._record.callee_spoke else Outcome.NO_SPEECH

    def _fault(self, code: ErrorCode, reason: str) -> None:
        """The call goes on, and what was wrong is stored with it."""
        log.warning("call.fault", uuid=self.uuid, code=code.value, consequence=CONSEQUENCES[code].value, reason=reason)
        self.report.faults.append(Fault(code.value, self._record.ms(self._loop.time()), reason))

    # -- the end -------------------------------------------------------------------------------------------------------

    async def _finish(self, outcome: str) -> None:
        """Hang up, wait for the last words, write the outcome."""
        self._enter(CallState.ENDING)
        await self._channel.hang_up()
        await self._hearing.texts_known(_LAST_WORDS_S)
        report, record = self.report, self._record
        report.outcome = outcome
        if outcome == Outcome.FAILED and report.error is None and report.faults:
            report.error = report.faults[-1].reason
        if self._who is not None and (picked_up := self._who.reported) is not None:
            report.amd = str(picked_up.kind)
            report.amd_confidence, report.amd_reason = picked_up.confidence, picked_up.reason
        if self._recording is not None:
            report.recording = self._recording.path
        report.turns, report.barge_ins, report.latencies = record.turns(), record.barge_ins(), record.latencies()
        if self._channel.hung_up.done():
            report.hangup_cause = self._channel.hung_up.result()
        ended = datetime.now(UTC)
        answered: datetime | None = None
        if record.answered_at is not None:
            hung_up_at = self._channel.hung_up_at or self._loop.time()
            report.talk_ms = record.ms(hung_up_at)
            ended -= timedelta(seconds=self._loop.time() - hung_up_at)
            answered = ended - timedelta(milliseconds=report.talk_ms)
        callback = self._conversation.callback
        result = AttemptResult(
            outcome=outcome, hangup_cause=report.hangup_cause, amd=report.amd,
            amd_confidence=report.amd_confidence, amd_reason=report.amd_reason, ring_ms=report.ring_ms,
            talk_ms=report.talk_ms, answered_at=answered, ended_at=ended, recording=report.recording,
            error=report.error,
            recording_expires_at=None if self._recording is None else self._recording.expires_at,
            callback_earliest=None if callback is None else callback.earliest,
            callback_latest=None if callback is None else callback.latest,
            transferred_to=self._talk.handed_over_to,
            answers=self._conversation.kept,
            handover=self._talk.handover,
            faults=tuple(fault.code for fault in report.faults),
        )  # fmt: skip
        try:
            await self._write_outcome(result)
        finally:
            await self._let_go()
            self._enter(CallState.ERROR if outcome in (Outcome.FAILED, Outcome.UNKNOWN) else CallState.ENDED)
            self._tell(CallOver(self.uuid, report))

    async def _write_outcome(self, result: AttemptResult) -> None:
        plan, parts, report = self._plan, self._parts, self.report
        webhook = None
        if plan.outcome_webhook is not None:
            webhook = plan.outcome_webhook.message(
                self.uuid, result, campaign=plan.campaign, number=plan.number,
                direction=self._beginning.direction, contact=plan.fields,
            )  # fmt: skip
        await parts.store.record(
            Finished(
                self.uuid, plan.number, result, report.turns, report.barge_ins, report.latencies,
                self._beginning.next_try(result), webhook,
            )
        )  # fmt: skip
        if webhook is not None:
            parts.webhooks.look()

    async def _let_go(self) -> None:
        if self._too_long is not None:
            self._too_long.cancel()
        if self._who is not None:
            self._who.close()
        await self._line.close()
        await self._channel.close()
        self._parts.thinking.speech.forget(self.uuid)
        self._beginning.release()

    # -- small things --------------------------------------------------------------------------------------------------

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
        if self._observer is not None:
            self._observer(notice)


def _stream_options(plan: CallPlan, vad_aggressiveness: int) -> StreamOptions:
    return StreamOptions(
        channels=2,  # what we play beside what is heard: the echo of the one is taken out of the other
        cancel_echo=True,
        judge_speech=True,
        language=plan.language,
        vad_aggressiveness=vad_aggressiveness,
        endpointing=EndpointSettings(max_utterance_ms=plan.longest_utterance_s * 1000),
    )


def _lot(uuid: str) -> int:
    """Which of several wordings a call begins with: any, and the same whenever it is asked."""
    return int(uuid[:8], 16)
