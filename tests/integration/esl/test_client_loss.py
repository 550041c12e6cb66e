"""Connections that end, and threads that die: what was pending fails with its stage, and the client comes back."""

from __future__ import annotations

import asyncio
import re

import pytest

from robot.esl import commands, conversation, link
from robot.esl.backoff import Backoff
from robot.esl.client import EventSocketClient
from robot.esl.connection import Address, Connection
from robot.esl.errors import CommandFailed, CommandStage, ConnectionLost
from robot.esl.events import SUBSCRIPTION, CallEvent, LinkLost, LinkRestored
from robot.esl.link import LinkThread
from tests.integration.esl.conftest import settings_for
from tests.integration.esl.scripted_server import (
    OTHER,
    PASSWORD,
    UUID,
    Peer,
    ScriptedServer,
    answer_all,
    command_reply,
    dial,
    only,
    say_nothing,
)
from tests.waiting import until


@pytest.mark.parametrize("how", ["hang_up", "reset"])
async def test_what_is_pending_fails_with_its_stage(
    server: ScriptedServer, client: EventSocketClient, how: str
) -> None:
    async def accept(peer: Peer, command: str) -> None:
        job = re.findall(r"Job-UUID: (\S+)", command)[0]
        peer.write(command_reply(f"+OK Job-UUID: {job}", ("Job-UUID", job)))

    async def end(peer: Peer, command: str) -> None:
        getattr(peer, how)()

    server.script = only("originate", accept)
    accepted = client.send(dial())
    await client.execute(UUID, "sleep", "1")
    server.script = only("sendmsg", end)
    unconfirmed = asyncio.ensure_future(client.execute(UUID, "sleep", "2"))
    results = await asyncio.gather(accepted, unconfirmed, return_exceptions=True)
    assert [result.stage for result in results if isinstance(result, ConnectionLost)] == [
        CommandStage.ACCEPTED,
        CommandStage.UNCONFIRMED,
    ]
    assert isinstance(results[1], ConnectionLost)
    assert "do not send it again" in str(results[1])


async def test_an_end_inside_a_body(server: ScriptedServer, client: EventSocketClient) -> None:
    async def half(peer: Peer, command: str) -> None:
        peer.write(b"Content-Type: api/response\nContent-Length: 100\n\n+OK half")
        peer.hang_up()

    server.script = half
    with pytest.raises(ConnectionLost, match="unfinished frame") as lost:
        await client.api(commands.status())
    assert lost.value.stage is CommandStage.UNCONFIRMED


async def test_reconnects_subscribes_once_and_tells_everybody(
    server: ScriptedServer, client: EventSocketClient
) -> None:
    seen: list[CallEvent] = []
    client.subscribe(UUID, seen.append)
    client.subscribe(OTHER, seen.append)
    await server.stop()
    await until(lambda: not client.connected)
    with pytest.raises(ConnectionLost) as lost:
        await client.api(commands.status())
    assert lost.value.stage is CommandStage.NOT_SENT
    await server.listen()
    await until(lambda: client.connected and len(server.peers) == 2)
    assert server.events.received.count(SUBSCRIPTION) == 1
    assert [type(event) for event in seen] == [LinkLost, LinkLost, LinkRestored, LinkRestored]
    assert await client.bgapi(dial()) != ""


async def test_commands_take_the_other_connection_meanwhile(
    server: ScriptedServer, client: EventSocketClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Backoff, "after_loss", lambda self, held_s: 60.0)
    server.commands.hang_up()
    await until(lambda: client.counters.connections_lost == 1)
    assert await client.api(commands.break_(UUID)) == f"+OK uuid_break {UUID} all"
    assert client.connected


async def test_a_silent_connection_is_asked_and_then_given_up(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversation, "SILENCE_S", 0.05)
    monkeypatch.setattr(conversation, "PROBE_LIMIT_S", 0.05)
    async with EventSocketClient(settings_for(server)) as client:
        await until(lambda: server.events.received.count("api status") >= 3)
        assert client.counters.connections_lost == 0
        server.script = say_nothing
        await until(lambda: client.counters.connections_lost >= 2)
        server.script = answer_all
        await until(lambda: client.connected)


