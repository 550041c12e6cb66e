"""The callee's audio: nobody listens where it is sent, it drops, fifty calls have it at once; FreeSWITCH dies."""

from __future__ import annotations

import asyncio

import pytest

from robot.esl import commands
from tests.live.worlds import GATEWAY, RESTART_LIMIT_S, Kind, World, open_world, shared_folder, short_campaign

pytestmark = pytest.mark.slow

CALLEES = """
[[callee]]
number = "+33140000020"
answer = "human"
ring_ms = 100

[[callee]]
number = "+331400*"
answer = "human"
ring_ms = 200
says = [{ after = "prompt_end", wait_ms = 300, text = "Yes, please." }]
"""

NOBODY, PLEASE = "+33140000020", "+33140000030"


async def test_an_audio_stream_to_where_nobody_listens_ends_the_call(kind: Kind) -> None:
    with shared_folder() as folder:
        campaign = short_campaign(folder / "campaign")
        async with open_world(kind, folder, CALLEES, stream_host="127.0.0.77") as world:
            call = await world.call(NOBODY, campaign)
            assert await world.nobody_is_left([call.report.uuid])
    assert call.report.outcome == "failed"
    assert "Connection refused" in (call.report.error or "")
    assert "freeswitch.stream_host" in (call.report.error or "")


async def test_a_stream_that_drops_is_started_again_and_the_answer_is_heard(kind: Kind) -> None:
    with shared_folder() as folder:
        campaign = short_campaign(folder / "campaign")
        async with open_world(kind, folder, CALLEES) as world:
            call, running = world.dial(PLEASE, campaign)
            await world.until_heard(call)
            await world.drop_stream(call.uuid)
            finished = await world.finished(call, running)
    assert finished.report.error is None
    assert finished.report.outcome == "completed"
    assert [turn.speaker for turn in finished.report.turns] == ["robot", "callee"]
    assert "please" in finished.report.turns[1].text.lower()


async def test_a_stream_that_drops_twice_ends_the_call(kind: Kind) -> None:
    with shared_folder() as folder:
        campaign = short_campaign(folder / "campaign")
        async with open_world(kind, folder, CALLEES) as world:
            call, running = world.dial(NOBODY, campaign)
            await world.until_heard(call)
            await world.drop_stream(call.uuid)
            await world.until_streaming(call.uuid)
            await world.drop_stream(call.uuid)
            finished = await world.finished(call, running)
            assert await world.nobody_is_left([call.uuid])
    assert finished.report.outcome == "failed"
    assert "was lost again in the middle of the call" in (finished.report.error or "")


async def test_fifty_calls_at_once_hear_and_are_heard(kind: Kind) -> None:
    with shared_folder() as folder:
        campaign = short_campaign(folder / "campaign")
        async with open_world(kind, folder, CALLEES, playback="execute") as world:

            async def one(number: int) -> tuple[str | None, str | None, list[str]]:
                await asyncio.sleep(number * 0.04)
                call = await world.call(f"+3314000{1000 + number}", campaign)
                assert call.prompts is not None
                return call.report.outcome, call.report.error, [prompt.how for prompt in call.prompts]

            calls = await asyncio.gather(*(one(number) for number in range(50)))
    assert calls == [("completed", None, ["done"])] * 50


async def test_freeswitch_that_dies_in_the_middle_of_ten_calls_hides_their_outcomes_and_is_used_again(
    kind: Kind,
) -> None:
    with shared_folder() as folder:
        campaign = short_campaign(folder / "campaign")
        async with open_world(kind, folder, CALLEES) as world:
            calls = [world.dial(NOBODY, campaign) for _ in range(10)]
            await asyncio.gather(*(world.until_heard(call) for call, _ in calls))
            await asyncio.sleep(0.3)  # the robot is told of it, too
            await world.far.restart()
            reports = await asyncio.gather(*(running for _, running in calls))
            stored = [await world.daemon.store.attempt(call.uuid) for call, _ in calls]
            await _until_connected(world)
            again = await world.call(PLEASE, campaign)
    for report, row in zip(reports, stored, strict=True):
        assert report.outcome == row.outcome == "unknown"
        assert report.switch_away
        assert "FreeSWITCH went away in the middle of the call" in (report.error or "")
        assert [turn.speaker for turn in row.turns] == ["robot"]
    assert again.report.error is None
    assert again.report.outcome == "completed"


async def _until_connected(world: World) -> None:
    """FreeSWITCH is back for everybody, with its SIP profiles."""
    async with asyncio.timeout(RESTART_LIMIT_S):
        # Several clients, each with its own time.
        while not (world.switch.connected and world.far.ready and world.daemon.parts.nodes.status[0].connected):  # noqa: ASYNC110
            await asyncio.sleep(0.1)
        # The SIP profiles come after the event socket.
        while await world.switch.api(commands.gateway_status(GATEWAY)) == "Invalid Gateway!":  # noqa: ASYNC110
            await asyncio.sleep(0.1)
