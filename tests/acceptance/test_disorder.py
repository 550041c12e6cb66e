"""Sixty calls at once, and all that can come at the wrong moment: nobody is left on the line, nothing is lost."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from robot.call.call import Call
from robot.call.outcome import Outcome
from robot.call.report import CallReport
from robot.store.records import StoredAttempt
from tests.acceptance.world import World, open_world, short_campaign

pytestmark = pytest.mark.slow

CALLS = 60
SEED = 20261121


def callees(dice: random.Random) -> str:
    """People who hang up, speak, lose their audio or are busy, at moments of chance."""
    tables = []
    for index in range(CALLS):
        lines = ["[[callee]]", f'number = "+3314000{index:04}"', f"ring_ms = {dice.randrange(0, 800)}"]
        lines.append(f'answer = "{dice.choices(["human", "busy", "reject", "no_answer"], [12, 1, 1, 1])[0]}"')
        if dice.random() < 0.5:
            after = dice.choice(["answer", "prompt_start", "prompt_end"])
            lines.append(f'hang_up = {{ after = "{after}", wait_ms = {dice.randrange(0, 1500)} }}')
        if dice.random() < 0.5:
            lines.append(
                f'says = [{{ after = "prompt_start", wait_ms = {dice.randrange(0, 2500)}, '
                f'text = "{dice.choice(["Yes.", "I am listening to you and I would like to know much more."])}" }}]'
            )
        if dice.random() < 0.25:
            fault = dice.choice(["drop", "refused"])
            times = dice.randrange(1, 3)
            lines.append(
                f'stream = {{ fault = "{fault}", after_ms = {dice.randrange(0, 2000)}, times = {times} }}'
                if fault == "drop"
                else 'stream = { fault = "refused" }'
            )
        tables.append("\n".join(lines))
    return "\n\n".join(tables)


async def disturb(world: World, calls: list[Call], dice: random.Random) -> None:
    """Stop some of the calls, and cut the event socket twice."""
    for _ in range(12):
        await asyncio.sleep(dice.uniform(0.05, 0.5))
        dice.choice(calls).stop("by chance")
        if dice.random() < 0.2:
            world.switch.drop_connections()


def test_whatever_comes_every_attempt_has_one_outcome_and_nobody_is_left_on_the_line(tmp_path: Path) -> None:
    dice = random.Random(SEED)  # noqa: S311 - chance that can be repeated

    async def call_all() -> tuple[list[CallReport], list[StoredAttempt], dict[str, int]]:
        async with open_world(tmp_path, callees(dice), short_campaign(tmp_path / "campaign")) as world:
            dialled = [world.dial(f"+3314000{index:04}") for index in range(CALLS)]
            calls = [call for call, _ in dialled]
            async with asyncio.TaskGroup() as group:
                group.create_task(disturb(world, calls, dice))
                reports = await asyncio.gather(*(running for _, running in dialled))
            assert world.switch.channels == {}
            stored = [await world.daemon.store.attempt(report.uuid) for report in reports]
            return reports, stored, await world.daemon.store.outcomes("short")

    reports, stored, outcomes = asyncio.run(call_all())
    assert sum(outcomes.values()) == CALLS
    for report, attempt in zip(reports, stored, strict=True):
        assert attempt.outcome == report.outcome
        assert list(attempt.turns) == report.turns
        assert (report.error is None) == (report.outcome not in {*_FAILED})
        assert "internal error" not in (report.error or "")
    assert len(set(outcomes)) >= 5, outcomes


_FAILED = (
    Outcome.FAILED,
    Outcome.UNKNOWN,
    Outcome.BUSY,
    Outcome.REJECTED,
    Outcome.NO_ANSWER,
    Outcome.UNREACHABLE,
    Outcome.INVALID_NUMBER,
)
