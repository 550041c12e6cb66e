"""Reads a TOML file that a user wrote into a pydantic model, and says what is wrong with file, line, key and remedy.

Used for robot.toml and campaign.toml alike, so that every mistake is told the same way.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

Model = TypeVar("Model", bound=BaseModel)
Location = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake. `key` is written as in TOML (`step[2].listen_ms`); `line` counts from 1, None where unknown."""

    file: Path
    key: str
    line: int | None
    message: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else str(self.file)
        return f"{place}: {self.key}: {self.message}" if self.key else f"{place}: {self.message}"


class TomlFileError(Exception):
    """The file cannot be used; `problems` holds every mistake found, one a line in the message."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in problems))


def parse_toml(file: Path) -> tuple[dict[str, Any], str]:
    """The document and its text. Raises TomlFileError when there is none, or it is not UTF-8 or not TOML."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise TomlFileError([Problem(file, "", None, f"cannot be read: {error.strerror or error}")]) from error
    except UnicodeDecodeError as error:
        raise TomlFileError([Problem(file, "", None, "is not UTF-8: save it as UTF-8")]) from error
    try:
        return tomllib.loads(text), text
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"\(at line (\d+), column \d+\)", str(error))
        message = re.sub(r" \(at .*\)", "", str(error))
        raise TomlFileError([Problem(file, "", int(found[1]) if found else None, f"is not TOML: {message}")]) from error


def load_toml(file: Path, model: type[Model]) -> tuple[Model, str]:
    """The file as a `model`, and its text (for `line_of`). Raises TomlFileError with every mistake."""
    document, text = parse_toml(file)
    try:
        return model.model_validate(document), text
    except ValidationError as error:
        raise TomlFileError(problems_of(error, file, text)) from error


def problems_of(error: ValidationError, file: Path, text: str) -> list[Problem]:
    """pydantic's complaints in the words of somebody who writes TOML."""
    problems = []
    for details in error.errors():
        location = tuple(part for part in details["loc"] if part != "[key]")  # of a mistake in the key itself
        problems.append(Problem(file, key_of(location), line_of(text, location), _message(dict(details))))
    return problems


def key_of(location: Location) -> str:
    """`("step", 1, "listen_ms")` as `step[2].listen_ms`: people count from one."""
    key = ""
    for part in location:
        key += f"[{part + 1}]" if isinstance(part, int) else f".{part}" if key else part
    return key


def line_of(text: str, location: Location) -> int | None:
    """The line (from 1) of the key, or else of the nearest table around it that can be found; None when there is none.

    Knows tables, arrays of tables and `key = value` lines, which is how people write these files, and finds its way in
    an array or an inline table over several lines.
    """
    lines = text.splitlines()
    tables = _tables(lines)
    for depth in range(len(location), 0, -1):
        wanted = location[:depth]
        for table, first_line, keys in reversed(tables):
            if table == wanted:
                return first_line
            if wanted[:-1] == table and wanted[-1] in keys:
                line = keys[str(wanted[-1])]
                return _line_within(lines[line - 1 :], line, location[depth:])
    return None


_PIECE: Final = re.compile(
    r'''"""(?:\\.|[^\\])*?"""|\'{3}.*?\'{3}|"(?:\\.|[^"\\\n])*"|'[^'\n]*'|\#[^\n]*|[\[\]{},=\n]|[^\s\[\]{},=\#"']+''',
    re.DOTALL,
)


def _line_within(lines: list[str], first: int, wanted: Location) -> int:
    """The line of `wanted` inside the value of the key on the first of `lines`, which is line `first` of its file; of
    what is around it when it is not there."""
    found: dict[Location, int] = {(): first}
    around: list[str | int] = []  # where in the value we are: a place in an array, or a key of an inline table
    key, line = "", first
    for piece in _PIECE.findall("\n".join(lines).partition("=")[2]):
        if piece == "\n" or piece.startswith("#"):
            pass
        elif piece in ("[", "{"):
            found.setdefault(tuple(around), line)
            around.append(0 if piece == "[" else "")
        elif piece in ("]", "}"):
            around = around[:-1]
        elif piece == ",":
            if around:
                place = around[-1]
                around[-1] = place + 1 if isinstance(place, int) else ""
        elif piece == "=":
            if around:
                around[-1] = key
                found.setdefault(tuple(around), line)
        elif around and around[-1] == "":
            key = piece.partition(".")[0].strip("\"'")
        else:
            found.setdefault(tuple(around), line)
        line += piece.count("\n")
        if not around and piece != "\n" and not piece.startswith("#"):
            break
    return next(found[wanted[:depth]] for depth in range(len(wanted), -1, -1) if wanted[:depth] in found)


def _tables(lines: list[str]) -> list[tuple[Location, int, dict[str, int]]]:
    """Each table of the file: its location, the line of its heading, the line of each of its keys."""
    current: dict[str, int] = {}
    tables: list[tuple[Location, int, dict[str, int]]] = [((), 1, current)]
    counts: dict[str, int] = {}
    for number, line in enumerate(lines, 1):
        heading = re.match(r"\s*(\[\[?)\s*([^\]#]+?)\s*\]", line)
        if heading and "=" not in heading[2]:
            name = heading[2]
            location: Location = tuple(part.strip().strip("\"'") for part in name.split("."))
            if heading[1] == "[[":
                counts[name] = counts.get(name, -1) + 1
                location = (*location, counts[name])
            elif location[0] in counts and len(location) > 1:  # [step.answers] belongs to the latest [[step]]
                location = (location[0], counts[str(location[0])], *location[1:])
            current = {}
            tables.append((location, number, current))
        elif key := re.match(r"\s*([\w\"'-]+)(?:\.[\w\"'.-]+)?\s*=", line):
            current.setdefault(key[1].strip("\"'"), number)
    return tables


def _message(details: dict[str, Any]) -> str:
    context = details.get("ctx") or {}
    match details["type"]:
        case "missing":
            return "is missing: add it"
        case "extra_forbidden":
            return "is not a key that is known here: remove it, or check its spelling"
        case "value_error":
            return str(context.get("error", details["msg"]))
        case _:
            message = str(details["msg"]).replace("Input should", "should")
            given = details.get("input")
            return f"{message}; it is {given!r}" if isinstance(given, str | int | float | bool) else message
