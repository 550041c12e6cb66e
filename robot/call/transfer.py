"""Handing the callee over to a person: dial them, tell them who it is, connect the two.

    dial the agent's leg ──▶ answered ──▶ the announcement, to the agent alone ──▶ bridge ──▶ TAKEN
         the callee hears `wait`, over and over ─────────────────────────────────────┘

A blind transfer is the same without an announcement. Until the bridge the callee is on our line: when nobody takes it
the conversation goes on. FreeSWITCH ends the agent's leg by itself when this process is not there to bridge it, and
each of two bridged legs when the other hangs up; so nobody is left alone on a line, whatever dies in between.
"""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from typing import Final
from uuid import uuid4

import structlog

from robot.call.channel import Channel
from robot.call.failures import CallFailure, DialRefused, PromptNotPlayed
from robot.call.playback import PlaybackState
from robot.call.playing import LINK_GRACE_S
from robot.call.waiting import first_of
from robot.dialogue.scenario import Prompt
from robot.esl import commands
from robot.esl.client import EventSocketClient
from robot.esl.commands import Extension, Trunk
from robot.esl.errors import BadArgument, CommandRefused, EventSocketError

log = structlog.get_logger(__name__)

# Beside the announcement: park_timeout fires up to 1 s early, and a lost event socket has LINK_GRACE_S to come back.
_PARK_MARGIN_S: Final = LINK_GRACE_S + 5.0
# The hangup of a leg that a command did not find is an event poll behind.
_LATE_EVENT_S: Final = 0.3
_RETRY_PAUSE_S: Final = 0.2
_NOT_PLAYED: Final = (PlaybackState.MISSING, PlaybackState.NEVER_STARTED)
# Between two rounds of what the callee hears while waiting.
_PAUSE_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class TransferPlan:
    """To whom, and how.

    announce: what the agent hears before the callee does; None: both hear each other at once. wait: what the callee
    hears meanwhile, again and again; None: silence. ring_timeout_s: FreeSWITCH may give up to 1 s earlier. max_talk_s:
    how long the two may talk, kept by FreeSWITCH. caller_id: what the agent's telephone shows, 3 to 15 digits; None: as
    FreeSWITCH is configured.
    """

    to: Trunk | Extension
    announce: Prompt | None = None
    wait: Prompt | None = None
    ring_timeout_s: int = 25
    max_talk_s: int = 7200
    caller_id: str | None = None


class TransferEnd(Enum):
    TAKEN = auto()  # they talk; the robot has no say any more
    NOBODY = auto()  # the callee is still ours
    CALLEE_GONE = auto()  # the callee hung up before


@dataclass(frozen=True, slots=True)
class TransferResult:
    """cause: why NOBODY took it, a hangup cause of FreeSWITCH (NORMAL_CLEARING: hung up during the announcement)."""

    end: TransferEnd
    cause: str | None = None


async def transfer(
    channel: Channel, plan: TransferPlan, switch: EventSocketClient, *, root: Path, broadcast: bool
) -> TransferResult:
    """Hand over the callee of `channel`, on which nothing must be playing. `switch`: the FreeSWITCH it is on.

    After TAKEN `max_talk_s` is the only limit, and `channel.hung_up` tells when they are done; end the audio stream
    then, and every limit of our own. May be cancelled at any time: the agent's leg is ended.

    Raises DialRefused for a plan that is not sent, SwitchLost.
    """
    return await _Transfer(channel, plan, Channel(str(uuid4()), switch), root, broadcast=broadcast).run()


