"""FreeSWITCH's side of one call: dial, play, stop, hang up. Says what happened; leaves the conversation to others."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Final

from robot.call.failures import (
    CallerGone,
    DialNotSent,
    DialRefused,
    KeysNotSent,
    NotAnswered,
    PromptNotPlayed,
    SwitchLost,
)
from robot.call.playing import LINK_GRACE_S, PlayingPrompt, retrieve
from robot.call.waiting import first_of
from robot.dialogue.scenario import Prompt
from robot.esl import commands
from robot.esl.client import EventSocketClient
from robot.esl.commands import Command
from robot.esl.errors import (
    BadArgument,
    CommandFailed,
    CommandRefused,
    CommandStage,
    ConnectionLost,
    EventSocketError,
)
from robot.esl.events import (
    ApplicationCompleted,
    AudioStreamFailed,
    AudioStreamPlay,
    CallEvent,
    ChannelAnswered,
    ChannelBridged,
    ChannelHungUp,
    ChannelParked,
    Dtmf,
    HangupCompleted,
    LinkLost,
    LinkRestored,
    PlaybackStarted,
    PlaybackStopped,
)

# originate's own timeout fires up to 1 s early and a SIP host that says nothing at all is given up after 32 s
# (FreeSWITCH's timer B): what is not decided by then never will be.
_DIAL_MARGIN_S: Final = 35.0
# The answer event and the job's answer come within one event poll (20 ms) of each other.
_ANSWER_MARGIN_S: Final = 2.0
# A channel that outlives this has its own limit (sched_hangup), or is found by the attempt that has no outcome.
_HANGUP_LIMIT_S: Final = LINK_GRACE_S
_HANGUP_PAUSE_S: Final = 0.2
# FreeSWITCH answers at once and polls events every 20 ms; 1 s more when a stream's closing handshake goes wrong.
_EVENT_LIMIT_S: Final = 3.0
# The hangup of a channel that is gone already: an event poll behind, or gone by before we listened.
_LATE_EVENT_S: Final = 0.3


class Channel:
    """One channel. `uuid` is ours: every event of the leg carries it."""

    def __init__(self, uuid: str, switch: EventSocketClient) -> None:
        self.uuid = uuid
        self._switch = switch
        self._loop = asyncio.get_running_loop()
        self._prompt: PlayingPrompt | None = None
        self._link_watch: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._begun = False  # there may be a channel in FreeSWITCH
        self._job: asyncio.Future[str] | None = None  # the originate
        self.answered_at: float | None = None
        self.hung_up_at: float | None = None
        self._answered = asyncio.Event()
        self._parked = asyncio.Event()
        self.hung_up: asyncio.Future[str] = self._loop.create_future()  # the cause
        self._completed = asyncio.Event()  # CHANNEL_HANGUP_COMPLETE came
        self.lost: asyncio.Future[SwitchLost] = self._loop.create_future()
        self.stream_failed: asyncio.Future[str] = self._loop.create_future()
        self.on_delivered: Callable[[AudioStreamPlay], None] | None = None  # a file that came through the stream
        self.on_key: Callable[[str, float], None] | None = None  # a key of the far end, and the loop's time of it
        self._bridging_with: str | None = None  # the other channel: asked for, and perhaps done
        self._bridged = asyncio.Event()
        self._subscription = switch.subscribe(uuid, self._on_event)

    async def dial(self, command: Command, ring_timeout_s: int) -> None:
        """Originate and wait for the answer, until the far end can be played something.

        Raises NotAnswered with the hangup cause, DialRefused, DialNotSent (may be tried again) or SwitchLost (may not).
        """
        await self._dial(command, ring_timeout_s)
        await self._until_parked()

    async def _dial(self, command: Command, ring_timeout_s: int) -> None:
        self._begun = True
        job = self._job = asyncio.ensure_future(self._switch.bgapi(command, timeout=ring_timeout_s + _DIAL_MARGIN_S))
        answered = asyncio.ensure_future(self._answered.wait())
        try:
            await first_of(job, answered, self.hung_up, self.lost)
            if answered.done():
                return
            if not self.lost.done():
                # Answered, says the job: the event that says so is on its way, or a hangup is. Or the job's answer is
                # lost with the event socket: it rings on, and what comes of it is told when the socket is back.
                within_s = _ANSWER_MARGIN_S if await self._accepted(job) else ring_timeout_s + _DIAL_MARGIN_S
                await first_of(answered, self.hung_up, self.lost, within_s=within_s)
            if answered.done():
                return
            if self.hung_up.done():
                raise NotAnswered(self.hung_up.result())
            if self.lost.done():
                raise self.lost.result()
            raise SwitchLost("FreeSWITCH does not say what became of the call: see its log, freeswitch.log")
        finally:
            answered.cancel()
            job.add_done_callback(retrieve)

    async def _accepted(self, job: asyncio.Future[str]) -> bool:
        """Whether the originate job says that the call was answered; False when nobody will ever know what it says.

        Raises NotAnswered, DialRefused, DialNotSent or SwitchLost.
        """
        try:
            await job
            return True
        except CommandRefused as refused:
            if not refused.cause or " " in refused.cause:
                raise DialRefused(f"FreeSWITCH refused to dial: {refused}") from refused
            raise NotAnswered(self.hung_up.result() if self.hung_up.done() else refused.cause) from refused
        except CommandFailed as lost:
            if lost.stage is CommandStage.NOT_SENT:
                self._begun = False
                raise DialNotSent(f"nothing was dialled: {lost}") from lost
            if isinstance(lost, ConnectionLost):
                return False
            raise SwitchLost(f"FreeSWITCH does not say what became of the call: {lost}") from lost

    async def pick_up(self, take_over: Command, *, answered: bool) -> None:
        """Take a call that came in and answer it, unless the dialplan has.

        Raises CallerGone or SwitchLost.
        """
        self._begun = True
        self._parked.set()  # before we listened: FreeSWITCH does so when it hands the call over
        try:
            await self.api(take_over)
            if answered:  # before we listened: its event has gone by
                self.answered_at = self._loop.time()
                self._answered.set()
                return
            await self.api(commands.answer(self.uuid))
        except CommandRefused:
            await first_of(self.hung_up, within_s=_LATE_EVENT_S)
            raise CallerGone(self.hung_up.result() if self.hung_up.done() else None) from None
        except EventSocketError as error:
            raise SwitchLost(f"the call could not be answered: {error}") from error
        answer = asyncio.ensure_future(self._answered.wait())
        try:
            await first_of(answer, self.hung_up, self.lost, within_s=_EVENT_LIMIT_S)
        finally:
            answer.cancel()
        if self._answered.is_set():
            return
        if self.hung_up.done():
            raise CallerGone(self.hung_up.result())
        if self.lost.done():
            raise self.lost.result()
        raise SwitchLost("FreeSWITCH does not say that it answered the call: see its log, freeswitch.log")

    async def api(self, command: Command) -> str:
        """An api command about this channel; one that was not sent is sent when the event socket is back.

        Raises EventSocketError.
        """
        deadline = self._loop.time() + LINK_GRACE_S
        while True:
            try:
                return await self._switch.api(command)
            except ConnectionLost as lost:
                if lost.stage is not CommandStage.NOT_SENT or self._loop.time() > deadline:
                    raise
                await asyncio.sleep(_HANGUP_PAUSE_S)

    async def _until_parked(self) -> None:
        """Wait until the far end can be played something. In the moment between the answer and
        CHANNEL_PARK FreeSWITCH leaves a file out, or cuts it off after two frames (measured).
        """
        parked = asyncio.ensure_future(self._parked.wait())
        try:
            await first_of(parked, self.hung_up, self.lost, within_s=_EVENT_LIMIT_S)
        finally:
            parked.cancel()

    def play(
        self, prompt: Prompt, *, root: Path, broadcast: bool, start_ms: int = 0, rate: int = 16_000
    ) -> PlayingPrompt:
        """Begin to play a prompt below `root`; one at a time. Raises PromptNotPlayed for a path that is not sent.

        start_ms: where in the file to begin. `rate` (Hz), the file's own, is wanted for that alone.
        """
        if self._prompt is not None and not self._prompt.ended.done():
            raise RuntimeError("a prompt is still playing on this channel")
        build = commands.broadcast if broadcast else commands.play
        try:
            command = build(self.uuid, prompt.file, root=root, start_sample=start_ms * rate // 1000)
        except BadArgument as error:
            raise PromptNotPlayed(f"the prompt cannot be played: {error}") from error
        self._prompt = PlayingPrompt(self.uuid, prompt, command, self._switch, self.hung_up, start_ms=start_ms)
        if self.hung_up.done():
            self._prompt.channel_gone()
        return self._prompt

    async def press(self, keys: str) -> None:
        """Press keys of a telephone: 0-9 A-D * #, and w or W for a pause of 0.5 or 1 s. Returns when the far end has
        them all, or there is none any more.

        Raises KeysNotSent.
        """
        try:
            await self.api(commands.send_dtmf(self.uuid, keys))
        except EventSocketError as error:
            raise KeysNotSent(f"the keys could not be sent: {error}") from error
        await first_of(self.hung_up, self.lost, within_s=commands.dtmf_length_s(keys))

    @property
    def bridged(self) -> bool:
        """Somebody else talks to the far end, and not the robot any more."""
        return self._bridged.is_set()

    async def bridge(self, other: str) -> bool:
        """Connect the far end with that of the answered channel `other`; the hangup of either ends both.

        False when that cannot be because one of them is gone. Raises EventSocketError, or SwitchLost when nobody knows.
        """
        self._bridging_with = other
        try:
            await self.api(commands.setvar(self.uuid, "hangup_after_bridge", "true"))
            await self.api(commands.bridge(self.uuid, other))
        except CommandRefused:
            return False
        except ConnectionLost as lost:
            if lost.stage is CommandStage.NOT_SENT:
                raise
            # It may be done: the look at the channel tells, when the event socket is back.
        bridged = asyncio.ensure_future(self._bridged.wait())
        try:
            await first_of(bridged, self.hung_up, self.lost, within_s=_EVENT_LIMIT_S)
            if self.events_missed:
                await first_of(bridged, self.hung_up, self.lost, within_s=LINK_GRACE_S)
        finally:
            bridged.cancel()
        if self.lost.done():
            raise self.lost.result()
        return self.bridged

    @property
    def events_missed(self) -> bool:
        """The event socket was lost, and what became of the channel is not known yet; `lost` tells, or nothing was."""
        return self._link_watch is not None

    def forget_stream_failure(self) -> None:
        """Another stream is about to be started: what the one before reported is of no interest any more."""
        self.stream_failed = self._loop.create_future()

    async def hang_up(self, cause: str = "NORMAL_CLEARING") -> None:
        """End the channel and wait for its CHANNEL_HANGUP_COMPLETE. Returns when it is over, or cannot be ended.

        Nobody must be left on a line without a robot, so this is tried again while the event socket is away, and while
        an originate that we gave up may still make the channel. Who talks to somebody else is not cut off.
        """
        if self.bridged:
            return
        deadline = self._loop.time() + _HANGUP_LIMIT_S
        while self._begun and not self._completed.is_set() and self._loop.time() < deadline:
            try:
                if not self.hung_up.done():
                    await self._switch.api(commands.kill(self.uuid, cause), timeout=_EVENT_LIMIT_S)
                async with asyncio.timeout(_EVENT_LIMIT_S):
                    await self._completed.wait()
            except CommandRefused:  # no such channel
                if self._job is None or self._job.done():
                    return
                await first_of(self._job, within_s=_HANGUP_PAUSE_S)
            except TimeoutError:
                continue
            except EventSocketError:
                await asyncio.sleep(_HANGUP_PAUSE_S)

    async def close(self) -> None:
        """Let go of the channel: no event of it is looked at from now on."""
        self._subscription.close()
        if self._link_watch is not None:
            self._link_watch.cancel()
        if self._prompt is not None:
            self._prompt.channel_gone()
        if self._job is not None:
            self._job.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _on_event(self, event: CallEvent) -> None:
        match event:
            case PlaybackStarted() | PlaybackStopped() | ApplicationCompleted():
                if self._prompt is not None:
                    self._prompt.on_event(event)
            case ChannelAnswered(at=at):
                self.answered_at = at
                self._answered.set()
            case ChannelParked():
                self._parked.set()
            case ChannelBridged():
                self._bridged.set()
            case Dtmf(digit=digit, at=at):
                if self.on_key is not None and not self.bridged:
                    self.on_key(digit, at)
            case ChannelHungUp(cause=cause, at=at):
                self._set_hung_up(cause, at)
            case HangupCompleted(cause=cause, at=at):
                self._set_hung_up(cause, at)
                self._completed.set()
            case AudioStreamPlay():
                if self.on_delivered is not None:
                    self.on_delivered(event)
            case AudioStreamFailed(error=error):
                if not self.stream_failed.done():
                    self.stream_failed.set_result(error)
            case LinkLost():
                self._link_watch = self._link_watch or self._loop.call_later(
                    LINK_GRACE_S, self._lose, "did not come back"
                )
            case LinkRestored():
                self._watch(self._look_after_link_loss())
            case _:
                pass

    def _set_hung_up(self, cause: str, at: float) -> None:
        if self.hung_up.done():
            return
        self.hung_up_at = at
        self.hung_up.set_result(cause)
        if self._prompt is not None:
            self._prompt.channel_gone()

    async def _look_after_link_loss(self) -> None:
        """The event socket is back: has the call survived, and was it answered meanwhile?"""
        try:
            alive = await self._switch.api(commands.exists(self.uuid)) == "true"
            answered = alive and not self._answered.is_set() and await self._is_active()
            bridged = alive and self._bridging_with is not None and await self._is_bridged()
        except EventSocketError:
            return  # lost again: the watch is still running
        if answered:
            self.answered_at = self._loop.time()
            self._answered.set()
            self._parked.set()  # as long ago
        if bridged:
            self._bridged.set()
        if self._link_watch is not None:
            self._link_watch.cancel()
            self._link_watch = None
        if not alive:
            self._lose("came back without the call")
        elif self._prompt is not None:
            self._prompt.events_missed()

    async def _is_active(self) -> bool:
        """Whether FreeSWITCH lists the channel as answered. Raises EventSocketError."""
        listed = json.loads(await self._switch.api(commands.show_channels())).get("rows", [])
        return any(row.get("uuid") == self.uuid and row.get("callstate") == "ACTIVE" for row in listed)

    async def _is_bridged(self) -> bool:
        """Whether FreeSWITCH did connect it with the other channel. Raises EventSocketError."""
        return await self._switch.api(commands.getvar(self.uuid, "bridge_uuid")) == self._bridging_with

    def _lose(self, how: str) -> None:
        if not self.lost.done():
            self.lost.set_result(
                SwitchLost(f"FreeSWITCH went away in the middle of the call and {how}: see its log, freeswitch.log")
            )
        if self._prompt is not None:
            self._prompt.channel_gone()

    def _watch(self, work: Coroutine[None, None, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
