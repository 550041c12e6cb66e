"""Is any break lost? FreeSWITCH answers +OK to a `uuid_break` that comes too early, and plays on to the end.

Many prompts are played and broken when they are 0 to 300 ms old, counted from the command in one half of them and from
PLAYBACK_START in the other. The prompt is a hum of some seconds: on a real FreeSWITCH the recordings at the callee tell
how much of each was heard.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from robot.bench.ear import read_tape, sounding
from robot.bench.far_end import HUM_HZ, HUM_RATE, FarEnd, Live, far_end
from robot.bench.figures import spread
from robot.call.channel import Channel
from robot.call.playback import PlaybackState
from robot.call.waiting import first_of
from robot.dialogue.scenario import Prompt
from robot.esl import commands
from robot.esl.client import EventSocketClient, EventSocketSettings
from robot.settings import Settings
from robot.simulator.sound import tone, write_wav

_CALLEES: Final = '[[callee]]\nnumber = "*"\nring_ms = 0\nanswer = "human"\n'
_LATEST_BREAK_MS: Final = 300
_HUM_MS: Final = 3000
# Between two hums, so that they are told apart on the tape.
_PAUSE_S: Final = 0.25
_CALLS: Final = 10
_RECORDING_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Broken:
    """One prompt. stopped_ms: from the first break to the end; played_ms: from PLAYBACK_START to it."""

    state: PlaybackState
    breaks_sent: int
    stopped_ms: float
    played_ms: float

    @property
    def lost(self) -> bool:
        """It played on to its end."""
        return self.state is not PlaybackState.INTERRUPTED or self.played_ms > _HUM_MS / 2


def run(settings: Settings, *, breaks: int, live: Live | None = None, playback: str | None = None) -> dict[str, Any]:
    """Break `breaks` prompts, in ten calls at once."""
    with far_end(settings, _CALLEES, live, playback) as far:
        return asyncio.run(_measure(far, breaks))


async def _measure(far: FarEnd, breaks: int) -> dict[str, Any]:
    freeswitch = far.settings.freeswitch
    write_wav(far.folder / "hum.wav", tone(HUM_HZ, _HUM_MS, HUM_RATE), HUM_RATE)
    hum = Prompt(far.folder / "hum.wav", "a hum", _HUM_MS / 1000)
    delays_ms = [_LATEST_BREAK_MS * number / max(breaks - 1, 1) for number in range(breaks)]
    uuids = [str(uuid4()) for _ in range(min(_CALLS, breaks))]
    socket = EventSocketSettings(freeswitch.host, freeswitch.port, freeswitch.required_password())
    async with EventSocketClient(socket) as switch:
        by_call = await asyncio.gather(
            *(
                _call(switch, uuid, far.gateway, hum, delays_ms[index :: len(uuids)], freeswitch.playback)
                for index, uuid in enumerate(uuids)
            )
        )
    broken = [each for call in by_call for each in call]
    return {
        "benchmark": "barge-in --breaks",
        "on": "the simulator" if far.recordings is None else "FreeSWITCH",
        "playback": freeswitch.playback,
        "prompts": len(broken),
        "lost": sum(each.lost for each in broken),
        "first_breaks_lost": sum(each.breaks_sent > 1 for each in broken),
        "stopped_after_ms": spread([each.stopped_ms for each in broken]),
        **await _in_the_ear(far, uuids),
    }


async def _call(
    switch: EventSocketClient, uuid: str, gateway: str, hum: Prompt, delays_ms: Sequence[float], playback: str
) -> list[Broken]:
    channel = Channel(uuid, switch)
    try:
        await channel.dial(commands.originate(uuid, gateway, "+33140000001"), ring_timeout_s=30)
        await asyncio.sleep(_PAUSE_S)
        broken = []
        for number, delay_ms in enumerate(delays_ms):
            broken.append(await _break(channel, hum, delay_ms / 1000, playback, after_start=number % 2 == 1))
            await asyncio.sleep(_PAUSE_S)
        return broken
    finally:
        await channel.hang_up()
        await channel.close()


async def _break(channel: Channel, hum: Prompt, delay_s: float, playback: str, *, after_start: bool) -> Broken:
    loop = asyncio.get_running_loop()
    prompt = channel.play(hum, root=Path(hum.file).parent, broadcast=playback == "broadcast")
    if after_start:
        await first_of(prompt.started, prompt.ended)
    await asyncio.sleep(delay_s)
    stopped_at = loop.time()
    prompt.stop()
    state = await prompt.ended
    ended_at, started_at = prompt.playback.ended_at or loop.time(), prompt.playback.started_at
    return Broken(
        state,
        prompt.playback.breaks_sent,
        (ended_at - stopped_at) * 1000,
        0.0 if started_at is None else (ended_at - started_at) * 1000,
    )


async def _in_the_ear(far: FarEnd, uuids: Sequence[str]) -> dict[str, Any]:
    """How long the hums on the tapes are."""
    if far.recordings is None:
        return {}
    await asyncio.sleep(_RECORDING_S)
    tapes = [read_tape(file) for uuid in uuids if (file := far.recording(uuid)) is not None]
    hums = [each for tape in tapes for each in sounding(tape.heard, tape.rate, pause_ms=_PAUSE_S * 500)]
    return {
        "recordings": len(tapes),
        "heard": len(hums),
        "heard_to_the_end": sum(each.length_ms > _HUM_MS / 2 for each in hums),
        "heard_ms": spread([each.length_ms for each in hums]),
    }