class _Transfer:
    """One attempt."""

    def __init__(self, callee: Channel, plan: TransferPlan, agent: Channel, root: Path, *, broadcast: bool) -> None:
        self._callee = callee
        self._plan = plan
        self._agent = agent
        self._root = root
        self._broadcast = broadcast
        self._company: asyncio.Task[None] | None = None

    async def run(self) -> TransferResult:
        callee, agent = self._callee, self._agent
        try:
            command = self._originate()
            self._company = asyncio.create_task(self._keep_company())
            attempt = asyncio.create_task(self._connect(command))
            try:
                await first_of(attempt, callee.hung_up, callee.lost)
                if attempt.done():
                    return attempt.result()
            finally:
                attempt.cancel()
                await asyncio.wait({attempt})
            if callee.lost.done():
                raise callee.lost.result()
            return TransferResult(TransferEnd.TAKEN if callee.bridged else TransferEnd.CALLEE_GONE)
        finally:
            await self._end_company()
            if not callee.bridged:
                await agent.hang_up()
            await agent.close()

    def _originate(self) -> commands.Command:
        plan = self._plan
        announce_s = 0.0 if plan.announce is None else plan.announce.length_s
        try:
            return commands.originate_agent(
                self._agent.uuid,
                plan.to,
                callee=self._callee.uuid,
                longest_park_s=math.ceil(announce_s + _PARK_MARGIN_S),
                ring_timeout_s=plan.ring_timeout_s,
                caller_id=plan.caller_id,
            )
        except BadArgument as error:
            raise DialRefused(f"the call cannot be transferred: {error}") from error

    async def _connect(self, command: commands.Command) -> TransferResult:
        callee, agent = self._callee, self._agent
        try:
            await agent.dial(command, self._plan.ring_timeout_s)
        except CallFailure as failure:
            log.info("transfer.not_taken", uuid=callee.uuid, reason=str(failure))
            return TransferResult(TransferEnd.NOBODY, failure.hangup_cause)
        if self._plan.announce is not None:
            await self._announce(self._plan.announce)
        if not agent.hung_up.done():
            await self._end_company()
            try:
                if await callee.bridge(agent.uuid):
                    await self._limit_talk()
                    return TransferResult(TransferEnd.TAKEN)
            except EventSocketError as error:
                log.warning("transfer.not_bridged", uuid=callee.uuid, reason=str(error))
                return TransferResult(TransferEnd.NOBODY)
            await first_of(callee.hung_up, agent.hung_up, within_s=_LATE_EVENT_S)
        if callee.hung_up.done():
            return TransferResult(TransferEnd.CALLEE_GONE)
        return TransferResult(TransferEnd.NOBODY, agent.hung_up.result() if agent.hung_up.done() else None)

    async def _announce(self, prompt: Prompt) -> None:
        """Until it was heard, or the agent hung up. An announcement that cannot be played keeps nobody waiting."""
        try:
            ended = await self._agent.play(prompt, root=self._root, broadcast=self._broadcast).ended
        except PromptNotPlayed as error:
            log.warning("transfer.announcement_not_played", uuid=self._callee.uuid, reason=str(error))
            return
        if ended in _NOT_PLAYED and not self._agent.hung_up.done():
            log.warning("transfer.announcement_not_played", uuid=self._callee.uuid, file=str(prompt.file))

    async def _keep_company(self) -> None:
        """Play `wait` to the callee again and again, until cancelled."""
        prompt, callee = self._plan.wait, self._callee
        while prompt is not None:
            try:
                playing = callee.play(prompt, root=self._root, broadcast=self._broadcast)
                try:
                    ended = await asyncio.shield(playing.ended)
                except asyncio.CancelledError:
                    playing.stop()
                    await playing.ended
                    raise
            except PromptNotPlayed as error:
                log.warning("transfer.wait_not_played", uuid=callee.uuid, reason=str(error))
                return
            if ended in _NOT_PLAYED and not callee.hung_up.done():
                log.warning("transfer.wait_not_played", uuid=callee.uuid, file=str(prompt.file))
            if ended is not PlaybackState.FINISHED:
                return
            await asyncio.sleep(_PAUSE_S)

    async def _end_company(self) -> None:
        """The callee hears nothing of ours any more. Raises what went wrong with it."""
        company, self._company = self._company, None
        if company is not None:
            company.cancel()
            await asyncio.wait({company})
            if not company.cancelled():
                company.result()

    async def _limit_talk(self) -> None:
        """The robot's longest call is not theirs, but a bridge that everybody forgot must end as well.

        Asked for until it is done: the limit of before would cut them off.
        """
        uuid = self._callee.uuid
        loop = asyncio.get_running_loop()
        deadline = loop.time() + LINK_GRACE_S
        while not self._callee.hung_up.done():
            try:
                await self._callee.api(commands.cancel_sched_hangup(uuid))
                await self._callee.api(commands.sched_hangup(uuid, self._plan.max_talk_s))
                return
            except EventSocketError as error:
                if isinstance(error, CommandRefused) or loop.time() > deadline:
                    log.warning("transfer.limit_not_changed", uuid=uuid, reason=str(error))
                    return
                await asyncio.sleep(_RETRY_PAUSE_S)
