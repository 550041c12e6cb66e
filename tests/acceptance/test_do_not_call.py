"""`robot dnc` as a person runs it, and what `robot call` does with whom it names."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.acceptance.shell import Shell

ONE, TWO = "+33140000001", "+33140000002"


class Lists(Shell):
    def listed(self, *options: str) -> list[tuple[str, str | None, str]]:
        done = self("dnc", "list", "--json", *options)
        return [(each["number"] or each["pattern"], each["campaign"], each["source"]) for each in done.document]


@pytest.fixture
def robot(tmp_path: Path) -> Lists:
    return Lists(tmp_path)


def test_numbers_are_put_on_the_list_shown_and_taken_off(robot: Lists) -> None:
    added = robot("dnc", "add", "01 40 00 00 01", "+331 41*", "--region", "FR", "--note", "wrote to us")
    assert (added.status, added.out) == (0, "2 new on the list, 0 already there\n")
    assert robot("dnc", "add", ONE, TWO, "--campaign", "spring").status == 0
    everything = [(ONE, None, "operator"), ("+33141*", None, "operator")]
    assert robot.listed() == [*everything, (ONE, "spring", "operator"), (TWO, "spring", "operator")]
    assert robot.listed("--campaign", "spring") == [(ONE, "spring", "operator"), (TWO, "spring", "operator")]
    assert "wrote to us" in robot("dnc", "list").out

    kept = robot("dnc", "remove", ONE, "--campaign", "spring")
    assert kept.status == 1
    assert f"{ONE} is still not called: entry 1" in kept.err
    removed = robot("dnc", "remove", "--entry", "1")
    assert removed.status == 0
    assert removed.out.startswith(f"off the list: entry 1: {ONE}")
    assert robot("dnc", "remove", "--entry", "1").err == "there is no entry 1\n"
    again = robot("dnc", "remove", ONE)
    assert (again.status, again.err) == (1, f"{ONE} is not on the list for all campaigns\n")
    assert robot("dnc", "remove").status == 2


def test_a_wrong_number_puts_none_of_them_on_the_list(robot: Lists) -> None:
    wrong = robot("dnc", "add", ONE, "0140000001")
    assert wrong.status == 2
    assert "or say --region" in wrong.err
    assert robot.listed() == []


def test_a_file_is_imported_but_for_its_bad_lines(robot: Lists) -> None:
    file = robot.folder / "wishes.csv"
    file.write_text(f"name;phone\nZoë;{ONE}\nBob;+3312\nEve;{TWO}\nKim;{ONE}\n", encoding="utf-8")
    done = robot("dnc", "import", str(file), "--campaign", "spring")
    assert done.status == 1
    assert done.out == "2 new on the list, 1 already there; 1 line(s) could not be read\n"
    assert done.err.startswith(f"{file}:3: the number has too few or too many digits")
    assert robot.listed() == [(ONE, "spring", "import"), (TWO, "spring", "import")]
    document = robot("dnc", "import", str(file), "--json").document
    assert (document["added"], document["known"], document["bad"][0]["line"]) == (2, 1, 3)


def test_a_file_that_is_not_there_is_told(robot: Lists) -> None:
    done = robot("dnc", "import", "absent.csv")
    assert (done.status, done.err) == (2, "robot: absent.csv: cannot be read: No such file or directory\n")


@pytest.mark.slow
def test_nobody_on_the_list_is_dialled(robot: Lists) -> None:
    robot("dnc", "add", "+331*", "--campaign", "demo")
    called = robot("call", ONE, "--simulate")
    assert called.status == 2
    assert "numbers like +331* are on the do-not-call list" in called.err
    assert "robot dnc remove --entry 1" in called.err
    assert robot.query("SELECT (SELECT count(*) FROM attempts), (SELECT count(*) FROM contacts)") == [(0, 0)]
