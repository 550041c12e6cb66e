"""The whole chain in one of two worlds: behind the simulator, or behind the real FreeSWITCH that the environment names.

Both have the same gateway, the same virtual callees and the same daemon; a test does not know in which one it is.

ROBOT_TEST_FREESWITCH=HOST:PORT    the event socket of a FreeSWITCH with freeswitch_conf/loopback_trunk, on this machine
ROBOT_TEST_FREESWITCH_PASSWORD     its password
ROBOT_TEST_FREESWITCH_RESTART      a shell command that kills it (kill -9) and starts it again
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Literal, Self

import pytest
from pydantic import SecretStr
from websockets.protocol import State

from robot.call.call import Call
from robot.call.report import CallReport, Observer
from robot.campaign.definition import Campaign, load_campaign
from robot.daemon import Daemon
from robot.esl import commands
from robot.esl.client import EventSocketClient, EventSocketSettings
from robot.loopback.callees import LoopbackCallees
from robot.settings import Settings
from robot.simulator.callees_file import CalleesFile, load_callees
from robot.simulator.freeswitch import SimulatedFreeSwitch, SimulatorSettings
from robot.simulator.heard import HeardKey, HeardPrompt
from robot.store.records import StoredAttempt
from tests.acceptance import world

Kind = Literal["simulator", "freeswitch"]
#: Settings by section and name.
Changes = Mapping[str, Mapping[str, object]]

GATEWAY = "loopback"
NAMED = bool(os.environ.get("ROBOT_TEST_FREESWITCH"))
# How long a restarted FreeSWITCH may take until it takes calls.
RESTART_LIMIT_S = 30.0


class FarSide(ABC):
    """The FreeSWITCH of a world, and the callees behind it."""

    socket: EventSocketSettings

    @abstractmethod
    async def prompts(self, uuid: str) -> Sequence[HeardPrompt] | None:
        """What the callee of a call that is over heard; None when it never was answered."""

    @abstractmethod
    def keys(self, uuid: str) -> Sequence[HeardKey]:
        """What the robot pressed for the callee of this call."""

    @abstractmethod
    def hears(self, uuid: str) -> bool:
        """Whether the callee of this call has begun to hear a prompt."""

    @property
    @abstractmethod
    def ready(self) -> bool:
        """Whether the callees take calls."""

    @abstractmethod
    async def restart(self) -> None:
        """Kill FreeSWITCH without a word and start it again."""

    @abstractmethod
    async def __aenter__(self) -> Self: ...

    @abstractmethod
    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Simulated(FarSide):
    """The simulator, in this very event loop."""

    def __init__(self, callees: CalleesFile) -> None:
        self._settings = SimulatorSettings(password="of this test", sessions_per_second=100)
        table = callees.simulator.model_copy(update={"gateways": (GATEWAY,)})
        self._callees = callees.model_copy(update={"simulator": table})
        self._switch = SimulatedFreeSwitch(self._settings, self._callees)

    async def __aenter__(self) -> Self:
        await self._switch.start()
        self.socket = EventSocketSettings(port=self._switch.event_socket_port, password=self._settings.password)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._switch.close()

    async def prompts(self, uuid: str) -> Sequence[HeardPrompt] | None:
        if uuid not in self._switch.calls or not self._switch.calls[uuid].answered:
            return None
        return self._switch.heard(uuid).prompts

    def keys(self, uuid: str) -> Sequence[HeardKey]:
        return self._switch.heard(uuid).keys

    def hears(self, uuid: str) -> bool:
        return uuid in self._switch.calls and bool(self._switch.heard(uuid).prompts)

    @property
    def ready(self) -> bool:
        return True

    async def restart(self) -> None:
        await self._switch.close()
        settings = SimulatorSettings(
            event_socket_port=self.socket.port, password=self._settings.password, sessions_per_second=100
        )
        self._switch = SimulatedFreeSwitch(settings, self._callees)
        await self._switch.start()


class Real(FarSide):
    """A FreeSWITCH that calls itself."""

    def __init__(self, callees: CalleesFile, folder: Path) -> None:
        host, _, port = os.environ["ROBOT_TEST_FREESWITCH"].rpartition(":")
        password = os.environ.get("ROBOT_TEST_FREESWITCH_PASSWORD", "ClueCon")
        self.socket = EventSocketSettings(host, int(port), password)
        self._callees = LoopbackCallees(self.socket, callees, folder / "callees")

    async def __aenter__(self) -> Self:
        await self._callees.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._callees.__aexit__(kind, error, trace)

    async def prompts(self, uuid: str) -> Sequence[HeardPrompt] | None:
        seen = self._callees.seen(uuid)
        if seen is None:
            return None
        async with asyncio.timeout(5):
            await seen.over.wait()
        return seen.prompts

    def keys(self, uuid: str) -> Sequence[HeardKey]:
        seen = self._callees.seen(uuid)
        return [] if seen is None else seen.keys

    def hears(self, uuid: str) -> bool:
        seen = self._callees.seen(uuid)
        return seen is not None and bool(seen.prompts)

    @property
    def ready(self) -> bool:
        return self._callees.ready

    async def restart(self) -> None:
        command = os.environ.get("ROBOT_TEST_FREESWITCH_RESTART")
        if not command:
            pytest.skip("ROBOT_TEST_FREESWITCH_RESTART does not say how to restart FreeSWITCH")
        # A shell, for it is the user's own command; its output must not keep a pipe open as long as FreeSWITCH lives.
        quiet = asyncio.subprocess.DEVNULL
        process = await asyncio.create_subprocess_shell(command, stdin=quiet, stdout=quiet, stderr=quiet)
        assert await process.wait() == 0, f"{command}: failed"


@dataclass(frozen=True)
class FinishedCall:
    """One call, seen from all sides: what we report, what the database holds, what the callee heard."""

    report: CallReport
    stored: StoredAttempt
    prompts: Sequence[HeardPrompt] | None


@dataclass
class World:
    """A FreeSWITCH with its callees and a running daemon that calls through it. switch: an event socket beside the
    daemon's own. folder: FreeSWITCH may read and write there."""

    kind: Kind
    folder: Path
    far: FarSide
    daemon: Daemon
    switch: EventSocketClient

    def dial(
        self, number: str, campaign: Campaign, observer: Observer | None = None
    ) -> tuple[Call, asyncio.Task[CallReport]]:
        call = self.daemon.call(campaign.plan(number), observer)
        return call, asyncio.create_task(call.run())

    async def call(self, number: str, campaign: Campaign, observer: Observer | None = None) -> FinishedCall:
        """Call and wait until it is over and written down."""
        call, running = self.dial(number, campaign, observer)
        return await self.finished(call, running)

    async def finished(self, call: Call, running: asyncio.Task[CallReport]) -> FinishedCall:
        report = await running
        stored = await self.daemon.store.attempt(call.uuid)
        return FinishedCall(report, stored, await self.far.prompts(call.uuid))

    async def until_heard(self, call: Call) -> None:
        """Wait until the callee hears the first prompt."""
        async with asyncio.timeout(15):
            # Neither world tells anybody when a callee begins to hear.
            while not self.far.hears(call.uuid):  # noqa: ASYNC110
                await asyncio.sleep(0.02)

    async def nobody_is_left(self, uuids: Iterable[str]) -> bool:
        """Whether FreeSWITCH has none of these channels any more."""
        return {await self.switch.api(commands.exists(uuid)) for uuid in uuids} <= {"false"}

    async def drop_stream(self, uuid: str) -> None:
        """Break the TCP connection of the call's audio stream at our end, and see it gone."""
        connection = self.daemon.parts.audio._expected[uuid].connection
        assert connection is not None
        connection.transport.abort()
        await connection.wait_closed()

    async def until_streaming(self, uuid: str) -> None:
        """Wait until the call's audio stream is connected (again) and brings audio."""
        async with asyncio.timeout(10):
            while not self._streaming(uuid):  # noqa: ASYNC110 - the server tells nobody but the call
                await asyncio.sleep(0.02)

    def _streaming(self, uuid: str) -> bool:
        expected = self.daemon.parts.audio._expected[uuid]
        is_open = expected.connection is not None and expected.connection.state is State.OPEN
        return is_open and expected.stream is not None and expected.stream._started


