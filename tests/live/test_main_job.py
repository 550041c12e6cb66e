"""The three calls that the robot was invented for, with real speech through the whole chain."""

from __future__ import annotations

import asyncio

import pytest

from robot.campaign.definition import load_campaign
from tests.acceptance.world import DEMO
from tests.live.worlds import FinishedCall, Kind, open_world, shared_folder, through_loopback

pytestmark = pytest.mark.slow

SILENT, YES = "+33140000001", "+33140000002"
# The same person several times: figures of time are judged on the best, for a busy test machine adds to the others.
TALKERS = ("+33140000003", "+33140000004", "+33140000005")

SENTENCE = "Yes hello, I am listening, I am quite interested in your offer."

CALLEES = f"""
[[callee]]
number = "{SILENT}"
ring_ms = 100
answer = "human"
noise_db = -60

[[callee]]
number = "{YES}"
ring_ms = 100
answer = "human"
noise_db = -60
says = [{{ after = "prompt_start", wait_ms = 2500, text = "Yes." }}]

[[callee]]
number = "+3314000000*"
ring_ms = 100
answer = "human"
noise_db = -60
says = [
  {{ after = "prompt_start", wait_ms = 2000, text = "{SENTENCE}" }},
]
"""

Calls = dict[str, FinishedCall]


@pytest.fixture(scope="module", params=["broadcast", "execute"])
def calls(request: pytest.FixtureRequest, kind: Kind) -> Calls:
    """All of them at once, as they come in a campaign."""
    numbers = (SILENT, YES, *TALKERS)

    async def call_all() -> list[FinishedCall]:
        campaign = through_loopback(load_campaign(DEMO))
        with shared_folder() as folder:
            async with open_world(kind, folder, CALLEES, playback=request.param) as world:
                return await asyncio.gather(*(world.call(number, campaign) for number in numbers))

    return dict(zip(numbers, asyncio.run(call_all()), strict=True))


def test_a_silent_callee_hears_the_prompt_to_its_end(calls: Calls) -> None:
    call = calls[SILENT]
    assert call.report.outcome == "no_speech"
    assert call.report.barge_ins == []
    assert call.report.hangup_cause == "NORMAL_CLEARING"
    assert call.report.error is None
    assert [turn.speaker for turn in call.report.turns] == ["robot"]
    assert call.prompts is not None
    assert [prompt.how for prompt in call.prompts] == ["done"]


def test_a_short_yes_does_not_stop_the_prompt_and_is_heard(calls: Calls) -> None:
    call = calls[YES]
    assert call.report.barge_ins == []
    prompt, answer = call.report.turns
    assert (prompt.speaker, prompt.interrupted) == ("robot", False)
    assert answer.speaker == "callee"
    assert answer.text.lower().strip(" .!") == "yes"
    assert answer.intent == "interested"
    assert prompt.start_ms < answer.start_ms < answer.end_ms < prompt.end_ms
    assert call.prompts is not None
    assert [prompt.how for prompt in call.prompts] == ["done"]
    assert call.report.outcome == "completed"


@pytest.mark.parametrize("number", TALKERS)
def test_talking_over_the_prompt_stops_it_and_the_whole_sentence_is_heard(calls: Calls, number: str) -> None:
    call = calls[number]
    [barge_in] = call.report.barge_ins
    # A frame later at most; the length is rounded to whole ms.
    assert 1500 <= barge_in.speech_ms <= 1500 + 20, "the very frame that crosses the threshold"
    prompt, answer = call.report.turns[:2]
    assert prompt.interrupted
    assert answer.speaker == "callee"
    for word in ("yes", "hello", "listening", "interested", "offer"):
        assert word in answer.text.lower()
    assert barge_in.text == answer.text
    assert barge_in.at_ms - answer.start_ms == pytest.approx(1500, abs=40)
    assert call.prompts is not None
    assert [prompt.how for prompt in call.prompts] == ["break", "done"]
    assert call.report.outcome == "interested"
    assert len(call.report.latencies) == 1
    assert call.report.latencies[0].turn == answer.seq


def test_the_prompt_is_silent_in_the_callees_ear_within_60_ms_of_that_frame(calls: Calls) -> None:
    # The answer reaches us up to 20 ms after it happened, so that this is more than it was, never less.
    delays_ms = []
    for number in TALKERS:
        call = calls[number]
        assert call.prompts is not None
        delays_ms.append(call.prompts[0].to_ms - call.report.barge_ins[0].at_ms)
    assert min(delays_ms) <= 60, delays_ms


def test_what_was_reported_is_what_the_database_holds(calls: Calls) -> None:
    for call in calls.values():
        assert call.stored.outcome == call.report.outcome
        assert list(call.stored.turns) == call.report.turns
        assert list(call.stored.barge_ins) == call.report.barge_ins
        assert list(call.stored.latencies) == call.report.latencies
        assert call.stored.answered_at is not None
        assert call.stored.ended_at is not None
        assert (call.stored.ended_at - call.stored.answered_at).total_seconds() * 1000 == pytest.approx(
            call.report.talk_ms, abs=2
        )
