"""What the console needs of the door for browsers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from robot.campaign.definition import Campaign


class Voice(Protocol):
    """`robot.doors` is one."""

    @property
    def port(self) -> int:
        """Of the audio server, which takes the connections for /ws."""

    def ticket(self) -> str:
        """Lets whoever brings it in, once."""

    async def campaigns(self) -> Sequence[Campaign]:
        """Those that can be talked to, the usual one first. Raises CampaignError."""
