"""Contacts in the tables: how they come onto a list, how many are where, and what is known of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, cast

from sqlalchemy import Select, Table, bindparam, exists, func, select, update
from sqlalchemy.orm import Session

from robot.store.campaign_records import (
    ContactState,
    NewContact,
    NextTry,
    Placed,
    Priority,
    Scope,
    StoredContact,
)
from robot.store.records import Direction, check_number
from robot.store.schema import Attempt, Campaign, Contact
from robot.store.statements import insert_into, insert_unless_there


class ContactRepository:
    def __init__(self, session: Session) -> None:
        self._session = session

    # -- onto the list -------------------------------------------------------------------------------------------------

    def ensure(self, campaign_id: int, number: str, fields: Mapping[str, str]) -> int:
        """The id of the contact with `number` (E.164) in the campaign. One that is there stays as it is.

        Raises ValueError for a number that is not E.164.
        """
        check_number(number)
        wanted = select(Contact.id).where(Contact.campaign_id == campaign_id, Contact.number == number)
        known = self._session.scalar(wanted)
        if known is None:
            row = _new_row(campaign_id, NewContact(number, fields), datetime.now(UTC))
            insert_unless_there(self._session, Contact, row, ["campaign_id", "number"])
            known = self._session.execute(wanted).scalar_one()
        return known

    def add(
        self, campaign_id: int, rows: Sequence[NewContact], now: datetime, scope: Scope, *, update_known: bool
    ) -> list[Placed]:
        """What became of each row. Those on the list stay as they are, but for their fields with `update_known`.

        now: the same for all batches of one file, by which its contacts are known from earlier ones.
        Raises ValueError, without repeating the number, for one that is not E.164.
        """
        known = self._known(campaign_id, rows, now, scope)
        new: dict[str, dict[str, Any]] = {}
        changed: dict[str, NewContact] = {}
        placed: list[Placed] = []
        for row in rows:
            where = known.get(row.number)
            if where is None and row.number not in new:
                check_number(row.number)
                new[row.number] = _new_row(campaign_id, row, now)
                placed.append(Placed.ADDED)
            elif where is Placed.ELSEWHERE or not update_known:
                placed.append(where or Placed.IN_FILE)
            else:
                if where is None:
                    new[row.number]["fields"] = dict(row.fields)
                else:
                    changed[row.number] = row
                placed.append(Placed.UPDATED)
        self._write_list(campaign_id, list(new.values()), list(changed.values()))
        return placed

    def _known(self, campaign_id: int, rows: Sequence[NewContact], now: datetime, scope: Scope) -> dict[str, Placed]:
        wanted = select(Contact.number, Contact.campaign_id, Contact.created_at).where(
            Contact.number.in_([row.number for row in rows])
        )
        if scope is Scope.CAMPAIGN:
            wanted = wanted.where(Contact.campaign_id == campaign_id)
        known: dict[str, Placed] = {}
        for number, campaign, created_at in self._session.execute(wanted):
            if campaign == campaign_id:
                known[number] = Placed.IN_FILE if created_at == now else Placed.IN_CAMPAIGN
            else:
                known.setdefault(number, Placed.ELSEWHERE)
        return known

    def _write_list(self, campaign_id: int, new: list[dict[str, Any]], changed: list[NewContact]) -> None:
        if new:
            # Somebody else may be importing the same list: what they were first to add stays theirs. RETURNING lets
            # SQLAlchemy send many rows at once.
            insert = insert_into(self._session, Contact).on_conflict_do_nothing().returning(Contact.id)
            self._session.execute(insert, new).all()
        if changed:
            fields = (
                update(_TABLE)
                .where(Contact.campaign_id == campaign_id, Contact.number == bindparam("of_number"))
                .values(fields=bindparam("new_fields"))
            )
            rows = [{"of_number": row.number, "new_fields": dict(row.fields)} for row in changed]
            self._session.connection().execute(fields, rows)

    # -- what is known -------------------------------------------------------------------------------------------------

    def states(self, campaign: str) -> dict[ContactState, int]:
        """How many contacts of the campaign are in each state."""
        counted = (
            select(Contact.state, func.count()).where(Contact.campaign_id == _id_of(campaign)).group_by(Contact.state)
        )
        return {ContactState(state): count for state, count in self._session.execute(counted)}

    def next_due_at(self, campaign: str) -> datetime | None:
        """When the next one may be claimed: past when one may be now, None when nobody is left who waits."""
        earliest = [
            self._session.scalar(
                select(Contact.next_at)
                .where(
                    Contact.campaign_id == _id_of(campaign),
                    Contact.priority == priority.value,
                    Contact.next_at.is_not(None),
                )
                .order_by(Contact.next_at)
                .limit(1)
            )
            for priority in Priority
        ]
        return min((at for at in earliest if at is not None), default=None)

    def find(self, campaign: str, number: str) -> StoredContact | None:
        """The contact of `number` (E.164) in the campaign."""
        found = self._session.execute(
            _contacts().where(Contact.campaign_id == _id_of(campaign), Contact.number == number)
        ).first()
        return None if found is None else _stored(found)

    def page(self, campaign: str, after_id: int, limit: int) -> list[StoredContact]:
        """In the order in which they came onto the list, from behind `after_id`."""
        wanted = _contacts().where(Campaign.name == campaign, Contact.id > after_id).order_by(Contact.id).limit(limit)
        return [_stored(row) for row in self._session.execute(wanted)]

    def those(self, ids: Sequence[int]) -> list[StoredContact]:
        """With these ids, in their order."""
        found = {row[0]: _stored(row) for row in self._session.execute(_contacts().where(Contact.id.in_(ids)))}
        return [found[each] for each in ids if each in found]

    # -- in and after a call -------------------------------------------------------------------------------------------

    def enter_call(self, contact_id: int) -> None:
        """By somebody's hand: without a claim, and whoever has one loses it."""
        called = update(Contact).where(Contact.id == contact_id).values(**IN_CALL)
        self._session.execute(called.execution_options(synchronize_session=False))

    def leave_call(self, contact_id: int, outcome: str, next_try: NextTry | None) -> None:
        """Waits for its next try, or is done; but goes on being in a call while another attempt has no outcome."""
        # The lock first: of two attempts that end at once, the second has to see that the first is over.
        self._session.execute(select(Contact.id).where(Contact.id == contact_id).with_for_update())
        contact = update(Contact).where(Contact.id == contact_id).execution_options(synchronize_session=False)
        self._session.execute(contact.values(last_outcome=outcome))
        another = exists().where(
            Attempt.contact_id == contact_id,
            Attempt.outcome.is_(None),
            Attempt.direction == Direction.OUTGOING.value,
        )
        self._session.execute(contact.where(~another.correlate(None)).values(after_call(next_try)))


