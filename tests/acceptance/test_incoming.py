"""People who call the robot: the hook, the campaign's conversation, the contact who calls back, and what is refused."""

from __future__ import annotations

import asyncio
import shutil
import wave
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from robot.campaign.definition import load_campaign
from robot.retention import Retention
from robot.service import Service
from robot.store.errors import UnknownAttempt
from robot.store.facts import RecordingBegan
from robot.store.records import Direction, StoredAttempt
from tests.acceptance.world import DEMO, World, open_world, settings_for

pytestmark = pytest.mark.slow

SAYS_YES, HANGS_UP, SILENT = "+33140000001", "+33140000002", "+33140000003"
OURS = "+33199000001"

CALLEES = f"""
[[callee]]
number = "{SAYS_YES}"
ring_ms = 100
says = [{{ after = "prompt_start", wait_ms = 500, text = "Yes please, tell me more about it, I am interested." }}]
hang_up = {{ after = "prompt_end", count = 2, wait_ms = 100 }}

[[callee]]
number = "{HANGS_UP}"
answer = "no_answer"
ring_ms = 0

[[callee]]
number = "{SILENT}"
ring_ms = 100
hang_up = {{ after = "prompt_start", wait_ms = 1500 }}
"""


@dataclass
class Door:
    """A running service beside its world."""

    world: World
    service: Service

    async def call_in(self, caller: str, dialled: str, variables: Mapping[str, str] | None = None) -> StoredAttempt:
        """What the database holds of the call when it is over."""
        assert self.service.hook_port is not None
        uuid = self.world.switch.call_in(caller, dialled, variables, hook=("127.0.0.1", self.service.hook_port))
        async with asyncio.timeout(60):
            while True:
                try:
                    stored = await self.world.daemon.store.attempt(uuid)
                except UnknownAttempt:
                    stored = None
                if stored is not None and stored.outcome is not None:
                    return stored
                await asyncio.sleep(0.05)


def campaign_folder(folder: Path, *lines: str) -> Path:
    """The demo campaign with more lines at its top."""
    shutil.copytree(DEMO, folder)
    file = folder / "campaign.toml"
    file.write_text("\n".join(lines) + "\n" + file.read_text(encoding="utf-8"), encoding="utf-8")
    return folder


@asynccontextmanager
async def open_door(folder: Path, *lines: str) -> AsyncIterator[Door]:
    campaign = campaign_folder(folder / "campaign", *lines)
    async with open_world(folder, CALLEES, campaign) as world:
        settings = settings_for(world.switch, folder)
        settings = settings.model_copy(update={"incoming": settings.incoming.model_copy(update={"port": 0})})
        async with Service(settings, world.daemon, [load_campaign(campaign)]) as service:
            yield Door(world, service)


async def test_a_caller_gets_the_conversation_of_the_number_that_was_dialled(tmp_path: Path) -> None:
    async with open_door(tmp_path, f'incoming_numbers = ["{OURS}"]') as door:
        stored = await door.call_in(SAYS_YES, "33199000001", {})
    assert stored.direction is Direction.INCOMING
    assert (stored.campaign, stored.number, stored.caller_id) == ("demo", SAYS_YES, "33199000001")
    assert stored.outcome == "interested"
    assert stored.error is None
    assert stored.ring_ms is None
    assert [turn.speaker for turn in stored.turns] == ["robot", "callee", "robot"]
    assert stored.barge_ins


async def test_the_dialplan_names_the_campaign(tmp_path: Path) -> None:
    async with open_door(tmp_path) as door:
        stored = await door.call_in(SILENT, "1234", {"robot_campaign": "demo"})
    assert stored.campaign == "demo"
    assert stored.outcome == "hung_up"


async def test_who_calls_back_is_joined_to_the_contact_and_its_campaign(tmp_path: Path) -> None:
    async with open_door(tmp_path) as door:
        call = door.world.daemon.call(door.world.campaign.plan(SILENT))
        await call.run()
        stored = await door.call_in(SILENT, "unknown here")
        outcomes = await door.world.daemon.store.outcomes("demo")
    assert stored.campaign == "demo"
    assert stored.direction is Direction.INCOMING
    assert outcomes == {"hung_up": 2}


async def test_a_call_for_nobody_goes_back_to_the_dialplan_and_is_written_down(tmp_path: Path) -> None:
    async with open_door(tmp_path) as door:
        stranger = await door.call_in(SAYS_YES, "1234")
        unknown = await door.call_in("anonymous", "1234", {"robot_campaign": "winter"})
        await door_is_quiet(door)
    assert (stranger.outcome, stranger.campaign) == ("failed", None)
    assert stranger.error is not None
    assert "`incoming_numbers`" in stranger.error
    assert SAYS_YES not in stranger.error
    assert unknown.number is None
    assert unknown.error == "the dialplan's robot_campaign names no campaign of this robot: 'winter'"


