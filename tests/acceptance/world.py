"""The whole chain on this machine: simulator, event socket, audio streams, Whisper, database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from robot.call.call import Call
from robot.call.report import CallReport
from robot.campaign.definition import Campaign, load_campaign
from robot.daemon import Daemon
from robot.settings import Settings
from robot.simulator.callees_file import load_callees
from robot.simulator.freeswitch import SimulatedFreeSwitch, SimulatorSettings
from robot.simulator.heard import Heard
from robot.store.records import StoredAttempt

DEMO = Path(__file__).parents[2] / "campaigns" / "demo"
PASSWORD = "of this test"


#: A question of 3 s and 1 s of patience: the demo's are longer than many a test needs.
_SHORT = """
name = "short"
gateway = "{gateway}"
ring_timeout_s = 5
max_call_s = 30

[[step]]
name = "question"
audio = "question.wav"
text = "That is all right. Thank you for your time, and goodbye."
listen_ms = 1000
"""


@dataclass(frozen=True)
class FinishedCall:
    """One call, seen from all sides: what we report, what the database holds, what the callee heard."""

    report: CallReport
    stored: StoredAttempt
    heard: Heard | None


@dataclass
class World:
    """A simulated FreeSWITCH and a running daemon that calls through it."""

    switch: SimulatedFreeSwitch
    daemon: Daemon
    campaign: Campaign

    def dial(self, number: str, campaign: Campaign | None = None) -> tuple[Call, asyncio.Task[CallReport]]:
        call = self.daemon.call((campaign or self.campaign).plan(number))
        return call, asyncio.create_task(call.run())

    async def call(self, number: str, campaign: Campaign | None = None) -> FinishedCall:
        """Call and wait until it is over and written down."""
        call, running = self.dial(number, campaign)
        return await self.finished(call, running)

    async def finished(self, call: Call, running: asyncio.Task[CallReport]) -> FinishedCall:
        report = await running
        heard = self.switch.heard(call.uuid) if call.uuid in self.switch.calls else None
        return FinishedCall(report, await self.daemon.store.attempt(call.uuid), heard)


@asynccontextmanager
async def open_world(
    folder: Path, callees: str, campaign: Path = DEMO, playback: str = "execute", recordings: Path | None = None
) -> AsyncIterator[World]:
    """`callees` is a callees file (TOML); the database lies in `folder`."""
    file = folder / "callees.toml"
    file.write_text(callees, encoding="utf-8")
    async with (
        SimulatedFreeSwitch(SimulatorSettings(password=PASSWORD), load_callees(file)) as switch,
        Daemon(settings_for(switch, folder, playback, recordings or folder / "recordings")) as daemon,
    ):
        yield World(switch, daemon, load_campaign(campaign))


def settings_for(
    switch: SimulatedFreeSwitch, folder: Path, playback: str = "execute", recordings: Path | None = None
) -> Settings:
    defaults = Settings()
    return defaults.model_copy(
        update={
            "freeswitch": defaults.freeswitch.model_copy(
                update={"port": switch.event_socket_port, "password": SecretStr(PASSWORD), "playback": playback}
            ),
            "recordings": defaults.recordings.model_copy(update={"folder": recordings or folder / "recordings"}),
            "prompts": defaults.prompts.model_copy(update={"folder": folder / "prompts"}),
            "audio": defaults.audio.model_copy(update={"port": 0}),
            "metrics": defaults.metrics.model_copy(update={"port": 0}),
            "console": defaults.console.model_copy(update={"port": 0}),
            "database": defaults.database.model_copy(update={"url": f"sqlite:///{folder}/robot.db"}),
        }
    )


def short_campaign(folder: Path, gateway: str = "trunk") -> Path:
    """Written into `folder`, which must not be there yet."""
    folder.mkdir()
    (folder / "campaign.toml").write_text(_SHORT.format(gateway=gateway))
    (folder / "question.wav").write_bytes((DEMO / "audio" / "goodbye.wav").read_bytes())
    return folder
