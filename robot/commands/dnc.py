"""`robot dnc`: the do-not-call list, by hand and from files.

What it holds counts from the moment a command is done: every attempt looks at it right before it is dialled.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

import click
from rich.console import Console
from rich.progress import Progress

from robot.campaign.do_not_call_file import BadDoNotCallFile, BadLine, number_or_pattern, read_numbers
from robot.commands.common import DONE, FAILED, explain, finish, json_option, print_json, run, settings_of
from robot.settings import Settings
from robot.store.database import Database
from robot.store.records import DoNotCallEntry, DoNotCallSource, ImportCount, NewDoNotCall
from robot.store.store import Store

campaign_option = click.option("--campaign", metavar="NAME", help="For this campaign; without it, for all.")
region_option = click.option(
    "--region", metavar="CC", help="Country (FR, US, ...) of numbers that are written without + and country code."
)


@click.group()
def dnc() -> None:
    """The do-not-call list: numbers, or how numbers begin (+331*), that nobody calls."""


@dnc.command("add")
@click.argument("numbers", nargs=-1, required=True, metavar="NUMBER...")
@campaign_option
@click.option("--note", help="Why, for those who ask later.")
@region_option
@click.pass_context
@explain
def add(
    context: click.Context, numbers: Sequence[str], campaign: str | None, note: str | None, region: str | None
) -> None:
    """Put NUMBERs on the list; +331* is all that begin so."""
    entries = [
        NewDoNotCall(what, datetime.now(UTC), DoNotCallSource.OPERATOR, campaign, note=note)
        for what in [number_or_pattern(number, region) for number in numbers]
    ]

    async def work(settings: Settings) -> ImportCount:
        async with _store(settings) as store:
            return await store.import_do_not_call(entries)

    click.echo(_counted(run(work(settings_of(context).settings))))


@dnc.command("remove")
@click.argument("numbers", nargs=-1, metavar="NUMBER...")
@click.option("--entry", "entries", type=int, multiple=True, metavar="ID", help="The entry of this id, instead.")
@campaign_option
@region_option
@click.pass_context
@explain
def remove(
    context: click.Context, numbers: Sequence[str], entries: Sequence[int], campaign: str | None, region: str | None
) -> None:
    """Take NUMBERs off the list."""
    if not numbers and not entries:
        raise click.UsageError("name a NUMBER, or an entry of the list with --entry ID")
    wanted = [number_or_pattern(number, region) for number in numbers]
    told = run(_remove(settings_of(context).settings, wanted, entries, campaign))
    for line in told:
        click.echo(line, err=True)
    finish(FAILED if told else DONE)


async def _remove(settings: Settings, wanted: Sequence[str], entries: Sequence[int], campaign: str | None) -> list[str]:
    """What did not come off the list, or is kept on it by another entry."""
    told = []
    async with _store(settings) as store:
        for entry_id in entries:
            page = await store.do_not_call_page(after_id=entry_id - 1, limit=1)
            if page and page[0].id == entry_id and await store.remove_do_not_call_entry(entry_id):
                # SQLite gives the id of the last one again: let people see whom it was.
                click.echo(f"off the list: {_line(page[0])}")
            else:
                told.append(f"there is no entry {entry_id}")
        for what in wanted:
            if not await store.remove_do_not_call(what, campaign):
                told.append(f"{what} is not on the list {_scope(campaign)}")
            if not what.endswith("*") and (other := await store.is_do_not_call(what, campaign)):
                told.append(f"{what} is still not called: {_line(other)}")
    return told


@dnc.command("list")
@click.option("--campaign", metavar="NAME", help="Only the entries of this campaign.")
@json_option
@click.pass_context
@explain
def show(context: click.Context, campaign: str | None, as_json: bool) -> None:
    """Show the list."""

    async def work(settings: Settings) -> list[dict[str, Any]]:
        document: list[dict[str, Any]] = []
        after = 0
        async with _store(settings) as store:
            while page := await store.do_not_call_page(campaign, after_id=after):
                after = page[-1].id
                for entry in page:
                    if as_json:
                        document.append(_document(entry))
                    else:
                        click.echo(_line(entry))
        if not after and not as_json:
            click.echo("the list is empty", err=True)
        return document

    document = run(work(settings_of(context).settings))
    if as_json:
        print_json(document)


@dnc.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@campaign_option
@click.option("--column", help="Name of the column that holds the numbers, or its place from 1.")
@click.option("--note", help="Why, for those who ask later.")
@region_option
@json_option
@click.pass_context
@explain
def import_file(
    context: click.Context,
    file: Path,
    campaign: str | None,
    column: str | None,
    note: str | None,
    region: str | None,
    as_json: bool,
) -> None:
    """Put all numbers of FILE on the list: CSV, or one a line. Lines that hold none are told, and the rest is taken."""
    bad: list[BadLine] = []
    now = datetime.now(UTC)

    console = Console(stderr=True, highlight=False)

    def entries(source: BinaryIO) -> Iterator[NewDoNotCall]:
        for found in read_numbers(source, region, column):
            if isinstance(found, BadLine):
                bad.append(found)
                console.print(f"{file}:{found.line}: {found.reason}", markup=False, soft_wrap=True)
            else:
                yield NewDoNotCall(found, now, DoNotCallSource.IMPORT, campaign, note=note)

    async def work(settings: Settings, source: BinaryIO) -> ImportCount:
        async with _store(settings) as store:
            return await store.import_do_not_call(entries(source))

    settings = settings_of(context).settings
    try:
        with (
            Progress(console=console, transient=True, disable=not console.is_terminal) as progress,
            progress.open(file, "rb", description=f"Importing {file.name}") as source,
        ):
            count = run(work(settings, source))
    except OSError as error:
        raise BadDoNotCallFile(f"{file}: cannot be read: {error.strerror or error}") from error
    except BadDoNotCallFile as error:
        raise BadDoNotCallFile(f"{file}: {error}") from error
    if as_json:
        lines = [{"line": each.line, "reason": each.reason} for each in bad]
        print_json({"added": count.added, "known": count.known, "bad": lines})
    else:
        click.echo(f"{_counted(count)}; {len(bad)} line(s) could not be read")
    finish(FAILED if bad else DONE)


@asynccontextmanager
async def _store(settings: Settings) -> AsyncIterator[Store]:
    database = Database(settings.database.url)
    store = Store(database)
    try:
        database.prepare()
        yield store
    finally:
        await store.close()


def _counted(count: ImportCount) -> str:
    return f"{count.added} new on the list, {count.known} already there"


def _scope(campaign: str | None) -> str:
    return "for all campaigns" if campaign is None else f"for the campaign {campaign!r}"


def _line(entry: DoNotCallEntry) -> str:
    what = entry.number or entry.pattern
    note = f"  {entry.note}" if entry.note else ""
    return f"entry {entry.id}: {what:<16} {_scope(entry.campaign)}, {entry.added_at:%Y-%m-%d}, {entry.source}{note}"


def _document(entry: DoNotCallEntry) -> dict[str, Any]:
    return {
        "id": entry.id,
        "number": entry.number,
        "pattern": entry.pattern,
        "campaign": entry.campaign,
        "added_at": entry.added_at.isoformat(),
        "source": entry.source,
        "attempt_uuid": entry.attempt_uuid,
        "note": entry.note,
    }
