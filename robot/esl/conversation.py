"""The commands of one link on the asyncio side: from the future that a caller waits for to the reply that settles it.

Adds to the pure Exchange what needs a loop: futures, time limits, and a probe that finds out whether a silent
connection is still alive. Knows nothing of what commands mean.

Silence: FreeSWITCH sends a HEARTBEAT every 20 s by default, but its configuration may say otherwise and a link without
subscription hears nothing at all. So a link that was silent for SILENCE_S is asked (`api status`), and is given up when
PROBE_LIMIT_S brings not one byte: no timer set too short can cut a link that works. TCP's keepalive sees less: a
FreeSWITCH that hangs keeps its sockets open.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from uuid import uuid4

import structlog

from robot.esl.commands import Command, status
from robot.esl.connection import Address
from robot.esl.errors import (
    CommandFailed,
    CommandRefused,
    CommandStage,
    CommandTimeout,
    ConnectionLost,
    TooManyCommands,
)
from robot.esl.exchange import MAX_PENDING, Exchange, Full, OutOfStep, Settled
from robot.esl.frames import Frame
from robot.esl.link import Down, Failed, Incoming, Link, LinkThread, Outgoing, Up, Wrote
from robot.esl.watching import UNWATCHED, ClientWatcher, CommandResult, result_of

log = structlog.get_logger(__name__)

SILENCE_S: Final = 30.0
PROBE_LIMIT_S: Final = 10.0

_REPLIES: Final = frozenset({"command/reply", "api/response"})


@dataclass(frozen=True, slots=True)
class Reply:
    """What FreeSWITCH answered. Times are `loop.time()`, in seconds.

    sent_at: when the command was on the wire. replied_at: when the answer came here; of a background job, its end.
    """

    text: str
    sent_at: float
    replied_at: float


@dataclass(slots=True)
class _Waiting:
    """Somebody who waits for the answer to a command."""

    command: str
    future: asyncio.Future[Reply]
    outgoing: Outgoing
    timer: asyncio.TimerHandle
    asked_at: float


class Conversation:
    """The commands of one link, and its ups and downs.

    `on_frame` gets every frame that is no reply, `on_change` an Up, Down or Failed.
    """

    def __init__(
        self,
        address: Address,
        on_frame: Callable[[Frame], None],
        on_change: Callable[[Up | Down | Failed], None],
        watcher: ClientWatcher = UNWATCHED,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._link = Link(address, self._receive)
        self._on_frame = on_frame
        self._on_change = on_change
        self._watcher = watcher
        self._exchange = Exchange()
        self._waiting: dict[int, _Waiting] = {}
        self._connection: int | None = None
        self._why_down = "not connected yet"
        self._heard_at = self._loop.time()
        self._watch: asyncio.TimerHandle | None = None

    @property
    def up(self) -> bool:
        return self._connection is not None

    @property
    def pending(self) -> int:
        """Commands that somebody waits for."""
        return len(self._waiting)

    @property
    def unread(self) -> int:
        """Frames that the other thread has read and this one has not."""
        return self._link.unread

    def begin(self, thread: LinkThread) -> None:
        """Connect, and stay so until `close`."""
        thread.add(self._link)

    def close(self) -> None:
        """Fail what is pending, and connect no more."""
        self._go_down("the client was closed")
        self._link.close()

    def send(self, command: Command, timeout_s: float, *, background: bool = False) -> asyncio.Future[Reply]:
        """Put `command` in line and return at once. The future raises a CommandFailed.

        Cancelling the future gives the command up: it is taken back if it can be, its reply is dropped otherwise.
        """
        future: asyncio.Future[Reply] = self._loop.create_future()
        if self._connection is None:
            self._watcher.command_ended(command.name, CommandResult.NOT_SENT, None)
            future.set_exception(ConnectionLost(command.name, CommandStage.NOT_SENT, self._why_down))
            return future
        job_uuid = str(uuid4()) if background else None
        try:
            ticket = self._exchange.submit(job_uuid)
        except Full:
            self._watcher.command_ended(command.name, CommandResult.NOT_SENT, None)
            future.set_exception(TooManyCommands(command.name, MAX_PENDING))
            return future
        outgoing = Outgoing(self._connection, ticket, command.encode(job_uuid))
        timer = self._loop.call_later(timeout_s, self._expire, ticket, timeout_s)
        self._waiting[ticket] = _Waiting(command.name, future, outgoing, timer, self._loop.time())
        future.add_done_callback(lambda done: self._cancelled(ticket) if done.cancelled() else None)
        self._link.send(outgoing)
        return future

    def job_done(self, job_uuid: str, text: str) -> None:
        """A BACKGROUND_JOB event, which may be nobody's here."""
        self._settle(self._exchange.job_done(job_uuid, text, self._loop.time()))

    # ── what the link tells ───────────────────────────────────────────────────────────────────────────────────────────

    def _receive(self, item: Incoming) -> None:
        match item:
            case Frame():
                self._heard_at = self._loop.time()
                if item.content_type in _REPLIES:
                    self._replied(item)
                else:
                    self._on_frame(item)
            case Wrote(through=through, at=at):
                self._exchange.wrote(through, at)
                self._watcher.handed_over(self._loop.time() - at)
            case Up(connection=connection):
                self._connection = connection
                self._heard_at = self._loop.time()
                self._watch = self._loop.call_later(SILENCE_S, self._look_for_silence)
                self._on_change(item)
            case Down(reason=reason):
                self._go_down(reason)
                self._on_change(item)
            case Failed(error=error):
                self._why_down = str(error)
                self._on_change(item)

    def _replied(self, frame: Frame) -> None:
        if self._connection is None:
            return  # of a connection that was given up
        try:
            settled = self._exchange.replied(frame.reply, self._heard_at, frame.headers.get("Job-UUID"))
        except OutOfStep as error:
            log.error("event_socket.out_of_step", reason=str(error))
            self._link.restart()
        else:
            self._settle(settled)

    def _go_down(self, reason: str) -> None:
        self._connection = None
        self._why_down = reason
        if self._watch is not None:
            self._watch.cancel()
        for ticket, stage in self._exchange.lost():
            waiting = self._waiting.pop(ticket)
            self._fail(waiting, ConnectionLost(waiting.command, stage, reason))

    # ── how a command ends ────────────────────────────────────────────────────────────────────────────────────────────

    def _settle(self, settled: Settled | None) -> None:
        if settled is None:
            return
        waiting = self._waiting.pop(settled.ticket)
        text = settled.text.removesuffix("\n")
        if text.startswith(("-ERR", "-USAGE")):
            self._fail(waiting, CommandRefused(waiting.command, text))
            return
        waiting.timer.cancel()
        if not waiting.future.done():
            self._watcher.command_ended(waiting.command, CommandResult.OK, settled.sent_at - waiting.asked_at)
            waiting.future.set_result(Reply(text, settled.sent_at, settled.at))

    def _expire(self, ticket: int, timeout_s: float) -> None:
        waiting = self._waiting[ticket]
        stage = self._give_up(ticket)
        self._fail(waiting, CommandTimeout(waiting.command, stage, timeout_s))

    def _cancelled(self, ticket: int) -> None:
        if (waiting := self._waiting.get(ticket)) is not None:
            self._watcher.command_ended(waiting.command, CommandResult.GIVEN_UP, None)
            self._give_up(ticket)

    def _give_up(self, ticket: int) -> CommandStage:
        waiting = self._waiting.pop(ticket, None)
        if waiting is None:
            return CommandStage.NOT_SENT
        waiting.timer.cancel()
        return self._exchange.abandon(ticket, withdrawn=self._link.withdraw(waiting.outgoing))

    def _fail(self, waiting: _Waiting, error: CommandFailed) -> None:
        waiting.timer.cancel()
        if not waiting.future.done():
            self._watcher.command_ended(waiting.command, result_of(error), None)
            waiting.future.set_exception(error)

    # ── silence ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def _look_for_silence(self) -> None:
        now = self._loop.time()
        due = self._heard_at + SILENCE_S
        if due > now:
            self._watch = self._loop.call_at(due, self._look_for_silence)
            return
        self.send(status(), PROBE_LIMIT_S).add_done_callback(_retrieve)
        self._watch = self._loop.call_at(now + PROBE_LIMIT_S, self._look_for_a_sign_of_life, now)

    def _look_for_a_sign_of_life(self, since: float) -> None:
        if self._heard_at > since:
            self._look_for_silence()
            return
        log.warning("event_socket.silent", seconds=round(self._loop.time() - self._heard_at))
        self._link.restart()


def _retrieve(future: asyncio.Future[Reply]) -> None:
    """Whether the probe was answered is seen from the link; its own error tells nothing more."""
    if not future.cancelled():
        future.exception()