async def test_a_caller_who_hangs_up_at_once(tmp_path: Path) -> None:
    async with open_door(tmp_path, f'incoming_numbers = ["{OURS}"]') as door:
        assert door.service.hook_port is not None
        for _ in range(10):
            door.world.switch.call_in(HANGS_UP, OURS, hook=("127.0.0.1", door.service.hook_port))
        await asyncio.sleep(0.5)
        await door_is_quiet(door)
        outcomes = await door.world.daemon.store.outcomes("demo")
        assert await door.world.daemon.store.unfinished_attempts() == []
    # Some were gone before they could be announced; each of the others came to an end of its own.
    assert set(outcomes) <= {"hung_up"}


async def test_a_robot_that_is_being_stopped_finishes_what_it_has_begun_and_takes_no_more(tmp_path: Path) -> None:
    async with open_door(tmp_path, f'incoming_numbers = ["{OURS}"]') as door:
        talking = asyncio.create_task(door.call_in(SILENT, OURS))
        async with asyncio.timeout(10):
            while not door.service.calls:  # noqa: ASYNC110 - the service tells nobody
                await asyncio.sleep(0.01)
        door.service.stop_taking()
        assert await door.service.finish(30) == 0
        assert (await talking).outcome == "hung_up"
        assert door.service.hook_port is not None
        late = door.world.switch.call_in(SILENT, OURS, hook=("127.0.0.1", door.service.hook_port))
        await door_is_quiet(door)
        with pytest.raises(UnknownAttempt):
            await door.world.daemon.store.attempt(late)


@pytest.mark.parametrize("sides", ["callee", "both"])
async def test_a_call_is_recorded_until_its_time_is_over(tmp_path: Path, sides: str) -> None:
    folder = campaign_folder(tmp_path / "campaign")
    toml = folder / "campaign.toml"
    recording = f'\n[recording]\nsides = "{sides}"\nkeep_days = 2\n'
    toml.write_text(toml.read_text(encoding="utf-8") + recording, encoding="utf-8")
    recordings = tmp_path / "recordings"
    recordings.mkdir()
    async with open_world(tmp_path, CALLEES, folder, recordings=recordings) as world:
        call = await world.call(SAYS_YES)
        assert call.stored.recording == call.report.recording == str(recordings / f"{call.report.uuid}.wav")
        retention = Retention(world.daemon.store, recordings)
        assert await retention.delete_expired(datetime.now(UTC) + timedelta(days=1)) == 0
        file = Path(call.report.recording)
        callee, robot = loudness(file)
        assert callee > 100
        assert robot is None if sides == "callee" else robot is not None and robot > 100
        assert await retention.delete_expired(datetime.now(UTC) + timedelta(days=3)) == 1
        assert not list(recordings.iterdir())
        assert (await world.daemon.store.attempt(call.report.uuid)).recording is None


async def test_a_recording_that_cannot_be_made_costs_no_call(tmp_path: Path) -> None:
    folder = campaign_folder(tmp_path / "campaign")
    file = folder / "campaign.toml"
    file.write_text(file.read_text(encoding="utf-8") + '\n[recording]\nsides = "both"\n', encoding="utf-8")
    blocked = tmp_path / "blocked"
    blocked.touch()
    async with open_world(tmp_path, CALLEES, folder, recordings=blocked) as world:
        call = await world.call(SILENT)
    assert (call.report.outcome, call.report.recording, call.report.error) == ("hung_up", None, None)


async def test_retention_deletes_nothing_outside_its_folder(tmp_path: Path) -> None:
    async with open_world(tmp_path, CALLEES) as world:
        call = await world.call(SILENT)
        precious = tmp_path / "precious.wav"
        precious.touch()
        store = world.daemon.store
        await store.record(RecordingBegan(call.report.uuid, str(precious), datetime.now(UTC)))
        assert await Retention(store, tmp_path / "recordings").delete_expired(datetime.now(UTC)) == 0
        assert precious.exists()


async def door_is_quiet(door: Door) -> None:
    async with asyncio.timeout(30):
        while door.service.calls or door.world.switch.channels:  # noqa: ASYNC110 - looked at, they tell nobody
            await asyncio.sleep(0.02)


def loudness(file: Path) -> tuple[float, float | None]:
    """Of the left side, and of the right one where there is one (RMS)."""
    with wave.open(str(file), "rb") as sound:
        channels = sound.getnchannels()
        samples = np.frombuffer(sound.readframes(sound.getnframes()), "<i2").reshape(-1, channels).astype(float)
    levels = np.sqrt((samples**2).mean(axis=0))
    return float(levels[0]), float(levels[1]) if channels == 2 else None
