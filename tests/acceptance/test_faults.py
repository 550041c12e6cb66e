"""What goes wrong in a call has a code in its report, in the database and in the metrics."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from robot.call.talk import Talk
from robot.dialogue.conversation import Action, Conversation
from robot.dialogue.scenario import Prompt
from robot.prompts.errors import TtsFailed
from tests.acceptance.world import World, open_world, short_campaign

pytestmark = pytest.mark.slow

CALLEES = """
[[callee]]
number = "+331400000*"
ring_ms = 100
"""


def counted(world: World, code: str) -> float | None:
    return world.daemon.metrics.registry.get_sample_value("robot_call_faults_total", {"code": code})


async def test_a_call_that_takes_too_long(tmp_path: Path) -> None:
    async with open_world(tmp_path, CALLEES, short_campaign(tmp_path / "campaign")) as world:
        call = world.daemon.call(replace(world.campaign.plan("+33140000001"), max_call_s=1))
        report = await call.run()
        stored = await world.daemon.store.attempt(call.uuid)
        assert counted(world, "MAX_DURATION_EXCEEDED") == 1
    assert [fault.code for fault in report.faults] == ["MAX_DURATION_EXCEEDED"]
    assert stored.faults == ("MAX_DURATION_EXCEEDED",)


async def test_a_defect_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def defect(self: Conversation) -> Action:
        raise LookupError("a defect")

    monkeypatch.setattr(Conversation, "begin", defect)
    async with open_world(tmp_path, CALLEES, short_campaign(tmp_path / "campaign")) as world:
        call, running = world.dial("+33140000001")
        with pytest.raises(LookupError):
            await running
        stored = await world.daemon.store.attempt(call.uuid)
        assert counted(world, "INTERNAL") == 1
    assert stored.outcome == "failed"
    assert stored.faults == ("INTERNAL",)


async def test_a_text_that_cannot_be_spoken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fails(self: Talk, *args: object) -> Prompt:
        raise TtsFailed("out of voice")

    monkeypatch.setattr(Talk, "_play", fails)
    async with open_world(tmp_path, CALLEES, short_campaign(tmp_path / "campaign")) as world:
        call = await world.call("+33140000001")
        assert counted(world, "TTS_FAIL") == 1
    assert call.report.outcome == "failed"
    assert call.report.error == "out of voice"
    assert call.stored.faults == ("TTS_FAIL",)
