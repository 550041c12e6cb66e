"""The database goes away in the middle of fifty calls: they go on, nobody new is called, and nothing is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import make_url

from robot.campaign.definition import load_campaign
from robot.campaign.incoming import CampaignsByCall, IncomingCalls
from robot.daemon import Daemon
from robot.esl.hook import IncomingCall
from robot.simulator.callees_file import load_callees
from robot.simulator.freeswitch import SimulatedFreeSwitch, SimulatorSettings
from robot.store.campaign_records import CampaignState
from tests.acceptance.dialling import campaign_in, dialling, start, until_state
from tests.acceptance.world import PASSWORD, World, settings_for
from tests.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.parametrize("backend", ["postgresql"])]

AT_ONCE = 50
NUMBERS = [f"+3314000{index:04}" for index in range(AT_ONCE + 20)]
CALLEES = """
[[callee]]
number = "+331400*"
ring_ms = 100
hang_up = { after = "prompt_end", wait_ms = 4000 }
"""


class Wire:
    """A TCP port before a PostgreSQL on a unix socket, which can be pulled out."""

    def __init__(self, socket: str) -> None:
        self._socket = socket
        self._port = 0
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def plug_in(self) -> int:
        self._server = await asyncio.start_server(self._join, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]
        return self._port

    async def pull_out(self) -> None:
        assert self._server is not None
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        await self._server.wait_closed()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        to_server, from_us = await asyncio.open_unix_connection(self._socket)
        self._writers |= {writer, from_us}
        try:
            await asyncio.gather(_copy(reader, from_us), _copy(to_server, writer))
        finally:
            self._writers -= {writer, from_us}


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while content := await reader.read(65536):
            writer.write(content)
            await writer.drain()
    writer.close()


@asynccontextmanager
async def world_by_wire(folder: Path, url: str) -> AsyncIterator[tuple[World, Wire]]:
    address = make_url(url)
    [host] = [address.query.get("host") or address.host]
    wire = Wire(f"{host}/.s.PGSQL.{address.port or 5432}")
    port = await wire.plug_in()
    (folder / "callees.toml").write_text(CALLEES, encoding="utf-8")
    written = campaign_in(folder / "list", step='listen_ms = 6000\nkeys = { "1" = "a" }').folder / "campaign.toml"
    written.write_text(written.read_text().replace("max_calls = 20", f"max_calls = {AT_ONCE}"))
    campaign = load_campaign(folder / "list")
    async with SimulatedFreeSwitch(
        SimulatorSettings(password=PASSWORD), load_callees(folder / "callees.toml")
    ) as switch:
        settings = settings_for(switch, folder)
        by_wire = address.set(host="127.0.0.1", port=port, query={}).render_as_string(hide_password=False)
        database = settings.database.model_copy(update={"url": by_wire, "spool": folder / "spool"})
        async with Daemon(settings.model_copy(update={"database": database})) as daemon:
            yield World(switch, daemon, campaign), wire
    await wire.pull_out()


async def goes_back_to_the_dialplan(world: World) -> bool:
    """Whether somebody who calls in now is left to the dialplan at once."""
    released = asyncio.Event()
    gone = asyncio.get_running_loop().create_future()
    incoming = IncomingCalls(CampaignsByCall([world.campaign]), world.daemon.parts)
    incoming.take(
        IncomingCall(str(uuid4()), str(uuid4()), NUMBERS[0], "0140000009", False, {}, gone, let_go=released.set)
    )
    return await incoming.finish(1) == 0 and released.is_set()


async def test_calls_go_on_without_it_and_all_that_happened_is_in_it_afterwards(
    new_url: Callable[[bool], str], tmp_path: Path
) -> None:
    async with world_by_wire(tmp_path, new_url(True)) as (world, wire):
        store, campaign = world.daemon.store, world.campaign
        await start(world, campaign, NUMBERS)
        async with dialling(world, campaign) as dialer:
            await until(
                lambda: sum(channel.answered for channel in world.switch.channels.values()) >= AT_ONCE, within_s=40
            )
            await wire.pull_out()
            await until(lambda: dialer.live_calls == 0, within_s=40)
            dialled = len(world.switch.calls)
            assert store.away
            assert store.facts_waiting >= AT_ONCE
            assert [*(tmp_path / "spool").glob("*.jsonl")]
            await asyncio.sleep(2)
            assert len(world.switch.calls) == dialled, "nobody new is called"
            assert dialer.reasons()
            assert await goes_back_to_the_dialplan(world)

            await wire.plug_in()
            await until_state(world, campaign, CampaignState.DONE)
            assert await store.drain(20) == 0
        history = await store.history(NUMBERS)
        reached = [uuid for uuid, channel in world.switch.calls.items() if channel.answered]
        stored = [await store.attempt(uuid) for uuid in world.switch.calls]
    assert len(reached) == len(world.switch.calls) == len(NUMBERS), "everybody once"
    assert {attempt.outcome for attempt in stored} == {"hung_up"}
    assert all(attempt.turns and attempt.answered_at and attempt.talk_ms for attempt in stored)
    # Whoever was about to be dialled when it went away may have an attempt that says so.
    told = {past.outcome for each in history.values() for past in each}
    assert told <= {"hung_up", "failed"}
    assert not [*(tmp_path / "spool").glob("*.jsonl")]
