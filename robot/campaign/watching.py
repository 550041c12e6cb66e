"""What the dialer tells of its campaigns to whoever measures them, on the loop. A watcher is quick and never raises."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class CampaignFigures:
    """A campaign as it stands. contacts_left: who may still be called; None: not known yet. wanted_per_s: the calls a
    second that its pace allows; None: no limit. dialling: False while it is paused, out of hours, or waits."""

    campaign: str
    contacts_left: int | None
    wanted_per_s: float | None
    dialling: bool


class DialerWatcher(Protocol):
    def stands(self, figures: CampaignFigures) -> None:
        """Some seconds apart, and when `dialling` changes."""

    def claimed(self, campaign: str, contacts: int) -> None:
        """So many were taken from the list, to be called next."""

    def gone(self, campaign: str) -> None:
        """This daemon has no more to do with it."""
