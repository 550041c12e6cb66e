"""`robot bench claims|import`: what the database lets a campaign do."""

from __future__ import annotations

from functools import partial

import click

from robot.commands.common import explain, json_option, settings_of
from robot.commands.figures import print_figures

database_option = click.option(
    "--database", metavar="URL", help="A PostgreSQL, for databases of its own there; SQLite by default."
)


@click.command("claims")
@database_option
@click.option("--processes", type=click.IntRange(min=1), default=4, show_default=True, help="Daemons that share.")
@click.option("--batch", type=click.IntRange(min=1), default=10, show_default=True, help="Contacts in one claim.")
@click.option("--contacts", type=click.IntRange(min=1), default=100_000, show_default=True, help="On the list.")
@click.option("--seconds", default=10.0, show_default=True, help="How long.")
@json_option
@click.pass_context
@explain
def claims(
    context: click.Context,
    database: str | None,
    processes: int,
    batch: int,
    contacts: int,
    seconds: float,
    as_json: bool,
) -> None:
    """Contacts that several daemons claim from one database in a second."""
    settings_of(context)  # sets up the log
    from robot.bench.claims import run as measure

    measured = partial(measure, url=database, processes=processes, batch=batch, contacts=contacts, seconds=seconds)
    print_figures(measured, as_json)


@click.command("import")
@database_option
@click.option("--rows", type=click.IntRange(min=1), default=200_000, show_default=True, help="In the contact list.")
@json_option
@click.pass_context
@explain
def import_contacts(context: click.Context, database: str | None, rows: int, as_json: bool) -> None:
    """Rows of a contact list that are imported in a second, in how much memory; how long a look at them takes."""
    settings_of(context)  # sets up the log
    from robot.bench.contact_import import run as measure

    print_figures(partial(measure, url=database, rows=rows), as_json)
