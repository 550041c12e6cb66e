"""Conversations through `/ws` over real sockets: every step, every mistake, and many at once."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from websockets.exceptions import ConnectionClosed, InvalidStatus

from robot.call.report import CallBegan, CallOver
from robot.doors.doors import DoorSettings
from robot.store.records import Direction
from tests.integration.doors.house import CAMPAIGN, SILENT, VOICED, House, Visitor, open_house


async def begin(visitor: Visitor) -> None:
    """To where it is the visitor's turn."""
    await visitor.send(type="start")
    await visitor.state("capturing", 1)


async def closed(visitor: Visitor) -> int | None:
    async with asyncio.timeout(5):
        await visitor.connection.wait_closed()
    return visitor.connection.close_code


async def test_a_conversation_from_start_to_outcome(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house, house.visitor() as visitor:
        with capture_logs() as logs:
            await begin(visitor)
            await visitor.say()
            done = await visitor.event("done", goes_on=False)
            await visitor.state("idle", 1)
        assert done == {"type": "done", "turn": 1, "goes_on": False, "outcome": "interested"}
        assert visitor.states() == [
            ("capturing", 0), ("thinking", 0), ("responding", 0), ("complete", 0),
            ("capturing", 1), ("thinking", 1), ("responding", 1), ("complete", 1), ("idle", 1),
        ]  # fmt: skip
        assert [told["text"] for told in visitor.all("final_transcript")] == ["Yes, please."]
        assert [told["text"] for told in visitor.all("tts_chunk") if told["seq"] == 0] == ["May I ask?", "Thank you."]
        assert [told["interrupted"] for told in visitor.all("tts_phrase_done")] == [False, False]
        assert [told["what"] for told in visitor.all("info") if told["code"] == "not_done"] == ["do_not_call"]
        [metrics] = visitor.all("metrics")
        assert metrics["turn"] == 1
        assert metrics["total_reply_ms"] >= metrics["t_first_audio_ms"] >= metrics["t_final_transcript_ms"] >= 0
        [line] = [line for line in logs if line["event"] == "latency" and "session_id" in line]
        assert {name: line[name] for name in metrics if name != "type"} == {
            name: value for name, value in metrics.items() if name != "type"
        }
        began, over = house.notices[0], house.notices[-1]
        assert isinstance(began, CallBegan)
        assert (began.campaign, began.direction, began.number) == ("survey", Direction.VISIT, None)
        assert isinstance(over, CallOver)
        assert (over.uuid, over.report.outcome) == (line["session_id"], "interested")


async def test_silence_ends_an_utterance_although_a_microphone_that_is_off_sends_none(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house, house.visitor() as visitor:
        house.engine.text = "No, thank you."
        await begin(visitor)
        await visitor.speak(400)
        assert (await visitor.event("done", goes_on=False))["outcome"] == "not_interested"


async def test_what_is_said_is_told_while_it_is_being_said(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house, house.visitor() as visitor:
        await begin(visitor)
        house.engine.text = "I would"
        await visitor.speak(1000)
        assert (await visitor.event("partial_transcript", keep=0))["text"] == "I would"
        house.engine.text = "I would rather not"
        await visitor.speak(1000)
        assert (await visitor.event("partial_transcript", keep=7))["text"] == " rather not"


async def test_who_talks_over_the_robot_interrupts_it(tmp_path: Path) -> None:
    async with open_house(tmp_path, greeting_ms=8000) as house, house.visitor() as visitor:
        await visitor.send(type="start")
        await visitor.event("tts_chunk", seq=2)
        await asyncio.sleep(0.4)
        await visitor.speak(600)
        phrase = await visitor.event("tts_phrase_done", phrase=0)
        assert phrase["interrupted"]
        assert phrase["played_ms"] < 4000
        await visitor.state("capturing", 1)
        house.engine.text = "Yes, go on."
        await visitor.send(type="stop")
        assert (await visitor.event("done", goes_on=False))["outcome"] == "interested"
        after = visitor.told[visitor.told.index(phrase) :]
        assert all(told["phrase"] > 0 for told in after if told["type"] == "tts_chunk")


@pytest.mark.parametrize("state", ["responding", "capturing"])
async def test_cancel_stops_everything_at_once_and_another_conversation_may_begin(tmp_path: Path, state: str) -> None:
    greeting_ms = 200 if state == "capturing" else 8000
    async with open_house(tmp_path, greeting_ms=greeting_ms) as house, house.visitor() as visitor:
        await visitor.send(type="start")
        await visitor.until(lambda told: (told.get("state"), told.get("turn", 0) > 0) == (state, state == "capturing"))
        await visitor.send(type="cancel")
        done = await visitor.event("done", goes_on=False)
        assert done["outcome"] == "cancelled"
        await visitor.until(lambda told: told.get("state") == "idle")
        assert not [told for told in visitor.told[visitor.told.index(done) :] if told["type"] == "tts_chunk"]
        seen = len(visitor.told)
        await visitor.send(type="start")
        await visitor.until(lambda told: told.get("code") == "started", after=seen)


async def test_an_utterance_that_is_too_long_is_finished(tmp_path: Path) -> None:
    async with open_house(tmp_path, max_utterance_ms=1500) as house, house.visitor() as visitor:
        await begin(visitor)
        await visitor.speak(1600)
        error = await visitor.event("error")
        assert (error["code"], error["recoverable"]) == ("MAX_DURATION_EXCEEDED", True)
        assert (await visitor.event("final_transcript"))["text"] == "Yes, please."


async def test_mistakes_are_told_and_the_conversation_goes_on(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house, house.visitor() as visitor:
        await visitor.connection.send(SILENT)
        assert "start" in (await visitor.event("error"))["message"]
        await visitor.send(type="start", campaign="unknown")
        assert "survey" in (await visitor.until(lambda told: "unknown" in told.get("message", "")))["message"]
        await visitor.send(type="start", sample_rate=44100)
        await visitor.until(lambda told: "sample_rate" in told.get("message", ""))
        await begin(visitor)
        await visitor.connection.send(bytes(64 * 1024 + 2))
        await visitor.until(lambda told: "65538" in told.get("message", ""))
        await visitor.send(type="start")
        await visitor.until(lambda told: "start is not possible" in told.get("message", ""))
        await visitor.send(type="stop")
        await visitor.event("info", code="nothing_heard")
        assert [told["recoverable"] for told in visitor.all("error")] == [True] * 5
        await visitor.say()
        await visitor.event("done", goes_on=False)


@pytest.mark.parametrize("message", ['{"type": "dance"}', "hello"])
async def test_who_speaks_another_protocol_is_told_and_let_go(tmp_path: Path, message: str) -> None:
    async with open_house(tmp_path) as house, house.visitor() as visitor:
        await visitor.connection.send(message)
        assert not (await visitor.event("error"))["recoverable"]
        assert await closed(visitor) == 1002
        assert isinstance(visitor.connection.close_reason, str)


async def test_what_the_campaign_does_not_know_of_the_visitor_is_told(tmp_path: Path) -> None:
    script = CAMPAIGN.replace('audio = "short.wav"\ntext = "Goodbye."', 'text = "Goodbye, {first_name}."')
    async with open_house(tmp_path, script=script) as house, house.visitor() as visitor:
        await visitor.send(type="start")
        error = await visitor.event("error")
        assert error["code"] == "TTS_FAIL"
        assert "first_name" in error["message"]
        assert (await visitor.event("done", goes_on=False))["outcome"] == "failed"
        await visitor.state("idle", 0)
        await visitor.send(type="start", language="fr")
        await visitor.until(lambda told: told.get("language") == "fr")


async def test_a_script_that_hands_over_ends_as_if_somebody_had_taken_over(tmp_path: Path) -> None:
    script = CAMPAIGN.replace("do_not_call = true", 'transfer = { extension = "1000" }')
    script = script.replace('outcome = "interested"', 'outcome = "connected"')
    async with open_house(tmp_path, script=script) as house, house.visitor() as visitor:
        await begin(visitor)
        await visitor.say()
        assert (await visitor.event("done", goes_on=False))["outcome"] == "connected"
        assert [told["what"] for told in visitor.all("info") if told["code"] == "not_done"] == ["transfer"]


async def test_who_leaves_in_the_middle_leaves_nothing_behind(tmp_path: Path) -> None:
    async with open_house(tmp_path, greeting_ms=8000) as house:
        async with house.visitor() as visitor:
            await visitor.send(type="start")
            await visitor.event("tts_chunk", seq=0)
            visitor.connection.transport.abort()
        await house.empty()
        over = house.notices[-1]
        assert isinstance(over, CallOver)
        assert over.report.outcome == "hung_up"


async def test_when_the_robot_is_stopped_everybody_is_told_and_let_go(tmp_path: Path) -> None:
    async with open_house(tmp_path, greeting_ms=8000) as house, house.visitor() as idle, house.visitor() as talking:
        await talking.send(type="start")
        await talking.event("tts_chunk", seq=0)
        await house.doors.close()
        for visitor in (idle, talking):
            await visitor.event("info", code="shutting_down")
            assert await closed(visitor) == 1001
        with pytest.raises(InvalidStatus) as refused:
            async with house.visitor():
                pass
        assert refused.value.response.status_code == 503


async def test_only_so_many_and_only_whom_the_house_knows(tmp_path: Path) -> None:
    async with open_house(tmp_path, doors=DoorSettings(token="secret", max_sessions=1)) as house:

        async def status(path: str, **headers: str) -> int:
            try:
                async with house.visitor(path, additional_headers=headers):
                    pass
                await house.empty()
                return 101
            except InvalidStatus as refused:
                return refused.response.status_code

        assert await status("/ws") == 401
        assert await status("/ws?token=wrong") == 401
        assert await status("/ws/other?token=secret") == 404
        assert await status("/ws?token=secret") == 101
        assert await status("/ws", Authorization="Bearer secret", Origin="https://example.com") == 101
        ticket = house.doors.ticket()
        async with house.visitor(f"/ws?ticket={ticket}"):
            assert await status("/ws?token=secret") == 503
        await house.empty()
        assert await status(f"/ws?ticket={ticket}") == 403


async def test_a_page_from_elsewhere_does_not_get_in(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        with pytest.raises(InvalidStatus) as refused:
            async with house.visitor(origin="https://example.com"):
                pass
        assert refused.value.response.status_code == 403


async def test_a_client_that_breaks_every_rule_harms_nobody(tmp_path: Path) -> None:
    chance = random.Random(7)  # noqa: S311 - the same rubbish each time
    rubbish: list[str | bytes] = [
        b"", b"a", VOICED, bytes(70_000), "", "{", "[]", '{"type": "start"}', '{"type": "stop"}', '{"type": "cancel"}',
        '{"type": "start", "fields": 3}', '{"type": "\\u0000"}', '{"type": "start", "campaign": "x"}', "x" * 20_000,
    ]  # fmt: skip
    async with open_house(tmp_path) as house, house.visitor() as neighbour:
        await begin(neighbour)
        for _ in range(15):
            async with house.visitor() as visitor:
                try:
                    for message in chance.choices(rubbish, k=chance.randint(1, 40)):
                        await visitor.connection.send(message)
                except ConnectionClosed:
                    continue
        await neighbour.say()
        assert (await neighbour.event("done", goes_on=False))["outcome"] == "interested"


@pytest.mark.slow
async def test_a_hundred_at_once(tmp_path: Path) -> None:
    async def talk(house: House, number: int) -> str:
        async with house.visitor() as visitor:
            await begin(visitor)
            await asyncio.sleep(0.01 * number)  # of more than 64 utterances in one instant, recognition refuses some
            await visitor.say()
            outcome: str = (await visitor.event("done", goes_on=False))["outcome"]
            return outcome

    async with open_house(tmp_path) as house:
        assert await asyncio.gather(*(talk(house, number) for number in range(100))) == ["interested"] * 100
        await house.empty()
