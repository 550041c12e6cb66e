"""Follows the calls of this process by what they tell, and hands on how each of them stands: to memory or to Redis.

    Call ── Notice ──▶ LiveSessions ── CallSession, the newest of each call ──▶ Sessions

Calls never wait for it: what has not been handed on yet is overtaken by what is newer, so there is at most one session
of each call to hand on. Where Redis is away the log says so once, and that it is back.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from typing import Final

import structlog

from robot.call.report import (
    BargedIn,
    CallBegan,
    CallOver,
    HearingChanged,
    Notice,
    PromptBegan,
    Replied,
    ReplyChanged,
    StateChanged,
    TurnEnded,
    WordsHeard,
)
from robot.call.states import CallState
from robot.store.records import TurnRecord
from robot.store.sessions.errors import SessionsUnavailable
from robot.store.sessions.session import LATEST_LATENCIES, LONGEST_HISTORY, CallSession, Stage
from robot.store.sessions.sessions import KEEP_S, Sessions

# What happens to a call within that time is written at once.
_GATHER_S: Final = 0.25
_AT_ONCE: Final = 50  # sessions in one round trip: a few ms of the loop
_LAST_WORDS_S: Final = 2.0

log = structlog.get_logger(__name__)


def this_robot() -> str:
    """This process, for people: its machine and its number there."""
    return f"{socket.gethostname()[:200]}:{os.getpid()}"


class LiveSessions:
    """An Observer of all calls, between `start` and `close`.

    `task`, once started, never ends by itself: when it does it has died of a defect, and says so in the log. every_s:
    how often a session is handed on of which nothing is new, so that it is kept. again_s: where that did not work.
    """

    def __init__(
        self,
        sessions: Sessions,
        tenant: str = "",
        *,
        every_s: float = KEEP_S / 3,
        again_s: float = 5.0,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.sessions = sessions
        self._tenant = tenant
        self._every_s = every_s
        self._again_s = again_s
        self._now = now
        self._robot = this_robot()
        self._live: dict[str, CallSession] = {}
        self._pending: dict[str, CallSession | None] = {}  # None: the call is over
        self._wake = asyncio.Event()
        self._away = False
        self._task: asyncio.Task[None] | None = None

    @property
    def task(self) -> asyncio.Task[None]:
        if self._task is None:
            raise RuntimeError("the live sessions were not started")
        return self._task

    def own(self) -> list[CallSession]:
        """The calls of this process as they are now, the oldest first."""
        return [*self._live.values()]

    async def of_others(self) -> list[CallSession]:
        """The calls of other robots of this tenant, where they tell them. Raises SessionsUnavailable."""
        told = await self.sessions.all(tenant=self._tenant)
        return [session for session in told if session.robot != self._robot]

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="live sessions")
        self._task.add_done_callback(_tell_death)

    async def close(self) -> None:
        """Hand on what is left, if that is quickly done."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
        if not self._away and (self._task is None or self._task.cancelled()):
            with suppress(SessionsUnavailable, TimeoutError):
                async with asyncio.timeout(_LAST_WORDS_S):
                    await self._hand_on()
        await self.sessions.close()

    def __call__(self, notice: Notice) -> None:
        match notice:
            case CallBegan():
                self._changed(self._new(notice))
            case CallOver(uuid=uuid):
                if self._live.pop(uuid, None) is not None:
                    self._pending[uuid] = None
                    self._wake.set()
            case _:
                before = self._live.get(notice.uuid)
                if before is not None:
                    now = self._now()
                    after = followed(before, notice, now)
                    if after is not before:
                        self._changed(replace(after, changed_at=now))

    # ------------------------------------------------------------------------------------------------------------------

    def _new(self, began: CallBegan) -> CallSession:
        now = self._now()
        return CallSession(
            uuid=began.uuid, campaign=began.campaign, tenant=self._tenant, number=began.number,
            direction=began.direction, node=began.node, robot=self._robot, state=CallState.CONNECTING, began_at=now,
            changed_at=now,
        )  # fmt: skip

    def _changed(self, session: CallSession) -> None:
        self._live[session.uuid] = self._pending[session.uuid] = session
        self._wake.set()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        beat_at = loop.time() + self._every_s
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout_at(beat_at):
                    await self._wake.wait()
            if loop.time() >= beat_at:
                beat_at = loop.time() + self._every_s
                self._pending = {**self._live, **self._pending}
            try:
                handed_on = await self._hand_on()
            except SessionsUnavailable as error:
                if not self._away:
                    log.warning("sessions.away", reason=str(error))
                self._away = True
                await asyncio.sleep(self._again_s)
                self._wake.set()
            else:
                if self._away and handed_on:
                    log.warning("sessions.back", calls=len(self._live))
                    self._away = False
                await asyncio.sleep(_GATHER_S)

    async def _hand_on(self) -> bool:
        """Whether there was anything. Raises SessionsUnavailable; what was not handed on is still to be."""
        self._wake.clear()
        waiting, self._pending = self._pending, {}
        handed_on = bool(waiting)
        try:
            while waiting:
                batch = dict(islice(waiting.items(), _AT_ONCE))
                live = [session for session in batch.values() if session is not None]
                await self.sessions.put(live)
                await self.sessions.remove([uuid for uuid, session in batch.items() if session is None])
                for uuid in batch:
                    del waiting[uuid]
        except SessionsUnavailable:
            # Those that are over go by themselves, when nobody puts them again.
            waiting = {uuid: session for uuid, session in waiting.items() if session is not None}
            raise
        finally:
            self._pending = waiting | self._pending  # what came meanwhile is newer
        return handed_on


