"""What reports ask of the database: counts of a campaign's attempts, and the calls themselves page by page.

Reads only. Counting is the database's work, so that a report of a million calls brings some hundred rows here; what the
counts mean is known elsewhere.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cached_property
from typing import Any, Final

from sqlalchemy import Integer, Select, case, cast, extract, func, or_, select, text
from sqlalchemy.orm import Session
from sqlalchemy.sql.elements import ColumnElement

from robot.store.database import Database
from robot.store.records import Direction, Handover, TurnRecord
from robot.store.schema import Attempt, Campaign, Contact, Turn
from robot.store.statements import is_postgresql

# A report of millions of calls takes its time; what calls wait for has a limit of its own.
_STATEMENT_TIMEOUT_S: Final = 300
#: All offsets of time zones in use are multiples of this, so counts by it can be told in the hours of any zone.
BUCKET_S: Final = 900
_DAY_S: Final = 86_400
_PAGE: Final = 500


@dataclass(frozen=True, slots=True)
class Period:
    """Attempts begun from `since` on and before `until`; None: from the first on, up to the last. Aware."""

    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class OutcomeCount:
    """outcome: None while a call goes on. answered: how many of them were. talk_ms: of all of them together."""

    outcome: str | None
    attempts: int
    answered: int
    talk_ms: int


@dataclass(frozen=True, slots=True)
class BucketCount:
    """Attempts that began within BUCKET_S from `begin` on (UTC)."""

    begin: datetime
    attempts: int
    answered: int


@dataclass(frozen=True, slots=True)
class NamedCount:
    """name: of whatever was counted by; None: not known, or not given."""

    name: str | None
    attempts: int
    answered: int


@dataclass(frozen=True, slots=True)
class AmdCount:
    """Of answered calls. kind: None where it was not found out. confidence: the mean, 0 to 1; None where none is
    known."""

    kind: str | None
    answered: int
    confidence: float | None


@dataclass(frozen=True, slots=True)
class StepCount:
    """calls: that came to the step. ended: for which it was the last. interrupted: its prompts that were talked over.

    place: where in the conversation it came first, on average (of turns, from 1).
    """

    step: str
    calls: int
    ended: int
    interrupted: int
    place: float


@dataclass(frozen=True, slots=True)
class RecordedCall:
    """An attempt with what was said, for an export. faults: codes of what went wrong, parted by blanks."""

    uuid: str
    direction: str
    number: str | None
    caller_id: str | None
    gateway: str | None
    node: str
    created_at: datetime
    answered_at: datetime | None
    ended_at: datetime | None
    outcome: str | None
    hangup_cause: str | None
    amd: str | None
    amd_confidence: float | None
    ring_ms: int | None
    talk_ms: int | None
    callback_earliest: datetime | None
    callback_latest: datetime | None
    transferred_to: str | None
    recording: str | None
    error: str | None
    faults: str | None
    answers: Mapping[str, str]
    fields: Mapping[str, str]
    turns: tuple[TurnRecord, ...]


class ReportRepository:
    """Of the campaign with the id `campaign_id`. But for `calls` all counts are of calls that the robot placed."""

    def __init__(self, session: Session, campaign_id: int, period: Period = Period()) -> None:
        self._session = session
        self._campaign_id = campaign_id
        self._period = period
        if is_postgresql(session):
            session.execute(text(f"SET LOCAL statement_timeout = '{_STATEMENT_TIMEOUT_S}s'"))

    def contacts(self) -> dict[str, int]:
        """How many contacts are in each state, whenever they were called."""
        counted = (
            select(Contact.state, func.count()).where(Contact.campaign_id == self._campaign_id).group_by(Contact.state)
        )
        return dict(self._session.execute(counted).all())

    def incoming(self) -> int:
        """How many calls came in that had this campaign's conversation."""
        return self._session.execute(select(func.count()).where(*self._within(Direction.INCOMING))).scalar_one()

    def outcomes(self) -> list[OutcomeCount]:
        return [
            OutcomeCount(outcome, sum(g.attempts for g in groups), sum(g.answered for g in groups),
                         sum(g.talk_ms for g in groups))
            for outcome, groups in self._by("outcome").items()
        ]  # fmt: skip

    def buckets(self) -> list[BucketCount]:
        """In the order of time; those without an attempt are not among them."""
        rows = self._grouped(self._bucket(BUCKET_S), func.count(), func.count(Attempt.answered_at))
        counts = (
            BucketCount(datetime.fromtimestamp(int(bucket) * BUCKET_S, UTC), attempts, answered)
            for bucket, attempts, answered in rows
        )
        return sorted(counts, key=lambda count: count.begin)

    def outcomes_by_bucket(self) -> dict[str, dict[int, int]]:
        """Of each outcome, how many calls began within BUCKET_S from a time on, in seconds since 1970. Calls that go on
        are not among them."""
        counted: dict[str, dict[int, int]] = defaultdict(dict)
        what = select(self._bucket(BUCKET_S), Attempt.outcome, func.count()).where(
            *self._within(), Attempt.outcome.is_not(None)
        )
        for bucket, outcome, calls in self._session.execute(what.group_by(text("1"), Attempt.outcome)):
            counted[str(outcome)][int(bucket) * BUCKET_S] = calls
        return counted

    def talk_seconds(self) -> dict[int, int]:
        """How many answered calls had talks of so many times ten seconds, rounded down."""
        tens = Attempt.talk_ms // 10_000
        return {int(ten): count for ten, count in self._grouped(tens, func.count(), where=Attempt.talk_ms.is_not(None))}

    def attempts_per_contact(self) -> dict[int, int]:
        """How many contacts had one attempt, two, and so on."""
        counted = select(func.count().label("attempts")).where(*self._within()).group_by(Attempt.contact_id).subquery()
        rows = self._session.execute(select(counted.c.attempts, func.count()).group_by(counted.c.attempts))
        return dict(sorted((attempts, contacts) for attempts, contacts in rows))

    def hangup_causes(self) -> list[NamedCount]:
        return self._named("hangup_cause")

    def gateways(self) -> list[NamedCount]:
        return self._named("gateway")

    def caller_ids(self) -> list[NamedCount]:
        return self._named("caller_id")

    def faults(self) -> list[NamedCount]:
        """By code: calls in which that went wrong, once or more often."""
        attempts, answered = Counter[str](), Counter[str]()
        counts = (func.count(), func.count(Attempt.answered_at))
        for codes, begun, picked_up in self._grouped(Attempt.faults, *counts, where=Attempt.faults.is_not(None)):
            for code in set(codes.split()):
                attempts[code] += begun
                answered[code] += picked_up
        return [NamedCount(code, calls, answered[code]) for code, calls in sorted(attempts.items(), key=_most_first)]

    def amd(self) -> list[AmdCount]:
        counts = []
        for kind, groups in self._by("amd").items():
            answered, known = sum(g.answered for g in groups), sum(g.confidences for g in groups)
            if answered:
                counts.append(AmdCount(kind, answered, sum(g.confidence for g in groups) / known if known else None))
        return counts

    def handovers(self) -> dict[date, dict[Handover, int]]:
        """By the day (UTC) on which the call began; those without one are not among them."""
        counted: dict[date, dict[Handover, int]] = defaultdict(dict)
        what = select(self._bucket(_DAY_S), Attempt.handover, func.count()).where(
            *self._within(), Attempt.handover.is_not(None)
        )
        for day, handover, calls in self._session.execute(what.group_by(text("1"), Attempt.handover)):
            counted[datetime.fromtimestamp(int(day) * _DAY_S, UTC).date()][Handover(handover)] = calls
        return counted

    def steps(self) -> list[StepCount]:
        """In no order."""
        in_call = (
            select(
                Turn.attempt_uuid,
                Turn.step,
                func.min(Turn.seq).label("first"),
                func.max(Turn.seq).label("last"),
                func.sum(cast(Turn.interrupted, Integer)).label("interrupted"),
            )
            .join(Attempt, Attempt.uuid == Turn.attempt_uuid)
            .where(*self._within(), Attempt.answered_at.is_not(None), Turn.step.is_not(None))
            .group_by(Turn.attempt_uuid, Turn.step)
            .subquery()
        )
        end_of_call = func.max(in_call.c.last).over(partition_by=in_call.c.attempt_uuid)
        came_to = select(
            in_call.c.step,
            in_call.c.interrupted,
            in_call.c.first,
            case((in_call.c.last == end_of_call, 1), else_=0).label("ended"),
        ).subquery()
        counted = select(
            came_to.c.step,
            func.count(),
            func.sum(came_to.c.ended),
            func.sum(came_to.c.interrupted),
            func.avg(came_to.c.first),
        ).group_by(came_to.c.step)
        return [
            StepCount(step, calls, int(ended), int(interrupted), float(place))
            for step, calls, ended, interrupted, place in self._session.execute(counted)
        ]

    def calls_page(self, after: tuple[datetime, str] | None, limit: int = _PAGE) -> list[RecordedCall]:
        """The next calls in the order of their beginning, those that came in among them. after: `created_at` and
        `uuid` of the last one of the page before."""
        wanted = (
            select(*_CALL_COLUMNS, Contact.fields.label("fields"))
            .outerjoin(Contact, Contact.id == Attempt.contact_id)
            .where(*self._within(None))
            .order_by(Attempt.created_at, Attempt.uuid)
            .limit(limit)
        )
        if after is not None:
            at, uuid = after
            # Not as a pair of columns, of which SQLite makes no range of the index.
            wanted = wanted.where(Attempt.created_at >= at, or_(Attempt.created_at > at, Attempt.uuid > uuid))
        rows = self._session.execute(wanted).mappings().all()
        turns = self._turns([row["uuid"] for row in rows])
        return [RecordedCall(**{**row, "fields": row["fields"] or {}}, turns=tuple(turns[row["uuid"]])) for row in rows]

    # ------------------------------------------------------------------------------------------------------------------

    def _turns(self, uuids: list[str]) -> dict[str, list[TurnRecord]]:
        wanted = (
            select(Turn.attempt_uuid, *(getattr(Turn, name) for name in TurnRecord.__dataclass_fields__))
            .where(Turn.attempt_uuid.in_(uuids))
            .order_by(Turn.attempt_uuid, Turn.seq)
        )
        turns: dict[str, list[TurnRecord]] = defaultdict(list)
        for uuid, *values in self._session.execute(wanted):
            turns[uuid].append(TurnRecord(*values))
        return turns

    def _within(self, direction: Direction | None = Direction.OUTGOING) -> list[ColumnElement[bool]]:
        conditions: list[ColumnElement[bool]] = [Attempt.campaign_id == self._campaign_id]
        if direction is not None:
            conditions.append(Attempt.direction == direction.value)
        if self._period.since is not None:
            conditions.append(Attempt.created_at >= self._period.since)
        if self._period.until is not None:
            conditions.append(Attempt.created_at < self._period.until)
        return conditions

    def _grouped(
        self, by: Any, *counts: ColumnElement[Any], where: ColumnElement[bool] | None = None
    ) -> Iterator[tuple[Any, ...]]:
        grouped: Select[Any] = select(by.label("what"), *counts).where(*self._within())
        if where is not None:
            grouped = grouped.where(where)
        yield from (tuple(row) for row in self._session.execute(grouped.group_by(text("1"))))

    @cached_property
    def _groups(self) -> Sequence[Any]:
        """Sums of attempts that are the same in everything they are told apart by: read once, for several counts."""
        sums = select(
            Attempt.outcome, Attempt.hangup_cause, Attempt.gateway, Attempt.caller_id, Attempt.amd,
            func.count().label("attempts"),
            func.count(Attempt.answered_at).label("answered"),
            func.coalesce(func.sum(Attempt.talk_ms), 0).label("talk_ms"),
            func.count(_CONFIDENCE).label("confidences"),
            func.coalesce(func.sum(_CONFIDENCE), 0.0).label("confidence"),
        ).where(*self._within())  # fmt: skip
        by = (Attempt.outcome, Attempt.hangup_cause, Attempt.gateway, Attempt.caller_id, Attempt.amd)
        return self._session.execute(sums.group_by(*by)).all()

    def _by(self, name: str) -> dict[str | None, list[Any]]:
        groups: dict[str | None, list[Any]] = defaultdict(list)
        for group in self._groups:
            groups[getattr(group, name)].append(group)
        return groups

    def _named(self, name: str) -> list[NamedCount]:
        counts = (
            NamedCount(value, sum(g.attempts for g in groups), sum(g.answered for g in groups))
            for value, groups in self._by(name).items()
        )
        return sorted(counts, key=lambda count: (-count.attempts, count.name or ""))

    def _bucket(self, seconds: int) -> ColumnElement[Any]:
        if is_postgresql(self._session):
            return func.floor(extract("epoch", Attempt.created_at) / seconds)
        return cast(func.strftime("%s", Attempt.created_at), Integer) // seconds


