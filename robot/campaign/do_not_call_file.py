"""Reads a file of telephone numbers that nobody may call: CSV of any kind, or one number a line.

Line by line, so that a file of a million numbers needs no more memory than one of ten. Knows no database.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO, Final

from robot.campaign.definition import BadNumber, normalise_number

# How people call the column; compared without case.
_NUMBER_COLUMNS: Final = frozenset(
    [
        "number",
        "phone",
        "telephone",
        "téléphone",
        "tel",
        "tél",
        "mobile",
        "cell",
        "numero",
        "numéro",
        "msisdn",
        "phone_number",
        "phonenumber",
        "e164",
    ]
)
_DELIMITERS: Final = ",;\t|"
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
    lines = _text_of(file)
    first = next((line for line in lines if line.strip() and not line.startswith("#")), "")
    lines.seek(0)
    rows = csv.reader(lines, delimiter=max(_DELIMITERS, key=first.count), skipinitialspace=True)
    place: int | None = None
    try:
        for row in rows:
            if not any(cell.strip() for cell in row) or row[0].startswith("#"):
                continue
            if place is None:
                place, is_header = _place_of_numbers(row, column)
                if is_header:
                    continue
            if place >= len(row):
                yield BadLine(rows.line_num, f"has only {len(row)} column(s)")
                continue
            try:
                yield number_or_pattern(row[place], region)
            except BadNumber as error:
                yield BadLine(rows.line_num, str(error))
    except csv.Error as error:
        raise BadDoNotCallFile(f"line {rows.line_num} is not CSV ({error}): save it as CSV or as plain text") from None


def _text_of(file: BinaryIO) -> io.TextIOWrapper:
    """Excel writes UTF-16, or UTF-8 with a mark at its beginning, or what Windows calls ANSI. Only names of columns are
    ever more than ASCII: what the beginning is, the rest is, too."""
    start = file.read(65_536)
    file.seek(0)
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        encoding = "utf-16"
    else:
        try:
            codecs.getincrementaldecoder("utf-8")().decode(start)
            encoding = "utf-8-sig"
        except UnicodeDecodeError:
            encoding = "cp1252"
    return io.TextIOWrapper(file, encoding=encoding, errors="replace", newline="")


def _place_of_numbers(first: Sequence[str], column: str | None) -> tuple[int, bool]:
    """In which column the numbers are, and whether `first` is a header. Raises BadDoNotCallFile."""
    names = [cell.strip().casefold() for cell in first]
    is_header = not any(character.isdigit() for cell in first for character in cell)
    if column is None:
        return next((place for place, name in enumerate(names) if name in _NUMBER_COLUMNS), 0), is_header
    if column.casefold() in names:
        return names.index(column.casefold()), True
    if column.isdecimal() and 1 <= int(column) <= len(names):
        return int(column) - 1, is_header
    known = f"its columns are {', '.join(first)}" if is_header else f"it has no header and {len(names)} column(s)"
    raise BadDoNotCallFile(f"there is no column {column!r}: {known}; name one of them, or its place, from 1")
