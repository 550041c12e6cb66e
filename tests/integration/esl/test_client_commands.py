"""Commands and their answers: each caller gets its own, once, or is told what became of the command."""

from __future__ import annotations

import asyncio
import re
import time

import pytest

from robot.esl import commands, connection
from robot.esl.client import EventSocketClient
from robot.esl.errors import CommandRefused, CommandStage, CommandTimeout, ConnectionLost, TooManyCommands
from robot.esl.exchange import MAX_PENDING
from tests.integration.esl.scripted_server import (
    UUID,
    Peer,
    ScriptedServer,
    api_response,
    background_job,
    command_reply,
    dial,
    only,
    say_nothing,
)
from tests.waiting import until


async def test_every_caller_gets_its_own_answer(client: EventSocketClient) -> None:
    asked = [f"+{10_000_000 + number}" for number in range(300)]
    jobs = [client.bgapi(commands.originate(UUID, "trunk", number)) for number in asked]
    setvars = [client.api(commands.setvar(UUID, "n", number)) for number in asked]
    for number, job in zip(asked, await asyncio.gather(*jobs), strict=True):
        assert number in job
    assert await asyncio.gather(*setvars) == [f"+OK uuid_setvar {UUID} n {number}" for number in asked]


async def test_api_goes_where_nothing_can_hold_it_up(server: ScriptedServer, client: EventSocketClient) -> None:
    await client.api(commands.break_(UUID))
    await client.api(commands.audio_stream_stop(UUID))
    await client.execute(UUID, "sleep", "500", event_uuid="turn-1")
    assert server.commands.received[1:] == [f"api uuid_break {UUID} all"]
    stop, sleep = server.events.received[2:]
    assert stop.startswith(f"bgapi uuid_audio_stream {UUID} stop\nJob-UUID: ")
    assert sleep.startswith(f"sendmsg {UUID}\n")


async def test_a_break_passes_an_api_that_hangs(server: ScriptedServer, client: EventSocketClient) -> None:
    server.script = only("uuid_audio_stream", say_nothing)
    hangs = client.send(commands.audio_stream_stop(UUID))
    assert await client.api(commands.break_(UUID)) == f"+OK uuid_break {UUID} all"
    assert not hangs.done()
    hangs.cancel()


async def test_a_reply_tells_when_the_command_was_on_the_wire(client: EventSocketClient) -> None:
    before = asyncio.get_running_loop().time()
    reply = await client.send(commands.break_(UUID))
    assert before <= reply.sent_at <= reply.replied_at <= time.monotonic()


@pytest.mark.parametrize("answer", ["-ERR No such channel!\n", "-USAGE: <uuid> [all]\n"])
async def test_a_refusal(server: ScriptedServer, client: EventSocketClient, answer: str) -> None:
    async def refuse(peer: Peer, command: str) -> None:
        peer.write(api_response(answer))

    server.script = refuse
    with pytest.raises(CommandRefused) as refused:
        await client.api(commands.break_(UUID))
    assert refused.value.reply == answer.strip()
    assert UUID not in str(refused.value)


async def test_a_module_that_is_not_loaded(server: ScriptedServer, client: EventSocketClient) -> None:
    async def refuse(peer: Peer, command: str) -> None:
        peer.write(api_response("-ERR uuid_audio_stream Command not found!\n"))

    server.script = refuse
    with pytest.raises(CommandRefused, match="Load the module"):
        await client.api(commands.audio_stream_start(UUID, "ws://127.0.0.1:1/"))


async def test_a_job_that_fails_tells_the_cause(server: ScriptedServer, client: EventSocketClient) -> None:
    async def busy(peer: Peer, command: str) -> None:
        job = re.findall(r"Job-UUID: (\S+)", command)[0]
        peer.write(background_job(job, "-ERR USER_BUSY\n"))  # even before the reply
        peer.write(command_reply(f"+OK Job-UUID: {job}", ("Job-UUID", job)))

    server.script = only("originate", busy)
    with pytest.raises(CommandRefused) as refused:
        await client.bgapi(dial())
    assert refused.value.cause == "USER_BUSY"
    assert await client.execute(UUID, "sleep", "1") == "+OK"  # the late reply went to nobody


async def test_a_late_answer_goes_to_nobody(server: ScriptedServer, client: EventSocketClient) -> None:
    held: list[Peer] = []

    async def hold(peer: Peer, command: str) -> None:
        held.append(peer)

    server.script = only("uuid_kill", hold)
    with pytest.raises(CommandTimeout) as late:
        await client.api(commands.kill(UUID), timeout=0.05)
    assert late.value.stage is CommandStage.UNCONFIRMED
    following = client.send(commands.break_(UUID))
    held[0].write(api_response("+OK late\n"))
    assert (await following).text == f"+OK uuid_break {UUID} all"


async def test_an_answer_for_a_cancelled_task_goes_to_nobody(server: ScriptedServer, client: EventSocketClient) -> None:
    held: list[Peer] = []

    async def hold(peer: Peer, command: str) -> None:
        held.append(peer)

    server.script = only("uuid_kill", hold)
    task = asyncio.ensure_future(client.api(commands.kill(UUID), timeout=60))
    await until(lambda: bool(held))
    assert client.pending == 1
    task.cancel()
    await until(lambda: client.pending == 0)
    following = client.send(commands.break_(UUID))
    held[0].write(api_response("+OK late\n"))
    assert (await following).text == f"+OK uuid_break {UUID} all"


async def test_what_is_unanswered_is_bounded(server: ScriptedServer, client: EventSocketClient) -> None:
    server.script = say_nothing
    pending = [client.send(commands.break_(UUID)) for _ in range(MAX_PENDING)]
    with pytest.raises(TooManyCommands) as refused:
        await client.api(commands.break_(UUID))
    assert refused.value.stage is CommandStage.NOT_SENT
    await client.close()
    await asyncio.gather(*pending, return_exceptions=True)


async def test_a_freeswitch_that_does_not_read_is_given_up(
    server: ScriptedServer, client: EventSocketClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def read_no_more(peer: Peer, command: str) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(connection, "_WRITE_LIMIT_S", 0.1)
    server.script = read_no_more
    value = "x" * 4_000
    pending = [client.send(commands.setvar(UUID, "note", value)) for _ in range(MAX_PENDING)]
    results = await asyncio.gather(*pending, return_exceptions=True)
    assert {result.stage for result in results if isinstance(result, ConnectionLost)} <= {
        CommandStage.UNCONFIRMED,
        CommandStage.NOT_SENT,
    }
    assert any("took no bytes" in str(result) for result in results)
    await until(lambda: server.logins == 3)


async def test_replies_in_pieces(server: ScriptedServer, client: EventSocketClient) -> None:
    async def slowly(peer: Peer, command: str) -> None:
        await peer.write_in_pieces(api_response("+OK " + "é" * 40 + "\n"))

    server.script = slowly
    assert await client.api(commands.status()) == "+OK " + "é" * 40


async def test_a_reply_to_nothing_ends_the_connection(server: ScriptedServer, client: EventSocketClient) -> None:
    server.commands.write(command_reply("+OK"))
    await until(lambda: client.counters.connections_lost == 1)
    await until(lambda: server.logins == 3)
    assert await client.api(commands.status()) == "+OK status"
