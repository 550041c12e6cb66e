"""How a call begins: the robot dials, or somebody calls in. What comes after the answer is the same for both.

A beginning has its node, writes the attempt down before anything is done, and brings the channel to its answer.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol
from uuid import uuid4

from robot.call.channel import Channel
from robot.call.failures import DialRefused
from robot.call.nodes import Node
from robot.call.plan import CallPlan
from robot.esl import commands
from robot.esl.errors import BadArgument
from robot.esl.hook import IncomingCall
from robot.store.campaign_records import Claim, NextTry
from robot.store.records import AttemptResult, Direction, NewAttempt, NewIncomingCall
from robot.store.store import Store


class Beginning(Protocol):
    """uuid: the attempt's and the channel's. node: where one call is counted until `release`."""

    uuid: str
    node: Node
    direction: Direction

    async def write_down(self, store: Store) -> None:
        """Raises StoreError: then nothing has been done, and nothing must be."""

    async def connect(self, channel: Channel, stream_token: str) -> int | None:
        """Returns when the channel is answered; for how long it rang, in ms. Raises CallFailure."""

    def next_try(self, result: AttemptResult) -> NextTry | None:
        """When the person may be called again, after this; None: not by the campaign."""

    def release(self) -> None:
        """The call is over."""


@dataclass(frozen=True, slots=True)
class FromList:
    """A call that was chosen from a campaign's list.

    claim: the right to it. known_attempts: of how many attempts at the number the rules knew when they allowed it.
    after: what they say of the next one, given the outcome and when the attempt was made. turn: comes back when the
    call may be dialled, after it was written down.
    """

    claim: Claim
    known_attempts: int
    after: Callable[[AttemptResult, datetime], NextTry | None]
    turn: Callable[[], Awaitable[None]]


class Outgoing:
    """The robot calls `plan.number`. listed: None: somebody asked for this very call."""

    direction = Direction.OUTGOING

    def __init__(self, plan: CallPlan, node: Node, now: Callable[[], float], listed: FromList | None = None) -> None:
        self.uuid = str(uuid4())
        self.node = node
        self._plan = plan
        self._now = now
        self._listed = listed
        self._created_at = datetime.now(UTC)

    async def write_down(self, store: Store) -> None:
        plan, listed = self._plan, self._listed
        self._created_at = datetime.now(UTC)
        await store.begin_attempt(
            NewAttempt(
                uuid=self.uuid, campaign=plan.campaign, number=plan.number, caller_id=plan.caller_id,
                gateway=plan.gateway, node=self.node.name, created_at=self._created_at, fields=dict(plan.fields),
                claim=None if listed is None else listed.claim,
                known_attempts=None if listed is None else listed.known_attempts,
            )
        )  # fmt: skip

    def next_try(self, result: AttemptResult) -> NextTry | None:
        return None if self._listed is None else self._listed.after(result, self._created_at)

    async def connect(self, channel: Channel, stream_token: str) -> int | None:
        if self._listed is not None:
            await self._listed.turn()
        sent_at = self._now()
        await channel.dial(self._originate(stream_token), self._plan.ring_timeout_s)
        return round(((channel.answered_at or self._now()) - sent_at) * 1000)

    def _originate(self, stream_token: str) -> commands.Command:
        plan = self._plan
        try:
            return commands.originate(
                self.uuid,
                plan.gateway,
                plan.number,
                number_format=plan.number_format,
                caller_id=plan.caller_id,
                ring_timeout_s=plan.ring_timeout_s,
                stream_token=stream_token,
            )
        except BadArgument as error:
            raise DialRefused(f"the call cannot be placed: {error}") from error

    def release(self) -> None:
        self.node.release()


class Incoming:
    """Somebody calls in; `caller`: their number as E.164, None when it is withheld."""

    direction = Direction.INCOMING

    def __init__(self, plan: CallPlan, node: Node, call: IncomingCall, caller: str | None) -> None:
        self.uuid = call.uuid
        self.node = node
        self._plan = plan
        self._call = call
        self._caller = caller

    async def write_down(self, store: Store) -> None:
        await store.begin_incoming(
            NewIncomingCall(
                uuid=self.uuid, campaign=self._plan.campaign, number=self._caller, dialled=self._call.dialled,
                node=self.node.name, created_at=datetime.now(UTC),
            )
        )  # fmt: skip

    async def connect(self, channel: Channel, stream_token: str) -> int | None:
        take_over = commands.take_over(self.uuid, stream_token=stream_token)
        await channel.pick_up(take_over, answered=self._call.answered)
        return None

    def next_try(self, result: AttemptResult) -> NextTry | None:
        return None  # who calls us decides that themselves

    def release(self) -> None:
        """A channel that could not be hung up goes back to the dialplan."""
        self._call.release()
        self.node.release()
