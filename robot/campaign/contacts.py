"""A contact list: whom to call, and what is known of each of them. Reads it row by row; decides nothing.

The first line names the columns. One of them holds the numbers, every other is a field for prompts and conditions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import BinaryIO, Final

from robot.campaign.csv_file import NUMBER_COLUMNS, BadRow, CsvFile, Row, plain
from robot.campaign.definition import Campaign
from robot.campaign.numbers import ZONE_FIELD, BadNumber, normalise_number
from robot.toml_file import Problem

NUMBER: Final = "number"
#: In a campaign's folder.
CONTACTS_FILE: Final = "contacts.csv"
#: In a file of rejected rows: passed over when that is read again, corrected.
REJECTED_COLUMNS: Final = ("rejected_line", "rejected_reason")
_ZONE_COLUMNS: Final = frozenset(("timezone", "time_zone", "tz", "fuseau_horaire", "fuseau"))
_LONGEST_NAME: Final = 40  # of a field, as campaign.toml has it
_LONGEST_VALUE: Final = 4000


class ContactsError(Exception):
    """The file cannot be used; `problem` tells where and why."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Contact:
    """One row. line: where it begins in the file, from 1. number: as it stands there. fields: all columns but the
    number, empty where nothing is. cells: the whole row as it stands there."""

    line: int
    number: str
    fields: Mapping[str, str]
    cells: Sequence[str]


@dataclass(frozen=True, slots=True)
class Column:
    """name: in the file. field: what its values are called from now on; None: passed over."""

    name: str
    field: str | None


@dataclass(frozen=True, slots=True)
class Contacts:
    file: Path
    columns: tuple[str, ...]
    rows: tuple[Contact, ...]


class ContactList:
    """The rows of `source`, which `path` names to the user.

    mapping: what columns are called: by their name in the file, or their place from 1, the field that they are. The
    rest is called by the header. encoding: None: found out. Raises ContactsError, while it is read, too.
    """

    def __init__(
        self, source: BinaryIO, path: Path, mapping: Mapping[str, str] | None = None, encoding: str | None = None
    ) -> None:
        self._path = path
        try:
            self._file = CsvFile(source, encoding)
            first = next((row for row in self._file if isinstance(row, Row)), None)
        except (LookupError, UnicodeError) as error:
            raise self._not_in_encoding(error) from error
        if first is None:
            raise _wrong(path, None, "is empty: its first line names the columns, such as number,first_name")
        self._has_header = _is_header(first.cells, mapping or {})
        self.columns = self._named(first, mapping or {})
        self._number = next(place for place, column in enumerate(self.columns) if column.field == NUMBER)
        self._header_line = first.line

    @property
    def encoding(self) -> str:
        return self._file.encoding

    @property
    def delimiter(self) -> str:
        return self._file.delimiter

    def __iter__(self) -> Iterator[Contact | BadRow]:
        try:
            for row in self._file:
                if isinstance(row, BadRow):
                    yield row
                elif not self._has_header or row.line != self._header_line:
                    yield self._contact(row)
        except UnicodeError as error:
            raise self._not_in_encoding(error) from error

    def _contact(self, row: Row) -> Contact | BadRow:
        cells = [cell.strip() for cell in row.cells]
        if any(cells[len(self.columns) :]):
            reason = "has more values than columns: put a text that holds a comma in quotes"
            return BadRow(row.line, reason.replace("comma", _NAMES[self.delimiter]), tuple(row.cells))
        cells += [""] * (len(self.columns) - len(cells))
        fields = {
            column.field: cell
            for column, cell in zip(self.columns, cells, strict=False)
            if column.field is not None and column.field != NUMBER
        }
        if too_long := next((name for name, value in fields.items() if len(value) > _LONGEST_VALUE), None):
            return BadRow(row.line, f"{too_long} has more than {_LONGEST_VALUE} characters", tuple(row.cells))
        return Contact(row.line, cells[self._number], fields, row.cells)

    def _named(self, first: Row, mapping: Mapping[str, str]) -> tuple[Column, ...]:
        """What each column is. Raises ContactsError."""
        places = range(len(first.cells))
        names = [first.cells[place].strip() if self._has_header else "" for place in places]
        chosen = {self._place(name, names): plain(field) for name, field in mapping.items()}
        fields: list[str | None] = [chosen.get(place) for place in places]
        wanted = [plain(name) for name in names]
        if NUMBER not in fields and (number := _number_column(wanted, chosen, len(names))) is not None:
            fields[number] = NUMBER
        if NUMBER not in fields:
            raise _wrong(self._path, first.line, self._no_number(names))
        taken = {field for field in fields if field is not None}
        if len(taken) < sum(field is not None for field in fields):
            raise _wrong(self._path, first.line, "two columns are to be the same field: give them different names")
        for place in places:
            if fields[place] is None and wanted[place] not in REJECTED_COLUMNS:
                fields[place] = _free_name(wanted[place], place, taken)
                taken.add(str(fields[place]))
        return tuple(Column(name or str(place + 1), fields[place]) for place, name in enumerate(names))

    def _no_number(self, names: Sequence[str]) -> str:
        if not self._has_header:
            return "has no header, and several columns: say which one holds the numbers, like `--column 1=number`"
        return (
            f"has no column `number` among {', '.join(names)}: name it so in the first line, or say which one it is, "
            f"like `--column '{names[0]}=number'`"
        )

    def _place(self, name: str, names: Sequence[str]) -> int:
        """Where the column is that the user calls `name`. Raises ContactsError."""
        folded = [each.casefold() for each in names]
        if name.strip().casefold() in folded:
            return folded.index(name.strip().casefold())
        if name.isdecimal() and 1 <= int(name) <= len(names):
            return int(name) - 1
        known = f"its columns are {', '.join(names)}" if self._has_header else f"it has {len(names)} and no header"
        raise _wrong(self._path, 1, f"has no column {name!r}: {known}; name one of them, or its place, from 1")

    def _not_in_encoding(self, error: LookupError | UnicodeError) -> ContactsError:
        if isinstance(error, LookupError):
            return _wrong(self._path, None, f"cannot be read: {error}; encodings are utf-8, cp1252, utf-16 and others")
        return _wrong(self._path, None, "is not in the encoding that it should be in: leave it to be found out")


