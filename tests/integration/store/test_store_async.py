"""The asyncio face: what it waits for, what it repeats, what it gives up, and how it ends."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal
from uuid import uuid4

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session

from robot.store.database import Database
from robot.store.errors import (
    DatabaseTimeout,
    DatabaseUnavailable,
    DuplicateAttempt,
    StoreClosed,
    StoreOverloaded,
    UnknownAttempt,
)
from robot.store.facts import Answered, Finished, Progress
from robot.store.records import AttemptResult, BargeInRecord, LatencyRecord, NewAttempt, TurnRecord
from robot.store.repositories import AttemptRepository
from robot.store.spool import Kept
from robot.store.store import Store

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
TURN = TurnRecord(1, "callee", "Yes.", "yes", 300, 900, interrupted=False)
BARGE_IN = BargeInRecord(1500, 1500, "Yes.", 0.5, None)
LATENCY = LatencyRecord(1, 300, 90, None, None, 450)
RESULT = AttemptResult("completed", "NORMAL_CLEARING", None, 800, 4000, NOW, NOW, None, None)


def finished(new: NewAttempt, result: AttemptResult = RESULT) -> Finished:
    return Finished(new.uuid, new.number, result, (TURN,), (BARGE_IN,), (LATENCY,))


def new_attempt(number: int = 1) -> NewAttempt:
    return NewAttempt(str(uuid4()), "spring", f"+3314000{number:04}", None, "carrier", "fs1", NOW)


async def test_a_call_from_its_beginning_to_its_end(store: Store) -> None:
    new = new_attempt()
    await store.begin_attempt(new)
    assert [attempt.uuid for attempt in await store.unfinished_attempts()] == [new.uuid]
    store.record(Answered(new.uuid, NOW, 800))
    store.record(Progress(new.uuid, (TURN,), (BARGE_IN,), ()))
    store.record(finished(new))
    await store.record(finished(new, replace(RESULT, outcome="failed")))
    stored = await store.attempt(new.uuid)
    assert (stored.outcome, stored.turns, stored.barge_ins, stored.latencies) == (
        "completed", (TURN,), (BARGE_IN,), (LATENCY,),
    )  # fmt: skip
    assert await store.unfinished_attempts() == []
    assert await store.outcomes("spring") == {"completed": 1}


async def test_errors_come_out_as_they_are(store: Store) -> None:
    new = new_attempt()
    await store.begin_attempt(new)
    with pytest.raises(DuplicateAttempt):
        await store.begin_attempt(new)
    with pytest.raises(UnknownAttempt):
        await store.attempt(str(uuid4()))


async def test_many_calls_at_once(store: Store) -> None:
    async def one_call(number: int) -> Kept:
        new = new_attempt(number)
        await store.begin_attempt(new)
        store.record(Progress(new.uuid, (TURN,), (), ()))
        return await store.record(finished(new))

    await asyncio.gather(*(one_call(number) for number in range(50)))
    assert await store.drain(10) == 0
    assert await store.outcomes("spring") == {"completed": 50}


# -- errors that pass --------------------------------------------------------------------------------------------------


Failure = Literal["before", "after", "for good"]


class FlakyDatabase(Database):
    """Fails once for each entry of `failures`: the connection is lost before anything, or just after the commit."""

    def __init__(self, folder: Path, *failures: Failure) -> None:
        super().__init__(f"sqlite:///{folder}/robot.db")
        self.upgrade()
        self._failures = list(failures)

    @contextmanager
    def write(self) -> Iterator[Session]:
        failure = self._failures.pop(0) if self._failures else None
        if failure == "for good":
            raise DatabaseUnavailable("the disk is full")
        if failure == "before":
            raise DatabaseUnavailable("the connection was lost", transient=True)
        with super().write() as session:
            yield session
        if failure == "after":
            raise DatabaseUnavailable("the connection was lost", transient=True)


@pytest.mark.parametrize("failure", ["before", "after"])
async def test_a_lost_connection_costs_neither_an_attempt_nor_an_outcome(tmp_path: Path, failure: Failure) -> None:
    database = FlakyDatabase(tmp_path, failure)
    store = Store(database)
    new = new_attempt()
    await store.begin_attempt(new)
    with pytest.raises(DuplicateAttempt):
        await store.begin_attempt(new)
    database._failures.append(failure)
    assert await store.record(finished(new)) is Kept.WRITTEN
    assert (await store.attempt(new.uuid)).outcome == "completed"
    await store.close()


async def test_a_repeated_begin_does_not_take_a_strangers_row_for_its_own(tmp_path: Path) -> None:
    store = Store(FlakyDatabase(tmp_path))
    new = new_attempt()
    await store.begin_attempt(new)
    await store.close()
    other = Store(FlakyDatabase(tmp_path, "before"))
    with pytest.raises(DuplicateAttempt):
        await other.begin_attempt(replace(new, node="fs2"))
    await other.close()


async def test_what_does_not_pass_is_told_at_once(tmp_path: Path) -> None:
    database = FlakyDatabase(tmp_path, "for good")
    store = Store(database)
    with pytest.raises(DatabaseUnavailable, match="disk is full"):
        await store.begin_attempt(new_attempt())
    await store.close()


async def test_repeating_ends_with_the_time_limit(tmp_path: Path) -> None:
    failures: list[Failure] = ["before"] * 100
    store = Store(FlakyDatabase(tmp_path, *failures), limit_s=0.3)
    with pytest.raises(DatabaseUnavailable):
        await store.begin_attempt(new_attempt())
    await store.close()


@pytest.mark.parametrize("backend", ["postgresql"])
async def test_a_postgresql_that_drops_the_connection_in_the_middle(new_url: Callable[[bool], str]) -> None:
    url = new_url(True)
    database = Database(url)
    store = Store(database)
    new = new_attempt()
    engine = create_engine(url)
    with engine.connect() as operator:
        operator.execute(text("LOCK TABLE attempts"))
        beginning = asyncio.create_task(store.begin_attempt(new))
        dropped = False
        while not dropped:
            await asyncio.sleep(0.01)
            waiting = text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid() AND wait_event_type = 'Lock'"
            )
            dropped = bool(operator.execute(waiting).all())
        operator.rollback()
        await beginning
    engine.dispose()
    assert (await store.attempt(new.uuid)).outcome is None
    await store.close()


# -- time limits -------------------------------------------------------------------------------------------------------


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[Callable[[], None]]:
    """Somebody else writes to `tmp_path/robot.db` until this is called."""
    with closing(Database(f"sqlite:///{tmp_path}/robot.db")) as database:
        database.upgrade()
    with closing(sqlite3.connect(tmp_path / "robot.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield lambda: other.execute("COMMIT").close()


async def test_an_attempt_that_nobody_waits_for_any_more_is_not_written(
    tmp_path: Path, locked: Callable[[], None]
) -> None:
    store = Store(Database(f"sqlite:///{tmp_path}/robot.db"), limit_s=0.05)
    new = new_attempt()
    with pytest.raises(DatabaseTimeout, match=r"did not answer within 0\.05 s"):
        await store.begin_attempt(new)
    locked()
    await store.close()
    with closing(Database(f"sqlite:///{tmp_path}/robot.db")) as database, database.read() as session:
        assert AttemptRepository(session).unfinished() == []


async def test_an_outcome_is_written_however_long_the_database_takes(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/robot.db"
    new = new_attempt()
    with closing(Database(url)) as database:
        database.upgrade()
        with database.write() as session:
            AttemptRepository(session).begin(new)
    store = Store(Database(url), limit_s=0.05)
    with closing(sqlite3.connect(tmp_path / "robot.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        store.record(finished(new))
        async with asyncio.timeout(10):
            while not store.away:  # noqa: ASYNC110 - looked at, it tells nobody
                await asyncio.sleep(0.005)
        other.execute("COMMIT")
    await store.close()
    with closing(Database(url)) as database, database.read() as session:
        assert AttemptRepository(session).get(new.uuid).outcome == "completed"


async def test_waiting_operations_are_limited(tmp_path: Path, locked: Callable[[], None]) -> None:
    store = Store(Database(f"sqlite:///{tmp_path}/robot.db"), max_waiting=1)
    first = asyncio.create_task(store.begin_attempt(new_attempt(1)))
    await asyncio.sleep(0)
    with pytest.raises(StoreOverloaded, match="1 operations wait"):
        await store.begin_attempt(new_attempt(2))
    locked()
    await first
    await store.close()


# -- the end -----------------------------------------------------------------------------------------------------------


async def test_what_was_begun_is_finished_and_then_nothing_is_taken(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/robot.db"
    database = Database(url)
    database.upgrade()
    store = Store(database)
    new = [new_attempt(number) for number in range(10)]
    beginning = [asyncio.create_task(store.begin_attempt(each)) for each in new]
    await asyncio.sleep(0)
    await store.close()
    await asyncio.gather(*beginning)
    await store.close()
    with pytest.raises(StoreClosed):
        await store.begin_attempt(new_attempt(11))
    with closing(Database(url)) as again, again.read() as session:
        assert len(AttemptRepository(session).unfinished()) == len(new)


_OTHER_PROCESS = """
import asyncio, os, signal, sys
from datetime import UTC, datetime
from robot.store.database import Database
from robot.store.facts import Answered, Finished, Progress
from robot.store.records import NewAttempt
from robot.store.repositories import AttemptRepository
from robot.store.spool import Kept
from robot.store.store import Store

def new_attempt(uuid):
    return NewAttempt(uuid, "spring", "+33140000001", None, "carrier", "fs1", datetime.now(UTC))

async def main(url, committed, uncommitted, way):
    database = Database(url)
    store = Store(database)
    await store.begin_attempt(new_attempt(committed))
    if way == "exception":
        raise RuntimeError("a defect in the loop")
    with database.write() as session:
        AttemptRepository(session).begin(new_attempt(uncommitted))
        os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.parametrize(("way", "status"), [("kill", -signal.SIGKILL), ("exception", 1)])
def test_a_process_that_dies_leaves_what_it_committed_and_does_not_hang(
    new_url: Callable[[bool], str], way: str, status: int
) -> None:
    url, committed, uncommitted = new_url(True), str(uuid4()), str(uuid4())
    died = subprocess.run(
        [sys.executable, "-c", _OTHER_PROCESS, url, committed, uncommitted, way],
        capture_output=True,
        text=True,
        timeout=60,
        env=os.environ | {"PYTHONWARNINGS": "error"},
    )
    assert died.returncode == status, died.stderr
    with closing(Database(url)) as database, database.read() as session:
        assert [attempt.uuid for attempt in AttemptRepository(session).unfinished()] == [committed]
