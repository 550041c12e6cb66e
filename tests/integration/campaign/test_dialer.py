"""The dialer on a simulated FreeSWITCH and a real database: everybody is called, once, as rules and pace say."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from robot.campaign.definition import load_campaign
from robot.campaign.pace import Limits
from robot.store.campaign_records import CampaignState, ContactState, NewContact
from robot.store.database import Database
from robot.store.errors import UnknownCampaign
from robot.store.records import DoNotCallSource, Handover, NewDoNotCall
from robot.store.schema import Daemon
from tests.acceptance.dialling import campaign_in, dialling, outcomes, start, until_state
from tests.acceptance.world import open_world

pytestmark = pytest.mark.slow

_CALLEES = """
[[callee]]
number = "+331400001*"
answer = "busy"

[[callee]]
number = "+331400002*"
answer = "unallocated"

[[callee]]
number = "+331400003*"
ring_ms = 100
hang_up = { after = "prompt_start", wait_ms = 300 }

[[callee]]
number = "+331400004*"
ring_ms = 100
hang_up = { after = "prompt_end", wait_ms = 1500 }

[[callee]]
number = "1000"
ring_ms = 100

[[callee]]
number = "1003"
answer = "no_answer"
"""


def numbers(kind: int, count: int) -> list[str]:
    return [f"+33140000{kind}{index:02}" for index in range(count)]


async def test_everybody_on_the_list_is_called_once_and_the_campaign_is_done(tmp_path: Path) -> None:
    campaign = campaign_in(tmp_path / "list")
    listed = [*numbers(1, 30), *numbers(2, 4), *numbers(3, 5)]
    async with open_world(tmp_path, _CALLEES) as world:
        await start(world, campaign, listed)
        async with dialling(world, campaign):
            await until_state(world, campaign, CampaignState.DONE)
        found = await outcomes(world, listed)
        states = await world.daemon.store.contact_states(campaign.name)
    assert {len(each) for each in found.values()} == {1}
    counted = Counter(str(each[0]) for each in found.values())
    assert (counted["busy"], counted["invalid_number"]) == (30, 4)
    assert counted["completed"] + counted["hung_up"] == 5
    assert states == {ContactState.DONE: len(listed)}


async def test_who_is_on_the_do_not_call_list_is_not_dialled(tmp_path: Path) -> None:
    campaign = campaign_in(tmp_path / "list")
    listed = numbers(1, 4)
    async with open_world(tmp_path, _CALLEES) as world:
        entry = NewDoNotCall(listed[2], datetime.now(UTC), DoNotCallSource.OPERATOR)
        await world.daemon.store.import_do_not_call([entry])
        await start(world, campaign, listed)
        async with dialling(world, campaign):
            await until_state(world, campaign, CampaignState.DONE)
        found = await outcomes(world, listed)
        contact = await world.daemon.store.contact(campaign.name, listed[2])
    assert found == {listed[0]: ["busy"], listed[1]: ["busy"], listed[2]: [], listed[3]: ["busy"]}
    assert contact is not None
    assert contact.reason == "is on the do-not-call list"


async def test_why_nobody_is_called_is_known_to_whoever_asks_the_database(tmp_path: Path) -> None:
    away, lost = campaign_in(tmp_path / "away", "away"), campaign_in(tmp_path / "lost", "lost")
    async with open_world(tmp_path, _CALLEES) as world:
        database = Database(f"sqlite:///{tmp_path}/robot.db")
        await start(world, away, numbers(4, 3))
        await start(world, lost, numbers(1, 1))
        async with dialling(world, away, limits=Limits(max_calls=0)), asyncio.timeout(30):
            told: dict[str, str] = {}
            while told.keys() != {"away", "lost"}:
                await asyncio.sleep(0.1)
                with database.read() as session:
                    told = session.scalars(select(Daemon.reasons)).first() or {}
        database.close()
    assert told["away"] == "the robot has 0 of 0 calls"
    assert "has not its files" in told["lost"]


async def test_a_number_on_two_lists_is_called_by_one_campaign_at_a_time_and_keeps_its_gap(tmp_path: Path) -> None:
    one, other = campaign_in(tmp_path / "one", "one"), campaign_in(tmp_path / "other", "other")
    listed = numbers(1, 5)
    async with open_world(tmp_path, _CALLEES) as world:
        await start(world, one, listed)
        await start(world, other, listed)
        async with dialling(world, one, other):
            await asyncio.sleep(3)
        found = await outcomes(world, listed)
        waiting = await world.daemon.store.contact_states("one"), await world.daemon.store.contact_states("other")
    assert {tuple(each) for each in found.values()} == {("busy",)}, "the second campaign waits for the gap"
    assert sum(states.get(ContactState.WAITING, 0) for states in waiting) == 5


async def test_outside_the_hours_nobody_is_called_and_the_reason_is_kept(tmp_path: Path) -> None:
    campaign = campaign_in(tmp_path / "list")
    hour = (datetime.now(UTC).hour + 12) % 23
    text = (campaign.folder / "campaign.toml").read_text()
    (campaign.folder / "campaign.toml").write_text(text.replace("00:00-24:00", f"{hour:02}:00-{hour + 1:02}:00"))
    campaign = load_campaign(campaign.folder)
    listed = numbers(1, 3)
    async with open_world(tmp_path, _CALLEES) as world:
        await start(world, campaign, listed)
        async with dialling(world, campaign):
            await asyncio.sleep(2)
        found = await outcomes(world, listed)
        contact = await world.daemon.store.contact(campaign.name, listed[0])
    assert list(found.values()) == [[], [], []]
    assert contact is not None
    assert contact.reason == "outside the hours of its time zone"
    assert contact.next_at is not None
    assert contact.next_at > datetime.now(UTC)


async def test_paused_nobody_is_called_and_what_was_claimed_is_given_back(tmp_path: Path) -> None:
    campaign = campaign_in(tmp_path / "list")
    text = (campaign.folder / "campaign.toml").read_text().replace("calls_per_s = 50", "calls_per_s = 5")
    (campaign.folder / "campaign.toml").write_text(text)
    campaign = load_campaign(campaign.folder)
    listed = numbers(1, 60)
    async with open_world(tmp_path, _CALLEES) as world:
        await start(world, campaign, listed)
        async with dialling(world, campaign) as dialer:
            await asyncio.sleep(2.5)
            await world.daemon.store.move_campaign(campaign.name, CampaignState.PAUSED, datetime.now(UTC), "by a test")
            await asyncio.sleep(2.0)
            called = sum(len(each) for each in (await outcomes(world, listed)).values())
            await asyncio.sleep(1.5)
            assert sum(len(each) for each in (await outcomes(world, listed)).values()) == called
            states = await world.daemon.store.contact_states(campaign.name)
            assert ContactState.CLAIMED not in states
            assert dialer.live_calls == 0
    assert 5 <= called <= 20


async def test_a_contact_that_cannot_be_spoken_to_is_left_out_and_the_rest_are_called(tmp_path: Path) -> None:
    campaign = campaign_in(tmp_path / "list")
    text = (campaign.folder / "campaign.toml").read_text().replace("Good morning.", "Good morning {first_name}.")
    (campaign.folder / "campaign.toml").write_text(text)
    campaign = load_campaign(campaign.folder)
    listed = numbers(1, 3)
    async with open_world(tmp_path, _CALLEES) as world:
        store, now = world.daemon.store, datetime.now(UTC)
        rows = [NewContact(number, {} if index == 1 else {"first_name": "Ann"}) for index, number in enumerate(listed)]
        await store.add_contacts(campaign.name, rows, now)
        await store.move_campaign(campaign.name, CampaignState.RUNNING, now)
        async with dialling(world, campaign):
            await until_state(world, campaign, CampaignState.DONE)
        found = await outcomes(world, listed)
        contact = await store.contact(campaign.name, listed[1])
    assert [*found.values()] == [["busy"], [], ["busy"]]
    assert contact is not None
    assert "there is no value for {first_name}" in (contact.reason or "")


async def test_who_came_to_an_agent_and_who_was_abandoned_is_kept(tmp_path: Path) -> None:
    agents = "[agents]\nlines = 2"
    taken = campaign_in(tmp_path / "taken", "taken", agents, 'transfer = { extension = "1000" }')
    rings = campaign_in(tmp_path / "rings", "rings", agents, 'transfer = { extension = "1003" }')
    async with open_world(tmp_path, _CALLEES) as world:
        await start(world, taken, numbers(4, 2))
        await start(world, rings, numbers(4, 4)[2:])
        async with dialling(world, taken, rings):
            await until_state(world, taken, CampaignState.DONE)
            await until_state(world, rings, CampaignState.DONE)
        kept = [
            [*(await world.daemon.store.handovers(each.name, datetime.now(UTC) - timedelta(days=1))).values()]
            for each in (taken, rings)
        ]
    assert kept == [[{Handover.CONNECTED: 2}], [{Handover.ABANDONED: 2}]], "they hung up while the telephone rang"


async def test_the_robot_is_stopped_no_new_call_and_the_rest_finish(tmp_path: Path) -> None:
    campaign = campaign_in(tmp_path / "list")
    listed = numbers(3, 40)
    async with open_world(tmp_path, _CALLEES) as world:
        await start(world, campaign, listed)
        async with dialling(world, campaign, limits=Limits(None, 3)) as dialer:
            await asyncio.sleep(1.5)
            dialer.stop_dialling()
            assert await dialer.finish(15) == 0
            called = [each for each in (await outcomes(world, listed)).values() if each]
            await asyncio.sleep(0.5)
            assert len([each for each in (await outcomes(world, listed)).values() if each]) == len(called)
        with pytest.raises(UnknownCampaign):
            await world.daemon.store.campaign("no such campaign")
    assert all(each[0] is not None for each in called)
