"""Reads what one FreeSWITCH says of itself over its event socket. Changes nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Final

from robot.doctor.readings import GatewayStatus, SwitchReading, UnknownAnswer, parse_gateway, parse_status
from robot.esl import commands
from robot.esl.client import EventSocketClient
from robot.esl.errors import CommandRefused

#: What a call needs of FreeSWITCH, and for what. mod_loopback is for this programme's own call only.
MODULES: Final = {
    "mod_audio_stream": "without it the robot is deaf",
    "mod_sofia": "it places the calls",
    "mod_dptools": "it plays prompts and parks calls",
    "mod_commands": "it knows the commands that the robot sends",
    "mod_sndfile": "it reads the prompt files",
    "mod_loopback": "without it FreeSWITCH cannot call itself, and streams and prompts are not tried out here",
}
_ROUND_TRIPS: Final = 5


async def read_switch(client: EventSocketClient, gateways: Sequence[str]) -> SwitchReading:
    """Ask FreeSWITCH. Raises EventSocketError, UnknownAnswer."""
    status = parse_status(await client.api(commands.status()))
    return SwitchReading(
        status,
        await _round_trip_ms(client),
        {module: await client.api(commands.module_exists(module)) == "true" for module in MODULES},
        {name: await _gateway(client, name) for name in gateways},
        await _clock_ahead_s(client),
    )


async def _round_trip_ms(client: EventSocketClient) -> float:
    """The median of a few."""
    loop = asyncio.get_running_loop()
    times = []
    for _ in range(_ROUND_TRIPS):
        began = loop.time()
        await client.api(commands.epoch())
        times.append((loop.time() - began) * 1000)
    return sorted(times)[_ROUND_TRIPS // 2]


async def _gateway(client: EventSocketClient, name: str) -> GatewayStatus | None:
    try:
        return parse_gateway(name, await client.api(commands.gateway_status(name)))
    except CommandRefused:  # `sofia Command not found!`: the missing module is told by its own check
        return None


async def _clock_ahead_s(client: EventSocketClient) -> float:
    """FreeSWITCH tells whole seconds: what is less than one second apart is 0."""
    before = time.time()
    answer = await client.api(commands.epoch())
    after = time.time()
    try:
        theirs = int(answer)
    except ValueError:
        raise UnknownAnswer("FreeSWITCH answered `strepoch` with something that is no number of seconds") from None
    if int(before) <= theirs <= int(after):
        return 0.0
    return theirs - after if theirs > after else theirs + 1 - before
