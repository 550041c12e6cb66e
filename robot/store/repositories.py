"""Attempts in the tables: what is written before a call is dialled, while it goes on, and when it is over.

Each method works inside its caller's transaction, takes and gives records, decides nothing. Whether an attempt may be
dialled, and what its outcome means, is known elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Executable, and_, func, select, update
from sqlalchemy.orm import Session, joinedload, selectinload

from robot.store.campaign_records import NextTry
from robot.store.campaigns import CampaignRepository
from robot.store.claims import ClaimRepository
from robot.store.contacts import ContactRepository
from robot.store.do_not_call import DoNotCallRepository
from robot.store.errors import DuplicateAttempt, OnDoNotCallList, UnknownAttempt
from robot.store.records import (
    DO_NOT_CALL,
    AttemptResult,
    BargeInRecord,
    Direction,
    DoNotCallSource,
    ExpiredRecording,
    Handover,
    LatencyRecord,
    NewAttempt,
    NewDoNotCall,
    NewIncomingCall,
    StoredAttempt,
    TurnRecord,
)
from robot.store.schema import Attempt, BargeIn, Base, Campaign, Contact, Latency, Turn
from robot.store.statements import insert_into, insert_unless_there, rows_changed

# Their codes in 255 letters.
_MOST_FAULTS: Final = 10
_LATENCY_FIELDS: Final = tuple(each.name for each in fields(LatencyRecord))


class AttemptRepository:
    """The life of an attempt: begin, then what happens to it, then finish, exactly once."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def begin(self, new: NewAttempt, *, repeated: bool = False) -> None:
        """Write the attempt, and its campaign and contact when they are new. Commit before anything is dialled.

        repeated: an earlier try may have been committed without our knowing; the row it left is ours then.
        Raises DuplicateAttempt when the uuid is taken, OnDoNotCallList, ClaimLost and CalledMeanwhile.
        """
        do_not_call = DoNotCallRepository(self._session)
        do_not_call.lock(shared=True)
        if entry := do_not_call.find(new.number, new.campaign):
            raise OnDoNotCallList(entry)
        contacts, claim = ContactRepository(self._session), new.claim
        campaign_id = CampaignRepository(self._session).ensure(new.campaign)
        contact_id = contacts.ensure(campaign_id, new.number, new.fields) if claim is None else claim.contact_id
        row = {
            "uuid": new.uuid,
            "campaign_id": campaign_id,
            "contact_id": contact_id,
            "number": new.number,
            "caller_id": new.caller_id,
            "gateway": new.gateway,
            "node": new.node,
            "created_at": new.created_at,
            "owner": None if claim is None else claim.owner,
        }
        if repeated and self._is(row):
            return
        claims = ClaimRepository(self._session)
        if claim is None:
            contacts.enter_call(contact_id)
        else:
            claims.use(new, claim)
        if new.known_attempts is not None:
            claims.check_history(new.number, new.known_attempts)
        self._insert(row, repeated=False)

    def begin_incoming(self, new: NewIncomingCall, *, repeated: bool = False) -> dict[str, str]:
        """Write a call that came in; what is known of the contact who calls, empty for a stranger.

        The contact is the one of that number in the campaign, or else the one that was called last. A stranger becomes
        no contact: nobody is called for having called. Raises DuplicateAttempt.
        """
        campaign_id = None if new.campaign is None else CampaignRepository(self._session).ensure(new.campaign)
        contact = self._caller(new.number, campaign_id)
        row = {
            "uuid": new.uuid,
            "direction": Direction.INCOMING.value,
            "campaign_id": campaign_id,
            "contact_id": None if contact is None else contact.id,
            "number": new.number,
            "caller_id": new.dialled[:64],
            "node": new.node,
            "created_at": new.created_at,
        }
        self._insert(row, repeated=repeated)
        return {} if contact is None else dict(contact.fields)

    def _caller(self, number: str | None, campaign_id: int | None) -> Contact | None:
        if number is None:
            return None
        in_campaign = select(Contact).where(Contact.campaign_id == campaign_id, Contact.number == number)
        return self._session.scalar(in_campaign) or self._session.scalar(
            select(Contact).join(Attempt, Attempt.contact_id == Contact.id).where(self._calls_to(number))
            .order_by(Attempt.created_at.desc()).limit(1)
        )  # fmt: skip

    def last_campaign(self, number: str) -> str | None:
        """The campaign that called `number` last; None when none did."""
        return self._session.scalar(
            select(Campaign.name).join(Attempt, Attempt.campaign_id == Campaign.id).where(self._calls_to(number))
            .order_by(Attempt.created_at.desc()).limit(1)
        )  # fmt: skip

    @staticmethod
    def _calls_to(number: str) -> ColumnElement[bool]:
        return and_(Attempt.number == number, Attempt.direction == Direction.OUTGOING.value)

    def _insert(self, row: dict[str, Any], *, repeated: bool) -> None:
        if not insert_unless_there(self._session, Attempt, row, ["uuid"]) and not (repeated and self._is(row)):
            raise DuplicateAttempt(row["uuid"])

    def expired_recordings(self, now: datetime, limit: int) -> list[ExpiredRecording]:
        """Those whose time is over, the oldest first, at most `limit`."""
        expired = (
            select(Attempt.uuid, Attempt.recording)
            .where(Attempt.recording_expires_at <= now, Attempt.recording.is_not(None))
            .order_by(Attempt.recording_expires_at)
            .limit(limit)
        )
        return [ExpiredRecording(uuid, path) for uuid, path in self._session.execute(expired) if path is not None]

    def recording_started(self, uuid: str, path: str, expires_at: datetime | None) -> None:
        """Raises UnknownAttempt."""
        attempt = update(Attempt).where(Attempt.uuid == uuid)
        self._change(uuid, attempt.values(recording=path, recording_expires_at=expires_at))

    def recording_deleted(self, uuid: str) -> None:
        """The path goes too: it leads nowhere."""
        gone = update(Attempt).where(Attempt.uuid == uuid)
        self._session.execute(gone.values(recording=None, recording_expires_at=None))

    def mark_answered(self, uuid: str, at: datetime, ring_ms: int | None) -> None:
        """The first time counts. Raises UnknownAttempt."""
        unmarked = update(Attempt).where(Attempt.uuid == uuid, Attempt.answered_at.is_(None))
        self._change(uuid, unmarked.values(answered_at=at, ring_ms=ring_ms))

    def save_progress(
        self,
        uuid: str,
        turns: Sequence[TurnRecord],
        barge_ins: Sequence[BargeInRecord],
        latencies: Sequence[LatencyRecord],
    ) -> bool:
        """Write all that is known so far: what was written before is replaced, turns by `seq`, the rest by place.

        False when the attempt has its outcome already: nothing is changed then. Raises UnknownAttempt.
        """
        # The lock keeps a finish in another connection waiting, so that progress never comes after the end.
        attempt = select(Attempt.outcome).where(Attempt.uuid == uuid).with_for_update()
        row = self._session.execute(attempt).one_or_none()
        if row is None:
            raise UnknownAttempt(uuid)
        if row.outcome is not None:
            return False
        self._write_parts(uuid, turns, barge_ins, latencies)
        return True

    def finish(
        self,
        uuid: str,
        result: AttemptResult,
        turns: Sequence[TurnRecord],
        barge_ins: Sequence[BargeInRecord],
        latencies: Sequence[LatencyRecord],
        next_try: NextTry | None = None,
    ) -> bool:
        """Write the outcome and all that belongs to it, unless the attempt has one: then False, and nothing changes.

        next_try: when the contact may be called again; None: it is done.
        With the outcome `do_not_call` the number comes on the do-not-call list, for all campaigns.
        Raises UnknownAttempt.
        """
        if result.outcome == DO_NOT_CALL:
            DoNotCallRepository(self._session).lock()
        values = {each.name: getattr(result, each.name) for each in fields(result)} | {
            "answers": dict(result.answers),
            "faults": " ".join(result.faults[:_MOST_FAULTS]) or None,
            "answered_at": func.coalesce(result.answered_at, Attempt.answered_at),
            "ring_ms": func.coalesce(result.ring_ms, Attempt.ring_ms),
        }
        if not self._change(
            uuid, update(Attempt).where(Attempt.uuid == uuid, Attempt.outcome.is_(None)).values(values)
        ):
            return False
        self._write_parts(uuid, turns, barge_ins, latencies)
        if result.outcome == DO_NOT_CALL:
            self._keep_from_calling(uuid, result.ended_at)
        dialled = select(Attempt.contact_id).where(
            Attempt.uuid == uuid, Attempt.direction == Direction.OUTGOING.value, Attempt.contact_id.is_not(None)
        )
        if (contact_id := self._session.scalar(dialled)) is not None:
            ContactRepository(self._session).leave_call(contact_id, result.outcome, next_try)
        return True

    def _keep_from_calling(self, uuid: str, at: datetime) -> None:
        number = self._session.scalar(select(Attempt.number).where(Attempt.uuid == uuid))
        if number is not None:
            wish = NewDoNotCall(number, at, DoNotCallSource.CALLEE, attempt_uuid=uuid)
            DoNotCallRepository(self._session).add([wish], {})

    def get(self, uuid: str) -> StoredAttempt:
        """Raises UnknownAttempt."""
        found = self._load(Attempt.uuid == uuid)
        if not found:
            raise UnknownAttempt(uuid)
        return found[0]

    def unfinished(self, owner: str | None = None, node: str | None = None) -> list[StoredAttempt]:
        """Those without an outcome, oldest first: calls that are going on, and those that a crash left behind.

        owner, node: only those of that daemon, on that FreeSWITCH.
        """
        wanted: list[ColumnElement[bool]] = [Attempt.outcome.is_(None)]
        if owner is not None:
            wanted.append(Attempt.owner == owner)
        if node is not None:
            wanted.append(Attempt.node == node)
        return self._load(*wanted)

    def outcomes(self, campaign: str) -> dict[str, int]:
        """How many attempts of the campaign came to each outcome; those without one are not counted."""
        counted = (
            select(Attempt.outcome, func.count())
            .join(Campaign, Campaign.id == Attempt.campaign_id)
            .where(Campaign.name == campaign, Attempt.outcome.is_not(None))
            .group_by(Attempt.outcome)
        )
        return {str(outcome): count for outcome, count in self._session.execute(counted)}

    # ------------------------------------------------------------------------------------------------------------------

    def _load(self, *conditions: ColumnElement[bool]) -> list[StoredAttempt]:
        wanted = (
            select(Attempt)
            .where(*conditions)
            .options(
                joinedload(Attempt.campaign),
                joinedload(Attempt.contact),
                selectinload(Attempt.turns),
                selectinload(Attempt.barge_ins),
                selectinload(Attempt.latencies),
            )
            .order_by(Attempt.created_at)
        )
        return [_stored(attempt) for attempt in self._session.scalars(wanted)]

    def _is(self, values: Mapping[str, Any]) -> bool:
        """Whether there is an attempt with exactly these values."""
        return self._session.scalar(select(Attempt.uuid).filter_by(**values)) is not None

    def _change(self, uuid: str, change: Executable) -> bool:
        """Whether the row was changed; False when it had been before. Raises UnknownAttempt when there is none."""
        if rows_changed(self._session, change):
            return True
        if not self._is({"uuid": uuid}):
            raise UnknownAttempt(uuid)
        return False

    def _write_parts(
        self,
        uuid: str,
        turns: Iterable[TurnRecord],
        barge_ins: Iterable[BargeInRecord],
        latencies: Iterable[LatencyRecord],
    ) -> None:
        of_attempt = {"attempt_uuid": uuid}
        _upsert(self._session, Turn, [of_attempt | asdict(turn) for turn in turns])
        numbered = enumerate(barge_ins, 1)
        _upsert(self._session, BargeIn, [of_attempt | {"seq": seq} | asdict(barge_in) for seq, barge_in in numbered])
        in_order = enumerate(latencies, 1)
        _upsert(self._session, Latency, [of_attempt | {"seq": seq} | asdict(latency) for seq, latency in in_order])


