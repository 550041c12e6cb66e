"""`robot campaign start|pause|resume|drain`: what a running robot shall do; `robot.campaign.orders` does it."""

from __future__ import annotations

import click

from robot.campaign.orders import BY_AN_OPERATOR, INTERRUPTED, Moved, order, told
from robot.commands.common import DONE, explain, finish, json_option, print_json, run, settings_of
from robot.settings import Settings
from robot.store.campaign_records import CampaignState
from robot.store.database import Database
from robot.store.store import Store

what_argument = click.argument("what", metavar="NAME|DIR")


@click.command()
@what_argument
@json_option
@click.pass_context
@explain
def start(context: click.Context, what: str, as_json: bool) -> None:
    """Call the people on the campaign's list, from now on."""
    _order(context, what, CampaignState.RUNNING, None, as_json)


@click.command()
@what_argument
@click.option("--reason", default=BY_AN_OPERATOR, show_default=True, help="For those who ask later.")
@json_option
@click.pass_context
@explain
def pause(context: click.Context, what: str, reason: str, as_json: bool) -> None:
    """Place no new calls, until `resume`. Calls that go on come to their end."""
    _order(context, what, CampaignState.PAUSED, reason, as_json)


@click.command()
@what_argument
@json_option
@click.pass_context
@explain
def resume(context: click.Context, what: str, as_json: bool) -> None:
    """Go on with a campaign that was paused, or drains."""
    _order(context, what, CampaignState.RUNNING, None, as_json, only_from=INTERRUPTED)


@click.command()
@what_argument
@json_option
@click.pass_context
@explain
def drain(context: click.Context, what: str, as_json: bool) -> None:
    """Place no new calls, and stop the campaign when those that go on are over."""
    _order(context, what, CampaignState.DRAINING, BY_AN_OPERATOR, as_json)


def _order(
    context: click.Context,
    what: str,
    state: CampaignState,
    reason: str | None,
    as_json: bool,
    *,
    only_from: frozenset[CampaignState] = frozenset(CampaignState),
) -> None:
    moved = run(_move(settings_of(context).settings, what, state, reason, only_from))
    if as_json:
        print_json(moved.as_json())
    for line in told(moved):
        click.echo(line, err=as_json)
    finish(DONE)


async def _move(
    settings: Settings, what: str, state: CampaignState, reason: str | None, only_from: frozenset[CampaignState]
) -> Moved:
    database = Database(settings.database.url)
    store = Store(database)
    try:
        database.prepare()
        return await order(store, settings.campaigns.folder, what, state, reason, only_from=only_from)
    finally:
        await store.close()
