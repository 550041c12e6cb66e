"""`robot campaign explain`: who would be called now, who not, and why. Reads the database, changes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import click
from sqlalchemy.orm import Session

from robot.campaign.definition import Campaign, load_campaign, normalise_number
from robot.campaign.explanation import Known, explain, overview
from robot.campaign.explanation_view import print_explanation, print_overview
from robot.campaign.status import CampaignStatus, status_of
from robot.commands import common
from robot.commands.common import json_option, people, print_json, settings_of
from robot.store.campaign_records import StoredContact
from robot.store.campaigns import CampaignRepository
from robot.store.claims import ClaimRepository
from robot.store.contacts import ContactRepository
from robot.store.database import Database
from robot.store.do_not_call import DoNotCallRepository
from robot.store.standing import StandingRepository


@click.command("explain")
@click.argument("campaign", metavar="DIR|NAME")
@click.argument("number", metavar="[NUMBER]", required=False)
@click.option(
    "--limit", type=click.IntRange(1, 10_000), default=1000, show_default=True,
    help="Of those who are due, look at so many, in the order in which they would be called.",
)  # fmt: skip
@click.option("--numbers", is_flag=True, help="Show whole numbers, not masked ones.")
@json_option
@click.pass_context
@common.explain
def explain_campaign(
    context: click.Context, campaign: str, number: str | None, limit: int, numbers: bool, as_json: bool
) -> None:
    """Say who would be called now, who not, and why; or all about one NUMBER."""
    now = datetime.now(UTC)
    database = Database(settings_of(context).settings.database.url)
    try:
        with database.read() as session:
            loaded = _campaign(session, campaign)
            repository = StandingRepository(session)
            [standing] = repository.standings(now, loaded.name)
            daemons = repository.daemons(now)
            status = status_of(standing, daemons, now)
            hosts = {each.daemon.id: each.daemon.host for each in daemons}
            if number is not None:
                wanted = normalise_number(number, loaded.table.region)
                contact = ContactRepository(session).find(loaded.name, wanted)
                [known] = _known(session, loaded.name, [wanted], [contact], hosts)
                told = explain(known, loaded, now)
            else:
                due = repository.due(loaded.name, now, limit)
                all_due = _known(session, loaded.name, [contact.number for contact in due], due, hosts)
                seen = overview(repository.reasons(loaded.name, now), all_due, loaded, now)
    finally:
        database.close()
    if as_json:
        about = told.as_json(numbers=numbers) if number is not None else seen.as_json(numbers=numbers)
        print_json({"campaign": loaded.name, "at": now.isoformat(), **_standing_as_json(status), **about})
    elif number is not None:
        print_explanation(people(as_json), loaded.name, told, status.not_calling, numbers=numbers)
    else:
        print_overview(people(as_json), loaded.name, seen, status.not_calling, now, numbers=numbers)


def _campaign(session: Session, campaign: str) -> Campaign:
    """Whose folder, or name, was given. Raises CampaignError and UnknownCampaign."""
    folder = Path(campaign)
    if not folder.is_dir():
        stored = CampaignRepository(session).get(campaign)
        if stored.folder is None or not Path(stored.folder).is_dir():
            raise click.BadParameter(
                f"the folder of {campaign!r} is not on this machine: give it instead of the name", param_hint="DIR|NAME"
            )
        folder = Path(stored.folder)
    return load_campaign(folder)


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


def _standing_as_json(status: CampaignStatus) -> dict[str, object]:
    document = status.as_json()
    return {"state": document["state"], "not_calling": document["not_calling"]}
