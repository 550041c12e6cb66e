"""Webhooks through a real outbox: what is sent, how it is signed, when it is tried again and when no more."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import random
import re
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from robot.store.database import Database
from robot.store.errors import DatabaseUnavailable
from robot.store.facts import WebhookDue
from robot.store.journal import Journal
from robot.store.records import StoredWebhook
from robot.store.store import Store
from robot.webhook_message import BadWebhookUrl, check_url, new_webhook
from robot.webhooks import WebhookSender, WebhookSettings, retry_delay_s, signature

START = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
URL = "https://example.com/robot"
DOCUMENTATION = Path(__file__).parents[2] / "docs" / "operations.md"


def dice(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - of a test


class World:
    """A sender, its clock, and a receiver that answers `status` (None: never) and keeps what it got."""

    def __init__(self, store: Store, settings: WebhookSettings) -> None:
        self.now = START
        self.status: int | None = 200
        self.requests: list[httpx2.Request] = []
        self.got = asyncio.Event()
        self.store = store
        self.sender = WebhookSender(
            store, settings, transport=httpx2.MockTransport(self._answer), now=lambda: self.now, dice=dice(1)
        )

    async def _answer(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        self.got.set()
        if self.status is None:
            await asyncio.Event().wait()
            raise AssertionError
        if self.status == 0:
            raise httpx2.ConnectError("connection refused")
        return httpx2.Response(self.status, headers={"Location": URL})

    async def stored(self, webhook_id: str) -> StoredWebhook:
        stored = await self.store.webhook(webhook_id)
        assert stored is not None
        return stored


@pytest.fixture
async def make(tmp_path: Path) -> AsyncIterator[Callable[..., World]]:
    database = Database(f"sqlite:///{tmp_path}/robot.db")
    database.prepare()
    store = Store(database)
    worlds: list[World] = []

    def world(**settings: object) -> World:
        worlds.append(World(store, WebhookSettings(**settings)))  # type: ignore[arg-type]
        return worlds[-1]

    yield world
    for each in worlds:
        await each.sender.close()
    await store.close()


async def test_what_is_posted_arrives_signed_and_is_off_the_outbox(make: Callable[..., World]) -> None:
    world = make(secret="s3cret")
    await world.sender.start()
    new = new_webhook(URL, "step", {"town": "Paris"}, "8e30c25c-033f-41b3-bdcb-a0339ea83b97", START)
    world.store.record(WebhookDue(new, START))
    await asyncio.wait_for(world.got.wait(), 10)
    assert await world.sender.drain(10) == 0
    [request] = world.requests
    assert json.loads(request.content) == {
        "id": new.id, "event": "step", "created_at": "2026-11-21T12:00:00.000+00:00",
        "attempt": "8e30c25c-033f-41b3-bdcb-a0339ea83b97", "data": {"town": "Paris"},
    }  # fmt: skip
    assert (request.method, request.headers["content-type"]) == ("POST", "application/json")
    assert (request.headers["idempotency-key"], request.headers["robot-event"]) == (new.id, "step")
    assert request.headers["robot-signature"] == signature("s3cret", new.body, START)
    assert (await world.stored(new.id)).delivered_at == START


async def test_without_a_secret_there_is_no_signature(make: Callable[..., World]) -> None:
    world = make()
    await world.sender.start()
    assert await world.sender.deliver_now(new_webhook(URL, "step", {}, now=START))
    assert "robot-signature" not in world.requests[0].headers


def test_the_documented_check_takes_ours_and_nothing_else() -> None:
    [code] = re.findall(r"```python\n(def is_ours.*?)```", DOCUMENTATION.read_text(encoding="utf-8"), re.DOTALL)
    names: dict[str, object] = {"hmac": hmac, "hashlib": hashlib, "time": time}
    exec(code, names)  # noqa: S102 - our own documentation
    is_ours = names["is_ours"]
    assert callable(is_ours)
    now = datetime.now(UTC)
    body = '{"town": "Paris"}'
    assert is_ours("s3cret", signature("s3cret", body, now), body.encode())
    assert not is_ours("other", signature("s3cret", body, now), body.encode())
    assert not is_ours("s3cret", signature("s3cret", body, now), b'{"town": "Lyon"}')
    assert not is_ours("s3cret", signature("s3cret", body, now - timedelta(minutes=6)), body.encode())


@pytest.mark.parametrize(
    ("status", "reason"),
    [(500, "status 500"), (404, "status 404"), (302, "redirects are not followed"), (0, "ConnectError: connection")],
)
async def test_what_is_not_taken_is_tried_again_later(make: Callable[..., World], status: int, reason: str) -> None:
    world = make()
    await world.sender.start()
    new = new_webhook(URL, "step", {}, now=START)
    world.status = status
    assert not await world.sender.deliver_now(new)
    stored = await world.stored(new.id)
    assert stored.last_error is not None
    assert reason in stored.last_error
    assert stored.next_try_at is not None
    assert timedelta(seconds=2.5) <= stored.next_try_at - START <= timedelta(seconds=5)
    assert await world.sender.drain(10) == 1, "not due yet"
    world.status = 204
    world.now = stored.next_try_at
    assert await world.sender.drain(10) == 0
    assert [request.headers["idempotency-key"] for request in world.requests] == [new.id, new.id]
    assert (await world.stored(new.id)).tries == 2


async def test_gone_is_gone(make: Callable[..., World]) -> None:
    world = make()
    await world.sender.start()
    new = new_webhook(URL, "step", {}, now=START)
    world.status = 410
    assert not await world.sender.deliver_now(new)
    stored = await world.stored(new.id)
    assert (stored.next_try_at, stored.delivered_at, stored.last_error) == (None, None, "status 410")


async def test_it_is_given_up_when_it_is_too_old(make: Callable[..., World]) -> None:
    world = make(max_age_hours=1)
    await world.sender.start()
    new = new_webhook(URL, "step", {}, now=START)
    world.status = 503
    assert not await world.sender.deliver_now(new)
    tries = 1
    while (next_try_at := (await world.stored(new.id)).next_try_at) is not None:
        assert next_try_at <= START + timedelta(hours=1)
        world.now = next_try_at
        await world.sender.drain(10)
        tries += 1
    assert 8 <= tries <= 12
    assert len(world.requests) == (await world.stored(new.id)).tries == tries


async def test_a_receiver_that_does_not_answer_is_not_waited_for(make: Callable[..., World]) -> None:
    world = make()
    await world.sender.start()
    new = new_webhook(URL, "step", {}, now=START)
    world.status = None
    assert not await world.sender.deliver_now(new, timeout_s=0.05)
    assert (await world.stored(new.id)).last_error == "no answer within 0.05 s"


async def test_one_that_is_broken_off_is_tried_again_after_its_lease(make: Callable[..., World]) -> None:
    world = make()
    await world.sender.start()
    new = new_webhook(URL, "step", {}, now=START)
    world.status = None
    delivery = asyncio.create_task(world.sender.deliver_now(new))
    await asyncio.wait_for(world.got.wait(), 10)
    delivery.cancel()
    await asyncio.wait({delivery})
    world.status = 200
    assert await world.sender.drain(10) == 1
    world.now += timedelta(minutes=1)
    assert await world.sender.drain(10) == 0


class DatabaseThatGoes(Database):
    away = False

    @contextmanager
    def write(self) -> Iterator[Session]:
        if self.away:
            raise DatabaseUnavailable("pulled out")
        with super().write() as session:
            yield session


async def test_with_the_database_away_it_is_sent_all_the_same_and_noted_when_it_is_back(tmp_path: Path) -> None:
    database = DatabaseThatGoes(f"sqlite:///{tmp_path}/robot.db")
    database.prepare()
    store = Store(database, journal=Journal(tmp_path / "spool"))
    world = World(store, WebhookSettings())
    await world.sender.start()
    database.away = True
    taken, refused = (new_webhook(URL, "step", {}, now=START) for _ in range(2))
    assert await world.sender.deliver_now(taken)
    world.status = 500
    assert not await world.sender.deliver_now(refused)
    database.away = False
    assert await store.drain(10) == 0
    assert (await world.stored(taken.id)).delivered_at == START
    assert (await world.stored(refused.id)).last_error == "status 500"
    await world.sender.close()
    await store.close()


async def test_an_address_that_is_none_is_given_up_at_once(make: Callable[..., World]) -> None:
    world = make()
    await world.sender.start()
    new = new_webhook("file:///etc/passwd", "step", {}, now=START)
    assert not await world.sender.deliver_now(new)
    assert (await world.stored(new.id)).next_try_at is None
    assert world.requests == []


async def test_not_more_than_a_few_are_delivered_at_once(make: Callable[..., World]) -> None:
    world = make()
    world.status = None
    for _ in range(20):
        await world.store.record(WebhookDue(new_webhook(URL, "step", {}, now=START), START))
    await world.sender.start()
    await world.sender.drain(0.3)
    assert len(world.requests) == 8


async def test_a_sender_that_dies_is_seen_to(make: Callable[..., World], capsys: pytest.CaptureFixture[str]) -> None:
    def broken() -> datetime:
        raise ZeroDivisionError

    sender = WebhookSender(make().store, WebhookSettings(), now=broken)
    await sender.start()
    await asyncio.wait({sender.task}, timeout=10)
    assert isinstance(sender.task.exception(), ZeroDivisionError)
    await sender.close()
    assert "webhooks.died" in capsys.readouterr().out


async def test_a_real_server_gets_it(make: Callable[..., World], tmp_path: Path) -> None:
    received: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        [length] = re.findall(rb"content-length: (\d+)", head.lower())
        received.append(head + await reader.readexactly(int(length)))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        sender = WebhookSender(make().store, WebhookSettings("s3cret"))
        await sender.start()
        new = new_webhook(f"http://127.0.0.1:{port}/robot", "step", {"town": "Zürich"})
        assert await sender.deliver_now(new)
        await sender.close()
    assert received[0].startswith(b"POST /robot HTTP/1.1")
    assert received[0].endswith(new.body.encode())


@pytest.mark.parametrize(
    "url", ["", "example.com", "ftp://example.com", "file:///etc/passwd", "https://", "http://[::1"]
)
def test_only_addresses_of_the_web_are_sent_to(url: str) -> None:
    with pytest.raises(BadWebhookUrl):
        check_url(url)


@given(st.integers(1, 100), st.integers())
def test_delays_double_up_to_an_hour(tries: int, seed: int) -> None:
    ceiling = min(3600.0, 5.0 * 2 ** (tries - 1))
    assert ceiling / 2 <= retry_delay_s(tries, dice(seed)) <= ceiling


async def test_how_many_wait_is_known_without_asking_the_database(make: Callable[..., World]) -> None:
    world = make()
    later = START + timedelta(hours=1)
    await world.store.record(WebhookDue(new_webhook(URL, "step", {}, now=START), later))
    await world.sender.start()
    async with asyncio.timeout(10):
        while world.sender.waiting is None:  # noqa: ASYNC110 - it is a figure, nobody waits for it
            await asyncio.sleep(0.005)
    assert world.sender.waiting == 1
