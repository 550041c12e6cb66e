"""A call that a language model holds, with real speech both ways, and a model whose words are known."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from robot.bench.chat_endpoint import Answer, ChatEndpoint, Script, chat_endpoint
from robot.campaign.definition import load_campaign
from robot.daemon import Daemon
from robot.simulator.callees_file import load_callees
from robot.simulator.freeswitch import SimulatedFreeSwitch, SimulatorSettings
from tests.acceptance.world import PASSWORD, World, settings_for

pytestmark = pytest.mark.slow

CAMPAIGN = """
name = "agent"
gateway = "trunk"
[amd]
enabled = false
[barge_in]
threshold_ms = 700
[[step]]
name = "talk"
text = "Hello, this is Ann of Acme. How can I help you?"
outcome = "completed"
[step.agent]
instructions = "You are Ann of Acme. Find out whether they want an appointment."
facts = ["We are open from nine to five."]
never_say = ["guarantee"]
listen_ms = 3000
longest_talk_s = 60
[step.agent.may]
outcomes = ["interested", "not_interested"]
go_to = ["sales"]
keep = ["reason"]
[[step]]
name = "sales"
text = "I am putting you through."
outcome = "transferred"
"""

CALLEES = """
[[callee]]    # asks, is answered, and is done
number = "+33140000041"
ring_ms = 100
says = [
  { after = "prompt_end", wait_ms = 400, text = "When are you open?" },
  { after = "prompt_end", count = 3, wait_ms = 400, text = "Thank you, that is all." },
]

[[callee]]    # talks over a long answer
number = "+33140000042"
ring_ms = 100
says = [
  { after = "prompt_end", wait_ms = 400, text = "Tell me about your company." },
  { after = "prompt_start", count = 2, wait_ms = 1800, text = "Sorry, I have to go now, bye bye." },
]

[[callee]]    # does not want to be called
number = "+33140000043"
ring_ms = 100
says = [{ after = "prompt_end", wait_ms = 400, text = "Please do not call me again." }]

[[callee]]    # wants to know who is talking
number = "+33140000044"
ring_ms = 100
says = [
  { after = "prompt_end", wait_ms = 400, text = "Are you a robot?" },
  { after = "prompt_end", count = 2, wait_ms = 400, text = "Put me through to sales, please." },
]
"""

STORY = (
    "We were founded in Leeds. My grandfather sold boilers there. Today we have two hundred people. "
    "And we like it a lot."
)
BYE = Answer("Goodbye.", [("keep_fact", {"name": "reason", "value": "hours"}), ("end_call", {"outcome": "interested"})])


def last(messages: list[dict[str, Any]]) -> str:
    return next(str(each["content"]).lower() for each in reversed(messages) if each["role"] == "user")


def acme(messages: list[dict[str, Any]]) -> Answer:
    said = last(messages)
    if "open" in said:
        return Answer("We are open from nine to five. Is there anything else?")
    if "company" in said:
        return Answer(STORY)
    if "that is all" in said or "that's all" in said or "bye" in said:
        return BYE
    if "sales" in said:
        return Answer("", [("go_to", {"step": "sales"})])
    return Answer("We guarantee that. Yes.")


@asynccontextmanager
async def agent_world(
    folder: Path, script: Script = acme, *, url: str | None = None
) -> AsyncIterator[tuple[World, ChatEndpoint]]:
    (folder / "callees.toml").write_text(CALLEES, encoding="utf-8")
    (folder / "campaign").mkdir()
    (folder / "campaign" / "campaign.toml").write_text(CAMPAIGN, encoding="utf-8")
    async with (
        chat_endpoint(script) as endpoint,
        SimulatedFreeSwitch(SimulatorSettings(password=PASSWORD), load_callees(folder / "callees.toml")) as switch,
    ):
        settings = settings_for(switch, folder)
        llm = settings.llm.model_copy(update={"url": url or endpoint.url, "first_token_timeout_s": 1.0})
        async with Daemon(settings.model_copy(update={"llm": llm})) as daemon:
            yield World(switch, daemon, load_campaign(folder / "campaign")), endpoint


async def test_it_hears_answers_and_ends_with_what_it_decided(tmp_path: Path) -> None:
    async with agent_world(tmp_path) as (world, endpoint):
        call = await world.call("+33140000041")
    assert call.report.outcome == "interested"
    assert call.stored.answers == {"reason": "hours"}
    robot = [turn.text for turn in call.report.turns if turn.speaker == "robot"]
    assert robot == [
        "Hello, this is Ann of Acme. How can I help you?",
        "We are open from nine to five.",
        "Is there anything else?",
        "Goodbye.",
    ]
    history = endpoint.requests[-1]
    assert history[0]["role"] == "system"
    assert "You are Ann of Acme." in history[0]["content"]
    assert {"role": "assistant", "content": "We are open from nine to five. Is there anything else?"} in history
    [first, *_] = call.report.latencies
    assert first.model_at_ms is not None
    assert first.token_at_ms is not None
    assert first.phrase_at_ms is not None
    assert first.model_at_ms < first.token_at_ms <= first.phrase_at_ms <= first.total_ms
    assert call.stored.latencies == tuple(call.report.latencies)


async def test_talked_over_it_is_silent_and_remembers_what_was_heard(tmp_path: Path) -> None:
    async with agent_world(tmp_path) as (world, endpoint):
        call = await world.call("+33140000042")
    assert call.report.outcome == "interested"
    assert len(call.report.barge_ins) == 1
    said = [str(each["content"]) for each in endpoint.requests[-1] if each["role"] == "assistant"]
    told = next(text for text in said if "Leeds" in text)
    assert STORY.startswith(told)
    assert len(told) < len(STORY) - 20
    assert "[You were interrupted there.]" in endpoint.requests[-1][-1]["content"]


async def test_who_opts_out_is_believed_without_asking_the_model(tmp_path: Path) -> None:
    async with agent_world(tmp_path) as (world, endpoint):
        call = await world.call("+33140000043")
        assert await world.daemon.store.is_do_not_call("+33140000043", "agent")
    assert call.report.outcome == "do_not_call"
    assert endpoint.requests == []


async def test_it_says_that_it_is_a_robot_and_goes_on_with_the_script(tmp_path: Path) -> None:
    async with agent_world(tmp_path) as (world, _):
        call = await world.call("+33140000044")
    assert call.report.outcome == "transferred"
    robot = [turn.text for turn in call.report.turns if turn.speaker == "robot"]
    assert robot[1] == "Yes, I am an automated assistant, not a person."
    assert robot[-1] == "I am putting you through."


@pytest.mark.parametrize("how", ["refuses", "away"])
async def test_without_a_model_the_call_ends_politely(tmp_path: Path, how: str) -> None:
    url = "http://127.0.0.1:9/v1" if how == "away" else None
    async with agent_world(tmp_path, lambda _: Answer(fails=500), url=url) as (world, _):
        call = await world.call("+33140000041")
    assert call.report.outcome == "failed"
    assert [fault.code for fault in call.report.faults] == ["LLM_FAIL", "LLM_FAIL"]
    assert call.stored.faults == ("LLM_FAIL", "LLM_FAIL")
    assert call.report.turns[-1].text.startswith("I'm sorry, I have a technical problem")
    reasons = {fault.reason for fault in call.report.faults}
    assert call.report.error in reasons
    assert len(reasons) == 1, "the second try fails as the first did"
