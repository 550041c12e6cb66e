from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from robot.simulator.callees_file import Callee
from robot.simulator.freeswitch import SimulatedFreeSwitch, SimulatorSettings
from robot.simulator.sound import tone, write_wav
from robot.simulator.timeline import Timeline
from tests.integration.simulator.plain_client import PlainClient
from tests.integration.simulator.stepping import advance


class Workbench:
    """A simulator in simulated time, a client that hears everything, and a WebSocket server that listens."""

    def __init__(self, simulator: SimulatedFreeSwitch, client: PlainClient, timeline: Timeline, folder: Path) -> None:
        self.simulator = simulator
        self.client = client
        self.timeline = timeline
        self.folder = folder
        self.url = ""
        self.frames: list[bytes] = []
        self.texts: list[str] = []
        self.sockets: list[ServerConnection] = []

    async def pass_ms(self, ms: float) -> None:
        await advance(self.timeline, ms)

    def prompt(self, name: str = "prompt.wav", ms: int = 2000) -> str:
        """A file of that length."""
        write_wav(self.folder / name, tone(440, ms, 8000), 8000)
        return str(self.folder / name)

    async def api(self, line: str) -> str:
        return await self.client.command(f"api {line}")

    async def call(self, number: str = "1000", variables: str = "") -> str:
        """An answered, parked call; half a second has passed since."""
        uuid = str(uuid4())
        given = f"origination_uuid={uuid}{variables and ','}{variables}"
        await self.client.command(f"bgapi originate {{{given}}}sofia/gateway/trunk/{number} &park()")
        await self.pass_ms(560)
        assert "CHANNEL_PARK" in self.client.names(uuid)
        return uuid

    def names(self, uuid: str, *wanted: str) -> list[str]:
        """The events of a call, only those of `wanted` if any are given."""
        return [name for name in self.client.names(uuid) if not wanted or name in wanted]

    def playback(self, uuid: str) -> list[str]:
        """`start FILE` and `STATUS FILE`, in order."""
        log = []
        for event in self.client.events:
            name = Path(event.get("Playback-File-Path") or "").name
            if event.uuid == uuid and event.name == "PLAYBACK_START":
                log.append(f"start {name}")
            elif event.uuid == uuid and event.name == "PLAYBACK_STOP":
                log.append(f"{event['Playback-Status']} {name}")
        return log

    async def listen(self, socket: ServerConnection) -> None:
        self.sockets.append(socket)
        try:
            async for message in socket:
                if isinstance(message, str):
                    self.texts.append(message)
                else:
                    self.frames.append(message)
        except ConnectionClosed:
            pass

    def stream_samples(self) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
        return np.frombuffer(b"".join(self.frames), "<i2")


OpenWorkbench = Callable[..., AbstractAsyncContextManager[Workbench]]


@pytest.fixture
def workbench(tmp_path: Path) -> OpenWorkbench:
    """`async with workbench(callees, settings...) as bench`; without callees everybody answers and says nothing."""

    @asynccontextmanager
    async def opened(*callees: Callee, **settings: object) -> AsyncIterator[Workbench]:
        timeline = Timeline()
        everybody = callees or (Callee(number="*", ring_ms=0),)
        made = SimulatorSettings(timeline=timeline, **settings)  # type: ignore[arg-type]
        async with SimulatedFreeSwitch(made, everybody) as simulator:
            client = await PlainClient.connect(simulator.event_socket_port, events="ALL")
            bench = Workbench(simulator, client, timeline, tmp_path)
            async with serve(bench.listen, "127.0.0.1", 0) as server:
                bench.url = f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}/stream"
                try:
                    yield bench
                finally:
                    simulator.kill()
                    await client.close()

    return opened
