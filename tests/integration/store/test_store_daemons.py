"""Daemons, the same on both databases but for one thing: an SQLite file is one daemon's."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from robot.store.campaign_records import SILENT_FOR, CampaignState, ContactState, Daemon, NewContact, TakenOver
from robot.store.daemons import this_daemon
from robot.store.errors import AnotherDaemon
from robot.store.records import NewAttempt
from robot.store.store import Store

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
LEASE = timedelta(minutes=1)


def daemon(host: str = "elsewhere") -> Daemon:
    return replace(this_daemon(NOW), host=host)


async def at_work(store: Store, owner: str) -> str:
    """Two contacts claimed, one of them in a call; its uuid."""
    await store.add_contacts("spring", [NewContact(f"+3314000000{place}", {}) for place in range(2)], NOW)
    await store.move_campaign("spring", CampaignState.RUNNING, NOW)
    calling, _ = await store.claim("spring", owner, NOW, 2, LEASE)
    uuid = str(uuid4())
    attempt = NewAttempt(uuid, "spring", calling.number, None, "carrier", "fs1", NOW, claim=calling.claim)
    await store.begin_attempt(attempt)
    return uuid


async def test_a_dead_ones_work_is_taken_over(store: Store) -> None:
    dead, heir = daemon(), daemon("another")
    assert await store.register_daemon(dead) == TakenOver()
    uuid = await at_work(store, dead.id)
    later = NOW + SILENT_FOR
    assert await store.register_daemon(replace(heir, seen_at=later)) == TakenOver((dead.id,), claims=1, calls=1)
    assert [each.uuid for each in await store.unfinished_attempts(owner=heir.id)] == [uuid]
    assert await store.contact_states("spring") == {ContactState.WAITING: 1, ContactState.IN_CALL: 1}
    assert len(await store.claim("spring", heir.id, later, 9, LEASE)) == 1, "not only after its lease"
    assert await store.heartbeat(dead, later) is None, "it was taken for dead and must not go on"
    assert await store.heartbeat(heir, later) == TakenOver()


@pytest.mark.parametrize("backend", ["postgresql"])
async def test_several_share_one_postgresql_and_see_who_dies(store: Store) -> None:
    first, second = daemon(), daemon("another")
    await store.register_daemon(first)
    assert await store.register_daemon(second) == TakenOver()
    places = [await store.place_of_daemon(each.id) for each in (first, second)]
    assert sorted(places) == [(0, 2), (1, 2)]
    await at_work(store, first.id)
    almost = NOW + SILENT_FOR - SECOND
    assert await store.heartbeat(second, almost) == TakenOver()
    assert await store.heartbeat(second, NOW + SILENT_FOR) == TakenOver((first.id,), 1, 1)
    assert await store.place_of_daemon(second.id) == (0, 1)


@pytest.mark.parametrize("backend", ["sqlite"])
async def test_a_second_one_is_refused_on_sqlite(store: Store) -> None:
    first = daemon()
    await store.register_daemon(first)
    await store.register_daemon(first)
    with pytest.raises(AnotherDaemon, match=r"on elsewhere, process \d+, last seen 2026-11-21 12:00:00 UTC\. End it"):
        await store.register_daemon(daemon("another"))
    await store.unregister_daemon(first, NOW)
    assert await store.register_daemon(daemon("another")) == TakenOver()


async def test_one_that_was_killed_on_this_machine_needs_no_time_to_be_dead(store: Store) -> None:
    us = this_daemon(NOW)
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", "input()", stdin=subprocess.PIPE)
    other = Daemon(str(uuid4()), us.host, f"{us.process.split()[0]} {process.pid}", NOW, NOW)
    await store.register_daemon(other)
    await at_work(store, other.id)
    process.kill()
    await process.wait()
    assert await store.register_daemon(us) == TakenOver((other.id,), 1, 1)


async def test_one_that_has_our_own_process_number_is_dead(store: Store) -> None:
    before = this_daemon(NOW)
    await store.register_daemon(before)
    assert (await store.register_daemon(this_daemon(NOW))).daemons == (before.id,)


async def test_who_is_a_daemon_itself_counts_among_those_that_live(store: Store) -> None:
    us = this_daemon(NOW)
    await store.register_daemon(us)
    assert [each.id for each in await store.living_daemons(NOW + SECOND)] == [us.id]
    assert await store.living_daemons(NOW + SILENT_FOR) == []


@pytest.mark.parametrize("backend", ["postgresql"])
async def test_a_process_of_another_container_is_not_looked_for(store: Store) -> None:
    us = this_daemon(NOW)
    gone = await asyncio.create_subprocess_exec(sys.executable, "-c", "")
    await gone.wait()
    other = Daemon(str(uuid4()), us.host, f"pid:[1] {gone.pid}", NOW, NOW)
    await store.register_daemon(other)
    assert await store.register_daemon(us) == TakenOver()


async def test_one_that_ends_gives_its_claims_back_and_leaves_calls_to_be_found(store: Store) -> None:
    first, second = daemon(), daemon("another")
    await store.register_daemon(first)
    uuid = await at_work(store, first.id)
    await store.unregister_daemon(first, NOW)
    assert await store.contact_states("spring") == {ContactState.WAITING: 1, ContactState.IN_CALL: 1}
    taken = await store.register_daemon(replace(second, seen_at=NOW + SILENT_FOR))
    assert taken == TakenOver((first.id,), 0, 1)
    assert [each.uuid for each in await store.unfinished_attempts(owner=second.id)] == [uuid]


def test_a_process_says_where_its_number_counts() -> None:
    assert this_daemon(NOW).process.startswith(str(Path("/proc/self/ns/pid").readlink()))
