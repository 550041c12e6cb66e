"""From when to when people ask about a campaign, in whose hours. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Self
from zoneinfo import ZoneInfo

from robot.campaign.definition import Campaign
from robot.campaign.numbers import normalise_number, zone_of
from robot.store.reporting import Period

_DAY: Final = "%Y-%m-%d"
_TIMES: Final = (_DAY, "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M")


class BadPeriod(ValueError):
    """What was written is no time, or ends before it begins."""


@dataclass(frozen=True, slots=True)
class Moment:
    """As people write it: without a zone yet. whole_day: no time of day was given."""

    at: datetime
    whole_day: bool

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises BadPeriod."""
        for form in _TIMES:
            try:
                return cls(datetime.strptime(text, form), form == _DAY)  # noqa: DTZ007 - its zone comes later
            except ValueError:
                continue
        raise BadPeriod(f"{text!r} should be a day or a time, like 2026-11-21 or 2026-11-21T14:30")

    def begin(self, zone: ZoneInfo) -> datetime:
        return self.at.replace(tzinfo=zone)

    def end(self, zone: ZoneInfo) -> datetime:
        """A day counts to its end."""
        at = self.at + timedelta(days=1) if self.whole_day else self.at
        return at.replace(tzinfo=zone)


@dataclass(frozen=True, slots=True)
class Asked:
    """zone: whose hours and days. steps: of the script, in its order, where that is known."""

    name: str
    zone: ZoneInfo
    steps: Sequence[str] = ()

    @classmethod
    def about(cls, campaign: Campaign, zone: ZoneInfo | None = None) -> Self:
        """zone: None: where the campaign's own caller id is."""
        first = next(iter(campaign.caller_ids.numbers), None)
        own = "" if first is None else normalise_number(first, campaign.table.region)
        return cls(campaign.name, zone or zone_of(own, {}), [step.name for step in campaign.table.step])

    def period(self, since: Moment | None, until: Moment | None, latest: datetime | None = None) -> Period:
        """latest: the end, where none is asked for. Raises BadPeriod."""
        begin = None if since is None else since.begin(self.zone)
        end = latest if until is None else until.end(self.zone)
        if begin is not None and end is not None and begin >= end:
            raise BadPeriod("the beginning of the time should be before its end")
        return Period(begin, end)
