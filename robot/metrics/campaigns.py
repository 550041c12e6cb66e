"""Campaigns: who is left on their lists, how they get on."""

from __future__ import annotations

import asyncio
from collections import Counter as Tally
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import structlog
from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from robot.campaign.watching import CampaignFigures
from robot.metrics.labels import OTHER, Values
from robot.store.campaign_records import CampaignState, ContactState
from robot.store.errors import StoreError
from robot.store.store import Store

log = structlog.get_logger(__name__)

# A million contacts are counted in 0.1 s.
_COUNT_EVERY_S: Final = 30.0
_OVER: Final = frozenset({CampaignState.STOPPED, CampaignState.DONE})


class CampaignMetrics:
    """Campaigns beyond the limit have no figures of their own, but for what can be added up."""

    def __init__(self, campaigns: Values) -> None:
        self._campaigns = campaigns
        self._contacts: dict[str, Mapping[ContactState, int]] = {}

    async def follow(self, store: Store) -> None:
        """Count contacts, for ever. What cannot be counted now stays as it was."""
        while True:
            try:
                await self.count(store)
            except StoreError as error:
                log.debug("metrics.not_counted", reason=str(error))
            await asyncio.sleep(_COUNT_EVERY_S)

    async def count(self, store: Store) -> None:
        names = [campaign.name for campaign in await store.campaigns() if campaign.state not in _OVER]
        labels = {label: name for name in names if (label := self._campaigns.label(name)) != OTHER}
        self._contacts = {label: await store.contact_states(name) for label, name in labels.items()}

    def read(self, figures: Sequence[CampaignFigures]) -> Iterator[Metric]:
        """On the loop, when Prometheus asks."""
        of_campaign = ["campaign"]
        contacts = GaugeMetricFamily(
            "robot_campaign_contacts",
            "Contacts on the lists of campaigns that are not over, by state; counted every 30 s, of all robots.",
            labels=["campaign", "state"],
        )
        for campaign, states in self._contacts.items():
            for state in ContactState:
                contacts.add_metric([campaign, state], states.get(state, 0))
        allowed = GaugeMetricFamily(
            "robot_campaign_allowed_calls_per_second", "The pace that is set; absent: no limit.", labels=of_campaign
        )
        dialling = GaugeMetricFamily(
            "robot_campaign_dialling",
            "Campaigns that are started. 1: calls go on, or out; 0: it waits, and `robot campaign status` says why.",
            labels=of_campaign,
        )
        claimed = CounterMetricFamily(
            "robot_claimed_contacts", "Contacts that were taken from a list to be called.", labels=of_campaign
        )
        claims: Tally[str] = Tally()
        for each in figures:
            campaign = self._campaigns.label(each.campaign)
            claims[campaign] += each.claimed
            if campaign == OTHER:
                continue
            dialling.add_metric([campaign], each.dialling)
            if each.calls_per_s is not None:
                allowed.add_metric([campaign], each.calls_per_s)
        for campaign, count in claims.items():
            claimed.add_metric([campaign], count)
        yield from (contacts, allowed, dialling, claimed)
