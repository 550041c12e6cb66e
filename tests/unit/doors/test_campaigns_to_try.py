"""Which campaigns a visitor can talk to."""

from __future__ import annotations

from pathlib import Path

import pytest

from robot.campaign.definition import load_campaign
from robot.doors.campaigns import CampaignsToTry, NoSuchCampaign

CAMPAIGNS = Path(__file__).parents[3] / "campaigns"
OWN = load_campaign(CAMPAIGNS / "appointment-reminder")


def to_try(usual: str | None) -> CampaignsToTry:
    return CampaignsToTry(lambda: [OWN], usual, CAMPAIGNS / "demo")


@pytest.mark.parametrize(
    ("usual", "names"), [(None, ["demo", OWN.name]), (OWN.name, [OWN.name, "demo"]), ("gone", [OWN.name, "demo"])]
)
async def test_the_usual_one_comes_first_and_the_demo_is_always_there(usual: str | None, names: list[str]) -> None:
    assert [campaign.name for campaign in await to_try(usual).all()] == names


async def test_a_visitor_gets_the_one_that_they_name_or_the_usual_one() -> None:
    assert (await to_try(None).named(None)).name == "demo"
    assert await to_try(None).named(OWN.name) is OWN
    assert await to_try(OWN.name).named(None) is OWN
    with pytest.raises(NoSuchCampaign, match=f"there is {OWN.name}, demo"):
        await to_try(None).named("autumn")
