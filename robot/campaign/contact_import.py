"""A contact list into the database: what is good goes in, what is not goes into a file beside it, with the reason.

The file of rejected rows has the columns of the list and two more, so that it can be corrected and imported by itself.
"""

from __future__ import annotations

import csv
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from itertools import islice
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import IO, Any, Final, Self
from zoneinfo import ZoneInfo

from robot.campaign.contacts import REJECTED_COLUMNS, Contact, ContactList, ContactsError
from robot.campaign.csv_file import BadRow
from robot.campaign.numbers import ZONE_FIELD, BadNumber, normalise_number
from robot.store.campaign_records import NewContact, Placed, Scope
from robot.store.store import Store
from robot.toml_file import Problem

# As many rows as a writer keeps others waiting for: some tens of ms.
_BATCH: Final = 1000
# What typesetters put between digits: spaces that do not break, hyphens that are none.
_TYPOGRAPHY: Final = str.maketrans(
    {"\u00a0": " ", "\u202f": " ", "\u2009": " ", "\u2007": " ", "\u2010": "-", "\u2011": "-", "\u2013": "-"}
)
_WHY_KNOWN: Final = MappingProxyType(
    {
        Placed.IN_FILE: "the number stands further up in this file",
        Placed.IN_CAMPAIGN: "the number is on the campaign's list already",
        Placed.ELSEWHERE: "the number is on the list of another campaign",
    }
)


class Duplicates(StrEnum):
    """What to do with a row whose number is known."""

    SKIP = "skip"  # count it
    REJECT = "reject"  # put it into the file of rejected rows
    UPDATE = "update"  # the contact that is there gets its fields


@dataclass(slots=True)
class Imported:
    """What became of the rows of a list, as counts."""

    placed: Counter[Placed] = field(default_factory=Counter)
    rejected: int = 0

    @property
    def rows(self) -> int:
        return self.placed.total() + self.rejected

    def as_json(self) -> dict[str, Any]:
        return {"rows": self.rows, **{each.value: self.placed[each] for each in Placed}, "rejected": self.rejected}


@dataclass(frozen=True, slots=True)
class Import:
    """Of a list into `campaign`. region: of numbers without country code. now: another one for each import."""

    campaign: str
    region: str | None
    duplicates: Duplicates
    scope: Scope
    now: datetime

    async def run(self, contacts: ContactList, store: Store, rejects: RejectsFile) -> Imported:
        """Raises ContactsError and StoreError; what was imported until then stays, and is known to the next import."""
        count = Imported()
        for batch in _batches(contacts):
            good: list[tuple[Contact, NewContact]] = []
            for row in batch:
                checked = row if isinstance(row, BadRow) else self._checked(row)
                if isinstance(checked, BadRow):
                    rejects.add(checked)
                    count.rejected += 1
                elif isinstance(row, Contact):
                    good.append((row, checked))
            update = self.duplicates is Duplicates.UPDATE
            placed = await store.add_contacts(
                self.campaign, [new for _, new in good], self.now, self.scope, update_known=update
            )
            for (row, _), what in zip(good, placed, strict=True):
                if self.duplicates is Duplicates.REJECT and what in _WHY_KNOWN:
                    rejects.add(BadRow(row.line, _WHY_KNOWN[what], tuple(row.cells)))
                    count.rejected += 1
                else:
                    count.placed[what] += 1
        return count

    def _checked(self, row: Contact) -> NewContact | BadRow:
        fields = {name: value for name, value in row.fields.items() if value}
        try:
            zone = fields.get(ZONE_FIELD)
            if zone is not None and not is_zone(zone):
                raise BadNumber(f"{ZONE_FIELD} is no time zone that is known: write an IANA name, like Europe/Paris")
            return NewContact(number_in_list(row.number, self.region), fields)
        except BadNumber as error:
            return BadRow(row.line, str(error), tuple(row.cells))


def number_in_list(text: str, region: str | None) -> str:
    """E.164 of a cell, as spreadsheets write numbers. Raises BadNumber, which does not repeat `text`."""
    if not text:
        raise BadNumber("has no number")
    written = text.translate(_TYPOGRAPHY)
    if written.startswith('="') and written.endswith('"'):  # so that Excel keeps the + and the zeros
        written = written[2:-1]
    written = written.removeprefix("'")
    if "E+" in written.upper():
        raise BadNumber("the spreadsheet has rounded the number to a power of ten: make the column text and save again")
    return normalise_number(written, region)


@lru_cache(maxsize=1000)
def is_zone(name: str) -> bool:
    """Whether `name` is a time zone of the IANA database."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True


class RejectsFile:
    """Made with its first row; readable by nobody else. Raises ContactsError when it cannot be written."""

    def __init__(self, path: Path, contacts: ContactList) -> None:
        self.path = path
        self._names = [column.name for column in contacts.columns if column.name not in REJECTED_COLUMNS]
        self._kept = [place for place, column in enumerate(contacts.columns) if column.name not in REJECTED_COLUMNS]
        self._columns = len(contacts.columns)
        self._delimiter = contacts.delimiter
        self._file: IO[str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if self._file is not None:
            self._file.close()

    def add(self, row: BadRow) -> None:
        cells = [row.cells[place] if place < len(row.cells) else "" for place in self._kept]
        try:
            if self._file is None:
                descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
                # With the mark by which Excel knows UTF-8.
                self._file = os.fdopen(descriptor, "w", encoding="utf-8-sig", errors="replace", newline="")
                self._write([*self._names, *REJECTED_COLUMNS])
            # What has no column comes last: nothing is lost, and the row is not taken for good before it is corrected.
            self._write([*cells, str(row.line), row.reason, *row.cells[self._columns :]])
        except OSError as error:
            told = f"cannot be written: {error.strerror or error}; say where with --rejects"
            raise ContactsError(Problem(self.path, "", None, told)) from error

    def _write(self, cells: list[str]) -> None:
        assert self._file is not None
        csv.writer(self._file, delimiter=self._delimiter).writerow(cells)


def _batches(contacts: ContactList) -> Iterator[list[Contact | BadRow]]:
    rows = iter(contacts)
    while batch := list(islice(rows, _BATCH)):
        yield batch
