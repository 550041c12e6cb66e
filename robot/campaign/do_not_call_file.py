"""Reads a file of telephone numbers that nobody may call: CSV of any kind, or one number a line.

Line by line, so that a file of a million numbers needs no more memory than one of ten. Knows no database.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO, Final

from robot.campaign.csv_file import NUMBER_COLUMNS, BadRow, CsvFile, plain
from robot.campaign.numbers import BadNumber, normalise_number

_SEPARATORS: Final = str.maketrans("", "", " .-()/")
_PATTERN: Final = re.compile(r"\+[1-9][0-9]{0,13}\*")


class BadDoNotCallFile(Exception):
    """The file cannot be read as a whole; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line, from 1, that holds no number; `reason` does not repeat what stands there."""

    line: int
    reason: str


def number_or_pattern(text: str, region: str | None) -> str:
    """E.164, or how numbers begin, like `+331*`. Raises BadNumber, which does not repeat `text`."""
    if "*" not in text:
        if region is None and not text.lstrip().startswith("+"):
            raise BadNumber("should begin with + and the country code, like +33140000001, or say --region")
        return normalise_number(text, region)
    pattern = text.strip().translate(_SEPARATORS)
    if not _PATTERN.fullmatch(pattern):
        raise BadNumber("a pattern is + and the digits with which numbers begin, then one *, like +331*")
    return pattern


def read_numbers(file: BinaryIO, region: str | None, column: str | None) -> Iterator[str | BadLine]:
    """Each number or pattern of `file`, which can be sought in, and each line that holds none; empty lines and lines
    that begin with # are passed over.

    column: the name of the numbers' column, or its place from 1; None: the one whose name says so, else the first.
    Raises BadDoNotCallFile.
    """
    place: int | None = None
    for row in CsvFile(file):
        if isinstance(row, BadRow):
            yield BadLine(row.line, row.reason)
            continue
        if row.cells[0].startswith("#"):
            continue
        if place is None:
            place, is_header = _place_of_numbers(row.cells, column)
            if is_header:
                continue
        if place >= len(row.cells):
            yield BadLine(row.line, f"has only {len(row.cells)} column(s)")
            continue
        try:
            yield number_or_pattern(row.cells[place], region)
        except BadNumber as error:
            yield BadLine(row.line, str(error))


def _place_of_numbers(first: Sequence[str], column: str | None) -> tuple[int, bool]:
    """In which column the numbers are, and whether `first` is a header. Raises BadDoNotCallFile."""
    names = [cell.strip().casefold() for cell in first]
    is_header = not any(character.isdigit() for cell in first for character in cell)
    if column is None:
        return next((place for place, name in enumerate(names) if plain(name) in NUMBER_COLUMNS), 0), is_header
    if column.casefold() in names:
        return names.index(column.casefold()), True
    if column.isdecimal() and 1 <= int(column) <= len(names):
        return int(column) - 1, is_header
    known = f"its columns are {', '.join(first)}" if is_header else f"it has no header and {len(names)} column(s)"
    raise BadDoNotCallFile(f"there is no column {column!r}: {known}; name one of them, or its place, from 1")
