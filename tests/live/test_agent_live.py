"""A call that a language model holds: answers, phrases one after the other, talked over, left alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise

import pytest

from robot.bench.chat_endpoint import ChatEndpoint, chat_endpoint
from robot.campaign.definition import Campaign, load_campaign
from tests.acceptance.test_agent_call import CALLEES, CAMPAIGN, STORY, acme
from tests.live.worlds import Kind, World, open_world, shared_folder, through_loopback

pytestmark = pytest.mark.slow

ASKS, TALKS_OVER, LISTENS, LEAVES = (f"+3314000004{digit}" for digit in (1, 2, 5, 6))
MORE_CALLEES = f"""
[[callee]]
number = "{LISTENS}"
ring_ms = 100
says = [
  {{ after = "prompt_end", wait_ms = 400, text = "Tell me about your company." }},
  {{ after = "prompt_end", count = 5, wait_ms = 400, text = "Thank you, that is all." }},
]

[[callee]]
number = "{LEAVES}"
ring_ms = 100
says = [{{ after = "prompt_end", wait_ms = 400, text = "Tell me about your company." }}]
hang_up = {{ after = "prompt_start", count = 2, wait_ms = 500 }}
"""


@asynccontextmanager
async def open_agency(kind: Kind, through: str) -> AsyncIterator[tuple[World, Campaign, ChatEndpoint]]:
    with shared_folder() as folder:
        (folder / "campaign").mkdir()
        (folder / "campaign" / "campaign.toml").write_text(CAMPAIGN)
        campaign = through_loopback(load_campaign(folder / "campaign"))
        async with chat_endpoint(acme) as model:
            more = {"llm": {"url": model.url}, "spool": {"through": through}}
            async with open_world(kind, folder, CALLEES + MORE_CALLEES, playback="execute", more=more) as world:
                yield world, campaign, model


@pytest.mark.parametrize("through", ["files", "stream"])
async def test_replies_are_heard_talked_over_and_left(kind: Kind, through: str) -> None:
    async with open_agency(kind, through) as (world, campaign, model):
        asks, over, listens, leaves = await asyncio.gather(
            *(world.call(number, campaign) for number in (ASKS, TALKS_OVER, LISTENS, LEAVES))
        )
        assert await world.nobody_is_left(each.report.uuid for each in (asks, over, listens, leaves))
    assert [each.report.error for each in (asks, over, listens, leaves)] == [None] * 4

    assert asks.report.outcome == "interested"
    assert [turn.text for turn in asks.report.turns if turn.speaker == "robot"] == [
        "Hello, this is Ann of Acme. How can I help you?",
        "We are open from nine to five.",
        "Is there anything else?",
        "Goodbye.",
    ]

    assert over.report.outcome == "interested"
    assert len(over.report.barge_ins) == 1
    assert over.prompts is not None
    assert "break" in [prompt.how for prompt in over.prompts]

    assert listens.prompts is not None
    assert [prompt.how for prompt in listens.prompts] == ["done"] * 6
    told = listens.prompts[1:5]  # four phrases
    assert all(after.from_ms >= before.to_ms for before, after in pairwise(told))
    gaps_ms = [round(after.from_ms - before.to_ms) for before, after in pairwise(told)]
    print(f"{kind}, {through}: {gaps_ms} ms between phrases")

    assert leaves.report.outcome == "hung_up"
    assert leaves.prompts is not None
    assert [prompt.how for prompt in leaves.prompts] == ["done", "hangup"]
    assert STORY.startswith(leaves.report.turns[-1].text)
    assert model.requests
