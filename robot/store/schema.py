"""The tables, as SQLAlchemy models. Used by the repositories only; callers see `robot.store.records`.

A change here needs a migration in `robot/store/migrations/versions`: a test compares the two on both databases.
Words that may grow (a contact's state, an outcome) are plain text: a CHECK would make SQLite copy the whole table for
each new word.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship
from sqlalchemy.types import TypeDecorator

NAMING_CONVENTION: Final = {
    "pk": "pk_%(table_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
}


class UtcDateTime(TypeDecorator[datetime]):
    """Aware datetimes: `timestamptz` on PostgreSQL, text in UTC on SQLite, which knows no zones. Read back in UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone cannot be stored: make it aware, like datetime.now(UTC)")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class FreeText(TypeDecorator[str]):
    """What people, models and other programmes wrote. PostgreSQL takes neither NUL nor lone surrogates: one of them in
    a transcript must not cost the outcome of the call."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else _storable(value)


class FreeTexts(TypeDecorator[dict[str, str]]):
    """Free texts by name, as JSON, in which PostgreSQL takes no more than in text."""

    impl = JSON().with_variant(JSONB, "postgresql")
    cache_ok = True

    def process_bind_param(self, value: dict[str, str] | None, dialect: Dialect) -> dict[str, str] | None:
        return None if value is None else {_storable(name): _storable(text) for name, text in value.items()}


def _storable(text: str) -> str:
    return text.replace("\0", "").encode("utf-8", "replace").decode("utf-8")


# SQLite counts rows by themselves only in an INTEGER column.
_RowId: Final = BigInteger().with_variant(Integer, "sqlite")
# FreeSWITCH's spelling on SQLite too, so that a uuid from a log can be searched for as it is.
_ChannelUuid: Final = Uuid(as_uuid=False).with_variant(String(36), "sqlite")
_Json: Final = JSON().with_variant(JSONB, "postgresql")
_Number: Final = String(16)  # E.164: + and at most 15 digits
_WHERE_EVERYWHERE: Final[dict[str, Any]] = {
    f"{dialect}_where": text("campaign_id IS NULL") for dialect in ("sqlite", "postgresql")
}


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMING_CONVENTION)


class Campaign(Base):
    __tablename__ = "campaigns"
    __table_args__ = (UniqueConstraint("name"),)

    id: Mapped[int] = mapped_column(_RowId, primary_key=True)
    name: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    state: Mapped[str] = mapped_column(String(16), server_default="stopped")
    changed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # its state
    reason: Mapped[str | None] = mapped_column(FreeText)  # for its state
    folder: Mapped[str | None] = mapped_column(FreeText)
    pace: Mapped[dict[str, float]] = mapped_column(_Json, server_default="{}")


class Contact(Base):
    """A person on a campaign's list.

    next_at: when it may be claimed next, which of one that is claimed is when its lease runs out; null: in a call, or
    done. claims: how often it was claimed, by which a claim knows whether it still counts. reason: why it waits, or
    is done without a call.
    """

    __tablename__ = "contacts"
    __table_args__ = (
        UniqueConstraint("campaign_id", "number"),  # a person is on a list once
        # How many are in each state. PostgreSQL keeps one entry for many equal rows: 7 MB a million.
        Index(None, "campaign_id", "state"),
        Index(None, "number"),  # the same person on other lists
        # Who is next.
        Index(
            "ix_contacts_due",
            "campaign_id",
            "priority",
            "next_at",
            "id",
            sqlite_where=text("next_at IS NOT NULL"),
            postgresql_where=text("next_at IS NOT NULL"),
        ),
        # What a daemon that ends, or died, gives back.
        Index(
            "ix_contacts_claimed",
            "lease_owner",
            sqlite_where=text("lease_owner IS NOT NULL"),
            postgresql_where=text("lease_owner IS NOT NULL"),
        ),
        CheckConstraint("number LIKE '+%'", name="number_e164"),
    )

    id: Mapped[int] = mapped_column(_RowId, primary_key=True)
    campaign_id: Mapped[int] = mapped_column(ForeignKey(Campaign.id))
    number: Mapped[str] = mapped_column(_Number)
    fields: Mapped[dict[str, str]] = mapped_column(FreeTexts)
    state: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    next_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    priority: Mapped[int] = mapped_column(Integer, server_default="0")
    attempts: Mapped[int] = mapped_column(Integer, server_default="0")
    last_outcome: Mapped[str | None] = mapped_column(String(64))
    reason: Mapped[str | None] = mapped_column(FreeText)
    lease_owner: Mapped[str | None] = mapped_column(String(64))
    claims: Mapped[int] = mapped_column(Integer, server_default="0")


class Attempt(Base):
    """`number` is the contact's when it was dialled: it stays although the contact's may be corrected.

    Of a call that came in: the caller's, and `caller_id` the one that was dialled. What is not known is null.
    """

    __tablename__ = "attempts"
    __table_args__ = (
        Index(None, "contact_id"),
        Index(None, "campaign_id", "direction", "outcome"),  # counts, of a million in 0.1 s
        Index(None, "campaign_id", "created_at"),  # those of some days, and all in their order, a page at a time
        Index(None, "number", "created_at"),  # how often was this person called today, in all campaigns
        # What a crash left behind: as small as the number of calls that are going on.
        Index(
            "ix_attempts_unfinished",
            "created_at",
            sqlite_where=text("outcome IS NULL"),
            postgresql_where=text("outcome IS NULL"),
        ),
        CheckConstraint("number LIKE '+%'", name="number_e164"),
        # What became of those who were to talk to an agent.
        Index(
            "ix_attempts_handovers",
            "campaign_id",
            "created_at",
            "handover",
            sqlite_where=text("handover IS NOT NULL"),
            postgresql_where=text("handover IS NOT NULL"),
        ),
        # What is to be deleted, and when.
        Index(
            "ix_attempts_recordings",
            "recording_expires_at",
            sqlite_where=text("recording_expires_at IS NOT NULL"),
            postgresql_where=text("recording_expires_at IS NOT NULL"),
        ),
        CheckConstraint("outcome IS NULL OR ended_at IS NOT NULL", name="outcome_has_end"),
        CheckConstraint(
            "direction = 'incoming' OR direction = 'outgoing' AND campaign_id IS NOT NULL AND contact_id IS NOT NULL "
            "AND number IS NOT NULL AND gateway IS NOT NULL",
            name="direction",
        ),
    )

    uuid: Mapped[str] = mapped_column(_ChannelUuid, primary_key=True)
    direction: Mapped[str] = mapped_column(String(8), server_default="outgoing")
    campaign_id: Mapped[int | None] = mapped_column(ForeignKey(Campaign.id))
    contact_id: Mapped[int | None] = mapped_column(ForeignKey(Contact.id))
    number: Mapped[str | None] = mapped_column(_Number)
    caller_id: Mapped[str | None] = mapped_column(String(64))
    gateway: Mapped[str | None] = mapped_column(String(64))
    node: Mapped[str] = mapped_column(String(255))  # a host name
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    answered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    outcome: Mapped[str | None] = mapped_column(String(64))
    hangup_cause: Mapped[str | None] = mapped_column(String(64))
    amd: Mapped[str | None] = mapped_column(String(32))
    ring_ms: Mapped[int | None]
    talk_ms: Mapped[int | None]
    recording: Mapped[str | None] = mapped_column(FreeText)
    recording_expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # null: kept, or deleted already
    error: Mapped[str | None] = mapped_column(FreeText)
    amd_confidence: Mapped[float | None] = mapped_column(Float)
    amd_reason: Mapped[str | None] = mapped_column(FreeText)
    callback_earliest: Mapped[datetime | None] = mapped_column(UtcDateTime)
    callback_latest: Mapped[datetime | None] = mapped_column(UtcDateTime)
    transferred_to: Mapped[str | None] = mapped_column(FreeText)
    answers: Mapped[dict[str, str]] = mapped_column(FreeTexts, server_default="{}")
    owner: Mapped[str | None] = mapped_column(String(64))  # the daemon whose call it is; null: no daemon's
    handover: Mapped[str | None] = mapped_column(String(16))
    faults: Mapped[str | None] = mapped_column(String(255))  # codes, parted by blanks

    campaign: Mapped[Campaign | None] = relationship(lazy="raise")
    contact: Mapped[Contact | None] = relationship(lazy="raise")
    turns: Mapped[list[Turn]] = relationship(lazy="raise", order_by="Turn.seq")
    barge_ins: Mapped[list[BargeIn]] = relationship(lazy="raise", order_by="BargeIn.seq")
    latencies: Mapped[list[Latency]] = relationship(lazy="raise", order_by="Latency.seq")


class _OfAttempt:
    """What an attempt has many of, numbered from 1."""

    attempt_uuid: Mapped[str] = mapped_column(
        _ChannelUuid, ForeignKey(Attempt.uuid, ondelete="CASCADE"), primary_key=True, sort_order=-2
    )
    seq: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False, sort_order=-1)


class Turn(_OfAttempt, Base):
    __tablename__ = "turns"
    __table_args__ = (CheckConstraint("speaker IN ('robot', 'callee')", name="speaker"),)

    speaker: Mapped[str] = mapped_column(String(8))
    text: Mapped[str] = mapped_column(FreeText)
    intent: Mapped[str | None] = mapped_column(String(64))
    start_ms: Mapped[int]
    end_ms: Mapped[int]
    interrupted: Mapped[bool]
    step: Mapped[str | None] = mapped_column(String(64))
    intent_confidence: Mapped[float | None] = mapped_column(Float)
    intent_reason: Mapped[str | None] = mapped_column(FreeText)


class BargeIn(_OfAttempt, Base):
    __tablename__ = "barge_ins"

    at_ms: Mapped[int]
    speech_ms: Mapped[int]
    text: Mapped[str | None] = mapped_column(FreeText)
    detect_ms: Mapped[float | None] = mapped_column(Float)
    break_ms: Mapped[float | None] = mapped_column(Float)


class Latency(_OfAttempt, Base):
    """`turn` is the seq of the turn that was replied to; not a key, since two replies to one turn are possible."""

    __tablename__ = "latencies"

    turn: Mapped[int]
    endpoint_ms: Mapped[int | None]
    stt_ms: Mapped[int | None]
    llm_ms: Mapped[int | None]
    tts_ms: Mapped[int | None]
    total_ms: Mapped[int]
    text_at_ms: Mapped[int | None]
    model_at_ms: Mapped[int | None]
    token_at_ms: Mapped[int | None]
    phrase_at_ms: Mapped[int | None]
    synthesis_at_ms: Mapped[int | None]


class DoNotCall(Base):
    """Whom nobody may call: a number, or all that begin as `pattern` says, like `+331*`.

    `campaign_id` null: in all campaigns. `attempt_uuid` says in which call it was asked for; it is no foreign key, for
    the wish outlives what is kept of the call.
    """

    __tablename__ = "do_not_call"
    __table_args__ = (
        UniqueConstraint("number", "campaign_id", name="uq_do_not_call_number_campaign_id"),
        UniqueConstraint("pattern", "campaign_id", name="uq_do_not_call_pattern_campaign_id"),
        # Nulls are all different to a unique constraint.
        Index("ix_do_not_call_number_everywhere", "number", unique=True, **_WHERE_EVERYWHERE),
        Index("ix_do_not_call_pattern_everywhere", "pattern", unique=True, **_WHERE_EVERYWHERE),
        CheckConstraint(
            "number LIKE '+%' AND pattern IS NULL OR number IS NULL AND pattern LIKE '+%*'", name="number_or_pattern"
        ),
    )

    id: Mapped[int] = mapped_column(_RowId, primary_key=True)
    number: Mapped[str | None] = mapped_column(_Number)
    pattern: Mapped[str | None] = mapped_column(_Number)
    campaign_id: Mapped[int | None] = mapped_column(ForeignKey(Campaign.id))
    added_at: Mapped[datetime] = mapped_column(UtcDateTime)
    source: Mapped[str] = mapped_column(String(16))
    attempt_uuid: Mapped[str | None] = mapped_column(_ChannelUuid)
    note: Mapped[str | None] = mapped_column(FreeText)


class Webhook(Base):
    """The outbox. `next_try_at` null: delivered, or given up; both keep their row for a while."""

    __tablename__ = "webhooks"
    __table_args__ = (
        Index(
            "ix_webhooks_due",
            "next_try_at",
            sqlite_where=text("next_try_at IS NOT NULL"),
            postgresql_where=text("next_try_at IS NOT NULL"),
        ),
        Index(None, "created_at"),  # what is old enough to be deleted
    )

    id: Mapped[str] = mapped_column(_ChannelUuid, primary_key=True)
    url: Mapped[str] = mapped_column(FreeText)
    event: Mapped[str] = mapped_column(String(64))
    body: Mapped[str] = mapped_column(FreeText)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    next_try_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    tries: Mapped[int]
    delivered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_error: Mapped[str | None] = mapped_column(FreeText)
    attempt_uuid: Mapped[str | None] = mapped_column(_ChannelUuid)


class Daemon(Base):
    """A daemon that runs, or died without a word. `process` tells whether it is still there, on its own machine.

    reasons: by campaign, why it calls nobody of it at the moment.
    """

    __tablename__ = "daemons"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    host: Mapped[str] = mapped_column(String(255))
    process: Mapped[str] = mapped_column(String(64))
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    reasons: Mapped[dict[str, str]] = mapped_column(FreeTexts, server_default="{}")
