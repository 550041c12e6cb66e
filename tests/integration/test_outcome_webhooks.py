"""The message of an outcome: committed with it, and sent until a real server takes it, whoever is killed meanwhile."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

from robot.store.database import Database
from robot.store.facts import Finished
from robot.store.records import AttemptResult, NewAttempt, NewWebhook
from robot.store.store import Store
from robot.webhook_message import new_webhook
from robot.webhooks import WebhookSender, WebhookSettings

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
RESULT = AttemptResult("interested", "NORMAL_CLEARING", None, 800, 4000, NOW, NOW, None, None)

_ROBOT = """
import asyncio, sys
from datetime import UTC, datetime
from robot.store.database import Database
from robot.store.facts import Finished
from robot.store.records import AttemptResult, NewAttempt
from robot.store.store import Store
from robot.webhook_message import new_webhook
from robot.webhooks import WebhookSender, WebhookSettings

async def main(database, url, uuid):
    now = datetime.now(UTC)
    store = Store(Database(database))
    await store.begin_attempt(NewAttempt(uuid, "spring", "+33140000001", None, "carrier", "fs1", now))
    result = AttemptResult("interested", None, None, None, None, None, now, None, None)
    webhook = new_webhook(url, "outcome", {"outcome": "interested"}, uuid, now)
    await store.record(Finished(uuid, None, result, (), (), (), webhook=webhook))
    sender = WebhookSender(store, WebhookSettings("s3cret"))
    await sender.start()
    while (await store.webhook(webhook.id)).tries == 0:
        await asyncio.sleep(0.01)
    print(webhook.id, flush=True)
    await asyncio.Event().wait()

asyncio.run(main(*sys.argv[1:]))
"""


class Server:
    """Answers 503 twice, then 200. got: headers and document of each request."""

    def __init__(self) -> None:
        self.got: list[tuple[str, dict[str, object]]] = []
        self.url = ""

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        [length] = re.findall(r"content-length: (\d+)", head)
        self.got.append((head, json.loads(await reader.readexactly(int(length)))))
        status = "200 OK" if len(self.got) > 2 else "503 Unavailable"
        writer.write(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()
        writer.close()


@asynccontextmanager
async def serving() -> AsyncIterator[Server]:
    server = Server()
    listening = await asyncio.start_server(server.answer, "127.0.0.1", 0)
    async with listening:
        server.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/robot"
        yield server


async def deliver(store: Store, at: datetime) -> int:
    """What a robot that lives at that time gets rid of; how many are left."""
    sender = WebhookSender(store, WebhookSettings("s3cret"), now=lambda: at)
    await sender.start()
    left = await sender.drain(10)
    await sender.close()
    return left


async def test_a_server_that_fails_twice_and_a_robot_that_is_killed(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/robot.db")
    database.prepare()
    async with serving() as server:
        arguments = (f"sqlite:///{tmp_path}/robot.db", server.url, str(uuid4()))
        robot = await asyncio.create_subprocess_exec(
            sys.executable, "-c", _ROBOT, *arguments, stdout=asyncio.subprocess.PIPE
        )
        assert robot.stdout is not None
        async with asyncio.timeout(30):
            while not re.match(rb"[0-9a-f-]{36}\n", line := await robot.stdout.readline()):
                assert line, "the robot died by itself"
        robot.send_signal(signal.SIGKILL)
        await robot.wait()
        store = Store(database)
        later = datetime.now(UTC)
        assert await deliver(store, later + timedelta(minutes=1)) == 1
        assert await deliver(store, later + timedelta(minutes=3)) == 0
        assert await deliver(store, later + timedelta(minutes=9)) == 0
        await store.close()
    assert [document["id"] for _, document in server.got] == [line.decode().strip()] * 3
    assert all(f"idempotency-key: {document['id']}" in head for head, document in server.got)
    assert all("robot-signature: t=" in head for head, _ in server.got)


async def test_only_the_outcome_that_counts_is_told(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/robot.db")
    database.prepare()
    store = Store(database)
    new = NewAttempt(str(uuid4()), "spring", "+33140000001", None, "carrier", "fs1", NOW)
    await store.begin_attempt(new)
    webhooks = [new_webhook("https://example.com/", "outcome", {}, new.uuid, NOW) for _ in range(2)]

    def finished(webhook: NewWebhook) -> Finished:
        return Finished(new.uuid, new.number, RESULT, (), (), (), webhook=webhook)

    for webhook in (webhooks[0], webhooks[0], webhooks[1]):
        await store.record(finished(webhook))
    assert await store.waiting_webhooks() == 1
    assert await store.webhook(webhooks[0].id) is not None
    await store.close()
