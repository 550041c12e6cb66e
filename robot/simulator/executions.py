"""What a client asked a channel to play or do, as an `Execution`, and what its events and variables say of it."""

from __future__ import annotations

import re
from typing import Final

from robot.simulator.errors import SoundError
from robot.simulator.playback import Execution
from robot.simulator.sound import read_clip

# `playback_samples` counts what was read from the file, which FreeSWITCH does in blocks of this many samples.
_READ_AHEAD: Final = 16384


def asked_for(application: str, argument: str, application_uuid: str, rate: int, *, mulaw: bool) -> Execution:
    """Reads the file of a `playback`: `FILE`, `FILE@@SAMPLE`, `{name=value,...}FILE`."""
    execution = Execution(application, argument, application_uuid, path=argument)
    if application == "playback":
        marked = re.fullmatch(r"\{([^}]*)\}(.*)", argument)
        if marked:
            pairs = (pair.partition("=") for pair in marked[1].split(",") if "=" in pair)
            execution.headers = {name: value for name, _, value in pairs}
            execution.path = marked[2]
        execution.path, _, start_sample = execution.path.partition("@@")
        try:
            execution.clip = read_clip(execution.path, rate, mulaw=mulaw)
        except SoundError:
            execution.clip = None  # FreeSWITCH tells nobody but its log why a file is FILE NOT FOUND
        if start_sample.isascii() and start_sample.isdigit():
            execution.begin_at(int(start_sample))
    return execution


def playback_headers(execution: Execution) -> list[tuple[str, str]]:
    return [*execution.headers.items(), ("Playback-File-Path", execution.path)]


def application_headers(execution: Execution, *more: tuple[str, str]) -> list[tuple[str, str]]:
    data = [("Application-Data", execution.argument)] if execution.argument else []
    return [("Application", execution.application), *data, *more, ("Application-UUID", execution.application_uuid)]


def played_variables(execution: Execution, rate: int) -> dict[str, str]:
    """What the channel knows of a file whose playback has stopped."""
    assert execution.clip is not None
    blocks = -(-execution.position // _READ_AHEAD) * _READ_AHEAD
    read = min(blocks, len(execution.clip.samples))
    return {
        "playback_last_offset_pos": str(execution.start_sample + execution.played),
        "playback_seconds": str(read // rate),
        "playback_ms": str(read * 1000 // rate),
        "playback_samples": str(read),
    }
