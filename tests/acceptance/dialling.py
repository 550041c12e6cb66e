"""A campaign that may call at any hour, and a dialer that works through its list in a `World`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from robot.campaign.definition import Campaign, load_campaign
from robot.campaign.dialer import Dialer
from robot.campaign.pace import Limits
from robot.store.campaign_records import CampaignState, NewContact
from tests.acceptance.world import World

#: Of a campaign.toml: also where a law says otherwise, in so far as it may be said.
AT_ANY_HOUR = """\
[hours]
daily = "00:00-24:00"
days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
[hours.regions.FR]
daily = "00:00-24:00"
days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
"""

_CAMPAIGN = """
name = "{name}"
gateway = "trunk"
[amd]
enabled = false
{hours}
[pace]
calls_per_s = 50
max_calls = 20
[retries]
busy = []
{more}
[[step]]
name = "a"
text = "Good morning. This is a test."
{step}
"""


def campaign_in(folder: Path, name: str = "list", more: str = "", step: str = 'outcome = "completed"') -> Campaign:
    folder.mkdir(exist_ok=True)
    (folder / "campaign.toml").write_text(_CAMPAIGN.format(hours=AT_ANY_HOUR, name=name, more=more, step=step))
    return load_campaign(folder)


@asynccontextmanager
async def dialling(world: World, *campaigns: Campaign, limits: Limits | None = None) -> AsyncIterator[Dialer]:
    dialer = Dialer(world.daemon.parts, campaigns, limits=limits or Limits())
    running = asyncio.create_task(dialer.run())
    try:
        yield dialer
    finally:
        dialer.end_calls("the test is over")
        await dialer.finish(10)
        await dialer.close()
        await running


async def start(world: World, campaign: Campaign, listed: list[str]) -> None:
    now = datetime.now(UTC)
    await world.daemon.store.add_contacts(campaign.name, [NewContact(number, {}) for number in listed], now)
    await world.daemon.store.move_campaign(campaign.name, CampaignState.RUNNING, now)


async def until_state(world: World, campaign: Campaign, state: CampaignState) -> None:
    async with asyncio.timeout(60):
        while (await world.daemon.store.campaign(campaign.name)).state is not state:  # noqa: ASYNC110 - a database
            await asyncio.sleep(0.05)


async def outcomes(world: World, listed: list[str]) -> dict[str, list[str | None]]:
    history = await world.daemon.store.history(listed)
    return {number: [attempt.outcome for attempt in history.get(number, ())] for number in listed}
