"""Which campaign a visitor talks to: the one they name, the usual one, or the demo that the robot brings with it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

from robot.campaign.definition import Campaign, load_campaign


class NoSuchCampaign(Exception):
    """Nobody can talk to that; the message says what there is."""


class CampaignsToTry:
    """all: those of the robot, as they are now. usual: the name of one. demo: a campaign's folder."""

    def __init__(self, campaigns: Callable[[], Sequence[Campaign]], usual: str | None, demo: Path) -> None:
        self._campaigns = campaigns
        self._usual = usual
        self._demo = demo
        self._shipped: Campaign | None = None

    async def named(self, name: str | None) -> Campaign:
        """Raises NoSuchCampaign, and CampaignError when the demo cannot be read."""
        by_name = {campaign.name: campaign for campaign in self._campaigns()}
        wanted = name or self._usual
        if wanted in by_name:
            return by_name[wanted]
        shipped = await self._demo_campaign()
        if wanted is None or wanted == shipped.name:
            return shipped
        names = ", ".join([*by_name, shipped.name])
        raise NoSuchCampaign(f"There is no campaign {wanted!r}: there is {names}.")

    async def all(self) -> list[Campaign]:
        """The usual one first. Raises CampaignError when the demo cannot be read."""
        by_name = {campaign.name: campaign for campaign in self._campaigns()}
        shipped = await self._demo_campaign()
        by_name.setdefault(shipped.name, shipped)
        usual = self._usual or shipped.name
        return sorted(by_name.values(), key=lambda campaign: campaign.name != usual)

    async def _demo_campaign(self) -> Campaign:
        if self._shipped is None:
            self._shipped = await asyncio.to_thread(load_campaign, self._demo)
        return self._shipped