async def test_a_command_for_a_connection_that_is_gone_is_not_written_on_the_next(server: ScriptedServer) -> None:
    seen: list[link.Incoming] = []
    thread = LinkThread()
    await thread.start()
    line = link.Link(Address("127.0.0.1", server.port, PASSWORD, connect_timeout_s=2.0), seen.append)
    thread.add(line)
    await until(lambda: link.Up(1) in seen)
    server.commands.hang_up()
    await until(lambda: link.Up(2) in seen)
    line.send(link.Outgoing(connection=1, ticket=1, data=b"api old\n\n"))
    line.send(link.Outgoing(connection=2, ticket=2, data=b"api new\n\n"))
    await until(lambda: any(isinstance(each, link.Wrote) for each in seen))
    await until(lambda: len(server.commands.received) == 2)
    assert server.commands.received[1] == "api new"
    await thread.close()


async def test_close_fails_what_is_pending(server: ScriptedServer, open_files: None) -> None:
    server.script = say_nothing
    client = EventSocketClient(settings_for(server))
    await client.start()
    pending = [client.send(commands.break_(UUID)), client.send(dial())]
    await until(lambda: len(server.commands.received) == 2)
    await client.close()
    results = await asyncio.gather(*pending, return_exceptions=True)
    assert all(isinstance(result, CommandFailed) for result in results)
    with pytest.raises(ConnectionLost, match="the client is closed") as lost:
        await client.api(commands.status())
    assert lost.value.stage is CommandStage.NOT_SENT
    await until(lambda: not server.open_connections)


async def test_close_does_not_wait_for_a_connection_that_is_being_made(server: ScriptedServer) -> None:
    server.greeting = b""
    client = EventSocketClient(settings_for(server, connect_timeout_s=30.0))
    await client.start(wait=False)
    await until(lambda: len(server.peers) == 2)
    await client.close()


async def test_a_link_that_dies_fails_what_is_pending_and_comes_back(
    server: ScriptedServer, client: EventSocketClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: link.Link, connection: Connection) -> None:
        raise AssertionError("a defect")

    monkeypatch.setattr(link, "_CRASH_PAUSE_S", 0.01)
    with monkeypatch.context() as broken:
        broken.setattr(link.Link, "_write", fail)
        with pytest.raises(ConnectionLost, match="an error of the robot's own"):
            await client.api(commands.break_(UUID))
    await until(lambda: server.logins == 3)
    assert await client.api(commands.break_(UUID)) == f"+OK uuid_break {UUID} all"


async def test_a_thread_that_dies_fails_what_is_pending(
    server: ScriptedServer, client: EventSocketClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def end_the_hub(self: link.Link, connection: Connection) -> None:
        raise SystemExit("what gevent hands on to the hub")

    server.script = say_nothing
    seen: list[CallEvent] = []
    client.subscribe(UUID, seen.append)
    pending = client.send(dial())
    await until(lambda: len(server.events.received) == 3)
    monkeypatch.setattr(link.Link, "_write", end_the_hub)
    results = await asyncio.gather(pending, client.send(commands.break_(UUID)), return_exceptions=True)
    assert [result.stage for result in results if isinstance(result, ConnectionLost)] == [
        CommandStage.UNCONFIRMED,
        CommandStage.NOT_SENT,
    ]
    assert "the event socket's thread died" in str(results[0])
    assert isinstance(seen[0], LinkLost)
    assert not client.connected


async def test_what_keeps_the_thread_from_starting_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: LinkThread, ready: asyncio.Future[None]) -> None:
        raise OSError("no more files")

    monkeypatch.setattr(LinkThread, "_run_residents", fail)
    with pytest.raises(OSError, match="no more files"):
        await LinkThread().start()
