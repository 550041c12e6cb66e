"""Watched tasks: one that ends before it should is told, one that is ended is not."""

from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from robot.supervision import Watched


async def dies(error: Exception) -> None:
    raise error


async def test_a_task_that_dies_is_told_with_its_kind_alone() -> None:
    watched = Watched()
    error = KeyError("+33140000001")
    with capture_logs() as logs:
        watched.start(dies(error), "retention")
        died = await watched.failed
    assert (str(died), died.__cause__) == ("retention died of KeyError", error)
    [line] = logs
    assert (line["event"], line["log_level"], line["task"]) == ("service.task_died", "critical", "retention")
    assert "+33140000001" not in line["reason"]
    await watched.close()


async def test_one_that_just_ends_is_told_as_well() -> None:
    watched = Watched()
    with capture_logs():
        watched.start(asyncio.sleep(0), "dialer")
        assert str(await watched.failed) == "dialer ended by itself"
    await watched.close()


async def test_the_first_death_is_the_reason() -> None:
    watched = Watched()
    with capture_logs() as logs:
        watched.start(dies(ValueError()), "first")
        watched.start(dies(ValueError()), "second")
        assert (await watched.failed).name == "first"
        await asyncio.sleep(0)
    assert [line["task"] for line in logs] == ["first", "second"]
    await watched.close()


async def test_what_is_cancelled_by_somebody_is_told_when_it_is_ours() -> None:
    watched = Watched()
    theirs = asyncio.create_task(asyncio.Event().wait(), name="theirs")
    watched.add(theirs)  # type: ignore[arg-type]
    theirs.cancel()
    await asyncio.wait({theirs})
    await asyncio.sleep(0)
    assert not watched.failed.done(), "who owns it may end it"
    await watched.close()


@pytest.mark.parametrize("stand_down_first", [True, False])
async def test_ending_them_is_no_failure(stand_down_first: bool) -> None:
    watched = Watched()
    ended = asyncio.Event()

    async def work() -> None:
        await ended.wait()

    with capture_logs() as logs:
        watched.start(work(), "commands")
        await asyncio.sleep(0)
        if stand_down_first:
            watched.stand_down()
            ended.set()
            await asyncio.sleep(0)
        await watched.close()
    assert not watched.failed.done()
    assert logs == []
