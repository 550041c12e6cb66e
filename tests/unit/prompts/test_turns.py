"""Who gets a place when all are taken: what is needed first, and nobody twice."""

from __future__ import annotations

import asyncio

import pytest

from robot.prompts.errors import PromptsOverloaded
from robot.prompts.turns import Turns


async def test_the_lowest_rank_goes_first_then_who_came_first() -> None:
    turns, order = Turns(1, 10), []
    await turns.take(0)

    async def job(name: str, rank: int) -> None:
        await turns.take(rank)
        order.append(name)
        turns.give()

    jobs = [asyncio.ensure_future(job(*each)) for each in (("a2", 2), ("a1", 1), ("b1", 1), ("b0", 0), ("c2", 2))]
    await asyncio.sleep(0)
    assert turns.waiting == 5
    turns.give()
    await asyncio.gather(*jobs)
    assert order == ["b0", "a1", "b1", "a2", "c2"]
    assert turns.waiting == 0


async def test_who_is_cancelled_leaves_the_queue_and_wakes_nobody() -> None:
    turns = Turns(1, 1)
    await turns.take(0)
    gone = asyncio.ensure_future(turns.take(0))
    await asyncio.sleep(0)
    with pytest.raises(PromptsOverloaded):
        await turns.take(0)
    gone.cancel()
    await asyncio.wait([gone])
    waits = asyncio.ensure_future(turns.take(0))
    await asyncio.sleep(0)
    turns.give()
    await asyncio.wait_for(waits, 1)
    turns.give()
    await asyncio.wait_for(turns.take(0), 1)


async def test_a_place_that_comes_with_the_cancellation_is_not_lost() -> None:
    turns = Turns(1, 10)
    await turns.take(0)
    waits = asyncio.ensure_future(turns.take(0))
    await asyncio.sleep(0)
    turns.give()
    waits.cancel()
    await asyncio.wait([waits])
    assert waits.cancelled()
    await asyncio.wait_for(turns.take(0), 1)
