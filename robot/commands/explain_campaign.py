"""`robot campaign explain`: who would be called now, who not, and why. Reads the database, changes nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click
from sqlalchemy.orm import Session

from robot.campaign.definition import Campaign, load_campaign
from robot.campaign.explained import LOOK_AT, explained
from robot.campaign.explanation import Explanation, Overview
from robot.campaign.explanation_view import print_explanation, print_overview
from robot.commands import common
from robot.commands.common import json_option, people, print_json, settings_of
from robot.store.campaigns import CampaignRepository
from robot.store.database import Database


@click.command("explain")
@click.argument("campaign", metavar="DIR|NAME")
@click.argument("number", metavar="[NUMBER]", required=False)
@click.option(
    "--limit", type=click.IntRange(1, 10_000), default=LOOK_AT, show_default=True,
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
            told = explained(session, _campaign(session, campaign), number, now, limit)
    finally:
        database.close()
    if as_json:
        print_json(told.as_json(numbers=numbers))
        return
    waits = told.status.not_calling
    match told.about:
        case Explanation() as one:
            print_explanation(people(as_json), told.campaign, one, waits, numbers=numbers)
        case Overview() as seen:
            print_overview(people(as_json), told.campaign, seen, waits, now, numbers=numbers)


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
