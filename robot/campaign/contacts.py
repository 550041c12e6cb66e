"""contacts.csv of a campaign: whom to call, and what is known of each of them. Reads it; decides nothing.

The first line names the columns; `number` must be one of them, every other is a field for prompts and conditions.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from robot.toml_file import Problem

NUMBER: Final = "number"
#: In a campaign's folder.
CONTACTS_FILE: Final = "contacts.csv"


class ContactsError(Exception):
    """The file cannot be used; `problem` tells where and why."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Contact:
    """One row. line: where it ends in the file, from 1. fields: all columns but the number, empty where nothing is."""

    line: int
    number: str
    fields: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Contacts:
    file: Path
    columns: tuple[str, ...]
    rows: tuple[Contact, ...]


def read_contacts(file: Path) -> Contacts:
    """Raises ContactsError."""
    rows: list[Contact] = []
    try:
        with file.open(encoding="utf-8-sig", newline="") as opened:
            reader = csv.DictReader(opened, restkey="", restval="", strict=True)
            columns = tuple(name.strip() for name in reader.fieldnames or ())
            reader.fieldnames = list(columns)
            if NUMBER not in columns:
                raise _wrong(
                    file, 1, "has no column `number`: its first line names the columns, such as number,first_name"
                )
            for row in reader:
                if "" in row:
                    raise _wrong(
                        file, reader.line_num, "has more values than columns: put a text that holds a comma in quotes"
                    )
                number = row.pop(NUMBER).strip()
                rows.append(Contact(reader.line_num, number, {name: value.strip() for name, value in row.items()}))
    except OSError as error:
        raise _wrong(file, None, f"cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise _wrong(file, None, "is not UTF-8: save it as CSV UTF-8") from error
    except csv.Error as error:
        raise _wrong(file, len(rows) + 2, f"is not CSV: {error}") from error
    return Contacts(file, columns, tuple(rows))


def _wrong(file: Path, line: int | None, message: str) -> ContactsError:
    return ContactsError(Problem(file, "", line, message))