@contextmanager
def shared_folder() -> Iterator[Path]:
    """A folder that FreeSWITCH, which has a user of its own, can read; pytest's are closed to others."""
    with tempfile.TemporaryDirectory(prefix="robot-live-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@asynccontextmanager
async def open_world(
    kind: Kind,
    folder: Path,
    callees: str,
    *,
    playback: str = "broadcast",
    stream_host: str = "127.0.0.1",
    more: Changes = MappingProxyType({}),
) -> AsyncIterator[World]:
    """`callees` is a callees file (TOML) without [simulator]; `folder` is a `shared_folder`; more: settings."""
    file = folder / "callees.toml"
    file.write_text(callees, encoding="utf-8")
    loaded = load_callees(file)
    async with AsyncExitStack() as running:
        far: FarSide = Simulated(loaded) if kind == "simulator" else Real(loaded, folder)
        await running.enter_async_context(far)
        settings = changed(_settings(far.socket, folder, playback, stream_host), more)
        daemon = await running.enter_async_context(Daemon(settings))
        switch = await running.enter_async_context(EventSocketClient(far.socket))
        yield World(kind, folder, far, daemon, switch)


def _settings(socket: EventSocketSettings, folder: Path, playback: str, stream_host: str) -> Settings:
    defaults = Settings()
    reached = {
        "host": socket.host,
        "port": socket.port,
        "password": SecretStr(socket.password),
        "playback": playback,
        "stream_host": stream_host,
    }
    return defaults.model_copy(
        update={
            "freeswitch": defaults.freeswitch.model_copy(update=reached),
            "recordings": defaults.recordings.model_copy(update={"folder": folder / "recordings"}),
            "prompts": defaults.prompts.model_copy(update={"folder": folder / "prompts of calls"}),
            "audio": defaults.audio.model_copy(update={"port": 0}),
            "database": defaults.database.model_copy(update={"url": f"sqlite:///{folder}/robot.db"}),
        }
    )


def changed(settings: Settings, more: Changes) -> Settings:
    sections = {name: getattr(settings, name).model_copy(update=changes) for name, changes in more.items()}
    return settings.model_copy(update=sections)


def through_loopback(campaign: Campaign) -> Campaign:
    """The same campaign through the gateway of these worlds."""
    return Campaign(campaign.folder, campaign.table.model_copy(update={"gateway": GATEWAY}), campaign.scenario)


def short_campaign(folder: Path, gateway: str = GATEWAY) -> Campaign:
    """Written into `folder`, which must not be there yet."""
    return load_campaign(world.short_campaign(folder, gateway))
