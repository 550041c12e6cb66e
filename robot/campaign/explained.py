"""What the database knows of those whom a campaign would call now, or would not, put together for `explanation`.

Reads, and changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from robot.campaign.definition import Campaign
from robot.campaign.explanation import Explanation, Known, Overview, explain, overview
from robot.campaign.numbers import normalise_number
from robot.campaign.status import CampaignStatus, status_of
from robot.store.campaign_records import StoredContact
from robot.store.claims import ClaimRepository
from robot.store.contacts import ContactRepository
from robot.store.do_not_call import DoNotCallRepository
from robot.store.standing import StandingRepository

#: Of those who are due, so many are looked at, in the order in which they would be called.
LOOK_AT = 1000


@dataclass(frozen=True, slots=True)
class Explained:
    """about: of one number, or of the whole list. status: the campaign's."""

    campaign: str
    at: datetime
    status: CampaignStatus
    about: Explanation | Overview

    def as_json(self, *, numbers: bool) -> dict[str, Any]:
        """The document of `robot campaign explain --json`. numbers: whole ones, not masked."""
        status = self.status.as_json()
        return {
            "campaign": self.campaign,
            "at": self.at.isoformat(),
            "state": status["state"],
            "not_calling": status["not_calling"],
            **self.about.as_json(numbers=numbers),
        }


def explained(
    session: Session, campaign: Campaign, number: str | None, now: datetime, limit: int = LOOK_AT
) -> Explained:
    """number: as people write it; None: the list. Raises BadNumber, UnknownCampaign."""
    repository = StandingRepository(session)
    [standing] = repository.standings(now, campaign.name)
    daemons = repository.daemons(now)
    hosts = {each.daemon.id: each.daemon.host for each in daemons}
    about: Explanation | Overview
    if number is not None:
        wanted = normalise_number(number, campaign.table.region)
        contact = ContactRepository(session).find(campaign.name, wanted)
        [known] = _known(session, campaign.name, [wanted], [contact], hosts)
        about = explain(known, campaign, now)
    else:
        due = repository.due(campaign.name, now, limit)
        all_due = _known(session, campaign.name, [contact.number for contact in due], due, hosts)
        about = overview(repository.reasons(campaign.name, now), all_due, campaign, now)
    return Explained(campaign.name, now, status_of(standing, daemons, now), about)


def _known(
    session: Session,
    campaign: str,
    numbers: Sequence[str],
    contacts: Sequence[StoredContact | None],
    hosts: Mapping[str, str],
) -> list[Known]:
    """hosts: of the robots that run, by their id in the database."""
    history, do_not_call = ClaimRepository(session).history(numbers), DoNotCallRepository(session)
    return [
        Known(
            number,
            contact,
            history.get(number, []),
            do_not_call.find(number, campaign),
            None if contact is None or contact.owner is None else hosts.get(contact.owner),
        )
        for number, contact in zip(numbers, contacts, strict=True)
    ]
