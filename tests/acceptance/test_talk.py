"""What a script may ask of a call, with real speech: stop words, false alarms, early answers, keys, what is kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.acceptance.world import FinishedCall, open_world

pytestmark = pytest.mark.slow

_CAMPAIGN = """
name = "talk"
gateway = "trunk"
[amd]
enabled = false
[barge_in]
resume_after_ms = 600
[reprompts.not_understood]
text = ["Sorry, yes or no?"]
[[step]]
name = "question"
text = \"\"\"Good morning, this is Northwind. We would like to know whether you would be so kind as to answer three \
short questions about your heating. It takes a minute. Is that all right?\"\"\"
listen_ms = 2500
answers = { yes = "name", no = "bye" }
keys = { 1 = "code", 2 = "bye" }
otherwise = "bye"
[[step]]
name = "name"
text = "Thank you. What is your name?"
listen_ms = 3000
keep = "name"
next = "thanks"
[[step]]
name = "code"
text = "Please type your number, then the hash key."
listen_ms = 3000
keep = "code"
next = "thanks"
[[step]]
name = "thanks"
text = "Thank you {name|very much}. Goodbye."
outcome = "interested"
[[step]]
name = "bye"
text = "Goodbye."
outcome = "not_interested"
"""

_CALLEES = """
[[callee]]    # one word is enough, when it is that one
number = "+33140000021"
ring_ms = 200
says = [{ after = "prompt_start", wait_ms = 1500, text = "Stop." }]

[[callee]]    # "mm-hmm" is no interruption, and what is said over the last words is an answer
number = "+33140000022"
ring_ms = 200
says = [
  { after = "prompt_start", wait_ms = 2000, text = "Okay." },
  { after = "prompt_start", count = 1, wait_ms = 8300, text = "Yes." },
  { after = "prompt_end", count = 2, wait_ms = 400, text = "My name is Robert." },
]

[[callee]]    # opts out in fewer words than a barge-in takes
number = "+33140000023"
ring_ms = 200
says = [{ after = "prompt_start", wait_ms = 1500, text = "Don't call me again." }]

[[callee]]    # presses keys
number = "+33140000024"
ring_ms = 200
dtmf = [
  { after = "prompt_start", wait_ms = 1500, digits = "1" },
  { after = "prompt_start", count = 2, wait_ms = 4500, digits = "4711#" },
]

[[callee]]    # says what nobody expects, twice
number = "+33140000025"
ring_ms = 200
says = [
  { after = "prompt_end", wait_ms = 300, text = "The weather is lovely today." },
  { after = "prompt_end", wait_ms = 300, text = "My cat has climbed a tree." },
]
"""


async def _call(folder: Path, number: str) -> FinishedCall:
    campaign = folder / "talk"
    campaign.mkdir()
    (campaign / "campaign.toml").write_text(_CAMPAIGN, encoding="utf-8")
    async with open_world(folder, _CALLEES, campaign) as world:
        return await world.call(number)


def _robot(call: FinishedCall) -> list[tuple[str | None, bool]]:
    """What the robot said: the steps, and whether each was cut."""
    return [(turn.step, turn.interrupted) for turn in call.report.turns if turn.speaker == "robot"]


async def test_a_stop_word_stops_a_prompt_at_once_and_is_an_answer(tmp_path: Path) -> None:
    call = await _call(tmp_path, "+33140000021")
    assert _robot(call)[0] == ("question", True)
    [barge_in] = call.report.barge_ins
    assert barge_in.speech_ms < 1500
    assert call.heard is not None
    assert call.heard.prompts[0].to_ms - call.heard.prompts[0].from_ms < 4000


async def test_a_backchannel_stops_nothing_and_an_answer_over_the_last_words_counts(tmp_path: Path) -> None:
    call = await _call(tmp_path, "+33140000022")
    assert call.report.barge_ins == []
    assert _robot(call) == [("question", False), ("name", False), ("thanks", False)]
    assert "robert" in call.stored.answers["name"].lower()
    assert "Robert" in next(turn.text for turn in call.report.turns if turn.step == "thanks")
    assert call.report.outcome == "interested"


async def test_opting_out_over_a_prompt_needs_no_barge_in(tmp_path: Path) -> None:
    call = await _call(tmp_path, "+33140000023")
    assert _robot(call) == [("question", True)]
    assert call.report.outcome == "do_not_call"


async def test_keys_stop_the_prompt_and_are_answers(tmp_path: Path) -> None:
    call = await _call(tmp_path, "+33140000024")
    assert _robot(call) == [("question", True), ("code", False), ("thanks", False)]
    assert call.stored.answers == {"code": "4711"}
    assert call.report.outcome == "interested"


async def test_what_is_not_understood_is_asked_again_once(tmp_path: Path) -> None:
    call = await _call(tmp_path, "+33140000025")
    said = [turn.text for turn in call.report.turns if turn.speaker == "robot"]
    assert said[1:] == ["Sorry, yes or no?", "Goodbye."]
    assert call.report.outcome == "not_interested"


async def test_a_prompt_goes_on_where_it_was_cut_when_nothing_was_said(tmp_path: Path) -> None:
    callees = """
[[callee]]
number = "+33140000026"
ring_ms = 200
says = [
  { after = "prompt_start", wait_ms = 1500, text = "Okay, okay, okay." },
  { after = "prompt_end", count = 2, wait_ms = 400, text = "No." },
]
"""
    campaign = tmp_path / "talk"
    campaign.mkdir()
    text = _CAMPAIGN.replace("resume_after_ms = 600", "resume_after_ms = 600\nthreshold_ms = 300")
    (campaign / "campaign.toml").write_text(text, encoding="utf-8")
    async with open_world(tmp_path, callees, campaign) as world:
        call = await world.call("+33140000026")
        [first, *_] = world.campaign.prompts()
        prompt = await world.daemon.parts.prompts.prepare(first)
    assert _robot(call)[:2] == [("question", True), ("question", False)]
    assert call.heard is not None
    cut, rest = call.heard.prompts[:2]
    # A word or two before its cut: nothing is left out, and not all of it is said again.
    assert cut.to_ms - cut.from_ms - 1000 < rest.start_ms < cut.to_ms - cut.from_ms
    assert rest.start_ms + (rest.to_ms - rest.from_ms) == pytest.approx(prompt.length_s * 1000, abs=60)
    assert call.report.outcome == "not_interested"
