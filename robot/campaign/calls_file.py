"""Calls with their transcripts as a file for other programmes: CSV or JSON lines, written one call after the other.

It holds what people said: only its owner may read it, and it gets its name only when it is complete.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, TextIO

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
            write = _csv_writer(stream) if form is CallsFormat.CSV else _json_writer(stream)
            written = 0
            for call in calls:
                write(_row(campaign, call))
                written += 1
                if on_progress is not None:
                    on_progress(written)
        os.replace(part, file)
    finally:
        part.unlink(missing_ok=True)
    return written


def _for_the_owner(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _row(campaign: str, call: RecordedCall) -> dict[str, Any]:
    row: dict[str, Any] = {"campaign": campaign}
    for field in fields(call):
        value = getattr(call, field.name)
        row[field.name] = value.isoformat() if isinstance(value, datetime) else value
    return row


def _json_writer(stream: TextIO) -> Callable[[dict[str, Any]], None]:
    def write(row: dict[str, Any]) -> None:
        turns = [{field.name: getattr(turn, field.name) for field in fields(turn)} for turn in row["turns"]]
        stream.write(json.dumps(row | {"turns": turns}, ensure_ascii=False) + "\n")

    return write


def _csv_writer(stream: TextIO) -> Callable[[dict[str, Any]], None]:
    writer = csv.DictWriter(stream, _COLUMNS, extrasaction="ignore")
    writer.writeheader()

    def write(row: dict[str, Any]) -> None:
        transcript = "\n".join(f"{turn.speaker}: {turn.text}" for turn in row["turns"])
        writer.writerow({name: _cell(value) for name, value in (row | {"transcript": transcript}).items()})

    return write


def _cell(value: Any) -> Any:
    if isinstance(value, Mapping):
        return json.dumps(dict(value), ensure_ascii=False)
    if isinstance(value, str) and value.startswith(_FORMULA) and not (value[0] == "+" and value[1:].isdecimal()):
        return "'" + value
    return value
