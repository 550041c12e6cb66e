"""What goes wrong in a call: the outcome, the message that says what to do, and a complete row in the database."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from robot.call.call import Call
from robot.campaign.definition import load_campaign
from tests.acceptance.world import DEMO, FinishedCall, World, open_world

pytestmark = pytest.mark.slow

#: A question of 3 s and 1 s of patience: the demo's are longer than these calls need.
CAMPAIGN = """
name = "short"
gateway = "{gateway}"
ring_timeout_s = 5
max_call_s = 30

[[step]]
name = "question"
audio = "question.wav"
text = "That is all right. Thank you for your time, and goodbye."
listen_ms = 1000
"""

CALLEES = """
[simulator]
gateways = ["trunk", "other"]

[[callee]]
number = "+33140000010"
answer = "busy"

[[callee]]
number = "+33140000011"
answer = "no_answer"

[[callee]]
number = "+33140000012"
answer = "reject"

[[callee]]
number = "+33140000013"
answer = "unallocated"

[[callee]]
number = "+33140000014"
answer = "gateway_down"

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

[[callee]]
number = "+33140000019"
answer = "human"
ring_ms = 100
hang_up = { after = "prompt_start", wait_ms = 1000 }

[[callee]]
number = "+33140000020"
answer = "human"
ring_ms = 100

[[callee]]
number = "+33140000021"
answer = "human"
ring_ms = 0
hang_up = { after = "answer", wait_ms = 0 }
"""

NUMBERS = (*(f"+331400000{index}" for index in range(10, 20)), "+33140000021")


def short_campaign(folder: Path, gateway: str = "trunk") -> Path:
    folder.mkdir()
    (folder / "campaign.toml").write_text(CAMPAIGN.format(gateway=gateway))
    (folder / "question.wav").write_bytes((DEMO / "audio" / "goodbye.wav").read_bytes())
    return folder


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> dict[str, FinishedCall]:
    folder = tmp_path_factory.mktemp("failures")
    campaign = short_campaign(folder / "campaign")
    vanishing = load_campaign(short_campaign(folder / "vanishing"))
    (folder / "vanishing" / "question.wav").unlink()
    nowhere = load_campaign(short_campaign(folder / "nowhere", gateway="nowhere"))

    async def call_all() -> dict[str, FinishedCall]:
        async with open_world(folder, CALLEES, campaign) as world:
            names = [*NUMBERS, "vanished prompt", "unknown gateway"]
            finished = await asyncio.gather(
                *(world.call(number) for number in NUMBERS),
                world.call("+33140000020", vanishing),
                world.call("+33140000020", nowhere),
            )
            assert world.switch.channels == {}, "nobody is left on the line"
            return dict(zip(names, finished, strict=True))

    return asyncio.run(call_all())


@pytest.mark.parametrize(
    ("number", "outcome", "cause", "advice"),
    [
        ("+33140000010", "busy", "USER_BUSY", "try again later"),
        ("+33140000011", "no_answer", "NO_ANSWER", "ring_timeout_s"),
        ("+33140000012", "rejected", "CALL_REJECTED", "caller id"),
        ("+33140000013", "invalid_number", "NO_ROUTE_DESTINATION", "number_format"),
        ("+33140000014", "unreachable", "NORMAL_TEMPORARY_FAILURE", "sofia status gateway"),
        ("unknown gateway", "failed", "INVALID_GATEWAY", "sofia status"),
    ],
)
def test_calls_that_nobody_takes(
    calls: dict[str, FinishedCall], number: str, outcome: str, cause: str, advice: str
) -> None:
    call = calls[number]
    assert (call.report.outcome, call.report.hangup_cause) == (outcome, cause)
    assert advice in (call.report.error or "")
    assert not call.report.answered
    assert call.report.turns == []
    assert (call.stored.outcome, call.stored.hangup_cause, call.stored.answered_at) == (outcome, cause, None)


@pytest.mark.parametrize(
    ("number", "says"),
    [
        ("+33140000015", "Connection refused"),
        ("+33140000016", "brought no audio (no audio for 5 s)"),
        ("+33140000018", "was lost again in the middle of the call"),
        ("vanished prompt", "FreeSWITCH cannot open the prompt"),
    ],
)
def test_a_robot_that_cannot_hear_or_speak_hangs_up_and_says_why(
    calls: dict[str, FinishedCall], number: str, says: str
) -> None:
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


def test_a_callee_who_hangs_up_during_the_prompt(calls: dict[str, FinishedCall]) -> None:
    call = calls["+33140000019"]
    assert call.report.outcome == "hung_up"
    assert call.report.error is None
    [turn] = call.report.turns
    assert turn.interrupted
    assert turn.end_ms - turn.start_ms == pytest.approx(1000, abs=150)
    assert call.stored.outcome == "hung_up"


def test_a_callee_who_hangs_up_at_once(calls: dict[str, FinishedCall]) -> None:
    call = calls["+33140000021"]
    assert call.report.outcome == "hung_up"
    assert call.report.error is None


async def test_without_mod_audio_stream_the_call_is_ended_and_the_message_says_what_to_load(tmp_path: Path) -> None:
    campaign = short_campaign(tmp_path / "campaign")
    async with open_world(tmp_path, "[simulator]\naudio_stream = false\n" + _SOMEBODY, campaign) as world:
        call = await world.call("+33140000020")
        assert world.switch.channels == {}
    assert call.report.outcome == "failed"
    assert "load mod_audio_stream" in (call.report.error or "")
    assert call.stored.outcome == "failed"


_SOMEBODY = '[[callee]]\nnumber = "+33140000020"\nanswer = "human"\nring_ms = 100\n'


async def test_freeswitch_that_dies_in_mid_call_leaves_an_unknown_outcome(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("robot.call.channel.LINK_GRACE_S", 0.5)
    async with open_world(tmp_path, _SOMEBODY, short_campaign(tmp_path / "campaign")) as world:
        call, running = world.dial("+33140000020")
        await _until_speaking(world, call)
        await asyncio.sleep(0.3)  # PLAYBACK_START has come, too
        world.switch.kill()
        report = await running
        stored = await world.daemon.store.attempt(call.uuid)
    assert report.outcome == stored.outcome == "unknown"
    assert report.switch_away
    assert "FreeSWITCH went away in the middle of the call" in (report.error or "")
    assert [turn.speaker for turn in stored.turns] == ["robot"]


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
