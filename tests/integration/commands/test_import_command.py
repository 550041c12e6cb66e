"""`robot campaign import`, as it is typed, of lists as spreadsheets save them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from robot.cli import main

CAMPAIGN = """
name = "{name}"
gateway = "carrier"
region = "FR"
[[step]]
name = "greeting"
text = "Hello."
outcome = "completed"
"""
# What Excel saves in France: semicolons, Windows' letters, a cell of two lines, a number as a power of ten.
EXCEL = (
    "Prénom;Téléphone;Ville\r\n"
    'Zoé;06 12 34 56 78;"Saint-Étienne;\r\nLoire"\r\n'
    "Bob;6,12E+08;Lyon\r\n"
    "Cat;06.12.34.56.79;Lyon;Rhône\r\n"
    "Dan;0612345678;Lyon\r\n"
)
Robot = Callable[..., Result]


@pytest.fixture
def robot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Robot:
    monkeypatch.setenv("ROBOT_DATABASE__URL", f"sqlite:///{tmp_path / 'robot.db'}")
    monkeypatch.chdir(tmp_path)
    for name in ("spring", "autumn"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "campaign.toml").write_text(CAMPAIGN.format(name=name))
    (tmp_path / "people.csv").write_bytes(EXCEL.encode("cp1252"))

    def typed(*arguments: str) -> Result:
        return CliRunner().invoke(main, ["campaign", "import", *arguments], catch_exceptions=False)

    return typed


def test_what_excel_saves_and_what_is_wrong_in_it(robot: Robot, tmp_path: Path) -> None:
    done = robot("spring", "people.csv")
    assert done.exit_code == 1, "there are rows to correct"
    assert "read as Latin-1" in done.output
    assert "spring: 1 of 4 added" in done.output
    assert "1 twice in the file; 2 rejected: see people.rejected.csv" in done.output
    rejected = (tmp_path / "people.rejected.csv").read_text(encoding="utf-8-sig").splitlines()
    assert rejected[0] == "Prénom;Téléphone;Ville;rejected_line;rejected_reason"
    assert rejected[1].startswith("Bob;6,12E+08;Lyon;4;the spreadsheet has rounded the number")
    assert rejected[2].startswith("Cat;06.12.34.56.79;Lyon;5;has more values than columns")
    assert rejected[2].endswith(";Rhône"), "nothing of the row is lost"


def test_rejected_rows_are_imported_once_they_are_corrected(robot: Robot, tmp_path: Path) -> None:
    robot("spring", "people.csv")
    file = tmp_path / "people.rejected.csv"
    again = robot("spring", str(file), "--rejects", "still.csv", "--json")
    assert (again.exit_code, json.loads(again.stdout)["rejected"]) == (1, 2), "nothing was corrected yet"
    corrected = file.read_text(encoding="utf-8-sig").replace("6,12E+08", "0612345680").replace(";Rhône", "")
    file.write_text(corrected, encoding="utf-8")
    done = robot("spring", str(file), "--json")
    assert (done.exit_code, json.loads(done.stdout)["added"]) == (0, 2)


def test_who_is_known_is_handled_as_asked(robot: Robot, tmp_path: Path) -> None:
    (tmp_path / "few.csv").write_text("Mobile no.,name\n0612345678,Zoé\n")
    assert json.loads(robot("spring", "few.csv", "--json").stdout)["added"] == 1
    again = json.loads(robot("spring", "few.csv", "--json").stdout)
    assert (again["added"], again["in_campaign"]) == (0, 1)
    updated = json.loads(robot("spring", "few.csv", "--duplicates", "update", "--json").stdout)
    assert (updated["updated"], updated["rejected"]) == (1, 0)
    elsewhere = json.loads(robot("autumn", "few.csv", "--unique", "everywhere", "--json").stdout)
    assert (elsewhere["added"], elsewhere["elsewhere"]) == (0, 1)
    refused = robot("autumn", "few.csv", "--unique", "everywhere", "--duplicates", "reject")
    assert refused.exit_code == 1
    assert "on the list of another campaign" in (tmp_path / "few.rejected.csv").read_text(encoding="utf-8-sig")
    assert json.loads(robot("autumn", "few.csv", "--json").stdout)["added"] == 1


def test_what_cannot_be_imported(robot: Robot, tmp_path: Path) -> None:
    (tmp_path / "odd.csv").write_text("Name,Contact\nAnn,0612345678\n")
    wrong = robot("spring", "odd.csv")
    assert (wrong.exit_code, "`--column 'Name=number'`" in wrong.output) == (2, True)
    assert robot("spring", "odd.csv", "--column", "Contact=number").exit_code == 0
    assert robot("spring", "gone.csv").exit_code == 2
    assert robot("spring").exit_code == 2, "the folder has no contacts.csv"
