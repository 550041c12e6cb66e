"""`robot campaign import`: a contact list into the database."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import Progress

from robot.campaign.contact_import import Duplicates, Import, Imported, RejectsFile
from robot.campaign.contacts import CONTACTS_FILE, Column, ContactList, ContactsError
from robot.campaign.definition import load_campaign
from robot.commands.common import DONE, FAILED, explain, finish, json_option, people, print_json, run, settings_of
from robot.settings import Settings
from robot.store.campaign_records import Placed, Scope
from robot.store.database import Database
from robot.store.store import Store
from robot.toml_file import Problem

_TOLD = {
    Placed.ADDED: "added",
    Placed.UPDATED: "updated",
    Placed.IN_FILE: "twice in the file",
    Placed.IN_CAMPAIGN: "on the list already",
    Placed.ELSEWHERE: "on the list of another campaign",
}


def _mapping(_: click.Context, __: click.Parameter, columns: Sequence[str]) -> dict[str, str]:
    pairs = [column.rpartition("=") for column in columns]
    if wrong := [column for column, (name, _, field) in zip(columns, pairs, strict=True) if not (name and field)]:
        raise click.BadParameter(f"{wrong[0]!r} should be NAME=FIELD, like 'Mobile no.=number'")
    return {name: field for name, _, field in pairs}


@click.command("import")
@click.argument("folder", type=click.Path(path_type=Path), metavar="DIR")
@click.argument("file", type=click.Path(path_type=Path), metavar="[FILE.csv]", required=False)
@click.option(
    "--column", "mapping", multiple=True, callback=_mapping, metavar="NAME=FIELD",
    help="The column NAME (or its place, from 1) is FIELD: `number`, `timezone`, or any name. Again for others.",
)  # fmt: skip
@click.option("--region", metavar="CC", help="Country of numbers without country code (FR); the campaign's by default.")
@click.option(
    "--duplicates", type=click.Choice([each.value for each in Duplicates]), default="skip", show_default=True,
    help="Rows whose number is known: skip them, reject them into the file, or update the fields of the contact.",
)  # fmt: skip
@click.option(
    "--unique", "scope", type=click.Choice([each.value for each in Scope]), default="campaign", show_default=True,
    help="Where a number may be known from: this campaign's list, or those of all.",
)  # fmt: skip
@click.option(
    "--rejects", type=click.Path(path_type=Path, dir_okay=False), help="For bad rows; FILE.rejected.csv by default."
)
@click.option("--encoding", help="Of FILE; found out by default.")
@json_option
@click.pass_context
@explain
def import_contacts(
    context: click.Context,
    folder: Path,
    file: Path | None,
    mapping: dict[str, str],
    region: str | None,
    duplicates: str,
    scope: str,
    rejects: Path | None,
    encoding: str | None,
    as_json: bool,
) -> None:
    """Put the people in FILE.csv (DIR/contacts.csv by default) on the list of the campaign in DIR.

    Done again, it adds those who are new and changes nothing else.
    """
    campaign = load_campaign(folder)
    path = file or folder / CONTACTS_FILE
    rejects = rejects or path.with_name(f"{path.stem}.rejected.csv")
    console, began = people(as_json), time.monotonic()
    region = region or campaign.table.region
    order = Import(campaign.name, region, Duplicates(duplicates), Scope(scope), datetime.now(UTC))
    settings = settings_of(context).settings
    try:
        with (
            Progress(console=console, transient=True, disable=not console.is_terminal) as progress,
            progress.open(path, "rb", description=f"Importing {path.name}") as source,
        ):
            contacts = ContactList(source, path, mapping, encoding)
            _tell_columns(console, path, contacts)
            with RejectsFile(rejects, contacts) as rejected:
                count = run(_import(settings, order, contacts, rejected, campaign.folder))
    except OSError as error:
        raise ContactsError(Problem(path, "", None, f"cannot be read: {error.strerror or error}")) from error
    took_s = time.monotonic() - began
    if as_json:
        print_json(_document(campaign.name, path, contacts, count, rejects, took_s))
    else:
        click.echo(_counted(campaign.name, count, rejects, took_s))
    finish(FAILED if count.rejected else DONE)


async def _import(
    settings: Settings, order: Import, contacts: ContactList, rejects: RejectsFile, folder: Path
) -> Imported:
    database = Database(settings.database.url)
    store = Store(database)
    try:
        database.prepare()
        await store.set_campaign_folder(order.campaign, str(folder))
        return await order.run(contacts, store, rejects)
    finally:
        await store.close()


def _tell_columns(console: Console, path: Path, contacts: ContactList) -> None:
    if contacts.encoding == "cp1252":
        console.print(f"{path.name} is not UTF-8: read as Latin-1 (Windows-1252)", markup=False, soft_wrap=True)
    told = ", ".join(_told(column) for column in contacts.columns if column.name != column.field)
    if told:
        console.print(f"columns: {told}", markup=False, soft_wrap=True)


def _told(column: Column) -> str:
    return f"{column.name!r} is passed over" if column.field is None else f"{column.name!r} is {column.field}"


def _counted(campaign: str, count: Imported, rejects: Path, took_s: float) -> str:
    parts = [f"{number} {_TOLD[what]}" for what, number in count.placed.items() if what is not Placed.ADDED]
    if count.rejected:
        parts.append(f"{count.rejected} rejected: see {rejects}")
    added = f"{campaign}: {count.placed[Placed.ADDED]} of {count.rows} added in {took_s:.1f} s"
    return "; ".join([added, *parts])


def _document(
    campaign: str, path: Path, contacts: ContactList, count: Imported, rejects: Path, took_s: float
) -> dict[str, Any]:
    return {
        "campaign": campaign,
        "file": str(path),
        "encoding": contacts.encoding,
        "delimiter": contacts.delimiter,
        "columns": {column.name: column.field for column in contacts.columns},
        **count.as_json(),
        "rejects": str(rejects) if count.rejected else None,
        "seconds": round(took_s, 2),
    }
