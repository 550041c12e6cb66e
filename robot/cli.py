"""The commands: reads arguments, calls the part that does the work. What they share is in `robot.commands.common`."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import click
from rich.console import Console

from robot import __version__
from robot.commands import bench_database, bench_speak, campaign, dnc, live, say, systemd_unit
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
from robot.commands.figures import echo_figures, print_figures
from robot.esl.client import EventSocketSettings

P = ParamSpec("P")
R = TypeVar("R")


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


@main.group()
def bench() -> None:
    """Measure this machine; docs/PERFORMANCE.md holds what we measured on ours."""


bench.add_command(bench_database.claims)
bench.add_command(bench_database.import_contacts)
bench.add_command(bench_speak.speak)


def live_options(command: Callable[P, R]) -> Callable[P, R]:
    """The options of a benchmark that can be made on a real FreeSWITCH."""
    for option in (
        click.option(
            "--playback", type=click.Choice(["broadcast", "execute"]), help="How prompts are played; as configured."
        ),
        click.option("--gateway", default="loopback", show_default=True, help="Its trunk to itself, with --live."),
        click.option("--live", is_flag=True, help="On the configured FreeSWITCH instead of the simulator."),
    ):
        command = option(command)
    return command


@bench.command("listen")
@click.option("--streams", default=300, show_default=True, help="Streams of 20 ms frames at once.")
@click.option("--seconds", default=15, show_default=True, help="How long.")
@click.option("--together", is_flag=True, help="All send in the same moment of each 20 ms: the worst case.")
@click.option("--largest", is_flag=True, help="Find the most streams with a p99 below 20 ms, too.")
@click.option("--calls", type=click.IntRange(min=1), help="Instead: so many whole calls, and how late frames are.")
@live_options
@json_option
@click.pass_context
@explain
def bench_listen(
    context: click.Context,
    streams: int,
    seconds: int,
    together: bool,
    largest: bool,
    calls: int | None,
    live: bool,
    gateway: str,
    playback: str | None,
    as_json: bool,
) -> None:
    """Audio streams on one core: lag from a frame's arrival to its decision, CPU and memory per stream."""
    from robot.bench import calls as whole_calls
    from robot.bench import listen
    from robot.bench.far_end import Live

    measure: Callable[[], dict[str, Any]]
    if calls is None and not live:
        measure = partial(listen.run, streams=streams, seconds=seconds, together=together, largest=largest)
    else:
        on, settings = Live(gateway) if live else None, settings_of(context).settings
        measure = partial(whole_calls.run, settings, calls=calls or 50, seconds=seconds, live=on, playback=playback)
    print_figures(measure, as_json)


@bench.command("transcribe")
@json_option
@click.pass_context
@explain
def bench_transcribe(context: click.Context, as_json: bool) -> None:
    """CPU and word errors per utterance, against plain WhisperModel.transcribe."""
    from robot.bench.transcribe import run as measure

    print_figures(lambda: measure(model=settings_of(context).settings.stt.model), as_json)


@bench.command("barge-in")
@click.option("--calls", default=50, show_default=True, help="Simultaneous calls.")
@click.option("--rounds", default=3, show_default=True, help="How many times that.")
@click.option("--breaks", type=click.IntRange(min=1), help="Instead: break so many prompts, 0 to 300 ms old.")
@click.option(
    "--interruptions",
    is_flag=True,
    help="Instead: false alarms by echo, music, a dog ... and misses of people who talk, in a labelled set.",
)
@live_options
@json_option
@click.pass_context
@explain
def bench_barge_in(
    context: click.Context,
    calls: int,
    rounds: int,
    breaks: int | None,
    interruptions: bool,
    live: bool,
    gateway: str,
    playback: str | None,
    as_json: bool,
) -> None:
    """From the frame that crosses the threshold to uuid_break on the wire, and to silence in the callee's ear."""
    from robot.bench import barge_in, breaking
    from robot.bench.far_end import Live

    settings = settings_of(context).settings
    if interruptions:
        _bench_interruptions(settings.stt.vad_aggressiveness, as_json)
        return
    on = Live(gateway) if live else None
    if breaks is None:
        measure = partial(barge_in.run, settings, calls=calls, rounds=rounds, live=on, playback=playback)
    else:
        measure = partial(breaking.run, settings, breaks=breaks, live=on, playback=playback)
    print_figures(measure, as_json)