def _stored(attempt: Attempt) -> StoredAttempt:
    return StoredAttempt(
        uuid=attempt.uuid,
        direction=Direction(attempt.direction),
        campaign=None if attempt.campaign is None else attempt.campaign.name,
        number=attempt.number,
        caller_id=attempt.caller_id,
        gateway=attempt.gateway,
        node=attempt.node,
        fields={} if attempt.contact is None else attempt.contact.fields,
        created_at=attempt.created_at,
        answered_at=attempt.answered_at,
        ended_at=attempt.ended_at,
        outcome=attempt.outcome,
        hangup_cause=attempt.hangup_cause,
        amd=attempt.amd,
        ring_ms=attempt.ring_ms,
        talk_ms=attempt.talk_ms,
        recording=attempt.recording,
        recording_expires_at=attempt.recording_expires_at,
        error=attempt.error,
        amd_confidence=attempt.amd_confidence,
        amd_reason=attempt.amd_reason,
        callback_earliest=attempt.callback_earliest,
        callback_latest=attempt.callback_latest,
        transferred_to=attempt.transferred_to,
        answers=attempt.answers,
        handover=None if attempt.handover is None else Handover(attempt.handover),
        faults=tuple((attempt.faults or "").split()),
        turns=tuple(
            TurnRecord(
                turn.seq,
                turn.speaker,
                turn.text,
                turn.intent,
                turn.start_ms,
                turn.end_ms,
                turn.interrupted,
                turn.step,
                turn.intent_confidence,
                turn.intent_reason,
            )
            for turn in attempt.turns
        ),
        barge_ins=tuple(
            BargeInRecord(each.at_ms, each.speech_ms, each.text, each.detect_ms, each.break_ms)
            for each in attempt.barge_ins
        ),
        latencies=tuple(
            LatencyRecord(**{name: getattr(each, name) for name in _LATENCY_FIELDS}) for each in attempt.latencies
        ),
        owner=attempt.owner,
    )


def _upsert(session: Session, table: type[Base], rows: list[dict[str, Any]]) -> None:
    if not rows:
        return
    insert = insert_into(session, table)
    replaced = {name: insert.excluded[name] for name in rows[0] if name not in ("attempt_uuid", "seq")}
    # The rows apart from the statement: SQLAlchemy compiles it once and not for every number of rows.
    session.execute(insert.on_conflict_do_update(index_elements=["attempt_uuid", "seq"], set_=replaced), rows)
