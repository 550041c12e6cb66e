"""What happened, as it is written once the database takes it: facts, which stay true however late that is.

Each can be written again without harm, so that whoever does not know whether it was may do so. They are plain enough to
lie in a file meanwhile (`robot.store.journal`), and say themselves how they come into the tables.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Final, Literal

from pydantic import Field, TypeAdapter
from sqlalchemy.orm import Session

from robot.store.campaign_records import NextTry
from robot.store.do_not_call import DoNotCallRepository
from robot.store.errors import UnknownAttempt
from robot.store.outbox import WebhookRepository
from robot.store.records import (
    DO_NOT_CALL,
    AttemptResult,
    BargeInRecord,
    LatencyRecord,
    NewDoNotCall,
    NewWebhook,
    TurnRecord,
)
from robot.store.repositories import AttemptRepository

_PARTS_REFUSED: Final = "the database refused what belongs to this call: see the folder `database.spool`"


@dataclass(frozen=True, slots=True)
class Answered:
    """The attempt `uuid` was answered."""

    uuid: str
    at: datetime
    ring_ms: int | None
    kind: Literal["answered"] = "answered"

    @property
    def of(self) -> str:
        return self.uuid

    def write(self, session: Session) -> None:
        AttemptRepository(session).mark_answered(self.uuid, self.at, self.ring_ms)


@dataclass(frozen=True, slots=True)
class RecordingBegan:
    """FreeSWITCH records the attempt `uuid` into `path`, until `expires_at` on; None: to be kept for ever."""

    uuid: str
    path: str
    expires_at: datetime | None
    kind: Literal["recording_began"] = "recording_began"

    @property
    def of(self) -> str:
        return self.uuid

    def write(self, session: Session) -> None:
        AttemptRepository(session).recording_started(self.uuid, self.path, self.expires_at)


@dataclass(frozen=True, slots=True)
class Progress:
    """All that is known so far of a call that goes on; the latest of a call makes those before it needless."""

    uuid: str
    turns: Sequence[TurnRecord]
    barge_ins: Sequence[BargeInRecord]
    latencies: Sequence[LatencyRecord]
    kind: Literal["progress"] = "progress"

    @property
    def of(self) -> str:
        return self.uuid

    def write(self, session: Session) -> None:
        AttemptRepository(session).save_progress(self.uuid, self.turns, self.barge_ins, self.latencies)


@dataclass(frozen=True, slots=True)
class Finished:
    """The call is over. next_try: when the contact may be called again; None: it is done. number: the other side's.

    webhook: tells of this outcome, and is sent when it is written.
    """

    uuid: str
    number: str | None
    result: AttemptResult
    turns: Sequence[TurnRecord]
    barge_ins: Sequence[BargeInRecord]
    latencies: Sequence[LatencyRecord]
    next_try: NextTry | None = None
    webhook: NewWebhook | None = None
    kind: Literal["finished"] = "finished"

    @property
    def of(self) -> str:
        return self.uuid

    @property
    def bare(self) -> Finished:
        """The outcome without what may be the reason that the database refuses it: an attempt must not be without."""
        result = replace(self.result, answers={}, error=_PARTS_REFUSED, transferred_to=None)
        return replace(self, result=result, turns=(), barge_ins=(), latencies=())

    def write(self, session: Session) -> None:
        first = AttemptRepository(session).finish(
            self.uuid, self.result, self.turns, self.barge_ins, self.latencies, self.next_try
        )
        if first and self.webhook is not None:
            WebhookRepository(session).post(self.webhook, self.webhook.created_at)


@dataclass(frozen=True, slots=True)
class NeverDialled:
    """Nothing was dialled for the attempt `uuid`, which may have been written down or not: nobody was told."""

    uuid: str
    result: AttemptResult
    next_try: NextTry | None
    kind: Literal["never_dialled"] = "never_dialled"

    @property
    def of(self) -> str:
        return self.uuid

    def write(self, session: Session) -> None:
        try:
            AttemptRepository(session).finish(self.uuid, self.result, (), (), (), self.next_try)
        except UnknownAttempt:
            return  # it was not


@dataclass(frozen=True, slots=True)
class OptedOut:
    """Somebody does not want to be called again."""

    wish: NewDoNotCall
    kind: Literal["opted_out"] = "opted_out"

    @property
    def of(self) -> str:
        return self.wish.attempt_uuid or self.wish.what

    def write(self, session: Session) -> None:
        DoNotCallRepository(session).add([self.wish], {})


@dataclass(frozen=True, slots=True)
class WebhookDue:
    """To be sent from `next_try_at` on."""

    new: NewWebhook
    next_try_at: datetime
    kind: Literal["webhook_due"] = "webhook_due"

    @property
    def of(self) -> str:
        return self.new.id

    def write(self, session: Session) -> None:
        WebhookRepository(session).post(self.new, self.next_try_at)


@dataclass(frozen=True, slots=True)
class WebhookTried:
    """error: why it was not delivered; None: it was. next_try_at: None: there is no other."""

    webhook_id: str
    at: datetime
    error: str | None
    next_try_at: datetime | None
    kind: Literal["webhook_tried"] = "webhook_tried"

    @property
    def of(self) -> str:
        return self.webhook_id

    def write(self, session: Session) -> None:
        outbox = WebhookRepository(session)
        if self.error is None:
            outbox.delivered(self.webhook_id, self.at)
        else:
            outbox.failed(self.webhook_id, self.error, self.next_try_at)


#: `of`: facts of the same thing are written in their order. `write` raises StoreError, as any transaction.
Fact = Answered | RecordingBegan | Progress | Finished | NeverDialled | OptedOut | WebhookDue | WebhookTried

_JSON: Final[TypeAdapter[Fact]] = TypeAdapter(Annotated[Fact, Field(discriminator="kind")])


def to_json(fact: Fact) -> bytes:
    """One line, without its end."""
    return _JSON.dump_json(fact)


def from_json(line: bytes) -> Fact:
    """Raises ValueError for what is no fact that this version knows; it does not repeat the line."""
    try:
        return _JSON.validate_json(line)
    except ValueError:
        raise ValueError("is not a fact that this version of the robot knows") from None


def opts_out(fact: Fact) -> str | None:
    """The number that nobody may call after this."""
    match fact:
        case OptedOut(wish=wish):
            return wish.what
        case Finished(number=number, result=result) if result.outcome == DO_NOT_CALL:
            return number
        case _:
            return None


def has_outcome(fact: Fact) -> bool:
    """Whether the attempt `fact.of` has an outcome after this."""
    return isinstance(fact, Finished | NeverDialled)


def write_facts(facts: Sequence[Fact], session: Session) -> None:
    """In their order. Raises StoreError."""
    if any(opts_out(fact) for fact in facts):
        DoNotCallRepository(session).lock()  # before anything else: see there
    for fact in facts:
        fact.write(session)
