"""Calls with their transcripts as a file for other programmes: CSV or JSON lines, written one call after the other.

It holds what people said: only its owner may read it, and it gets its name only when it is complete.
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from robot.store.reporting import RecordedCall


class CallsFormat(StrEnum):
    CSV = "csv"
    JSONL = "jsonl"


_ENDINGS: Final = {".csv": CallsFormat.CSV, ".jsonl": CallsFormat.JSONL, ".ndjson": CallsFormat.JSONL}
_COLUMNS: Final = ("campaign", *(field.name for field in fields(RecordedCall) if field.name != "turns"), "transcript")
# A spreadsheet takes a cell that begins so for a formula. `+` begins our numbers, too: those are let be.
_FORMULA: Final = ("=", "-", "@", "\t", "\r", "+")


def format_of(file: Path) -> CallsFormat | None:
    """By the ending of its name; None: it says nothing."""
    return _ENDINGS.get(file.suffix.lower())


def write_calls(
    calls: Iterable[RecordedCall],
    campaign: str,
    file: Path,
    form: CallsFormat,
    on_progress: Callable[[int], None] | None = None,
) -> int:
    """How many calls were written. Raises OSError; a file that was there before is then as it was."""
    part = file.with_name(f".{file.name}.part")
    try:
        # Excel reads UTF-8 only when told by the mark at its beginning; other readers of CSV skip it.
        encoding = "utf-8-sig" if form is CallsFormat.CSV else "utf-8"
        with open(part, "w", encoding=encoding, newline="", opener=_for_the_owner) as stream:
            lines = call_lines(calls, campaign, form)
            stream.write(next(lines))
            written = 0
            for written, line in enumerate(lines, 1):
                stream.write(line)
                if on_progress is not None:
                    on_progress(written)
        os.replace(part, file)
    finally:
        part.unlink(missing_ok=True)
    return written


def call_lines(calls: Iterable[RecordedCall], campaign: str, form: CallsFormat) -> Iterator[str]:
    """What a file begins with, empty where that is nothing, and then the text of each call."""
    yield _csv_line(_COLUMNS) if form is CallsFormat.CSV else ""
    as_text = _as_csv if form is CallsFormat.CSV else _as_json
    for call in calls:
        yield as_text(_row(campaign, call))


def _for_the_owner(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _row(campaign: str, call: RecordedCall) -> dict[str, Any]:
    row: dict[str, Any] = {"campaign": campaign}
    for field in fields(call):
        value = getattr(call, field.name)
        row[field.name] = value.isoformat() if isinstance(value, datetime) else value
    return row


def _as_json(row: dict[str, Any]) -> str:
    turns = [{field.name: getattr(turn, field.name) for field in fields(turn)} for turn in row["turns"]]
    return json.dumps(row | {"turns": turns}, ensure_ascii=False) + "\n"


def _as_csv(row: dict[str, Any]) -> str:
    transcript = "\n".join(f"{turn.speaker}: {turn.text}" for turn in row["turns"])
    cells = row | {"transcript": transcript}
    return _csv_line(_cell(cells[name]) for name in _COLUMNS)


def _csv_line(cells: Iterable[Any]) -> str:
    text = io.StringIO()
    csv.writer(text).writerow(cells)
    return text.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, Mapping):
        return json.dumps(dict(value), ensure_ascii=False)
    if isinstance(value, str) and value.startswith(_FORMULA) and not (value[0] == "+" and value[1:].isdecimal()):
        return "'" + value
    return value
