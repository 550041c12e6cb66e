"""`robot say`: a text as a prompt, spoken and made ready just as for a call, into a file of one's own."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import click

from robot.commands.common import explain, json_option, print_json, settings_of
from robot.prompts.library import Spoken
from robot.prompts.voice import VoiceSettings
from robot.speech import prompt_library


@click.command()
@click.argument("text")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="The WAV file to write.")
@click.option("--voice", metavar="NAME", help="A voice, or a Piper voice's .onnx; the campaign's otherwise.")
@click.option("--speed", type=click.FloatRange(0.5, 2.0), help="1 as the voice is, 2 twice as fast.")
@click.option("--campaign", type=click.Path(path_type=Path), help="Speak as this campaign (its folder) does.")
@json_option
@click.pass_context
@explain
def say(
    context: click.Context,
    text: str,
    output: Path | None,
    voice: str | None,
    speed: float | None,
    campaign: Path | None,
    as_json: bool,
) -> None:
    """Speak TEXT, as loud and at the rate of the prompts of calls."""
    source = Spoken(text, _voice(campaign, voice, speed))
    library = prompt_library(settings_of(context).settings)
    try:
        cached = library.find(source) is not None
        prompt = library.spoken(source.text, source.voice)
    finally:
        library.close()
    if output is not None:
        _copy(prompt.file, output)
    file = output or prompt.file
    length_ms = round(prompt.length_s * 1000)
    if as_json:
        print_json({"file": str(file), "length_ms": length_ms, "voice": source.voice.model, "cached": cached})
    else:
        click.echo(f"{file}: {length_ms / 1000:.1f} s, spoken by {source.voice.model}")


def _voice(campaign: Path | None, voice: str | None, speed: float | None) -> VoiceSettings:
    settings = VoiceSettings()
    if campaign is not None:
        from robot.campaign.definition import load_campaign

        settings = load_campaign(campaign).voice
    return replace(settings, model=voice or settings.model, speed=speed or settings.speed)


def _copy(prompt: Path, output: Path) -> None:
    try:
        shutil.copyfile(prompt, output)
    except OSError as error:
        raise click.BadParameter(
            f"{output} cannot be written ({error.strerror}): name a file in a folder of yours", param_hint="-o"
        ) from error
