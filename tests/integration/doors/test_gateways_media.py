"""Calls through `/ws/voice/<call_id>` over real sockets: Vonage's protocol, and our own."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path

import pytest

from tests.integration.doors.house import VOICED, Visitor, open_house

CONNECTED = {"event": "websocket:connected", "content-type": "audio/l16;rate=16000", "first_name": "Ann"}


async def closed(visitor: Visitor) -> int | None:
    async with asyncio.timeout(8):
        await visitor.connection.wait_closed()
    return visitor.connection.close_code


async def frames(visitor: Visitor, count: int) -> None:
    async with asyncio.timeout(5):
        while len(visitor.audio) < count:  # noqa: ASYNC110 - it sets no event for audio
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("rate", [8000, 16000])
async def test_a_call_from_vonage(tmp_path: Path, rate: int) -> None:
    async with open_house(tmp_path) as house, house.visitor("/ws/voice/call-1?campaign=survey") as visitor:
        await visitor.send(**{**CONNECTED, "content-type": f"audio/l16;rate={rate}"})
        await frames(visitor, 10)
        assert {len(frame) for frame in visitor.audio[:9]} == {rate // 50 * 2}, "20 ms each"
        await asyncio.sleep(0.3)
        for _ in range(20):
            await visitor.connection.send(VOICED[: rate // 50 * 2])
        assert await closed(visitor) == 1000
        assert visitor.told == [], "Vonage is told nothing that it does not know"
        await house.empty()


async def test_keys_answer_and_speech_clears_what_vonage_has_still_to_play(tmp_path: Path) -> None:
    async with open_house(tmp_path, greeting_ms=8000) as house, house.visitor("/ws/voice/call-1") as visitor:
        await visitor.send(**CONNECTED)
        await frames(visitor, 20)
        await asyncio.sleep(0.4)
        house.engine.text = "Well, what is it about?"
        await visitor.speak(600)
        await visitor.until(lambda told: told == {"action": "clear"})
        await frames(visitor, len(visitor.audio) + 20)  # it was no answer: the question is asked again
        await visitor.send(event="websocket:dtmf", digit="1", duration=100)
        assert await closed(visitor) == 1000


async def test_a_call_through_a_gateway_of_our_own(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house, house.visitor("/ws/voice/call-1") as visitor:
        await visitor.send(type="session_start", call_id="call-1", audio="base64")
        asked = await visitor.event("transcript_chunk", speaker="robot")
        assert (asked["text"], asked["final"]) == ("May I ask?", True)
        piece = await visitor.event("audio_chunk", sequence=0)
        assert len(base64.b64decode(piece["audio"])) == 640
        await visitor.event("turn_end", turn=0, goes_on=True)
        audio = base64.b64encode(VOICED).decode()
        for sequence in (0, 1, 2, *range(5, 30), 3):
            await visitor.send(type="audio_chunk", call_id="call-1", sequence=sequence, audio=audio)
        said = await visitor.event("transcript_chunk", speaker="callee", final=True)
        assert said["text"] == "Yes, please."
        over = await visitor.event("session_end")
        assert over == {"type": "session_end", "outcome": "interested", "chunks_missing": 2, "chunks_late": 1}
        assert visitor.all("turn_end")[-1] == {
            "type": "turn_end", "call_id": "call-1", "turn": 1, "goes_on": False, "outcome": "interested",
        }  # fmt: skip
        assert await closed(visitor) == 1000


async def test_a_gateway_that_hangs_up_ends_the_call(tmp_path: Path) -> None:
    async with open_house(tmp_path, greeting_ms=8000) as house, house.visitor("/ws/voice/call-1") as visitor:
        await visitor.send(type="session_start")
        await frames(visitor, 5)
        await visitor.send(type="session_end", reason="hangup")
        assert (await visitor.event("session_end"))["outcome"] == "hung_up"
        assert await closed(visitor) == 1000


async def test_a_campaign_that_there_is_not_is_told_and_the_call_let_go(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house, house.visitor("/ws/voice/call-1") as visitor:
        await visitor.send(type="session_start", campaign="unknown")
        assert not (await visitor.event("error"))["recoverable"]
        assert await closed(visitor) == 1008


async def test_when_the_robot_is_stopped_calls_are_let_go(tmp_path: Path) -> None:
    async with open_house(tmp_path, greeting_ms=8000) as house, house.visitor("/ws/voice/call-1") as visitor:
        await visitor.send(type="session_start")
        await frames(visitor, 5)
        await house.doors.close()
        assert await closed(visitor) == 1001
