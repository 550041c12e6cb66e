"""`robot campaign explain`, from an empty folder on: a list is imported, and each question about it has an answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from robot.campaign import rule_tables
from robot.cli import main

# France is called on one day a week, which is neither today nor tomorrow, wherever today is.
_DAY = rule_tables.WEEKDAYS[(datetime.now(UTC).weekday() + 3) % 7]
CAMPAIGN = f"""
name = "spring"
gateway = "carrier"
region = "FR"
[hours]
{_DAY} = ["10:00-12:00"]
days = []
[hours.regions.FR]
{_DAY} = ["10:00-12:00"]
days = []
[hours.regions.GB]
daily = "00:00-24:00"
days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
[[step]]
name = "greeting"
text = "Hello."
outcome = "completed"
"""
CONTACTS = "number,name\n01 40 00 00 01,Ann\n01 40 00 00 02,Ben\n+44 20 7946 0018,Cat\n"
Robot = Callable[..., Result]


@pytest.fixture
def robot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Robot:
    monkeypatch.setenv("ROBOT_DATABASE__URL", f"sqlite:///{tmp_path / 'robot.db'}")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "spring").mkdir()
    (tmp_path / "spring/campaign.toml").write_text(CAMPAIGN)
    (tmp_path / "spring/contacts.csv").write_text(CONTACTS)

    def typed(*arguments: str) -> Result:
        return CliRunner().invoke(main, [*arguments], catch_exceptions=False)

    assert typed("campaign", "import", "spring").exit_code == 0
    assert typed("dnc", "add", "0140000002", "--region", "FR").exit_code == 0
    return typed


def explained(robot: Robot, *arguments: str) -> dict[str, Any]:
    done = robot("campaign", "explain", *arguments, "--json")
    assert done.exit_code == 0, done.output
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def test_of_the_whole_list(robot: Robot) -> None:
    document = explained(robot, "spring")
    assert document["state"] == "stopped"
    assert "`robot campaign start` starts it" in document["not_calling"]["reason"]
    assert (document["due"], document["would_be_called"]) == (3, ["+44••••••••18"])
    assert {each["reason"]: each["contacts"] for each in document["others"]} == {
        "outside the hours of its time zone": 1,
        "is on the do-not-call list": 1,
    }
    assert explained(robot, "spring", "--numbers")["would_be_called"] == ["+442079460018"]


def test_of_one_number(robot: Robot) -> None:
    french = explained(robot, "spring", "01 40 00 00 01")
    assert (french["would_be_called"], french["reason"]) == (False, "outside the hours of its time zone")
    assert french["until"] is not None
    assert {each["rule"]: each["verdict"] for each in french["rules"]["each"]}["calling hours"] == "not_now"
    refused = explained(robot, "spring", "01 40 00 00 02")
    assert (refused["reason"], refused["do_not_call"]["source"]) == ("is on the do-not-call list", "operator")
    stranger = explained(robot, "spring", "+442079460999")
    assert (stranger["reason"], stranger["contact"]) == ("is not on the list of the campaign", None)
    assert stranger["rules"]["verdict"] == "now"


def test_for_people(robot: Robot) -> None:
    seen = robot("campaign", "explain", "spring", "+442079460018").stdout
    assert "Would be called now, if the campaign called anybody" in seen
    assert "2079460018" not in seen
    assert "3 contacts are due. 1 of them would be called now." in robot("campaign", "explain", "spring").stdout


def test_what_cannot_be_answered(robot: Robot) -> None:
    assert robot("campaign", "explain", "autumn").exit_code == 2
    assert robot("campaign", "explain", "spring", "hello").exit_code == 2
