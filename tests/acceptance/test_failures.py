"""What only the simulator can let go wrong: streams with faults, a missing module, a broken event socket.

What goes wrong with a real FreeSWITCH as well is in tests/live.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from robot.call.call import Call
from tests.acceptance.world import FinishedCall, World, open_world, short_campaign

pytestmark = pytest.mark.slow

CALLEES = """
[[callee]]
number = "+33140000015"
answer = "human"
ring_ms = 100
stream = { fault = "refused" }

[[callee]]
number = "+33140000016"
answer = "human"
ring_ms = 100
stream = { fault = "silent" }

[[callee]]
number = "+33140000017"
answer = "human"
ring_ms = 100
stream = { fault = "drop", after_ms = 1000, times = 1 }
says = [{ after = "prompt_end", wait_ms = 300, text = "Yes, please." }]

[[callee]]
number = "+33140000018"
answer = "human"
ring_ms = 100
stream = { fault = "drop", after_ms = 500, times = 2 }
"""

NUMBERS = tuple(f"+331400000{number}" for number in range(15, 19))


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> dict[str, FinishedCall]:
    folder = tmp_path_factory.mktemp("failures")
    campaign = short_campaign(folder / "campaign")

    async def call_all() -> dict[str, FinishedCall]:
        async with open_world(folder, CALLEES, campaign) as world:
            finished = await asyncio.gather(*(world.call(number) for number in NUMBERS))
            assert world.switch.channels == {}, "nobody is left on the line"
            return dict(zip(NUMBERS, finished, strict=True))

    return asyncio.run(call_all())


@pytest.mark.parametrize(
    ("number", "says"),
    [
        ("+33140000015", "Connection refused"),
        ("+33140000016", "brought no audio (no audio for 5 s)"),
        ("+33140000018", "was lost again in the middle of the call"),
    ],
)
def test_a_robot_that_cannot_hear_hangs_up_and_says_why(calls: dict[str, FinishedCall], number: str, says: str) -> None:
    call = calls[number]
    assert call.report.outcome == "failed"
    assert says in (call.report.error or "")
    assert call.report.hangup_cause == "NORMAL_CLEARING"
    assert call.stored.error == call.report.error
    assert call.stored.answered_at is not None


def test_a_stream_that_drops_is_started_again_once_and_the_answer_is_heard(calls: dict[str, FinishedCall]) -> None:
    call = calls["+33140000017"]
    assert call.report.error is None
    assert call.report.outcome == "completed"
    assert [turn.speaker for turn in call.report.turns] == ["robot", "callee"]
    assert "please" in call.report.turns[1].text.lower()


async def test_without_mod_audio_stream_the_call_is_ended_and_the_message_says_what_to_load(tmp_path: Path) -> None:
    campaign = short_campaign(tmp_path / "campaign")
    async with open_world(tmp_path, "[simulator]\naudio_stream = false\n" + _SOMEBODY, campaign) as world:
        call = await world.call("+33140000020")
        assert world.switch.channels == {}
    assert call.report.outcome == "failed"
    assert "load mod_audio_stream" in (call.report.error or "")
    assert call.stored.outcome == "failed"


_SOMEBODY = '[[callee]]\nnumber = "+33140000020"\nanswer = "human"\nring_ms = 100\n'


async def test_an_event_socket_that_breaks_ends_no_call(tmp_path: Path) -> None:
    async with open_world(tmp_path, _SOMEBODY, short_campaign(tmp_path / "campaign")) as world:
        call, running = world.dial("+33140000020")
        await _until_speaking(world, call)
        world.switch.drop_connections()
        finished = await world.finished(call, running)
    assert finished.report.outcome == "no_speech"
    assert finished.report.error is None
    assert finished.heard is not None
    assert [prompt.how for prompt in finished.heard.prompts] == ["done"]


async def test_a_stopped_call_is_hung_up_and_written_down(tmp_path: Path) -> None:
    async with open_world(tmp_path, _SOMEBODY, short_campaign(tmp_path / "campaign")) as world:
        call, running = world.dial("+33140000020")
        await _until_speaking(world, call)
        call.stop("by this test")
        finished = await world.finished(call, running)
        assert world.switch.channels == {}
    assert finished.stored.outcome == "failed"
    assert finished.stored.error == "stopped: by this test"


async def _until_speaking(world: World, call: Call) -> None:
    async with asyncio.timeout(10):
        # The simulator tells nobody when a callee begins to hear.
        while call.uuid not in world.switch.calls or not world.switch.heard(call.uuid).prompts:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
