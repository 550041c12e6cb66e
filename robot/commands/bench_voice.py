"""`robot bench voice`: a visitor who talks from a browser."""

from __future__ import annotations

from functools import partial

import click

from robot.commands.common import explain, json_option, settings_of
from robot.commands.figures import print_figures


@click.command("voice")
@click.option("--model", default="base", show_default=True, help="Of speech recognition, as `stt.model`.")
@click.option("--agent", is_flag=True, help="A language model replies, instead of a script.")
@json_option
@click.pass_context
@explain
def voice(context: click.Context, model: str, agent: bool, as_json: bool) -> None:
    """How long somebody who talks from a browser waits, and what that costs (a minute)."""
    settings = settings_of(context).settings
    settings = settings.model_copy(update={"stt": settings.stt.model_copy(update={"model": model})})
    from robot.bench.voice import run as measure

    print_figures(partial(measure, settings, agent=agent), as_json)
