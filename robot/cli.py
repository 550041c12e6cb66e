"""The commands: reads arguments, calls the part that does the work. What they share is in `robot.commands.common`."""

from __future__ import annotations

import contextlib
from pathlib import Path

import click

from robot import __version__
from robot.commands import bench, campaign, dnc, live, say, systemd_unit
from robot.commands import run as running
from robot.commands.common import (
    DONE,
    FAILED,
    UNREACHABLE,
    RobotProcess,
    explain,
    finish,
    json_option,
    people,
    print_json,
    run,
    settings_of,
)
from robot.esl.client import EventSocketSettings


@click.group(cls=RobotProcess, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="robot")
@click.option("--config", type=click.Path(path_type=Path), help="robot.toml to use instead of the usual places.")
@click.option("-v", "--verbose", count=True, help="Show logs: -v what happens, -vv every detail.")
@click.pass_context
def main(context: click.Context, config: Path | None, verbose: int) -> None:
    """A voice robot for FreeSWITCH: calls people, talks, listens, is silent when they speak."""
    context.obj = (config, verbose)


main.add_command(campaign.campaign)
main.add_command(dnc.dnc)
main.add_command(live.live)
main.add_command(running.run_service)
main.add_command(systemd_unit.systemd_unit)
main.add_command(say.say)
main.add_command(bench.bench)


@main.command()
@click.option("--callees", type=click.Path(path_type=Path), help="Virtual callees (TOML) instead of the demo's.")
@json_option
@click.pass_context
@explain
def demo(context: click.Context, callees: Path | None, as_json: bool) -> None:
    """Place the sample campaign's calls against the built-in FreeSWITCH simulator and show what happened."""
    from robot.demo import run_demo

    report = run(run_demo(settings_of(context).settings, callees, people(as_json)))
    if as_json:
        print_json(report.as_json())
    finish(DONE if report.worked else FAILED)


def _fields(values: tuple[str, ...]) -> dict[str, str]:
    """Raises click.BadParameter for what is not NAME=VALUE."""
    wrong = [value for value in values if not value.partition("=")[0].strip() or "=" not in value]
    if wrong:
        raise click.BadParameter(f"{wrong[0]!r} is not NAME=VALUE, such as first_name=Ann")
    return {name.strip(): value.strip() for name, _, value in (each.partition("=") for each in values)}


@main.command()
@click.argument("number")
@click.option("--campaign", type=click.Path(path_type=Path), help="The campaign's folder; the demo's by default.")
@click.option(
    "--simulate",
    type=click.Path(path_type=Path),
    is_flag=False,
    flag_value=Path(),
    help="Call the built-in simulator instead of FreeSWITCH: its demo callees, or those of a TOML file.",
)
@click.option(
    "--field",
    "fields",
    multiple=True,
    metavar="NAME=VALUE",
    callback=lambda context, option, values: _fields(values),
    help="What is known of the person, such as first_name=Ann; beside what the campaign's contacts.csv says.",
)
@json_option
@click.pass_context
@explain
def call(
    context: click.Context,
    number: str,
    campaign: Path | None,
    simulate: Path | None,
    fields: dict[str, str],
    as_json: bool,
) -> None:
    """Call NUMBER (like +33140000003) now, and show the call as it goes on."""
    from robot.direct_call import call_once, demo_campaign_folder

    settings = settings_of(context).settings
    callees = demo_campaign_folder() / "callees.toml" if simulate == Path() else simulate
    report = run(call_once(settings, number, campaign, fields=fields, simulate=callees, console=people(as_json)))
    if as_json:
        print_json(report.as_json())
    finish(DONE if report.worked else UNREACHABLE if report.switch_away else FAILED)