# Many rows in one statement: of the ORM that would be by primary key.
_TABLE = cast(Table, Contact.__table__)
#: A contact that has an attempt as of now.
IN_CALL: dict[str, Any] = {
    "state": ContactState.IN_CALL.value,
    "next_at": None,
    "lease_owner": None,
    "reason": None,
    "attempts": Contact.attempts + 1,
}


def after_call(next_try: NextTry | None) -> dict[str, Any]:
    """None: done."""
    free: dict[str, Any] = {"lease_owner": None}
    if next_try is None:
        return free | {"state": ContactState.DONE.value, "next_at": None, "reason": None}
    return free | {
        "state": ContactState.WAITING.value,
        "next_at": next_try.at,
        "priority": next_try.priority.value,
        "reason": next_try.reason,
    }


def _new_row(campaign_id: int, new: NewContact, now: datetime) -> dict[str, Any]:
    return {
        "campaign_id": campaign_id,
        "number": new.number,
        "fields": dict(new.fields),
        "state": ContactState.WAITING.value,
        "created_at": now,
        "next_at": now,
    }


def _id_of(campaign: str) -> Any:
    return select(Campaign.id).where(Campaign.name == campaign).scalar_subquery()


def _contacts() -> Select[*tuple[Any, ...]]:
    return select(
        Contact.id, Campaign.name, Contact.number, Contact.fields, Contact.state, Contact.next_at, Contact.priority,
        Contact.attempts, Contact.last_outcome, Contact.reason, Contact.lease_owner,
    ).join(Campaign, Campaign.id == Contact.campaign_id)  # fmt: skip


def _stored(row: Any) -> StoredContact:
    contact_id, campaign, number, fields, state, next_at, priority, attempts, last_outcome, reason, owner = row
    return StoredContact(
        contact_id, campaign, number, fields, ContactState(state), next_at, Priority(priority), attempts, last_outcome,
        reason, owner,
    )  # fmt: skip
