"""Claims: who is called next, and that nobody is about to be called by two.

A claim is a right with an end. A daemon that dies leaves its claims to whoever comes after their lease; one that only
slept finds that its claim does not count any more before it can dial: the attempt is written together with a look at
the claim, whose `seq` no later claim repeats. So it does not matter whether the clocks of two machines agree.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, func, literal, select, text, tuple_, update
from sqlalchemy.orm import Session

from robot.store.campaign_records import (
    CampaignState,
    Claim,
    ClaimedContact,
    ContactState,
    GivenUp,
    NextTry,
    PastAttempt,
    Priority,
)
from robot.store.contacts import IN_CALL, after_call
from robot.store.errors import CalledMeanwhile, ClaimLost
from robot.store.records import Direction, NewAttempt
from robot.store.schema import Attempt, Campaign, Contact
from robot.store.statements import is_postgresql, rows_changed


class ClaimRepository:
    def __init__(self, session: Session) -> None:
        self._session = session

    def claim(self, campaign: str, owner: str, now: datetime, limit: int, lease: timedelta) -> list[ClaimedContact]:
        """At most `limit` contacts whose time has come, callbacks before others, those who are due the longest first.

        None unless the campaign is running.
        """
        callbacks = _due(campaign, now, Priority.CALLBACK).limit(limit).cte("callbacks")
        left = literal(limit) - select(func.count()).select_from(callbacks).scalar_subquery()
        listed = _due(campaign, now, Priority.LISTED).limit(left).cte("listed")
        ours = (
            update(Contact)
            .where(Contact.id.in_(select(callbacks.c.id).union_all(select(listed.c.id))))
            .values(
                state=ContactState.CLAIMED.value, lease_owner=owner, next_at=now + lease, claims=Contact.claims + 1
            )
            .returning(
                Contact.id, Contact.number, Contact.fields, Contact.priority, Contact.attempts, Contact.last_outcome,
                Contact.claims,
            )
            .execution_options(synchronize_session=False)
        )  # fmt: skip
        rows = sorted(self._session.execute(ours), key=lambda row: (-row.priority, row.id))
        history = self.history([row.number for row in rows])
        return [
            ClaimedContact(
                claim=Claim(row.id, owner, row.claims),
                lease_until=now + lease,
                campaign=campaign,
                number=row.number,
                fields=row.fields,
                priority=Priority(row.priority),
                attempts=row.attempts,
                last_outcome=row.last_outcome,
                history=tuple(history.get(row.number, ())),
            )
            for row in rows
        ]

    def renew(self, claims: Sequence[Claim], until: datetime) -> list[Claim]:
        """Those that still counted, and do until `until`."""
        renewed = (
            update(Contact)
            .where(
                Contact.id.in_([claim.contact_id for claim in claims]),
                tuple_(Contact.id, Contact.lease_owner, Contact.claims).in_(
                    [(claim.contact_id, claim.owner, claim.seq) for claim in claims]
                ),
            )
            .values(next_at=until)
            .returning(Contact.id, Contact.lease_owner, Contact.claims)
            .execution_options(synchronize_session=False)
        )
        held = {tuple(row) for row in self._session.execute(renewed)} if claims else set()
        return [claim for claim in claims if (claim.contact_id, claim.owner, claim.seq) in held]

    def release(self, releases: Iterable[tuple[Claim, NextTry | GivenUp]]) -> None:
        """Contacts that are not called now. Claims that do not count any more change nothing."""
        for claim, what in releases:
            values = after_call(what) if isinstance(what, NextTry) else after_call(None) | {"reason": what.reason}
            self._session.execute(_held(claim).values(values))

    def release_all(self, owner: str, now: datetime) -> int:
        """All that `owner` has claimed may be claimed at `now`; how many these are."""
        return rows_changed(
            self._session,
            update(Contact)
            .where(Contact.lease_owner == owner)
            .values(state=ContactState.WAITING.value, lease_owner=None, next_at=now)
            .execution_options(synchronize_session=False),
        )

    def use(self, new: NewAttempt, claim: Claim) -> None:
        """The contact is in a call as of now. Raises ClaimLost when it must not be."""
        used = _held(claim).where(
            Contact.next_at > new.created_at,
            Contact.number == new.number,
            Contact.campaign_id == _running(new.campaign),
        )
        if rows_changed(self._session, used.values(**IN_CALL)) == 0:
            raise ClaimLost

    # -- how often a number was called ---------------------------------------------------------------------------------

    def history(self, numbers: Sequence[str]) -> dict[str, list[PastAttempt]]:
        """All attempts to reach each of `numbers` (E.164), in all campaigns, the oldest first."""
        if not numbers:
            return {}
        past = (
            select(
                Attempt.number, Campaign.name, Attempt.created_at, Attempt.ended_at, Attempt.outcome,
                Attempt.callback_earliest,
            )
            .join(Campaign, Campaign.id == Attempt.campaign_id)
            .where(Attempt.number.in_(numbers), Attempt.direction == Direction.OUTGOING.value)
            .order_by(Attempt.created_at)
        )  # fmt: skip
        found: dict[str, list[PastAttempt]] = {}
        for row in self._session.execute(past):
            attempt = PastAttempt(row.name, row.created_at, row.ended_at, row.outcome, row.callback_earliest)
            found.setdefault(str(row.number), []).append(attempt)
        return found

    def check_history(self, number: str, known: int) -> None:
        """Nobody else writes an attempt at `number` from here to the end of the transaction, if they check, too.

        Raises CalledMeanwhile when there are not `known` attempts.
        """
        if is_postgresql(self._session):
            lock = text("SELECT pg_advisory_xact_lock(:key, hashtext(:number))")
            self._session.execute(lock, {"key": _NUMBER_LOCK, "number": number})
        if len(self.history([number]).get(number, ())) != known:
            raise CalledMeanwhile


_NUMBER_LOCK = 0x6E756D  # "num"


def _due(campaign: str, now: datetime, priority: Priority) -> Select[int]:
    """Those of one priority: of several the index would not give them in order."""
    return (
        select(Contact.id)
        .where(
            Contact.campaign_id == _running(campaign), Contact.priority == priority.value, Contact.next_at <= now
        )
        .order_by(Contact.next_at, Contact.id)
        # Another daemon is taking those that are locked. SQLite has one writer and nothing to lock.
        .with_for_update(skip_locked=True)
    )  # fmt: skip


def _running(campaign: str) -> Any:
    """The id of the campaign, null unless it is running."""
    is_it = (Campaign.name == campaign, Campaign.state == CampaignState.RUNNING.value)
    return select(Campaign.id).where(*is_it).scalar_subquery()


def _held(claim: Claim) -> Any:
    """An update of the contact, if the claim still counts."""
    return (
        update(Contact)
        .where(Contact.id == claim.contact_id, Contact.lease_owner == claim.owner, Contact.claims == claim.seq)
        .execution_options(synchronize_session=False)
    )
