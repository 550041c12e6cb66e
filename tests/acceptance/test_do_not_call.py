"""`robot dnc` as a person runs it, and what `robot call` does with whom it names."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

ONE, TWO = "+33140000001", "+33140000002"


class Shell:
    """Runs `robot` on a database of the test's own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("ROBOT_")}
        environment |= {
            "ROBOT_DATABASE__URL": f"sqlite:///{self.folder / 'robot.db'}",
            "XDG_CONFIG_HOME": str(self.folder / "config"),
        }
        return subprocess.run(
            [sys.executable, "-m", "robot", *arguments],
            cwd=self.folder, env=environment, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip

    def listed(self, *options: str) -> list[tuple[str, str | None, str]]:
        done = self("dnc", "list", "--json", *options)
        return [
            (each["number"] or each["pattern"], each["campaign"], each["source"]) for each in json.loads(done.stdout)
        ]


@pytest.fixture
def robot(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


def test_numbers_are_put_on_the_list_shown_and_taken_off(robot: Shell) -> None:
    added = robot("dnc", "add", "01 40 00 00 01", "+331 41*", "--region", "FR", "--note", "wrote to us")
    assert (added.returncode, added.stdout) == (0, "2 new on the list, 0 already there\n")
    assert robot("dnc", "add", ONE, TWO, "--campaign", "spring").returncode == 0
    everything = [(ONE, None, "operator"), ("+33141*", None, "operator")]
    assert robot.listed() == [*everything, (ONE, "spring", "operator"), (TWO, "spring", "operator")]
    assert robot.listed("--campaign", "spring") == [(ONE, "spring", "operator"), (TWO, "spring", "operator")]
    assert "wrote to us" in robot("dnc", "list").stdout

    kept = robot("dnc", "remove", ONE, "--campaign", "spring")
    assert kept.returncode == 1
    assert f"{ONE} is still not called: entry 1" in kept.stderr
    removed = robot("dnc", "remove", "--entry", "1")
    assert removed.returncode == 0
    assert removed.stdout.startswith(f"off the list: entry 1: {ONE}")
    assert robot("dnc", "remove", "--entry", "1").stderr == "there is no entry 1\n"
    again = robot("dnc", "remove", ONE)
    assert (again.returncode, again.stderr) == (1, f"{ONE} is not on the list for all campaigns\n")
    assert robot("dnc", "remove").returncode == 2


def test_a_wrong_number_puts_none_of_them_on_the_list(robot: Shell) -> None:
    wrong = robot("dnc", "add", ONE, "0140000001")
    assert wrong.returncode == 2
    assert "or say --region" in wrong.stderr
    assert robot.listed() == []


def test_a_file_is_imported_but_for_its_bad_lines(robot: Shell) -> None:
    file = robot.folder / "wishes.csv"
    file.write_text(f"name;phone\nZoë;{ONE}\nBob;+3312\nEve;{TWO}\nKim;{ONE}\n", encoding="utf-8")
    done = robot("dnc", "import", str(file), "--campaign", "spring")
    assert done.returncode == 1
    assert done.stdout == "2 new on the list, 1 already there; 1 line(s) could not be read\n"
    assert done.stderr.startswith(f"{file}:3: the number has too few or too many digits")
    assert robot.listed() == [(ONE, "spring", "import"), (TWO, "spring", "import")]
    document = json.loads(robot("dnc", "import", str(file), "--json").stdout)
    assert (document["added"], document["known"], document["bad"][0]["line"]) == (2, 1, 3)


def test_a_file_that_is_not_there_is_told(robot: Shell) -> None:
    done = robot("dnc", "import", "absent.csv")
    assert (done.returncode, done.stderr) == (2, "robot: absent.csv: cannot be read: No such file or directory\n")


@pytest.mark.slow
def test_nobody_on_the_list_is_dialled(robot: Shell) -> None:
    robot("dnc", "add", "+331*", "--campaign", "demo")
    called = robot("call", ONE, "--simulate")
    assert called.returncode == 2
    assert "numbers like +331* are on the do-not-call list" in called.stderr
    assert "robot dnc remove --entry 1" in called.stderr
    connection = sqlite3.connect(robot.folder / "robot.db")
    assert connection.execute("SELECT (SELECT count(*) FROM attempts), (SELECT count(*) FROM contacts)").fetchall() == [
        (0, 0)
    ]
    connection.close()
