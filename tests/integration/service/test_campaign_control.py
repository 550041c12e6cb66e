"""Campaigns are started, paused, resumed and drained from another terminal: what the commands write and say."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from robot.cli import main
from robot.store.campaign_records import CampaignState, NewContact, StoredCampaign
from robot.store.daemons import this_daemon
from robot.store.database import Database
from robot.store.store import Store

DEMO = Path(__file__).parents[3] / "campaigns" / "demo"


class Terminal:
    """Commands on a database and a folder of campaigns of their own."""

    def __init__(self, folder: Path) -> None:
        self.campaigns = folder / "campaigns"
        self.campaigns.mkdir()
        self._url = f"sqlite:///{folder}/robot.db"

    def __call__(self, *arguments: str) -> Result:
        environment = {"ROBOT_DATABASE__URL": self._url, "ROBOT_CAMPAIGNS__FOLDER": str(self.campaigns)}
        return CliRunner().invoke(main, ["campaign", *arguments], env=environment)

    def with_store(self, work: Callable[[Store], Any]) -> Any:
        async def run() -> Any:
            database = Database(self._url)
            database.prepare()
            store = Store(database)
            try:
                return await work(store)
            finally:
                await store.close()

        return asyncio.run(run())

    def import_people(self, campaign: str, numbers: Sequence[str]) -> None:
        people = [NewContact(number, {}) for number in numbers]
        self.with_store(lambda store: store.add_contacts(campaign, people, datetime.now(UTC)))

    def stored(self, name: str) -> StoredCampaign:
        found: StoredCampaign = self.with_store(lambda store: store.campaign(name))
        return found


@pytest.fixture
def robot(tmp_path: Path) -> Terminal:
    return Terminal(tmp_path)


@pytest.fixture
def demo(robot: Terminal) -> Path:
    """The demo campaign where the robot looks for campaigns."""
    folder = robot.campaigns / "spring"
    shutil.copytree(DEMO, folder)
    file = folder / "campaign.toml"
    file.write_text(file.read_text(encoding="utf-8").replace('name = "demo"', 'name = "spring"'), encoding="utf-8")
    return folder


@pytest.mark.usefixtures("demo")
def test_from_start_to_the_end(robot: Terminal) -> None:
    robot.import_people("spring", ["+33140000001", "+33140000002"])
    started = robot("start", "spring")
    assert started.exit_code == 0
    assert started.stdout.splitlines() == [
        "spring runs: 2 contact(s) wait to be called.",
        "No robot is running: this is done when `robot run` is started.",
    ]
    assert robot("start", "spring").stdout.startswith("spring runs already:")
    paused = robot("pause", "spring", "--reason", "the agents are at lunch")
    assert paused.stdout.startswith("spring is paused: no new calls; 0 that go(es) on may come to an end.")
    assert robot.stored("spring").reason == "the agents are at lunch"
    assert robot("resume", "spring").stdout.startswith("spring runs:")
    assert robot.stored("spring").reason is None
    assert robot("drain", "spring").stdout.startswith("spring drains: no new calls")
    assert robot.stored("spring").state is CampaignState.DRAINING


def test_one_that_is_started_by_its_folder_is_found_there_by_the_robot(robot: Terminal, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(DEMO, elsewhere)
    done = robot("start", str(elsewhere), "--json")
    assert done.exit_code == 0
    document = json.loads(done.stdout)
    assert (document["campaign"], document["before"], document["state"]) == ("demo", "stopped", "running")
    assert document["robots"] == []
    assert "Nobody is on its list" in done.stderr
    assert robot.stored("demo").folder == str(elsewhere)


@pytest.mark.usefixtures("demo")
def test_it_says_which_robot_will_do_it(robot: Terminal) -> None:
    living = replace(this_daemon(datetime.now(UTC)), host="dialer-3")
    robot.with_store(lambda store: store.register_daemon(living))
    assert "The robot on dialer-3 does so within a second." in robot("start", "spring").stdout


def test_a_robot_that_died_long_ago_is_none(robot: Terminal, demo: Path) -> None:
    long_ago = datetime(2026, 1, 1, tzinfo=UTC)
    dead = replace(this_daemon(long_ago), host="dialer-3")
    robot.with_store(lambda store: store.register_daemon(dead))
    assert "No robot is running" in robot("start", str(demo)).stdout


def test_a_campaign_with_a_mistake_is_not_started_but_can_be_paused(robot: Terminal, demo: Path) -> None:
    assert robot("start", "spring").exit_code == 0
    (demo / "campaign.toml").write_text('name = "spring"\ngateway = 1\n', encoding="utf-8")
    refused = robot("start", "spring")
    assert refused.exit_code == 2
    assert f"{demo}/campaign.toml:2: gateway" in refused.stderr
    for what in ("spring", str(demo)):
        assert robot("pause", what).exit_code == 0
    assert robot.stored("spring").state is CampaignState.PAUSED


@pytest.mark.usefixtures("demo")
def test_what_makes_no_sense_is_refused_and_changes_nothing(robot: Terminal) -> None:
    unknown = robot("start", "winter")
    assert unknown.exit_code == 2
    assert "knows no campaign 'winter'" in unknown.stderr
    robot.import_people("spring", ["+33140000001"])
    for command in ("resume", "pause", "drain"):
        refused = robot(command, "spring")
        assert refused.exit_code == 2, command
        assert "is stopped" in refused.stderr
    assert robot.stored("spring").state is CampaignState.STOPPED


def test_of_two_with_one_name_none_is_started_by_accident(robot: Terminal, demo: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(demo, other)
    refused = robot("start", str(other))
    assert refused.exit_code == 2
    assert str(demo) in refused.stderr
