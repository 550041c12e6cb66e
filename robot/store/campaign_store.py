"""The asyncio face of the database for whoever chooses whom to call: campaigns, contacts, claims, daemons.

Each method is one transaction in a thread of the store's own; `robot.store.store` holds the other half.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta

from sqlalchemy.orm import Session

from robot.store.campaign_records import (
    SILENT_FOR,
    CampaignState,
    Claim,
    ClaimedContact,
    ContactState,
    Daemon,
    GivenUp,
    NewContact,
    NextTry,
    PastAttempt,
    Placed,
    Scope,
    StoredCampaign,
    StoredContact,
    TakenOver,
)
from robot.store.campaigns import CampaignRepository
from robot.store.claims import ClaimRepository
from robot.store.contacts import ContactRepository
from robot.store.daemons import DaemonRepository
from robot.store.records import Handover
from robot.store.reporting import Period, ReportRepository, campaign_id_of
from robot.store.threads import StoreThreads


class CampaignStore(StoreThreads):
    # -- campaigns -----------------------------------------------------------------------------------------------------

    async def campaigns(self) -> list[StoredCampaign]:
        """By name."""
        return await self._read("campaigns", lambda session, _: CampaignRepository(session).all())

    async def campaign(self, name: str) -> StoredCampaign:
        """Raises UnknownCampaign."""
        return await self._read("campaign", lambda session, _: CampaignRepository(session).get(name))

    async def set_campaign_folder(self, name: str, folder: str) -> None:
        """See `CampaignRepository.set_folder`."""
        await self._write(
            "set_campaign_folder", lambda session, _: CampaignRepository(session).set_folder(name, folder)
        )

    async def move_campaign(
        self, name: str, state: CampaignState, at: datetime, reason: str | None = None
    ) -> StoredCampaign:
        """See `CampaignRepository.move`."""
        return await self._write(
            "move_campaign", lambda session, _: CampaignRepository(session).move(name, state, at, reason)
        )

    async def set_campaign_pace(self, name: str, pace: Mapping[str, float | None]) -> StoredCampaign:
        """See `CampaignRepository.set_pace`."""
        return await self._write(
            "set_campaign_pace", lambda session, _: CampaignRepository(session).set_pace(name, pace)
        )

    # -- contacts ------------------------------------------------------------------------------------------------------

    async def add_contacts(
        self,
        campaign: str,
        rows: Sequence[NewContact],
        now: datetime,
        scope: Scope = Scope.CAMPAIGN,
        *,
        update_known: bool = False,
    ) -> list[Placed]:
        """One batch of a file, some thousand rows at most; see `ContactRepository.add`. The campaign is created when
        there is none. Done again, it adds nothing."""

        def work(session: Session, _: bool) -> list[Placed]:
            campaign_id = CampaignRepository(session).ensure(campaign)
            return ContactRepository(session).add(campaign_id, rows, now, scope, update_known=update_known)

        return await self._write("add_contacts", work)

    async def contact_states(self, campaign: str) -> dict[ContactState, int]:
        """See `ContactRepository.states`."""
        return await self._read("contact_states", lambda session, _: ContactRepository(session).states(campaign))

    async def next_due_at(self, campaign: str) -> datetime | None:
        """See `ContactRepository.next_due_at`."""
        return await self._read("next_due_at", lambda session, _: ContactRepository(session).next_due_at(campaign))

    async def contact(self, campaign: str, number: str) -> StoredContact | None:
        """See `ContactRepository.find`."""
        return await self._read("contact", lambda session, _: ContactRepository(session).find(campaign, number))

    async def contacts_page(self, campaign: str, *, after_id: int = 0, limit: int = 1000) -> list[StoredContact]:
        """See `ContactRepository.page`."""
        return await self._read(
            "contacts_page", lambda session, _: ContactRepository(session).page(campaign, after_id, limit)
        )

    # -- claims --------------------------------------------------------------------------------------------------------

    async def claim(
        self, campaign: str, owner: str, now: datetime, limit: int, lease: timedelta
    ) -> list[ClaimedContact]:
        """See `ClaimRepository.claim`. What a lost connection keeps from being told waits for its lease."""
        return await self._write(
            "claim",
            lambda session, _: ClaimRepository(session).claim(campaign, owner, now, limit, lease),
            even_late=False,
        )

    async def renew(self, claims: Sequence[Claim], until: datetime) -> list[Claim]:
        """See `ClaimRepository.renew`."""
        return await self._write(
            "renew", lambda session, _: ClaimRepository(session).renew(claims, until), even_late=False
        )

    async def release(self, releases: Sequence[tuple[Claim, NextTry | GivenUp]]) -> None:
        """See `ClaimRepository.release`."""
        await self._write("release", lambda session, _: ClaimRepository(session).release(releases))

    async def release_all(self, owner: str, now: datetime) -> int:
        """See `ClaimRepository.release_all`."""
        return await self._write("release_all", lambda session, _: ClaimRepository(session).release_all(owner, now))

    async def history(self, numbers: Sequence[str]) -> dict[str, list[PastAttempt]]:
        """See `ClaimRepository.history`."""
        return await self._read("history", lambda session, _: ClaimRepository(session).history(numbers))

    async def handovers(self, campaign: str, since: datetime) -> dict[date, dict[Handover, int]]:
        """See `ReportRepository.handovers`."""

        def work(session: Session, _: bool) -> dict[date, dict[Handover, int]]:
            campaign_id = campaign_id_of(session, campaign)
            return {} if campaign_id is None else ReportRepository(session, campaign_id, Period(since)).handovers()

        return await self._read("handovers", work)

    # -- daemons -------------------------------------------------------------------------------------------------------

    async def register_daemon(self, daemon: Daemon, silent_for: timedelta = SILENT_FOR) -> TakenOver:
        """See `DaemonRepository.register`."""
        return await self._write(
            "register_daemon", lambda session, _: DaemonRepository(session).register(daemon, silent_for)
        )

    async def heartbeat(self, daemon: Daemon, now: datetime, silent_for: timedelta = SILENT_FOR) -> TakenOver | None:
        """See `DaemonRepository.heartbeat`."""
        return await self._write(
            "heartbeat",
            lambda session, _: DaemonRepository(session).heartbeat(daemon, now, silent_for),
            even_late=False,
        )

    async def place_of_daemon(self, daemon_id: str) -> tuple[int, int]:
        """See `DaemonRepository.place`."""
        return await self._read("place_of_daemon", lambda session, _: DaemonRepository(session).place(daemon_id))

    async def tell_reasons(self, daemon_id: str, reasons: Mapping[str, str]) -> None:
        """See `DaemonRepository.tell`. For people who look: whoever has something else to do need not try again."""
        await self._write(
            "tell_reasons", lambda session, _: DaemonRepository(session).tell(daemon_id, reasons), even_late=False
        )

    async def living_daemons(self, now: datetime) -> list[Daemon]:
        """See `DaemonRepository.living`."""
        return await self._read("living_daemons", lambda session, _: DaemonRepository(session).living(now))

    async def unregister_daemon(self, daemon: Daemon, now: datetime) -> None:
        """See `DaemonRepository.unregister`."""
        await self._write("unregister_daemon", lambda session, _: DaemonRepository(session).unregister(daemon, now))
