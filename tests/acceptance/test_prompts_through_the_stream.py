"""A FreeSWITCH that shares no folder with the robot: all that is said comes to it through the audio stream."""

from __future__ import annotations

from pathlib import Path

import pytest

from robot.campaign.definition import load_campaign
from robot.daemon import Daemon
from robot.simulator.callees_file import load_callees
from robot.simulator.freeswitch import SimulatedFreeSwitch, SimulatorSettings
from tests.acceptance.world import PASSWORD, World, settings_for

pytestmark = pytest.mark.slow

CAMPAIGN = """
name = "sent"
gateway = "trunk"
[voice]
model = "pico-en-US"
[barge_in]
threshold_ms = 400
[[step]]
name = "question"
text = "Good morning. We have a parcel for you, and it can come tomorrow, or on the day after that, whichever you like."
listen_ms = 1000
otherwise = "goodbye"
silence = "goodbye"
[[step]]
name = "goodbye"
text = "Thank you and goodbye."
outcome = "completed"
"""
CALLEES = """
[[callee]]
number = "+33140000001"
ring_ms = 100
says = [ { after = "prompt_start", wait_ms = 1500, text = "Yes, please bring it tomorrow, that is fine with me." } ]
"""


async def test_prompts_are_sent_heard_and_talked_over(tmp_path: Path) -> None:
    folder = tmp_path / "sent"
    folder.mkdir()
    (folder / "campaign.toml").write_text(CAMPAIGN, encoding="utf-8")
    (tmp_path / "callees.toml").write_text(CALLEES, encoding="utf-8")
    callees = load_callees(tmp_path / "callees.toml")
    async with SimulatedFreeSwitch(SimulatorSettings(password=PASSWORD), callees) as switch:
        settings = settings_for(switch, tmp_path)
        spool = settings.spool.model_copy(update={"through": "stream"})
        async with Daemon(settings.model_copy(update={"spool": spool})) as daemon:
            call = await World(switch, daemon, load_campaign(folder)).call("+33140000001")
    assert call.report.outcome == "completed", call.report.error
    assert call.heard is not None
    assert [prompt.how for prompt in call.heard.prompts][-1] == "done"
    assert "break" in [prompt.how for prompt in call.heard.prompts]
    assert all(Path(prompt.prompt).name.startswith(call.report.uuid) for prompt in call.heard.prompts)
