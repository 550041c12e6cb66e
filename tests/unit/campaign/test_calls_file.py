"""Calls with transcripts, as files."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from robot.campaign.calls_file import CallsFormat, format_of, write_calls
from robot.store.records import TurnRecord
from robot.store.reporting import RecordedCall

AT = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
TURNS = (
    TurnRecord(1, "robot", "Bonjour, c'est «Léa»;", None, 0, 900, interrupted=False, step="greeting"),
    TurnRecord(2, "callee", 'Oui, "allô"\noui', "yes", 1000, 1500, interrupted=False, step="greeting"),
)


def call(caller_id: str = "+33199000001", number: str | None = "+33140000001") -> RecordedCall:
    return RecordedCall(
        uuid="u", direction="outgoing", number=number, caller_id=caller_id, gateway="carrier", node="fs1",
        created_at=AT, answered_at=AT, ended_at=None, outcome="interested", hangup_cause="NORMAL_CLEARING", amd="human",
        amd_confidence=0.9, ring_ms=5, talk_ms=6, callback_earliest=None, callback_latest=None, transferred_to=None,
        recording=None, error=None, faults="LLM_TIMEOUT ASR_FAIL", answers={"city": "Lyon"},
        fields={"name": "Zoé"}, turns=TURNS,
    )  # fmt: skip


def test_csv_as_spreadsheets_read_it(tmp_path: Path) -> None:
    file = tmp_path / "calls.csv"
    told: list[int] = []
    assert write_calls([call(), call()], "spring", file, CallsFormat.CSV, told.append) == 2
    assert told == [1, 2]
    assert file.read_bytes().startswith(b"\xef\xbb\xbfcampaign,uuid,")
    with file.open(encoding="utf-8-sig", newline="") as stream:
        row, _ = csv.DictReader(stream)
    assert row["number"] == "+33140000001"
    assert row["created_at"] == "2026-11-21T12:00:00+00:00"
    assert row["ended_at"] == ""
    assert json.loads(row["fields"]) == {"name": "Zoé"}
    assert row["transcript"] == 'robot: Bonjour, c\'est «Léa»;\ncallee: Oui, "allô"\noui'
    assert "turns" not in row


@pytest.mark.parametrize("dialled", ["=cmd|' /C calc'!A0", "-1+1", "@SUM(A1)", "+1+cmd", "\t=1"])
def test_no_cell_is_a_formula(tmp_path: Path, dialled: str) -> None:
    file = tmp_path / "calls.csv"
    write_calls([call(dialled)], "spring", file, CallsFormat.CSV)
    with file.open(encoding="utf-8-sig", newline="") as stream:
        assert next(csv.DictReader(stream))["caller_id"] == "'" + dialled


def test_json_lines_hold_all_there_is(tmp_path: Path) -> None:
    file = tmp_path / "calls.jsonl"
    write_calls([call(), call(number=None)], "spring", file, CallsFormat.JSONL)
    first, second = (json.loads(line) for line in file.read_text("utf-8").splitlines())
    assert first["campaign"] == "spring"
    assert first["fields"] == {"name": "Zoé"}
    assert [turn["text"] for turn in first["turns"]] == [turn.text for turn in TURNS]
    assert second["number"] is None


def test_only_its_owner_may_read_it(tmp_path: Path) -> None:
    file = tmp_path / "calls.csv"
    write_calls([], "spring", file, CallsFormat.CSV)
    assert file.stat().st_mode & 0o077 == 0


def test_broken_off_it_leaves_what_was_there(tmp_path: Path) -> None:
    file = tmp_path / "calls.csv"
    file.write_text("yesterday's")

    def calls() -> Iterator[RecordedCall]:
        yield call()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_calls(calls(), "spring", file, CallsFormat.CSV)
    assert [each.name for each in tmp_path.iterdir()] == ["calls.csv"]
    assert file.read_text() == "yesterday's"


@pytest.mark.parametrize(
    ("name", "form"),
    [("a.csv", CallsFormat.CSV), ("a.JSONL", CallsFormat.JSONL), ("a.ndjson", CallsFormat.JSONL), ("a.txt", None)],
)
def test_the_ending_tells_the_format(name: str, form: CallsFormat | None) -> None:
    assert format_of(Path(name)) == form