def _most_first(counted: tuple[str, int]) -> tuple[int, str]:
    return -counted[1], counted[0]


# Of calls that were answered; of others it would mean nothing.
_CONFIDENCE: Final = case((Attempt.answered_at.is_not(None), Attempt.amd_confidence))
_CALL_COLUMNS: Final = tuple(
    getattr(Attempt, name) for name in RecordedCall.__dataclass_fields__ if name not in ("fields", "turns")
)


def campaign_id_of(session: Session, name: str) -> int | None:
    """None: there is no campaign of that name."""
    return session.scalar(select(Campaign.id).where(Campaign.name == name))


def campaign_names(session: Session) -> list[str]:
    return list(session.scalars(select(Campaign.name).order_by(Campaign.name)))


def all_calls(database: Database, campaign_id: int, period: Period, page: int = _PAGE) -> Iterator[RecordedCall]:
    """All calls of a campaign in the order of their beginning, however many: a page at a time, each read by itself, so
    that neither memory nor a transaction grows."""
    after: tuple[datetime, str] | None = None
    while True:
        with database.read() as session:
            calls = ReportRepository(session, campaign_id, period).calls_page(after, page)
        yield from calls
        if len(calls) < page:
            return
        after = (calls[-1].created_at, calls[-1].uuid)