_NAMES: Final = {",": "comma", ";": "semicolon", "\t": "tab", "|": "|"}


def read_contacts(file: Path) -> Contacts:
    """All of it at once. Raises ContactsError, for a row that cannot be read, too."""
    rows: list[Contact] = []
    try:
        with file.open("rb") as source:
            contacts = ContactList(source, file)
            for row in contacts:
                if isinstance(row, BadRow):
                    raise _wrong(file, row.line, row.reason)
                rows.append(row)
    except OSError as error:
        raise _wrong(file, None, f"cannot be read: {error.strerror or error}") from error
    return Contacts(file, tuple(column.field for column in contacts.columns if column.field), tuple(rows))


def listed_fields(campaign: Campaign, number: str) -> Mapping[str, str]:
    """What the campaign's own list says of `number`; nothing when it is not on it. Raises ContactsError, BadNumber."""
    file = campaign.folder / CONTACTS_FILE
    if not file.is_file():
        return {}
    region = campaign.table.region
    wanted = normalise_number(number, region)
    for contact in read_contacts(file).rows:
        try:
            if normalise_number(contact.number, region) == wanted:
                return contact.fields
        except BadNumber:
            continue  # another row's mistake is told by `robot campaign check`
    return {}


def _number_column(names: Sequence[str], chosen: Mapping[int, str], columns: int) -> int | None:
    """Which column holds the numbers, of those that the user has not named; None: none says so."""
    free = [place for place in range(columns) if place not in chosen]
    called = [place for place in free if names[place] in NUMBER_COLUMNS]
    exactly = [place for place in called if names[place] == NUMBER]
    return next(chain(exactly, called), 0 if columns == 1 and names == [""] else None)


def _free_name(wanted: str, place: int, taken: set[str]) -> str:
    """A field's name for a column: letters, digits and _, a letter first, not that of another column."""
    if wanted in _ZONE_COLUMNS and ZONE_FIELD not in taken:
        return ZONE_FIELD
    name = wanted if wanted[:1].isalpha() else f"column_{wanted or place + 1}"
    name = name[:_LONGEST_NAME]
    candidates = chain([name], (f"{name[: _LONGEST_NAME - 4]}_{count}" for count in range(2, 1000)))
    return next(each for each in candidates if each not in taken)


def _is_header(cells: Sequence[str], mapping: Mapping[str, str]) -> bool:
    """Whether these are names: one of them is known for one, or none of them can be a number."""
    wanted = {name.strip().casefold() for name in mapping}
    if any(cell.strip().casefold() in wanted or plain(cell) in NUMBER_COLUMNS for cell in cells):
        return True
    return not any(_looks_like_number(cell) for cell in cells)


def _looks_like_number(cell: str) -> bool:
    digits = sum(character.isdigit() for character in cell)
    return digits >= 6 and not any(character.isalpha() for character in cell)


def _wrong(file: Path, line: int | None, message: str) -> ContactsError:
    return ContactsError(Problem(file, "", line, message))
