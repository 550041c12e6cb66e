"""An echo at -15 dB does not stop the prompt that it is of; a callee who talks over it does, and is understood."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.acceptance.world import open_world

pytestmark = pytest.mark.slow

_CALLEES = """
[[callee]]
number = "+33140000011"
ring_ms = 200
echo_db = -15
echo_ms = 150
noise_db = -60
says = [ { after = "answer", wait_ms = 300, text = "Hello?" },
         { after = "prompt_end", count = 1, wait_ms = 500, text = "No, thank you." } ]
hang_up = { after = "prompt_end", count = 2, wait_ms = 300 }

[[callee]]
number = "+33140000012"
ring_ms = 200
echo_db = -15
echo_ms = 150
noise_db = -60
says = [ { after = "answer", wait_ms = 300, text = "Hello?" },
         { after = "prompt_start", wait_ms = 2500, text = "I am really not interested in any of this at all." } ]
hang_up = { after = "prompt_end", count = 2, wait_ms = 300 }
"""


async def test_the_prompt_is_not_interrupted_by_its_own_echo(tmp_path: Path) -> None:
    async with open_world(tmp_path, _CALLEES) as world:
        call = await world.call("+33140000011")
    assert call.report.error is None
    assert call.report.barge_ins == []
    assert call.heard is not None
    assert call.heard.prompts[0].how == "done"
    # Nothing of the prompt is taken for words of the callee, either.
    said = [turn.text for turn in call.report.turns if turn.speaker == "callee"]
    assert len(said) == 2, said
    assert "hello" in said[0].lower()
    assert "no" in said[1].lower()
    assert call.report.outcome == "not_interested"


async def test_who_talks_over_the_echo_interrupts_and_is_understood(tmp_path: Path) -> None:
    async with open_world(tmp_path, _CALLEES) as world:
        call = await world.call("+33140000012")
    assert call.report.error is None
    assert call.heard is not None
    assert call.heard.prompts[0].how == "break"
    [barge_in] = call.report.barge_ins
    began_ms = call.heard.prompts[0].from_ms + 2500
    assert began_ms + 400 < barge_in.at_ms < began_ms + 3000
    assert call.report.turns[-2].intent == "not_interested", call.report.turns
    assert call.report.outcome == "not_interested"
