"""Whatever happens to the database and to the process: what is safe stays safe, comes in its order, and goes once."""

from __future__ import annotations

import asyncio
import tempfile
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from robot.store.errors import DatabaseUnavailable
from robot.store.facts import Answered, Fact
from robot.store.journal import Journal
from robot.store.spool import Kept, Spool

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
SAFE = {Kept.WRITTEN, Kept.JOURNALED}
STEPS = st.lists(
    st.sampled_from(["a", "b", "c", "away", "back", "answer lost", "wait", "kill", "end"]), min_size=3, max_size=25
)


class Tables:
    """written: each fact, when it came first; what comes again changes nothing, as in the real tables."""

    def __init__(self) -> None:
        self.written: list[tuple[str, int]] = []
        self.away = self.answer_lost = False

    async def write(self, facts: Sequence[Fact]) -> None:
        await asyncio.sleep(0)
        if self.away:
            raise DatabaseUnavailable("pulled out", transient=True)
        for fact in facts:
            assert isinstance(fact, Answered)
            assert fact.ring_ms is not None
            if (fact.uuid, fact.ring_ms) not in self.written:
                self.written.append((fact.uuid, fact.ring_ms))
        if self.answer_lost:
            self.answer_lost = False
            raise DatabaseUnavailable("pulled out after the commit", transient=True)


class MortalJournal(Journal):
    """Of a process that can die: it loses its lock, and its thread writes no more."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._one = threading.Lock()
        self._dead = False

    def append(self, lines: Sequence[bytes]) -> None:
        with self._one:
            if self._dead:
                raise OSError("dead")
            super().append(lines)

    def clear(self) -> None:
        with self._one:
            if not self._dead:
                super().clear()

    def die(self) -> None:
        with self._one:
            self._dead = True
            self.close()


class World:
    def __init__(self, folder: Path) -> None:
        self.tables = Tables()
        self._folder = folder
        self._count = 0
        self._kept: list[tuple[tuple[str, int], asyncio.Future[Kept]]] = []
        self.safe: set[tuple[str, int]] = set()

    async def begin(self) -> None:
        self._journal = MortalJournal(self._folder)
        self._spool = Spool(self.tables.write, 2, self._journal, patience_s=0.001, pause_s=0.001)
        await self._spool.recover(0)

    def put(self, of: str) -> None:
        self._count += 1
        self._kept.append(((of, self._count), self._spool.put(Answered(of, NOW, self._count))))

    def _look(self) -> None:
        self.safe |= {
            fact for fact, kept in self._kept if kept.done() and not kept.cancelled() and kept.result() in SAFE
        }
        self._kept.clear()

    async def kill(self) -> None:
        """As kill -9 does: at once, and nothing is told to anybody."""
        self._look()
        self._journal.die()
        dying = asyncio.all_tasks() - {asyncio.current_task()}
        for task in dying:
            task.cancel()
        await asyncio.gather(*dying, return_exceptions=True)

    async def end(self, within_s: float = 0) -> None:
        everything = {fact for fact, _ in self._kept}
        await self._spool.close(within_s)
        self._kept.clear()
        self.safe |= everything

    async def step(self, step: str) -> None:
        match step:
            case "away" | "back":
                self.tables.away = step == "away"
            case "answer lost":
                self.tables.answer_lost = True
            case "wait":
                await asyncio.sleep(0.004)
            case "kill":
                await self.kill()
                await self.begin()
            case "end":
                await self.end()
                await self.begin()
            case of:
                self.put(of)
        await asyncio.sleep(0)


async def _live(steps: Sequence[str], folder: Path) -> World:
    world = World(folder)
    await world.begin()
    for step in steps:
        await world.step(step)
    world.tables.away = False
    await world.end()
    await world.begin()
    await world.end(within_s=10)
    return world


@given(STEPS)
@settings(max_examples=60, deadline=None)
def test_what_is_safe_is_written_once_and_in_its_order(steps: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        world = asyncio.run(_live(steps, Path(folder)))
        assert world.safe <= set(world.tables.written)
        for of in "abc":
            numbers = [number for each, number in world.tables.written if each == of]
            assert numbers == sorted(numbers)
        assert not [*Path(folder).iterdir()], "and the disk holds none of it any more"