@main.command()
@click.option("--callees", type=click.Path(path_type=Path), help="Virtual callees (TOML); the demo's by default.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8021, show_default=True, help="Event socket port; 0 takes any free one.")
@click.option("--password", default="ClueCon", show_default=True, help="Event socket password.")
@explain
def simulate(callees: Path | None, host: str, port: int, password: str) -> None:
    """Run the FreeSWITCH simulator alone, until Ctrl-C."""
    from robot.direct_call import demo_campaign_folder
    from robot.simulator.freeswitch import SimulatorSettings, serve

    file = callees or demo_campaign_folder() / "callees.toml"
    with contextlib.suppress(KeyboardInterrupt):
        run(serve(SimulatorSettings(host=host, event_socket_port=port, password=password), file))


@main.command()
@click.option("--callees", type=click.Path(path_type=Path), help="Virtual callees (TOML); the demo's by default.")
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    default=Path("/tmp/robot-loopback"),  # noqa: S108 - FreeSWITCH, another user, reads and writes there
    show_default=True,
    help="For what they say and for recordings of both sides; FreeSWITCH's user must reach it.",
)
@click.pass_context
@explain
def loopback(context: click.Context, callees: Path | None, folder: Path) -> None:
    """Be the callees of the configured FreeSWITCH, which calls itself through the gateway `loopback`, until Ctrl-C."""
    from robot.direct_call import demo_campaign_folder
    from robot.loopback.callees import serve

    freeswitch = settings_of(context).settings.freeswitch
    switch = EventSocketSettings(
        host=freeswitch.host, port=freeswitch.port, password=freeswitch.required_password(), node=freeswitch.host
    )
    with contextlib.suppress(KeyboardInterrupt):
        run(serve(switch, callees or demo_campaign_folder() / "callees.toml", folder))


@main.command()
@click.argument("wavs", nargs=-1, required=True, type=click.Path(path_type=Path))
@json_option
@click.pass_context
@explain
def transcribe(context: click.Context, wavs: tuple[Path, ...], as_json: bool) -> None:
    """Write down what is said in WAV files, with the model and settings of the calls."""
    from robot.transcribe import transcribe_files

    results = []
    for result in transcribe_files(settings_of(context).settings.stt, wavs):
        results.append(result)
        if not as_json:
            click.echo(f"{result.file}: {result.error or result.text or '(no words)'}")
    if as_json:
        print_json([result.as_json() for result in results])
    finish(FAILED if any(result.error for result in results) else DONE)


@main.command()
@click.option("--campaign", type=click.Path(path_type=Path), help="The campaign's folder; the demo's by default.")
@json_option
@click.pass_context
@explain
def doctor(context: click.Context, campaign: Path | None, as_json: bool) -> None:
    """Look at everything that calls need, and say what is wrong and how to repair it. Calls nobody."""
    from robot.doctor.doctor import examine
    from robot.doctor.table import CheckTable

    table = CheckTable(people(as_json))
    with table:
        report = run(examine(settings_of(context).settings, campaign, table.add, table.working))
    table.summary(report)
    if as_json:
        print_json(report.as_json())
    finish(report.exit_status)


@main.group()
def config() -> None:
    """Show or check the configuration."""


@config.command("show")
@json_option
@click.pass_context
@explain
def config_show(context: click.Context, as_json: bool) -> None:
    """Every setting, its value (passwords hidden) and where it comes from."""
    from robot.terminal import settings_table

    rows = settings_of(context).describe()
    if as_json:
        print_json([{"key": row.key, "value": row.value, "source": row.source} for row in rows])
    else:
        people(as_json).print(settings_table(rows))


@config.command("check")
@click.pass_context
@explain
def config_check(context: click.Context) -> None:
    """Say whether the configuration can be used, and if not, why."""
    loaded = settings_of(context)
    click.echo(f"{loaded.source_path or 'No robot.toml: defaults and environment'}: good")


@main.group()
def db() -> None:
    """The database and its schema."""


@db.command("upgrade")
@click.pass_context
@explain
def db_upgrade(context: click.Context) -> None:
    """Create the schema, or bring it up to this version."""
    from robot.store.database import Database

    database = Database(settings_of(context).settings.database.url)
    try:
        database.upgrade()
        click.echo(f"{database.masked_url}: schema {database.status().current}")
    finally:
        database.close()


@db.command("status")
@json_option
@click.pass_context
@explain
def db_status(context: click.Context, as_json: bool) -> None:
    """Where the database is, which schema it has and which one this version wants."""
    from robot.store.database import Database

    database = Database(settings_of(context).settings.database.url)
    try:
        status = database.status()
    finally:
        database.close()
    if as_json:
        print_json(
            {
                "url": database.masked_url,
                "current": status.current,
                "head": status.head,
                "up_to_date": status.up_to_date,
            }
        )
    else:
        click.echo(f"{database.masked_url}: {status}")
    finish(DONE if status.up_to_date else FAILED)