def _bench_interruptions(vad_aggressiveness: int, as_json: bool) -> None:
    from robot.bench.interruptions import run as measure
    from robot.terminal import interruptions_table

    with Console(stderr=True).status("Measuring ..."):
        figures = measure(vad_aggressiveness=vad_aggressiveness)
    if as_json:
        print_json(figures)
    else:
        people(as_json).print(interruptions_table(figures["by_kind"]))
        echo_figures({name: value for name, value in figures.items() if name != "by_kind"})


@bench.command("respond")
@click.option("--calls", default=10, show_default=True, help="Simultaneous calls.")
@click.option("--rounds", default=2, show_default=True, help="How many times that.")
@live_options
@json_option
@click.pass_context
@explain
def bench_respond(
    context: click.Context, calls: int, rounds: int, live: bool, gateway: str, playback: str | None, as_json: bool
) -> None:
    """From the last voiced frame of an answer to the first sample of the reply, on one core."""
    from robot.bench import respond
    from robot.bench.far_end import Live

    on = Live(gateway) if live else None
    settings = settings_of(context).settings
    print_figures(partial(respond.run, settings, calls=calls, rounds=rounds, live=on, playback=playback), as_json)


@bench.command("amd")
@click.option(
    "--stt-ms", default=300, show_default=True, help="How long a transcription takes in the calls to measure."
)
@click.option("--every", default=1, show_default=True, help="Only every so manyth greeting.")
@json_option
@click.pass_context
@explain
def bench_amd(context: click.Context, stt_ms: int, every: int, as_json: bool) -> None:
    """Who picked up: how often it is told right, how soon, and whether a message waits for the beep. Takes minutes."""
    from robot.bench.amd import run as measure
    from robot.terminal import confusion_table

    model = settings_of(context).settings.stt.model
    with Console(stderr=True).status("Measuring ..."):
        figures = measure(model, stt_ms=stt_ms, every=every)
    if as_json:
        print_json(figures)
    else:
        people(as_json).print(confusion_table(figures["confusion"]))
        echo_figures({name: value for name, value in figures.items() if name != "confusion"})


@bench.command("dial")
@click.option("--rate", default=50.0, show_default=True, help="Calls a second.")
@click.option("--seconds", default=60.0, show_default=True, help="How long.")
@click.option("--database", metavar="URL", help="A PostgreSQL, for a database of its own there; SQLite by default.")
@json_option
@click.pass_context
@explain
def bench_dial(context: click.Context, rate: float, seconds: float, database: str | None, as_json: bool) -> None:
    """How evenly a campaign's calls are placed: dialer, event socket and database against a simulator, no audio."""
    from robot.bench.dial import run as measure

    settings = settings_of(context).settings
    print_figures(partial(measure, settings, rate=rate, seconds=seconds, database=database), as_json)


@bench.command("intents")
@json_option
@explain
def bench_intents(as_json: bool) -> None:
    """What answers mean: how many of a labelled set are understood, and how sure that is."""
    from robot.bench.intents import run as measure

    print_figures(measure, as_json)


@bench.command("opt-outs")
@click.option("--language", default="fr", show_default=True, type=click.Choice(["en", "fr"]))
@json_option
@explain
def bench_opt_outs(language: str, as_json: bool) -> None:
    """Whether "never call me again" is understood as recognition hears it on the telephone. It takes minutes."""
    from robot.bench.opt_outs import run as measure

    print_figures(lambda: measure(language), as_json)


@bench.command("expected")
@click.option("--every", default=5, show_default=True, help="Only every so manyth answer of the labelled set.")
@click.option("--language", default="en", show_default=True, help="ISO 639-1; the model must know it.")
@click.option("--recordings", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Other voices.")
@json_option
@click.pass_context
@explain
def bench_expected(context: click.Context, every: int, language: str, recordings: Path | None, as_json: bool) -> None:
    """Whether recognition gains by knowing what a step expects, and invents nothing for it.

    Recordings are WAV files in a folder with texts.tsv: file name without .wav, tab, what is said.
    """
    from robot.bench.expected import run as measure

    model = settings_of(context).settings.stt.model
    print_figures(lambda: measure(model, language=language, recordings=recordings, every=every), as_json)
