"""What the dialer tells of its campaigns to whoever measures them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CampaignFigures:
    """A campaign that calls people, or would. calls_per_s: what its pace allows; None: no limit. dialling: False while
    it waits, for whatever reason. claimed: contacts that were taken from its list since the dialer began."""

    campaign: str
    calls_per_s: float | None
    dialling: bool
    claimed: int
