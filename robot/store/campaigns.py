"""Campaigns in the tables: that they are there, whether they run, and what was changed about their pace."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from robot.store.campaign_records import CAMPAIGN_TRANSITIONS, CampaignState, StoredCampaign
from robot.store.errors import CampaignStateRefused, UnknownCampaign
from robot.store.schema import Campaign
from robot.store.statements import insert_unless_there


class CampaignRepository:
    def __init__(self, session: Session) -> None:
        self._session = session

    def ensure(self, name: str) -> int:
        """The id of the campaign `name`, which is created when there is none."""
        wanted = select(Campaign.id).where(Campaign.name == name)
        known = self._session.scalar(wanted)
        if known is None:
            insert_unless_there(self._session, Campaign, {"name": name, "created_at": datetime.now(UTC)}, ["name"])
            known = self._session.execute(wanted).scalar_one()
        return known

    def all(self) -> list[StoredCampaign]:
        """By name."""
        return [_stored(campaign) for campaign in self._session.scalars(select(Campaign).order_by(Campaign.name))]

    def get(self, name: str) -> StoredCampaign:
        """Raises UnknownCampaign."""
        return _stored(self._locked(name))

    def set_folder(self, name: str, folder: str) -> None:
        """The campaign is created when there is none."""
        self._session.execute(update(Campaign).where(Campaign.id == self.ensure(name)).values(folder=folder))

    def move(self, name: str, state: CampaignState, at: datetime, reason: str | None) -> StoredCampaign:
        """Into `state`; when it is there already nothing changes. Raises UnknownCampaign and CampaignStateRefused."""
        campaign = self._locked(name)
        before = CampaignState(campaign.state)
        if before is not state:
            if state not in CAMPAIGN_TRANSITIONS[before]:
                raise CampaignStateRefused(name, before, state)
            campaign.state, campaign.changed_at, campaign.reason = state.value, at, reason
        return _stored(campaign)

    def set_pace(self, name: str, pace: Mapping[str, float | None]) -> StoredCampaign:
        """Only the settings that are named change; None: as campaign.toml says again. Raises UnknownCampaign."""
        campaign = self._locked(name)
        changed = {**campaign.pace, **pace}
        campaign.pace = {setting: value for setting, value in changed.items() if value is not None}
        return _stored(campaign)

    def _locked(self, name: str) -> Campaign:
        found = self._session.scalar(select(Campaign).where(Campaign.name == name).with_for_update())
        if found is None:
            raise UnknownCampaign(name)
        return found


def _stored(campaign: Campaign) -> StoredCampaign:
    return StoredCampaign(
        name=campaign.name,
        state=CampaignState(campaign.state),
        changed_at=campaign.changed_at,
        reason=campaign.reason,
        folder=campaign.folder,
        pace=dict(campaign.pace),
    )
