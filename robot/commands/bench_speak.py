"""`robot bench speak`: phrases for calls that wait."""

from __future__ import annotations

from functools import partial

import click

from robot.commands.common import explain, json_option, settings_of
from robot.commands.figures import print_figures
from robot.prompts.voice import DEFAULT_VOICE


@click.command("speak")
@click.option("--voice", default=DEFAULT_VOICE, show_default=True, help="As `robot say` takes it.")
@click.option("--at-once", type=click.IntRange(min=1), multiple=True, default=(1, 10), show_default=True, help="Calls.")
@click.option("--rounds", type=click.IntRange(min=1), default=20, show_default=True, help="Phrases for each call.")
@json_option
@click.pass_context
@explain
def speak(context: click.Context, voice: str, at_once: tuple[int, ...], rounds: int, as_json: bool) -> None:
    """How long calls wait for a phrase that is spoken for them."""
    settings = settings_of(context).settings
    from robot.bench.speak import run as measure

    print_figures(partial(measure, settings, voice, at_once, rounds), as_json)
