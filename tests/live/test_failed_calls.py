"""What goes wrong in a call: the outcome, the message that says what to do, and a complete row in the database."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from robot.call.report import Notice, Observer, StateChanged
from robot.call.states import CallState
from robot.campaign.definition import Campaign
from robot.simulator.sound import tone, write_wav
from tests.live.worlds import FinishedCall, Kind, World, open_world, shared_folder, short_campaign

pytestmark = pytest.mark.slow

CALLEES = """
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
ring_ms = 200
early_media = true
says = [{ after = "prompt_end", wait_ms = 300, text = "Yes, please." }]

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

[[callee]]
number = "+33140000022"
answer = "human"
ring_ms = 100
hang_up = { after = "prompt_end", wait_ms = 300 }
"""

NUMBERS = (*(f"+331400000{number}" for number in (10, 11, 12, 13, 14, 15, 19, 21, 22)), "+33140009999")
Calls = dict[str, FinishedCall]


@pytest.fixture(scope="module", params=["broadcast", "execute"])
def calls(request: pytest.FixtureRequest, kind: Kind) -> Calls:
    """All of them at once."""

    async def call_all() -> Calls:
        with shared_folder() as folder:
            campaign = short_campaign(folder / "campaign")
            vanishing = with_hum(short_campaign(folder / "vanishing"), 300)
            broken = with_hum(short_campaign(folder / "broken"), 400)
            nowhere = short_campaign(folder / "nowhere", gateway="nowhere")
            async with open_world(kind, folder, CALLEES, playback=request.param) as world:
                finished = await asyncio.gather(
                    *(world.call(number, campaign) for number in NUMBERS),
                    world.call("+33140000020", vanishing, when_answered(world, vanishing, Path.unlink)),
                    world.call(
                        "+33140000020", broken, when_answered(world, broken, lambda file: file.write_bytes(b""))
                    ),
                    world.call("+33140000020", nowhere),
                )
                assert await world.nobody_is_left(call.report.uuid for call in finished)
        names = [*NUMBERS, "vanished prompt", "empty prompt", "unknown gateway"]
        return dict(zip(names, finished, strict=True))

    return asyncio.run(call_all())


def _empty(file: Path) -> None:
    file.write_bytes(b"")


def with_hum(campaign: Campaign, hz: int) -> Campaign:
    """Its prompt is no other campaign's."""
    write_wav(campaign.folder / "question.wav", tone(hz, 2000, 8000), 8000)
    return campaign


def when_answered(world: World, campaign: Campaign, spoil: Callable[[Path], object]) -> Observer:
    """Spoils the prompt, which was ready before anybody was called."""

    def observe(notice: Notice) -> None:
        if isinstance(notice, StateChanged) and notice.state is CallState.ACTIVE:
            prompt = world.daemon.parts.prompts.find(campaign.prompts()[0])
            assert prompt is not None
            spoil(prompt.file)

    return observe


@pytest.mark.parametrize(
    ("number", "outcome", "cause", "advice"),
    [
        ("+33140000010", "busy", "USER_BUSY", "try again later"),
        ("+33140000011", "no_answer", "NO_ANSWER", "ring_timeout_s"),
        ("+33140000012", "rejected", "CALL_REJECTED", "caller id"),
        ("+33140000013", "invalid_number", "NO_ROUTE_DESTINATION", "number_format"),
        ("+33140009999", "invalid_number", "NO_ROUTE_DESTINATION", "number_format"),
        ("+33140000014", "unreachable", "NORMAL_TEMPORARY_FAILURE", "sofia status gateway"),
        ("unknown gateway", "failed", "INVALID_GATEWAY", "sofia status"),
    ],
)
def test_calls_that_nobody_takes(calls: Calls, number: str, outcome: str, cause: str, advice: str) -> None:
    call = calls[number]
    assert (call.report.outcome, call.report.hangup_cause) == (outcome, cause)
    assert advice in (call.report.error or "")
    assert not call.report.answered
    assert call.report.turns == []
    assert call.prompts is None
    assert (call.stored.outcome, call.stored.hangup_cause, call.stored.answered_at) == (outcome, cause, None)


@pytest.mark.parametrize("number", ["vanished prompt", "empty prompt"])
def test_a_prompt_that_cannot_be_opened_ends_the_call_and_says_so(calls: Calls, number: str) -> None:
    call = calls[number]
    assert call.report.outcome == "failed"
    assert "FreeSWITCH cannot open the prompt" in (call.report.error or "")
    assert call.report.hangup_cause == "NORMAL_CLEARING"
    assert call.stored.error == call.report.error
    assert call.stored.answered_at is not None


def test_a_call_whose_ringing_is_audible_is_answered_when_somebody_answers(calls: Calls) -> None:
    call = calls["+33140000015"]
    assert call.report.error is None
    assert call.report.outcome == "completed"
    assert [turn.speaker for turn in call.report.turns] == ["robot", "callee"]


def test_a_callee_who_hangs_up_during_the_prompt(calls: Calls) -> None:
    call = calls["+33140000019"]
    assert (call.report.outcome, call.report.error) == ("hung_up", None)
    [turn] = call.report.turns
    assert turn.interrupted
    assert turn.end_ms - turn.start_ms == pytest.approx(1000, abs=150)
    assert call.prompts is not None
    assert [prompt.how for prompt in call.prompts] == ["hangup"]
    assert call.stored.outcome == "hung_up"


@pytest.mark.parametrize("number", ["+33140000021", "+33140000022"])
def test_a_callee_who_hangs_up_at_once_or_instead_of_an_answer(calls: Calls, number: str) -> None:
    call = calls[number]
    assert (call.report.outcome, call.report.error) == ("hung_up", None)
    assert call.report.hangup_cause == "NORMAL_CLEARING"
