"""`robot campaign status`: how campaigns go, from the database alone, so from whatever machine reaches it."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click
from rich.live import Live

from robot.campaign.definition import load_campaign
from robot.campaign.status import as_document, look
from robot.campaign.status_view import status_page
from robot.commands.common import explain, json_option, people, print_json, settings_of
from robot.store.database import Database

_LOOK_EVERY_S: Final = 1.0


@click.command()
@click.argument("campaign", metavar="[DIR|NAME]", required=False)
@click.option("--watch", is_flag=True, help="Go on, a look a second, until Ctrl-C.")
@json_option
@click.pass_context
@explain
def status(context: click.Context, campaign: str | None, watch: bool, as_json: bool) -> None:
    """Tell how a campaign goes, or all of them: who is left, outcomes, pace, and why nobody is called now."""
    if watch and as_json:
        raise click.UsageError("--watch is for people and --json for programs: use one of them")
    name = None if campaign is None else name_of(campaign)
    database = Database(settings_of(context).settings.database.url)
    try:
        if watch:
            _watch(database, name)
        elif as_json:
            print_json(as_document(*look(database, name, datetime.now(UTC))))
        else:
            now = datetime.now(UTC)
            people(as_json).print(status_page(*look(database, name, now), now))
    finally:
        database.close()


def name_of(campaign: str) -> str:
    """What the campaign is called in the database, whose folder, or name, was given. Raises CampaignError."""
    folder = Path(campaign)
    return load_campaign(folder).name if (folder / "campaign.toml").is_file() else campaign


def _watch(database: Database, name: str | None) -> None:
    now = datetime.now(UTC)
    with Live(status_page(*look(database, name, now), now), console=people(as_json=False), auto_refresh=False) as live:
        try:
            while True:
                time.sleep(_LOOK_EVERY_S)
                now = datetime.now(UTC)
                live.update(status_page(*look(database, name, now), now), refresh=True)
        except KeyboardInterrupt:
            return
