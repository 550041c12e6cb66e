"""What happens while the database is away: kept in order on the disk, written when it is back, once, and not lost."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from robot.store.database import Database
from robot.store.errors import DatabaseUnavailable, JustOptedOut, StatementRefused
from robot.store.facts import (
    Answered,
    Fact,
    Finished,
    NeverDialled,
    OptedOut,
    Progress,
    RecordingBegan,
    WebhookDue,
    WebhookTried,
    from_json,
    to_json,
)
from robot.store.journal import Journal
from robot.store.records import AttemptResult, DoNotCallSource, LatencyRecord, NewAttempt, NewDoNotCall, NewWebhook
from robot.store.records import TurnRecord as Turn
from robot.store.spool import Kept, Spool
from robot.store.store import Store
from tests.waiting import until

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
NUMBER = "+33140000001"
YES = Turn(1, "callee", "Yes.", "yes", 300, 900, interrupted=False)
RESULT = AttemptResult("completed", "NORMAL_CLEARING", None, 800, 4000, NOW, NOW, None, None, answers={"day": "monday"})
WISH = NewDoNotCall(NUMBER, NOW, DoNotCallSource.CALLEE)
WEBHOOK = NewWebhook(str(uuid4()), "https://example.com/", "step", "{}", NOW)


def finished(uuid: str, outcome: str = "completed") -> Finished:
    latency = LatencyRecord(1, 300, 90, None, None, 450)
    return Finished(uuid, NUMBER, replace(RESULT, outcome=outcome), (YES,), (), (latency,))


class Tables:
    """A database that can be taken away. written: what it took, in order."""

    def __init__(self) -> None:
        self.written: list[Fact] = []
        self.away = False
        self.refused: set[str] = set()

    async def write(self, facts: Sequence[Fact]) -> None:
        await asyncio.sleep(0)
        if self.away:
            raise DatabaseUnavailable("pulled out", transient=True)
        if any(fact.of in self.refused for fact in facts):
            raise StatementRefused("no")
        self.written += facts


@asynccontextmanager
async def spool(tables: Tables, folder: Path | None, **settings: float) -> AsyncIterator[Spool]:
    journal = None if folder is None else Journal(folder)
    spool = Spool(tables.write, 2, journal, **{"pause_s": 0.01} | settings)
    yield spool
    await spool.close(0)


def files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.jsonl"))


@pytest.mark.parametrize(
    "fact",
    [
        Answered("u", NOW, 800),
        RecordingBegan("u", "/r/u.wav", NOW),
        Progress("u", (YES,), (), ()),
        finished("u"),
        NeverDialled("u", RESULT, None),
        OptedOut(WISH),
        WebhookDue(WEBHOOK, NOW),
        WebhookTried(WEBHOOK.id, NOW, "refused", None),
    ],
    ids=lambda fact: fact.kind,
)
def test_a_fact_is_the_same_after_it_lay_in_a_file(fact: Fact) -> None:
    assert to_json(from_json(to_json(fact))) == to_json(fact)


async def test_what_the_database_takes_at_once_never_comes_to_the_disk(tmp_path: Path) -> None:
    tables = Tables()
    async with spool(tables, tmp_path) as spooled:
        assert await spooled.put(Answered("a", NOW, 800)) is Kept.WRITTEN
        assert not files(tmp_path)


async def test_while_it_is_away_facts_lie_on_the_disk_and_are_written_in_order_when_it_is_back(tmp_path: Path) -> None:
    tables = Tables()
    tables.away = True
    facts: list[Fact] = [Answered("a", NOW, 800), RecordingBegan("a", "/r/a.wav", None), finished("a"), finished("b")]
    async with spool(tables, tmp_path) as spooled:
        kept = [spooled.put(fact) for fact in facts]
        assert await asyncio.gather(*kept) == [Kept.JOURNALED] * 4
        [file] = files(tmp_path)
        assert file.stat().st_mode & 0o777 == 0o600
        assert {to_json(from_json(line)) for line in file.read_bytes().splitlines()} == {
            to_json(each) for each in facts
        }
        assert spooled.away
        assert spooled.outcomes == {"a", "b"}
        tables.away = False
        assert await spooled.drain(10) == 0
        await until(lambda: not files(tmp_path))
        assert not spooled.outcomes
    assert [fact for fact in tables.written if fact.of == "a"] == facts[:3]
    assert len(tables.written) == 4


async def test_a_database_that_hangs_keeps_nobody_waiting(tmp_path: Path) -> None:
    stuck = asyncio.Event()

    async def write(facts: Sequence[Fact]) -> None:
        await stuck.wait()

    spooled = Spool(write, 1, Journal(tmp_path), patience_s=0.01)
    assert await spooled.put(finished("a")) is Kept.JOURNALED
    assert await spooled.put(finished("b")) is Kept.JOURNALED
    stuck.set()
    assert await spooled.drain(10) == 0
    await spooled.close(0)
    assert not files(tmp_path)


async def test_what_a_process_left_is_written_by_the_next_and_removed(tmp_path: Path) -> None:
    dead = Tables()
    dead.away = True
    async with spool(dead, tmp_path) as left:
        await asyncio.gather(left.put(OptedOut(WISH)), left.put(finished("a")))
    [file] = files(tmp_path)
    with file.open("ab") as torn:
        torn.write(b'{"kind": "finished", "uu')
    tables = Tables()
    tables.away = True
    async with spool(tables, tmp_path) as spooled:
        assert await spooled.recover(0.05) == 2
        assert spooled.opted_out(NUMBER), "nobody dials it while the database does not know"
        assert files(tmp_path) == [file], "it is not written twice to the disk"
        tables.away = False
        assert await spooled.drain(10) == 0
        assert not spooled.opted_out(NUMBER)
        await until(lambda: not files(tmp_path))
    assert {fact.kind for fact in tables.written} == {"opted_out", "finished"}


async def test_the_journal_of_a_process_that_lives_is_left_alone(tmp_path: Path) -> None:
    living = Tables()
    living.away = True
    async with spool(living, tmp_path) as other:
        await other.put(finished("a"))
        tables = Tables()
        async with spool(tables, tmp_path) as spooled:
            assert await spooled.recover(1) == 0
        assert len(files(tmp_path)) == 1


async def test_what_was_in_memory_alone_is_on_the_disk_when_the_process_ends(tmp_path: Path) -> None:
    tables = Tables()
    tables.away = True
    async with spool(tables, tmp_path, patience_s=60) as spooled:
        spooled.put(finished("a"))
    [line] = files(tmp_path)[0].read_bytes().splitlines()
    assert from_json(line).of == "a"


async def test_a_full_disk_keeps_facts_in_memory_and_no_half_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = 100
    pwrite = os.pwrite

    def full(file: int, content: bytes, offset: int) -> int:
        if offset >= room:
            raise OSError(errno.ENOSPC, "No space left on device")
        return pwrite(file, content[: room - offset], offset)

    monkeypatch.setattr("robot.store.spool._JOURNAL_PAUSE_S", 0.01)
    monkeypatch.setattr("robot.store.journal.os.pwrite", full)
    tables = Tables()
    tables.away = True
    async with spool(tables, tmp_path) as spooled:
        assert await spooled.put(finished("a")) is Kept.IN_MEMORY
        assert await spooled.put(finished("b")) is Kept.IN_MEMORY
        assert files(tmp_path)[0].read_bytes() == b""
        room = 10**6
        await until(lambda: len(files(tmp_path)[0].read_bytes().splitlines()) == 2)
        tables.away = False
        assert await spooled.drain(10) == 0
    assert [fact.of for fact in sorted(tables.written, key=lambda fact: fact.of)] == ["a", "b"]


async def test_what_the_database_refuses_holds_up_nothing_and_is_kept_for_people(tmp_path: Path) -> None:
    tables = Tables()
    tables.refused = {"bad"}
    async with spool(tables, tmp_path) as spooled:
        kept = [spooled.put(Answered(each, NOW, 1)) for each in ("a", "bad", "b", "c")]
        assert await asyncio.gather(*kept) == [Kept.WRITTEN, Kept.SET_ASIDE, Kept.WRITTEN, Kept.WRITTEN]
    assert from_json((tmp_path / "refused.json-lines").read_bytes()).of == "bad"


async def test_a_database_that_refuses_is_not_away(tmp_path: Path) -> None:
    tables = Tables()
    tables.refused = {"bad"}
    tables.away = True
    async with spool(tables, tmp_path) as spooled:
        kept = spooled.put(Answered("bad", NOW, 1))
        await until(lambda: spooled.away)
        tables.away = False
        await until(lambda: spooled.waiting == 0)
        assert not spooled.away
    assert kept.result() is Kept.JOURNALED


async def test_of_a_call_only_the_latest_progress_waits(tmp_path: Path) -> None:
    tables = Tables()
    tables.away = True
    async with spool(tables, tmp_path, pause_s=0.2) as spooled:
        spooled.put(Progress("a", (), (), ()))
        await until(lambda: spooled.away)
        spooled.put(Progress("a", (YES,), (), ()))
        latest = Progress("a", (YES, replace(YES, seq=2)), (), ())
        spooled.put(latest)
        assert spooled.waiting == 2, "the first is being written"
        await until(lambda: len(files(tmp_path)) == 1)
        tables.away = False
        assert await spooled.drain(10) == 0
    assert tables.written[-1] == latest


# -- with real tables --------------------------------------------------------------------------------------------------


def new_attempt(number: str = NUMBER) -> NewAttempt:
    return NewAttempt(str(uuid4()), "spring", number, None, "carrier", "fs1", NOW)


@pytest.fixture
async def store(database: Database, tmp_path: Path) -> AsyncIterator[Store]:
    store = Store(database, journal=Journal(tmp_path / "spool"))
    yield store
    await store.close()


async def test_a_call_is_in_the_tables_as_it_was_recorded(store: Store) -> None:
    new = new_attempt()
    await store.begin_attempt(new)
    store.record(Answered(new.uuid, NOW, 800))
    store.record(RecordingBegan(new.uuid, "/r/a.wav", NOW + timedelta(days=1)))
    store.record(Progress(new.uuid, (YES,), (), ()))
    store.record(WebhookDue(replace(WEBHOOK, attempt_uuid=new.uuid), NOW))
    store.record(WebhookTried(WEBHOOK.id, NOW, None, None))
    result = replace(RESULT, recording="/r/a.wav", recording_expires_at=NOW + timedelta(days=1))
    kept = store.record(replace(finished(new.uuid, "do_not_call"), result=replace(result, outcome="do_not_call")))
    with pytest.raises(JustOptedOut):
        await store.begin_attempt(new_attempt())
    assert await kept is Kept.WRITTEN
    store.record(finished(new.uuid, "failed"))
    assert await store.drain(10) == 0
    stored = await store.attempt(new.uuid)
    assert (stored.outcome, stored.answers, stored.turns) == ("do_not_call", {"day": "monday"}, (YES,))
    assert stored.recording_expires_at == NOW + timedelta(days=1)
    assert await store.is_do_not_call(NUMBER, None) is not None
    webhook = await store.webhook(WEBHOOK.id)
    assert webhook is not None
    assert webhook.delivered_at == NOW


async def test_an_outcome_is_written_although_what_belongs_to_it_is_refused(store: Store, tmp_path: Path) -> None:
    new = new_attempt()
    await store.begin_attempt(new)
    overlong = replace(YES, start_ms=2**70)
    assert await store.record(replace(finished(new.uuid), turns=(overlong,))) is Kept.WRITTEN
    stored = await store.attempt(new.uuid)
    assert (stored.outcome, stored.turns) == ("completed", ())
    assert "database.spool" in (stored.error or "")
    assert (tmp_path / "spool" / "refused.json-lines").exists()


async def test_an_attempt_that_may_have_been_written_and_was_not_dialled_has_an_outcome(store: Store) -> None:
    new, never_written = new_attempt(), new_attempt("+33140000002")
    await store.begin_attempt(new)
    failed = replace(RESULT, outcome="failed")
    assert await store.record(NeverDialled(new.uuid, failed, None)) is Kept.WRITTEN
    assert await store.record(NeverDialled(never_written.uuid, failed, None)) is Kept.WRITTEN
    assert await store.outcomes("spring") == {"failed": 1}


async def test_an_outcome_in_the_journal_of_a_dead_process_leaves_no_attempt_unfinished(
    store: Store, tmp_path: Path
) -> None:
    new = new_attempt()
    await store.begin_attempt(new)
    assert [attempt.uuid for attempt in await store.unfinished_attempts()] == [new.uuid]
    dead = Journal(tmp_path / "spool")
    dead.append([to_json(finished(new.uuid))])
    dead.close()
    assert await store.unfinished_attempts() == []
    assert await store.drain(10) == 0
    assert (await store.attempt(new.uuid)).outcome == "completed"
