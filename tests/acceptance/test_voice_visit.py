"""Somebody talks to the robot from a browser, with real speech both ways; a model, whose words are known, replies."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path

import pytest
from websockets.asyncio.client import connect

from robot.bench.chat_endpoint import Answer, chat_endpoint
from robot.campaign.definition import load_campaign
from robot.daemon import Daemon
from robot.direct_call import demo_campaign_folder
from robot.doors.campaigns import CampaignsToTry
from robot.doors.opening import open_doors
from robot.prompts.sound import decode, prepared
from robot.simulator.callees_file import load_callees
from robot.simulator.freeswitch import SimulatedFreeSwitch, SimulatorSettings
from robot.simulator.voice import CalleeVoice
from tests.acceptance.world import PASSWORD, settings_for
from tests.integration.doors.house import Visitor

RATE = 16000
FRAME = 640
CAMPAIGN = """\
name = "practice"
gateway = "trunk"
[[step]]
name = "talk"
text = "Hello."
outcome = "completed"
[step.agent]
instructions = "You are the practice in Mill Road."
[step.agent.may]
outcomes = ["interested"]
"""
NOBODY = """\
[[callee]]
number = "+33140000001"
"""


async def speak(visitor: Visitor, text: str) -> None:
    """In real time, with the silence after it."""
    sound, rate = decode(CalleeVoice().wav(text).read_bytes())
    speech = (prepared(sound, rate, RATE) * 32767).astype("<i2").tobytes() + bytes(RATE * 2)
    loop = asyncio.get_running_loop()
    due = loop.time()
    for start in range(0, len(speech), FRAME):
        await visitor.connection.send(speech[start : start + FRAME].ljust(FRAME, b"\0"))
        due += 0.02
        await asyncio.sleep(due - loop.time())


@pytest.mark.slow
async def test_a_visitor_and_a_language_model(tmp_path: Path) -> None:
    folder = tmp_path / "practice"
    folder.mkdir()
    (folder / "campaign.toml").write_text(CAMPAIGN)
    (tmp_path / "callees.toml").write_text(NOBODY)
    callees = load_callees(tmp_path / "callees.toml")
    reply = Answer("We are open until five. Goodbye.", [("end_call", {"outcome": "interested"})])
    async with (
        chat_endpoint(lambda messages: reply) as model,
        SimulatedFreeSwitch(SimulatorSettings(password=PASSWORD), callees) as switch,
    ):
        settings = settings_for(switch, tmp_path)
        llm = settings.llm.model_copy(update={"url": model.url})
        async with Daemon(settings.model_copy(update={"llm": llm})) as daemon:
            parts = daemon.parts
            campaigns = CampaignsToTry(lambda: [load_campaign(folder)], "practice", demo_campaign_folder())
            doors = open_doors(
                settings, campaigns, audio=parts.audio, prompts=parts.prompts, thinking=parts.thinking,
                observer=parts.observer,
            )  # fmt: skip
            async with connect(f"ws://127.0.0.1:{parts.audio.port}/ws") as connection:
                visitor = Visitor(connection)
                await visitor.send(type="start")
                await visitor.state("capturing", 1)
                [session] = await daemon.sessions.sessions.all()
                assert (session.campaign, session.node, session.number) == ("practice", "browser", None)
                await speak(visitor, "When do you close today, please?")
                done = await visitor.event("done", goes_on=False)
                visitor.reading.cancel()
            await doors.close()
            assert await daemon.store.campaigns() == [], "nothing is written down"
    assert done["outcome"] == "interested"
    [final] = visitor.all("final_transcript")
    assert "close today" in final["text"]
    assert visitor.all("partial_transcript")
    assert "".join(told["text"] for told in visitor.all("token") if told["turn"] == 1) == reply.text
    said = [told for told in visitor.all("tts_chunk") if told["turn"] == 1]
    assert " ".join(told["text"] for told in said if told["seq"] == 0) == reply.text
    seconds = sum(len(base64.b64decode(told["audio"])) for told in said) / (2 * RATE)
    assert seconds == pytest.approx(sum(told["length_ms"] for told in said if told["seq"] == 0) / 1000, abs=0.01)
    [metrics] = visitor.all("metrics")
    assert 0 < metrics["t_first_token_ms"] < metrics["t_first_audio_ms"] < metrics["total_reply_ms"]
    assert len(model.requests) >= 1
