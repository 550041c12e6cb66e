"""Calls for people to look through: the newest first, a page at a time, of one campaign or of all."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session

from robot.store.reporting import Period
from robot.store.schema import Attempt, Campaign


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which calls. None: all. outcome: `` is a call that goes on."""

    campaign: str | None = None
    outcome: str | None = None
    answered: bool | None = None
    period: Period = field(default_factory=Period)


@dataclass(frozen=True, slots=True)
class CallLine:
    """A call in a list. campaign: None: a call that came in for none."""

    uuid: str
    campaign: str | None
    direction: str
    number: str | None
    node: str
    created_at: datetime
    answered_at: datetime | None
    ended_at: datetime | None
    outcome: str | None
    hangup_cause: str | None
    amd: str | None
    ring_ms: int | None
    talk_ms: int | None
    recording: bool


class CallList:
    def __init__(self, session: Session) -> None:
        self._session = session

    def page(self, wanted: Wanted, before: tuple[datetime, str] | None, limit: int) -> list[CallLine]:
        """before: `created_at` and `uuid` of the last call of the page before."""
        names: dict[int | None, str | None] = {
            campaign.id: campaign.name for campaign in self._session.execute(select(Campaign.id, Campaign.name))
        }
        if wanted.campaign is None:
            names[None] = None
        else:
            names = {key: name for key, name in names.items() if name == wanted.campaign}
        # Campaign by campaign, for which there is an index in the order of time; there are few of them.
        found = [line for key, name in names.items() for line in self._of(key, name, wanted, before, limit)]
        return sorted(found, key=lambda line: (line.created_at, line.uuid), reverse=True)[:limit]

    def _of(
        self, key: int | None, name: str | None, wanted: Wanted, before: tuple[datetime, str] | None, limit: int
    ) -> list[CallLine]:
        rows = self._session.execute(
            select(
                Attempt.uuid, Attempt.direction, Attempt.number, Attempt.node, Attempt.created_at, Attempt.answered_at,
                Attempt.ended_at, Attempt.outcome, Attempt.hangup_cause, Attempt.amd, Attempt.ring_ms, Attempt.talk_ms,
                Attempt.recording.is_not(None).label("recording"),
            )
            .where(Attempt.campaign_id.is_(None) if key is None else Attempt.campaign_id == key)
            .where(*_conditions(wanted, before))
            .order_by(Attempt.created_at.desc(), Attempt.uuid.desc())
            .limit(limit)
        )  # fmt: skip
        return [CallLine(campaign=name, **row) for row in rows.mappings()]


def _conditions(wanted: Wanted, before: tuple[datetime, str] | None) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.outcome is not None:
        conditions.append(Attempt.outcome == wanted.outcome if wanted.outcome else Attempt.outcome.is_(None))
    if wanted.answered is not None:
        conditions.append(Attempt.answered_at.is_not(None) if wanted.answered else Attempt.answered_at.is_(None))
    if wanted.period.since is not None:
        conditions.append(Attempt.created_at >= wanted.period.since)
    if wanted.period.until is not None:
        conditions.append(Attempt.created_at < wanted.period.until)
    if before is not None:
        at, uuid = before
        conditions += [Attempt.created_at <= at, or_(Attempt.created_at < at, and_(Attempt.uuid < uuid))]
    return conditions
