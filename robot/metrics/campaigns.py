"""Campaigns, as the dialer tells of them."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge

from robot.campaign.watching import CampaignFigures
from robot.metrics.labels import OTHER, Values


class CampaignMetrics:
    """A DialerWatcher. Campaigns beyond the limit have no figures of their own: adding them up would mean nothing."""

    def __init__(self, registry: CollectorRegistry, campaigns: Values) -> None:
        self._campaigns = campaigns
        self._left = Gauge(
            "robot_campaign_left_contacts", "Contacts that may still be called.", ["campaign"], registry=registry
        )
        self._wanted = Gauge(
            "robot_campaign_wanted_calls_per_second", "Calls that the campaign's pace allows; absent: no limit.",
            ["campaign"], registry=registry,
        )  # fmt: skip
        self._dialling = Gauge(
            "robot_campaign_dialling", "1: it places calls; 0: it is paused, out of hours, or waits.", ["campaign"],
            registry=registry,
        )  # fmt: skip
        self._claimed = Counter(
            "robot_claimed_contacts", "Contacts that were taken from a list to be called.", ["campaign"],
            registry=registry,
        )  # fmt: skip

    def stands(self, figures: CampaignFigures) -> None:
        campaign = self._campaigns.label(figures.campaign)
        if campaign == OTHER:
            return
        for gauge, value in ((self._left, figures.contacts_left), (self._wanted, figures.wanted_per_s)):
            if value is None:
                gauge.remove(campaign)
            else:
                gauge.labels(campaign).set(value)
        self._dialling.labels(campaign).set(figures.dialling)

    def claimed(self, campaign: str, contacts: int) -> None:
        self._claimed.labels(self._campaigns.label(campaign)).inc(contacts)

    def gone(self, campaign: str) -> None:
        for gauge in (self._left, self._wanted, self._dialling):
            gauge.remove(campaign)