def followed(session: CallSession, notice: Notice, now: datetime) -> CallSession:
    """The session after `notice`; the same one where it says nothing about it."""
    match notice:
        case StateChanged(state=state):
            answered_at = now if state is CallState.ACTIVE else session.answered_at
            return replace(session, state=state, answered_at=answered_at)
        case HearingChanged(speaking=speaking, recognising=recognising):
            hearing = session.hearing if speaking or recognising else None
            speaker = "callee" if speaking else "robot" if session.saying is not None else None
            return replace(
                session, speaker=speaker, hearing=hearing, active=_set(session, Stage.RECOGNITION, recognising)
            )
        case WordsHeard(text=text):
            return replace(session, hearing=text or None)
        case ReplyChanged(generating=generating, synthesising=synthesising):
            session = replace(session, active=_set(session, Stage.MODEL, generating))
            return replace(session, active=_set(session, Stage.SYNTHESIS, synthesising))
        case PromptBegan(text=text):
            return replace(session, saying=text, speaker=session.speaker or "robot")
        case TurnEnded(turn=turn):
            session = _with_turn(session, turn)
            if turn.speaker == "callee":
                return replace(session, hearing=None)
            return replace(session, saying=None, speaker=None if session.speaker == "robot" else session.speaker)
        case Replied(latency=latency):
            return replace(session, latencies=(*session.latencies, latency)[-LATEST_LATENCIES:])
        case BargedIn():
            return replace(session, barge_ins=session.barge_ins + 1)
        case _:
            return session


def _set(session: CallSession, stage: Stage, active: bool) -> frozenset[Stage]:
    return session.active | {stage} if active else session.active - {stage}


def _with_turn(session: CallSession, turn: TurnRecord) -> CallSession:
    """Turns are told when they end, which is not the order in which they began: those after this one move on."""
    later = tuple(replace(each, seq=each.seq + 1) for each in session.history if each.seq >= turn.seq)
    before = tuple(each for each in session.history if each.seq < turn.seq)
    return replace(session, turn=session.turn + 1, history=(*before, turn, *later)[-LONGEST_HISTORY:])


def _tell_death(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("sessions.died", exc_info=error)
