"""What sessions are made of."""

from __future__ import annotations

from dataclasses import dataclass

from robot.doors.campaigns import CampaignsToTry
from robot.doors.visit import VisitParts


@dataclass(frozen=True, slots=True)
class DoorParts:
    """Of the house. log_latency: a line in the log for each turn."""

    campaigns: CampaignsToTry
    visits: VisitParts
    log_latency: bool = True
