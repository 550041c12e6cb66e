"""The do-not-call list in the tables: who is on it, and that nobody is dialled past it.

An attempt is written with a look at the list in the same transaction, and no entry is committed between the two: on
SQLite because there is one writer, on PostgreSQL by an advisory lock that attempts share and changes of the list take
for themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Select, delete, or_, select, text
from sqlalchemy.orm import Session

from robot.store.records import DoNotCallEntry, DoNotCallSource, ImportCount, NewDoNotCall
from robot.store.schema import Campaign, DoNotCall
from robot.store.statements import insert_into, is_postgresql, rows_changed

_LIST_LOCK: Final = 0x646E63  # "dnc"


class DoNotCallRepository:
    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, entries: Sequence[NewDoNotCall], campaign_ids: dict[str, int]) -> ImportCount:
        """Those that are there stay as they are. campaign_ids: of every campaign that the entries name."""
        self.lock()
        rows: list[dict[str, Any]] = [
            {
                "number": None if entry.what.endswith("*") else entry.what,
                "pattern": entry.what if entry.what.endswith("*") else None,
                "campaign_id": None if entry.campaign is None else campaign_ids[entry.campaign],
                "added_at": entry.added_at,
                "source": entry.source.value,
                "attempt_uuid": entry.attempt_uuid,
                "note": entry.note,
            }
            for entry in entries
        ]
        # RETURNING lets SQLAlchemy send many rows at once, and tells which of them were new.
        insert = insert_into(self._session, DoNotCall).on_conflict_do_nothing().returning(DoNotCall.id)
        added = len(self._session.scalars(insert, rows).all()) if rows else 0
        return ImportCount(added, len(rows) - added)

    def find(self, number: str, campaign: str | None) -> DoNotCallEntry | None:
        """Why `number` (E.164) may not be called for `campaign`; None: it may. An entry for the number itself goes
        before a pattern, one for all campaigns before the campaign's."""
        beginnings = [f"{number[:length]}*" for length in range(2, len(number) + 1)]
        found = self._session.execute(
            _entries()
            .where(or_(DoNotCall.number == number, DoNotCall.pattern.in_(beginnings)))
            .where(or_(DoNotCall.campaign_id.is_(None), DoNotCall.campaign_id == _id_of(campaign)))
            .order_by(DoNotCall.number.is_(None), DoNotCall.campaign_id.is_not(None), DoNotCall.id)
            .limit(1)
        ).first()
        return None if found is None else _entry(found)

    def remove(self, what: str, campaign: str | None) -> bool:
        """The entry of exactly this number or pattern, of all campaigns or the one named; False: there is none."""
        self.lock()
        scope = DoNotCall.campaign_id.is_(None) if campaign is None else DoNotCall.campaign_id == _id_of(campaign)
        of_it = or_(DoNotCall.number == what, DoNotCall.pattern == what)
        return rows_changed(self._session, delete(DoNotCall).where(of_it, scope)) == 1

    def remove_entry(self, entry_id: int) -> bool:
        """False: there is none of that id."""
        self.lock()
        return rows_changed(self._session, delete(DoNotCall).where(DoNotCall.id == entry_id)) == 1

    def page(self, campaign: str | None, after_id: int, limit: int) -> list[DoNotCallEntry]:
        """In the order of their ids, from behind `after_id`. campaign: only those of that one."""
        wanted = _entries().where(DoNotCall.id > after_id).order_by(DoNotCall.id).limit(limit)
        if campaign is not None:
            wanted = wanted.where(DoNotCall.campaign_id == _id_of(campaign))
        return [_entry(row) for row in self._session.execute(wanted)]

    def lock(self, *, shared: bool = False) -> None:
        """Until the end of the transaction the list changes only here; shared: only nowhere. Take it first: whoever
        holds rows and then waits for it may be waited for."""
        if is_postgresql(self._session):
            kind = "_shared" if shared else ""
            self._session.execute(text(f"SELECT pg_advisory_xact_lock{kind}(:key)"), {"key": _LIST_LOCK})


def _id_of(campaign: str | None) -> Any:
    return select(Campaign.id).where(Campaign.name == campaign).scalar_subquery()


def _entries() -> Select[*tuple[Any, ...]]:
    return select(
        DoNotCall.id, DoNotCall.number, DoNotCall.pattern, Campaign.name, DoNotCall.added_at, DoNotCall.source,
        DoNotCall.attempt_uuid, DoNotCall.note,
    ).outerjoin(Campaign, Campaign.id == DoNotCall.campaign_id)  # fmt: skip


def _entry(row: Any) -> DoNotCallEntry:
    entry_id, number, pattern, campaign, added_at, source, attempt_uuid, note = row
    return DoNotCallEntry(entry_id, number, pattern, campaign, added_at, DoNotCallSource(source), attempt_uuid, note)
