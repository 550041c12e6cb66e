"""`robot bench`: what to measure on this machine, and how. The measurements themselves are in `robot.bench`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import click
from rich.console import Console

from robot.commands import bench_database, bench_speak, bench_voice
from robot.commands.common import explain, json_option, people, print_json, settings_of
from robot.commands.figures import echo_figures, print_figures

P = ParamSpec("P")
R = TypeVar("R")


@click.group()
def bench() -> None:
    """Measure this machine; docs/PERFORMANCE.md holds what we measured on ours."""


bench.add_command(bench_database.claims)
bench.add_command(bench_database.import_contacts)
bench.add_command(bench_speak.speak)
bench.add_command(bench_voice.voice)


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
@click.option("--words", is_flag=True, help="With --interruptions: what is recognised counts, too; takes half an hour.")
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
    words: bool,
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
        _bench_interruptions(settings.stt.vad_aggressiveness, settings.stt.model if words else None, as_json)
        return
    on = Live(gateway) if live else None
    if breaks is None:
        measure = partial(barge_in.run, settings, calls=calls, rounds=rounds, live=on, playback=playback)
    else:
        measure = partial(breaking.run, settings, breaks=breaks, live=on, playback=playback)
    print_figures(measure, as_json)


def _bench_interruptions(vad_aggressiveness: int, model: str | None, as_json: bool) -> None:
    from robot.bench.interruptions import run as measure
    from robot.terminal import interruptions_table

    with Console(stderr=True).status("Measuring ..."):
        figures = measure(vad_aggressiveness=vad_aggressiveness, model=model)
    if as_json:
        print_json(figures)
    else:
        people(as_json).print(interruptions_table(figures["by_kind"]))
        echo_figures({name: value for name, value in figures.items() if name != "by_kind"})


@bench.command("respond")
@click.option("--calls", type=click.IntRange(min=1), help="Simultaneous calls: 10, and 1 with --agent, unless said.")
@click.option("--rounds", type=click.IntRange(min=1), help="How many times that: 2, and 3 with --agent, unless said.")
@click.option("--agent", is_flag=True, help="Replies of a language model that writes after 50 ms, stage by stage.")
@live_options
@json_option
@click.pass_context
@explain
def bench_respond(
    context: click.Context,
    calls: int | None,
    rounds: int | None,
    agent: bool,
    live: bool,
    gateway: str,
    playback: str | None,
    as_json: bool,
) -> None:
    """From the last voiced frame of an answer to the first sample of the reply; scripts on one core."""
    from robot.bench import respond, respond_agent
    from robot.bench.far_end import Live

    on = Live(gateway) if live else None
    measure = partial(respond_agent.run if agent else respond.run, settings_of(context).settings)
    how = {name: value for name, value in (("calls", calls), ("rounds", rounds)) if value is not None}
    print_figures(partial(measure, **how, live=on, playback=playback), as_json)


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


@bench.command("console")
@click.option("--calls", type=click.IntRange(min=1), default=200, show_default=True, help="Calls that go on.")
@click.option("--pages", type=click.IntRange(min=1), default=5, show_default=True, help="Pages that look on.")
@json_option
@explain
def bench_console(calls: int, pages: int, as_json: bool) -> None:
    """What each of the four looks a second costs the loop that runs the calls, while pages of the console are open."""
    from robot.bench.console import run as measure

    print_figures(lambda: measure(calls=calls, pages=pages), as_json)


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
