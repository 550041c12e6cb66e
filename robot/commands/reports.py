"""`robot campaign report` and `robot campaign export`: what the database knows of a campaign's calls.

Both only read, and may run beside the daemon at any time.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import click
from rich.progress import Progress, TextColumn, TimeElapsedColumn

from robot.campaign.calls_file import CallsFormat, format_of, write_calls
from robot.campaign.definition import load_campaign
from robot.campaign.period import Asked, BadPeriod, Moment
from robot.campaign.report import make_report
from robot.commands.common import explain, json_option, people, print_json, settings_of
from robot.store.database import Database
from robot.store.reporting import Period, all_calls, campaign_id_of, campaign_names


def _moment(_: click.Context, __: click.Parameter, value: str | None) -> Moment | None:
    try:
        return None if value is None else Moment.parse(value)
    except BadPeriod as error:
        raise click.BadParameter(str(error)) from error


def _zone(_: click.Context, __: click.Parameter, value: str | None) -> ZoneInfo | None:
    try:
        return None if value is None else ZoneInfo(value)
    except (KeyError, ValueError, OSError):
        raise click.BadParameter(f"{value!r} is no time zone: write an IANA name, like Europe/Paris") from None


campaign_argument = click.argument("campaign", metavar="DIR|NAME")
since_option = click.option("--since", metavar="TIME", callback=_moment, help="Calls from this day, or time, on.")
until_option = click.option(
    "--until", metavar="TIME", callback=_moment, help="Calls up to this day, which counts whole, or time."
)
zone_option = click.option(
    "--zone",
    metavar="ZONE",
    callback=_zone,
    help="Whose hours and days; where the campaign's own caller id is, or UTC.",
)


@click.command()
@campaign_argument
@since_option
@until_option
@zone_option
@click.option("--csv", "csv_file", type=click.Path(path_type=Path, dir_okay=False), help="Write the counts as CSV.")
@click.option("--html", type=click.Path(path_type=Path, dir_okay=False), help="Write a page with charts.")
@json_option
@click.pass_context
@explain
def report(
    context: click.Context,
    campaign: str,
    since: Moment | None,
    until: Moment | None,
    zone: ZoneInfo | None,
    csv_file: Path | None,
    html: Path | None,
    as_json: bool,
) -> None:
    """Count what became of a campaign's calls: outcomes, talk time, who picked up, hours, steps of the script."""
    from robot.campaign.report_page import page
    from robot.campaign.report_view import print_report

    asked = _asked(campaign, zone)
    console = people(as_json)
    with _database(context) as database, console.status("Counting ..."):
        made = make_report(
            database,
            _id_of(database, asked.name),
            asked.name,
            asked.zone,
            _period(asked, since, until),
            datetime.now(UTC),
            asked.steps,
        )
    for file, text in ((csv_file, made.as_csv), (html, lambda: page(made))):
        if file is not None:
            _write(file, text())
    if as_json:
        print_json(made.as_json())
    elif csv_file is None and html is None:
        print_report(console, made)


@click.command()
@campaign_argument
@click.option(
    "--calls",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="The file to write: .csv, or .jsonl for JSON lines.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice([each.value for each in CallsFormat]),
    help="Whatever the file's name ends in.",
)
@since_option
@until_option
@zone_option
@click.pass_context
@explain
def export(
    context: click.Context,
    campaign: str,
    file: Path,
    form: str | None,
    since: Moment | None,
    until: Moment | None,
    zone: ZoneInfo | None,
) -> None:
    """Write all calls of a campaign into a file, with what was said in them."""
    chosen = format_of(file) if form is None else CallsFormat(form)
    if chosen is None:
        raise click.BadParameter(f"{file} ends in neither .csv nor .jsonl: add --format", param_hint="--calls")
    asked = _asked(campaign, zone)
    # A call that begins now is not half in the file.
    period = _period(asked, since, until, latest=datetime.now(UTC))
    columns = (TextColumn("{task.completed:,} calls"), TimeElapsedColumn())
    with _database(context) as database, Progress(*columns, console=people(as_json=True), transient=True) as progress:
        task = progress.add_task("", total=None)
        calls = all_calls(database, _id_of(database, asked.name), period)
        try:
            written = write_calls(calls, asked.name, file, chosen, lambda count: progress.update(task, completed=count))
        except OSError as error:
            raise _not_written(file, error) from error
    click.echo(f"{file}: {written:,} calls", err=True)


def _asked(campaign: str, zone: ZoneInfo | None) -> Asked:
    """A folder knows the order of its steps and where its caller id is; of a name nothing is known here."""
    folder = Path(campaign)
    if not (folder / "campaign.toml").is_file():
        return Asked(campaign, zone or ZoneInfo("UTC"))
    return Asked.about(load_campaign(folder), zone)


def _period(asked: Asked, since: Moment | None, until: Moment | None, latest: datetime | None = None) -> Period:
    try:
        return asked.period(since, until, latest)
    except BadPeriod as error:
        raise click.BadParameter(str(error)) from error


@contextmanager
def _database(context: click.Context) -> Iterator[Database]:
    database = Database(settings_of(context).settings.database.url)
    try:
        yield database
    finally:
        database.close()


def _id_of(database: Database, name: str) -> int:
    with database.read() as session:
        campaign_id = campaign_id_of(session, name)
        names = campaign_names(session) if campaign_id is None else []
    if campaign_id is None:
        known = f"those with calls are: {', '.join(names)}" if names else "it knows none yet"
        raise click.BadParameter(f"the database knows no campaign {name!r}; {known}", param_hint="DIR|NAME")
    return campaign_id


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise _not_written(file, error) from error


def _not_written(file: Path, error: OSError) -> click.BadParameter:
    return click.BadParameter(f"{file} cannot be written ({error.strerror or error}): name a file in a folder of yours")
