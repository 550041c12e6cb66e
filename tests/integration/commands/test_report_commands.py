"""`robot campaign report` and `export`, as they are typed."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from click.testing import CliRunner, Result

from robot.cli import main
from robot.store.database import Database
from robot.store.records import AttemptResult, NewAttempt, TurnRecord
from robot.store.repositories import AttemptRepository

# Half past midnight in Paris, the day before in UTC.
FIRST = datetime(2026, 11, 1, 23, 30, tzinfo=UTC)
CAMPAIGN = """
name = "spring"
gateway = "carrier"
region = "FR"
caller_id = "01 99 00 00 01"

[[step]]
name = "goodbye"
text = "Goodbye."

[[step]]
name = "greeting"
text = "Hello."
"""
Robot = Callable[..., Result]


@pytest.fixture
def robot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Robot:
    """Three calls of the campaign `spring`, a day apart; what is typed, without `robot campaign`."""
    url = f"sqlite:///{tmp_path / 'robot.db'}"
    monkeypatch.setenv("ROBOT_DATABASE__URL", url)
    monkeypatch.chdir(tmp_path)
    database = Database(url)
    database.upgrade()
    for day in range(3):
        at, uuid = FIRST + timedelta(days=day), str(UUID(int=day))
        turns = [
            TurnRecord(1, "robot", "Hello.", None, 0, 900, interrupted=False, step="greeting"),
            TurnRecord(2, "robot", "Goodbye.", None, 1000, 1900, interrupted=False, step="goodbye"),
        ]
        result = AttemptResult("completed", "NORMAL_CLEARING", None, 5, 2000, at, at, None, None)
        with database.write() as session:
            attempts = AttemptRepository(session)
            attempts.begin(NewAttempt(uuid, "spring", f"+3314000000{day}", None, "carrier", "fs1", at))
            attempts.finish(uuid, result, turns, [], [])
    database.close()

    def typed(*arguments: str) -> Result:
        return CliRunner().invoke(main, ["campaign", *arguments], catch_exceptions=False)

    return typed


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "a campaign"
    folder.mkdir()
    (folder / "campaign.toml").write_text(CAMPAIGN)
    return folder


def test_by_name_and_for_people(robot: Robot) -> None:
    done = robot("report", "spring")
    assert done.exit_code == 0
    assert "times of UTC" in done.stdout
    assert "completed" in done.stdout


def test_of_a_folder_with_its_hours_and_its_order_of_steps(robot: Robot, folder: Path) -> None:
    document = json.loads(robot("report", str(folder), "--json").stdout)
    assert document["zone"] == "Europe/Paris"
    assert [day["day"] for day in document["days"]] == ["2026-11-02", "2026-11-03", "2026-11-04"]
    assert [step["step"] for step in document["steps"]] == ["goodbye", "greeting"]
    assert json.loads(robot("report", "spring", "--json").stdout)["steps"][0]["step"] == "greeting"


def test_days_count_whole_and_in_the_zone(robot: Robot) -> None:
    def days(*options: str) -> list[str]:
        document = json.loads(robot("report", "spring", "--json", *options).stdout)
        return [day["day"] for day in document["days"]]

    paris = ("--zone", "Europe/Paris")
    assert days(*paris, "--since", "2026-11-03") == ["2026-11-03", "2026-11-04"]
    assert days(*paris, "--until", "2026-11-03") == ["2026-11-02", "2026-11-03"]
    assert days(*paris, "--until", "2026-11-03T00:30") == ["2026-11-02"]
    assert days("--since", "2026-11-02 12:00", "--until", "2026-11-02") == ["2026-11-02"]


def test_files_are_written_and_nothing_else_is_told(robot: Robot, tmp_path: Path) -> None:
    done = robot("report", "spring", "--csv", "counts.csv", "--html", "page.html")
    assert (done.exit_code, done.stdout) == (0, "")
    assert "outcomes,completed,attempts,3" in (tmp_path / "counts.csv").read_text().splitlines()
    assert "</html>" in (tmp_path / "page.html").read_text()


def test_an_export(robot: Robot, tmp_path: Path) -> None:
    done = robot("export", "spring", "--calls", "calls.jsonl")
    assert (done.exit_code, done.stdout) == (0, "")
    assert "calls.jsonl: 3 calls" in done.stderr
    calls = [json.loads(line) for line in (tmp_path / "calls.jsonl").read_text().splitlines()]
    assert [call["number"] for call in calls] == ["+33140000000", "+33140000001", "+33140000002"]
    assert [turn["step"] for turn in calls[0]["turns"]] == ["greeting", "goodbye"]
    robot("export", "spring", "--calls", "calls.txt", "--format", "csv", "--until", "2026-11-01")
    assert (tmp_path / "calls.txt").read_text("utf-8-sig").count("robot: Goodbye.") == 1


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("report", "autumn"), "the database knows no campaign 'autumn'; those with calls are: spring"),
        (("report", "spring", "--zone", "Paris"), "no time zone: write an IANA name"),
        (("report", "spring", "--since", "yesterday"), "should be a day or a time, like 2026-11-21"),
        (
            ("report", "spring", "--since", "2026-11-03", "--until", "2026-11-01"),
            "the beginning of the time should be before its end",
        ),
        (("report", "spring", "--html", "nowhere/page.html"), "nowhere/page.html cannot be written"),
        (("export", "spring", "--calls", "nowhere/calls.csv"), "nowhere/calls.csv cannot be written"),
        (("export", "spring", "--calls", "calls.txt"), "ends in neither .csv nor .jsonl: add --format"),
    ],
)
def test_what_is_wrong_is_told(robot: Robot, arguments: tuple[str, ...], told: str) -> None:
    done = robot(*arguments)
    assert done.exit_code == 2
    assert told in " ".join(done.stderr.replace("│", " ").split())
