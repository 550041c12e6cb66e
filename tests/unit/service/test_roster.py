"""Campaigns that are edited while the robot runs: which counts, and what is told."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from robot.campaign.roster import Roster, reread

DEMO = Path(__file__).parents[3] / "campaigns" / "demo"


def campaign(folder: Path, name: str, *lines: str) -> Path:
    if not folder.exists():
        shutil.copytree(DEMO, folder)
    text = (DEMO / "campaign.toml").read_text(encoding="utf-8").replace('name = "demo"', f'name = "{name}"')
    (folder / "campaign.toml").write_text("\n".join([*lines, text]), encoding="utf-8")
    return folder


def spoil(folder: Path) -> None:
    (folder / "campaign.toml").write_text('name = "x"\ngateway = 1\n', encoding="utf-8")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "campaigns"


def names(roster: Roster) -> list[str]:
    return sorted(each.name for each in roster.campaigns)


def test_new_ones_come_and_removed_ones_go(home: Path) -> None:
    spring = campaign(home / "spring", "spring")
    first = reread((), home)
    campaign(home / "autumn", "autumn")
    shutil.rmtree(spring)
    second = reread(first.campaigns, home)
    assert (names(first), names(second)) == (["spring"], ["autumn"])
    assert not second.problems


def test_a_broken_one_stays_as_it_was_last_good_and_the_others_change(home: Path) -> None:
    spring = campaign(home / "spring", "spring")
    campaign(home / "autumn", "autumn")
    first = reread((), home)
    spoil(spring)
    campaign(home / "autumn", "winter")
    second = reread(first.campaigns, home)
    third = reread(second.campaigns, home)
    for roster in (second, third):
        assert names(roster) == ["spring", "winter"]
        assert roster.named("spring") is first.named("spring")
        assert roster.problems
        assert all(problem.file == spring / "campaign.toml" for problem in roster.problems)
    assert any((problem.line, problem.key) == (2, "gateway") for problem in second.problems)


def test_one_that_was_never_good_is_told_and_left_out(home: Path) -> None:
    spoil(campaign(home / "spring", "spring"))
    roster = reread((), home)
    assert roster.campaigns == ()
    assert roster.problems


def test_two_that_do_not_go_together_change_nothing(home: Path) -> None:
    campaign(home / "spring", "spring")
    first = reread((), home)
    campaign(home / "spring", "spring", 'incoming_numbers = ["+33199000001"]')
    campaign(home / "autumn", "autumn", 'incoming_numbers = ["+33199000001"]')
    second = reread(first.campaigns, home)
    assert second.campaigns == first.campaigns
    assert "answers the same number" in str(second.problems[0])


def test_one_from_elsewhere_joins_unless_its_name_is_taken(home: Path, tmp_path: Path) -> None:
    campaign(home / "spring", "spring")
    twin, other = campaign(tmp_path / "twin", "spring"), campaign(tmp_path / "other", "other")
    roster = reread((), home, [twin, other, other, home / "spring"])
    assert {each.name: each.folder for each in roster.campaigns} == {"spring": home / "spring", "other": other}
    assert not roster.problems
