"""A FreeSWITCH that shares no folder with the robot: all that is said comes to it through the audio stream."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from robot.campaign.definition import load_campaign
from tests.live.test_transfer_live import TAKES, handing_over_to
from tests.live.worlds import GATEWAY, Kind, open_world, shared_folder

pytestmark = pytest.mark.slow

TALKS, LISTENS, AWAY = "+33140000070", "+33140000071", "+33140000072"
CALLEES = f"""
[[callee]]
number = "{TALKS}"
ring_ms = 100
says = [ {{ after = "prompt_start", wait_ms = 1500, text = "Yes, please bring it tomorrow, that is fine with me." }} ]

[[callee]]
number = "{LISTENS}"
ring_ms = 100

[[callee]]
number = "{AWAY}"
ring_ms = 100
hang_up = {{ after = "prompt_start", wait_ms = 600 }}

[[callee]]
number = "{TAKES}"
ring_ms = 100
hang_up = {{ after = "prompt_end", wait_ms = 1000 }}
"""

CAMPAIGN = f"""
name = "sent"
gateway = "{GATEWAY}"
[amd]
enabled = false
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
THROUGH_THE_STREAM = {"spool": {"through": "stream"}}


async def test_prompts_are_sent_and_heard(kind: Kind) -> None:
    with shared_folder() as folder:
        (folder / "campaign").mkdir()
        (folder / "campaign" / "campaign.toml").write_text(CAMPAIGN)
        campaign = load_campaign(folder / "campaign")
        async with open_world(kind, folder, CALLEES, playback="execute", more=THROUGH_THE_STREAM) as world:
            calls = await asyncio.gather(*(world.call(number, campaign) for number in (TALKS, LISTENS, AWAY)))
    assert [call.report.error for call in calls] == [None] * 3
    assert [call.report.outcome for call in calls] == ["completed", "completed", "hung_up"]
    heard = [call.prompts or [] for call in calls]
    assert [[prompt.how for prompt in prompts] for prompts in heard] == [
        ["break", "done"],
        ["done", "done"],
        ["hangup"],
    ]
    for call, prompts in zip(calls, heard, strict=True):
        files = [Path(prompt.prompt) for prompt in prompts]
        assert all(file.name.startswith(call.report.uuid) for file in files), "none of them is a file of ours"
        assert len({*files}) == len(files)
        assert not any(file.exists() for file in files), "they go with the stream"


async def test_what_an_agent_is_told_is_sent_as_well(kind: Kind) -> None:
    with shared_folder() as folder:
        async with open_world(kind, folder, CALLEES, playback="execute", more=THROUGH_THE_STREAM) as world:
            call = await world.call(LISTENS, handing_over_to(TAKES, folder / "campaign"))
            assert await world.nobody_is_left([call.report.uuid])
    assert (call.report.outcome, call.report.error) == ("transferred", None)
    assert call.report.talk_ms == pytest.approx(2300, abs=800)
