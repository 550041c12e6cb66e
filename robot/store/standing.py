"""How campaigns stand at the moment, for whoever looks from another terminal: reads, and changes nothing.

Figures for `robot campaign status` come from indexes and from the last calls alone, so that a list of a million is
looked at in well under a second; those for `robot campaign explain` go through the list.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from robot.store.campaign_records import (
    SILENT_FOR,
    ContactState,
    Daemon,
    Priority,
    StoredCampaign,
    StoredContact,
)
from robot.store.campaigns import CampaignRepository
from robot.store.contacts import ContactRepository
from robot.store.daemons import DaemonRepository
from robot.store.records import Direction
from robot.store.schema import Attempt, Campaign, Contact
from robot.store.schema import Daemon as DaemonRow

#: The pace is that of the calls of so long.
PACE_OVER: Final = timedelta(minutes=5)
#: How many are answered is told from so many, the last ones: their rows are read, and not all of a large campaign.
LAST_CALLS: Final = 1000


@dataclass(frozen=True, slots=True)
class LastCalls:
    """begun: within `over`, up to now. ended: so many at the most; answered: of them."""

    begun: int
    over: timedelta
    ended: int
    answered: int


@dataclass(frozen=True, slots=True)
class Standing:
    """outcomes: of attempts that are over. in_call: attempts that go on.

    next_at: when the next contact who waits may be claimed; None: nobody waits. next_reason: why not before.
    """

    campaign: StoredCampaign
    contacts: Mapping[ContactState, int]
    outcomes: Mapping[str, int]
    in_call: int
    last: LastCalls
    next_at: datetime | None
    next_reason: str | None


@dataclass(frozen=True, slots=True)
class LivingDaemon:
    """reasons: why campaigns that run place no call at the moment, by name, as it said last."""

    daemon: Daemon
    reasons: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Reason:
    """So many contacts of one state, which is for one reason. earliest: when the first of them may be claimed."""

    state: ContactState
    reason: str | None
    last_outcome: str | None
    due: bool
    contacts: int
    earliest: datetime | None


class StandingRepository:
    def __init__(self, session: Session) -> None:
        self._session = session

    def daemons(self, now: datetime, silent_for: timedelta = SILENT_FOR) -> list[LivingDaemon]:
        """Those that run, the oldest first."""
        said = {row.id: row.reasons for row in self._session.execute(select(DaemonRow.id, DaemonRow.reasons))}
        living = DaemonRepository(self._session).living(now, silent_for)
        return [LivingDaemon(each, said.get(each.id, {})) for each in living]

    def standings(self, now: datetime, name: str | None = None) -> list[Standing]:
        """Of all campaigns, by name, or of the one named. Raises UnknownCampaign."""
        repository = CampaignRepository(self._session)
        return [self._standing(each, now) for each in (repository.all() if name is None else [repository.get(name)])]

    def _standing(self, campaign: StoredCampaign, now: datetime) -> Standing:
        ours = _ours(campaign.name)
        counted = select(Attempt.outcome, func.count()).where(*ours).group_by(Attempt.outcome)
        outcomes: dict[str | None, int] = {outcome: count for outcome, count in self._session.execute(counted)}  # noqa: C416
        next_at, next_reason = self._next(campaign.name)
        return Standing(
            campaign=campaign,
            contacts=ContactRepository(self._session).states(campaign.name),
            outcomes={outcome: count for outcome, count in outcomes.items() if outcome is not None},
            in_call=outcomes.get(None, 0),
            last=self._last_calls(campaign, now),
            next_at=next_at,
            next_reason=next_reason,
        )

    def _last_calls(self, campaign: StoredCampaign, now: datetime) -> LastCalls:
        ours = _ours(campaign.name)
        over = PACE_OVER if campaign.changed_at is None else min(PACE_OVER, now - campaign.changed_at)
        begun = select(func.count()).where(*ours, Attempt.created_at > now - over)
        last = (
            select(Attempt.answered_at)
            .where(*ours, Attempt.outcome.is_not(None))
            .order_by(Attempt.created_at.desc())
            .limit(LAST_CALLS)
        )
        ended = self._session.scalars(last).all()
        answered = sum(at is not None for at in ended)
        return LastCalls(self._session.execute(begun).scalar_one(), over, len(ended), answered)

    def _next(self, campaign: str) -> tuple[datetime | None, str | None]:
        first: list[Any] = [
            self._session.execute(
                select(Contact.next_at, Contact.reason)
                .where(
                    Contact.campaign_id == _id_of(campaign),
                    Contact.priority == priority.value,
                    Contact.next_at.is_not(None),
                    # Of those that are claimed it is the end of their lease, which nobody waits for.
                    Contact.state == ContactState.WAITING.value,
                )
                .order_by(Contact.next_at, Contact.id)
                .limit(1)
            ).first()
            for priority in Priority
        ]
        earliest = min((row for row in first if row is not None), key=lambda row: row.next_at, default=None)
        return (None, None) if earliest is None else (earliest.next_at, earliest.reason)

    # -- one by one ----------------------------------------------------------------------------------------------------

    def reasons(self, campaign: str, now: datetime) -> list[Reason]:
        """All contacts of the campaign, by why they are called, or not. Reads the whole list: 1 s a million."""
        due = func.coalesce(Contact.next_at <= now, False)
        what = (Contact.state, Contact.reason, Contact.last_outcome, due)
        counted = (
            select(*what, func.count(), func.min(Contact.next_at))
            .where(Contact.campaign_id == _id_of(campaign))
            .group_by(*what)
        )
        return [
            Reason(ContactState(state), reason, outcome, bool(is_due), contacts, earliest)
            for state, reason, outcome, is_due, contacts, earliest in self._session.execute(counted)
        ]

    def due(self, campaign: str, now: datetime, limit: int) -> list[StoredContact]:
        """Who would be claimed now, in that order, but for the rules."""
        ids: list[int] = []
        for priority in sorted(Priority, reverse=True):
            ids += self._session.scalars(
                select(Contact.id)
                .where(
                    Contact.campaign_id == _id_of(campaign),
                    Contact.priority == priority.value,
                    Contact.next_at <= now,
                )
                .order_by(Contact.next_at, Contact.id)
                .limit(limit - len(ids))
            )
        return ContactRepository(self._session).those(ids)


def _id_of(campaign: str) -> Any:
    return select(Campaign.id).where(Campaign.name == campaign).scalar_subquery()


def _ours(campaign: str) -> tuple[ColumnElement[bool], ...]:
    """Calls that the campaign placed."""
    return Attempt.campaign_id == _id_of(campaign), Attempt.direction == Direction.OUTGOING.value
