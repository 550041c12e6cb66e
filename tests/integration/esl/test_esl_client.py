"""The client against a server that does what a test says, byte for byte, over real sockets."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from typing import Any

import pytest

from robot.esl import commands, connection, conversation, link
from robot.esl.backoff import Backoff
from robot.esl.client import EventSocketClient
from robot.esl.commands import Command
from robot.esl.connection import Address, Connection
from robot.esl.errors import (
    CannotConnect,
    CommandFailed,
    CommandRefused,
    CommandStage,
    CommandTimeout,
    ConnectionLost,
    EventsOverflowed,
    NotAllowed,
    TooManyCommands,
    WrongPassword,
)
from robot.esl.events import (
    SUBSCRIPTION,
    AudioStreamFailed,
    CallEvent,
    ChannelAnswered,
    Dtmf,
    LinkLost,
    LinkRestored,
)
from robot.esl.exchange import MAX_PENDING
from robot.esl.frames import encode_event
from robot.esl.link import LinkThread
from tests.integration.esl.conftest import settings_for
from tests.integration.esl.scripted_server import (
    PASSWORD,
    Peer,
    ScriptedServer,
    answer_all,
    api_response,
    background_job,
    channel_event,
    command_reply,
)

UUID = "2553f481-1118-43e8-ad49-47fdc760dfc2"
OTHER = "db4cb415-7f4c-44a3-94ea-ea4f46dd022c"


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - what is waited for happens in several threads
            await asyncio.sleep(0.002)


async def say_nothing(peer: Peer, command: str) -> None:
    """A FreeSWITCH that hangs."""


def only(script_for: str, answer: Callable[[Peer, str], Any]) -> Callable[[Peer, str], Any]:
    """`answer` for commands that hold `script_for`, the usual echo for all others."""

    async def script(peer: Peer, command: str) -> None:
        await (answer if script_for in command else answer_all)(peer, command)

    return script


def dial() -> Command:
    return commands.originate(UUID, "trunk", "+33140000001")


class TestStart:
    async def test_two_connections_one_of_them_subscribed_once(
        self, server: ScriptedServer, client: EventSocketClient
    ) -> None:
        assert client.connected
        assert server.logins == 2
        assert [peer.received.count(SUBSCRIPTION) for peer in (server.events, server.commands)] == [1, 0]

    async def test_nobody_listens(self, server: ScriptedServer) -> None:
        await server.stop()
        with pytest.raises(CannotConnect, match=r"refused.*Is FreeSWITCH running.*freeswitch\.port"):
            await EventSocketClient(settings_for(server)).start()
        await server.listen()

    async def test_the_wrong_password_is_told_and_where_to_set_it(self, server: ScriptedServer) -> None:
        with pytest.raises(
            WrongPassword, match=r"freeswitch\.password.*ROBOT_FREESWITCH__PASSWORD.*event_socket\.conf"
        ):
            await EventSocketClient(settings_for(server, password="guess")).start()

    async def test_the_wrong_password_is_not_tried_again_and_again(self, server: ScriptedServer) -> None:
        client = EventSocketClient(settings_for(server, password="guess"))
        await client.start(wait=False)
        await until(lambda: sum("auth guess" in peer.received for peer in server.peers) == 2)
        await asyncio.sleep(0.3)  # the first pause of an ordinary failure is at most 0.2 s
        assert len(server.peers) == 2
        assert not client.connected
        await client.close()

    async def test_an_address_that_freeswitch_does_not_let_in(self, server: ScriptedServer) -> None:
        body = b"Access Denied, go away.\n"
        server.greeting = b"Content-Type: text/rude-rejection\nContent-Length: %d\n\n" % len(body) + body
        with pytest.raises(NotAllowed, match="apply-inbound-acl"):
            await EventSocketClient(settings_for(server)).start()

    @pytest.mark.parametrize(
        ("greeting", "why"),
        [
            (b"", "no answer within 0.3 s"),
            (b"SSH-2.0-OpenSSH_9.6\n\n", "without a colon"),
            (b"Content-Type: auth", "no answer"),
        ],
    )
    async def test_something_else_listens_there(self, server: ScriptedServer, greeting: bytes, why: str) -> None:
        server.greeting = greeting
        with pytest.raises(CannotConnect, match=why):
            await EventSocketClient(settings_for(server, connect_timeout_s=0.3)).start()

    async def test_a_host_without_an_address(self) -> None:
        async with ScriptedServer() as server:
            with pytest.raises(CannotConnect):
                await EventSocketClient(settings_for(server, host="a..b")).start()

    async def test_without_waiting_it_goes_on_trying(self, server: ScriptedServer) -> None:
        await server.stop()
        client = EventSocketClient(settings_for(server))
        await client.start(wait=False)
        with pytest.raises(ConnectionLost) as lost:
            await client.api(commands.status())
        assert lost.value.stage is CommandStage.NOT_SENT
        await server.listen()
        await until(lambda: client.connected)
        await client.close()

    async def test_a_closed_client_can_be_started_again(self, server: ScriptedServer, open_files: None) -> None:
        client = EventSocketClient(settings_for(server))
        for _ in range(3):
            await client.start()
            assert await client.api(commands.status()) == "+OK status"
            await client.close()
        await client.close()
        await until(lambda: not server.open_connections)

    async def test_several_clients_share_one_thread(self, server: ScriptedServer) -> None:
        thread = LinkThread()
        await thread.start()
        async with ScriptedServer() as second:
            one = EventSocketClient(settings_for(server), thread)
            two = EventSocketClient(settings_for(second), thread)
            await one.start()
            await two.start()
            await one.close()
            assert await two.api(commands.status()) == "+OK status"
            await two.close()
        await thread.close()


class TestCommands:
    async def test_every_caller_gets_its_own_answer(self, client: EventSocketClient) -> None:
        asked = [f"+{10_000_000 + number}" for number in range(300)]
        jobs = [client.bgapi(commands.originate(UUID, "trunk", number)) for number in asked]
        setvars = [client.api(commands.setvar(UUID, "n", number)) for number in asked]
        for number, job in zip(asked, await asyncio.gather(*jobs), strict=True):
            assert number in job
        assert await asyncio.gather(*setvars) == [f"+OK uuid_setvar {UUID} n {number}" for number in asked]

    async def test_api_goes_where_nothing_can_hold_it_up(
        self, server: ScriptedServer, client: EventSocketClient
    ) -> None:
        await client.api(commands.break_(UUID))
        await client.api(commands.audio_stream_stop(UUID))
        await client.execute(UUID, "sleep", "500", event_uuid="turn-1")
        assert server.commands.received[1:] == [f"api uuid_break {UUID} all"]
        stop, sleep = server.events.received[2:]
        assert stop.startswith(f"bgapi uuid_audio_stream {UUID} stop\nJob-UUID: ")
        assert sleep.startswith(f"sendmsg {UUID}\n")

    async def test_a_break_passes_an_api_that_hangs(self, server: ScriptedServer, client: EventSocketClient) -> None:
        server.script = only("uuid_audio_stream", say_nothing)
        hangs = client.send(commands.audio_stream_stop(UUID))
        assert await client.api(commands.break_(UUID)) == f"+OK uuid_break {UUID} all"
        assert not hangs.done()
        hangs.cancel()

    async def test_a_reply_tells_when_the_command_was_on_the_wire(self, client: EventSocketClient) -> None:
        before = asyncio.get_running_loop().time()
        reply = await client.send(commands.break_(UUID))
        assert before <= reply.sent_at <= reply.replied_at <= time.monotonic()

    @pytest.mark.parametrize("answer", ["-ERR No such channel!\n", "-USAGE: <uuid> [all]\n"])
    async def test_a_refusal(self, server: ScriptedServer, client: EventSocketClient, answer: str) -> None:
        async def refuse(peer: Peer, command: str) -> None:
            peer.write(api_response(answer))

        server.script = refuse
        with pytest.raises(CommandRefused) as refused:
            await client.api(commands.break_(UUID))
        assert refused.value.reply == answer.strip()
        assert UUID not in str(refused.value)

    async def test_a_module_that_is_not_loaded(self, server: ScriptedServer, client: EventSocketClient) -> None:
        async def refuse(peer: Peer, command: str) -> None:
            peer.write(api_response("-ERR uuid_audio_stream Command not found!\n"))

        server.script = refuse
        with pytest.raises(CommandRefused, match="Load the module"):
            await client.api(commands.audio_stream_start(UUID, "ws://127.0.0.1:1/"))

    async def test_a_job_that_fails_tells_the_cause(self, server: ScriptedServer, client: EventSocketClient) -> None:
        async def busy(peer: Peer, command: str) -> None:
            job = re.findall(r"Job-UUID: (\S+)", command)[0]
            peer.write(background_job(job, "-ERR USER_BUSY\n"))  # even before the reply
            peer.write(command_reply(f"+OK Job-UUID: {job}", ("Job-UUID", job)))

        server.script = only("originate", busy)
        with pytest.raises(CommandRefused) as refused:
            await client.bgapi(dial())
        assert refused.value.cause == "USER_BUSY"
        assert await client.execute(UUID, "sleep", "1") == "+OK"  # the late reply went to nobody

    async def test_a_late_answer_goes_to_nobody(self, server: ScriptedServer, client: EventSocketClient) -> None:
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

    async def test_an_answer_for_a_cancelled_task_goes_to_nobody(
        self, server: ScriptedServer, client: EventSocketClient
    ) -> None:
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

    async def test_what_is_unanswered_is_bounded(self, server: ScriptedServer, client: EventSocketClient) -> None:
        server.script = say_nothing
        pending = [client.send(commands.break_(UUID)) for _ in range(MAX_PENDING)]
        with pytest.raises(TooManyCommands) as refused:
            await client.api(commands.break_(UUID))
        assert refused.value.stage is CommandStage.NOT_SENT
        await client.close()
        await asyncio.gather(*pending, return_exceptions=True)

    async def test_a_freeswitch_that_does_not_read_is_given_up(
        self, server: ScriptedServer, client: EventSocketClient, monkeypatch: pytest.MonkeyPatch
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

    async def test_replies_in_pieces(self, server: ScriptedServer, client: EventSocketClient) -> None:
        async def slowly(peer: Peer, command: str) -> None:
            await peer.write_in_pieces(api_response("+OK " + "é" * 40 + "\n"))

        server.script = slowly
        assert await client.api(commands.status()) == "+OK " + "é" * 40

    async def test_a_reply_to_nothing_ends_the_connection(
        self, server: ScriptedServer, client: EventSocketClient
    ) -> None:
        server.commands.write(command_reply("+OK"))
        await until(lambda: client.counters.connections_lost == 1)
        await until(lambda: server.logins == 3)
        assert await client.api(commands.status()) == "+OK status"


class TestLoss:
    @pytest.mark.parametrize("how", ["hang_up", "reset"])
    async def test_what_is_pending_fails_with_its_stage(
        self, server: ScriptedServer, client: EventSocketClient, how: str
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

    async def test_an_end_inside_a_body(self, server: ScriptedServer, client: EventSocketClient) -> None:
        async def half(peer: Peer, command: str) -> None:
            peer.write(b"Content-Type: api/response\nContent-Length: 100\n\n+OK half")
            peer.hang_up()

        server.script = half
        with pytest.raises(ConnectionLost, match="unfinished frame") as lost:
            await client.api(commands.status())
        assert lost.value.stage is CommandStage.UNCONFIRMED

    async def test_reconnects_subscribes_once_and_tells_everybody(
        self, server: ScriptedServer, client: EventSocketClient
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
        self, server: ScriptedServer, client: EventSocketClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(Backoff, "after_loss", lambda self, held_s: 60.0)
        server.commands.hang_up()
        await until(lambda: client.counters.connections_lost == 1)
        assert await client.api(commands.break_(UUID)) == f"+OK uuid_break {UUID} all"
        assert client.connected

    async def test_a_silent_connection_is_asked_and_then_given_up(
        self, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
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

    async def test_a_command_for_a_connection_that_is_gone_is_not_written_on_the_next(
        self, server: ScriptedServer
    ) -> None:
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

    async def test_close_fails_what_is_pending(self, server: ScriptedServer, open_files: None) -> None:
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

    async def test_close_does_not_wait_for_a_connection_that_is_being_made(self, server: ScriptedServer) -> None:
        server.greeting = b""
        client = EventSocketClient(settings_for(server, connect_timeout_s=30.0))
        await client.start(wait=False)
        await until(lambda: len(server.peers) == 2)
        await client.close()


class TestEvents:
    async def test_each_channel_has_its_listener(self, server: ScriptedServer, client: EventSocketClient) -> None:
        mine: list[CallEvent] = []
        others: list[CallEvent] = []
        subscription = client.subscribe(UUID, mine.append)
        client.subscribe(OTHER, others.append)
        server.events.write(channel_event("CHANNEL_ANSWER", OTHER) + channel_event("CHANNEL_ANSWER", UUID))
        server.events.write(channel_event("DTMF", UUID, DTMF_Digit="#"))
        await until(lambda: len(mine) == 2)
        assert isinstance(mine[0], ChannelAnswered)
        assert isinstance(mine[1], Dtmf)
        assert mine[1].digit == "#"
        subscription.close()
        subscription.close()
        server.events.write(channel_event("CHANNEL_ANSWER", UUID) + channel_event("CHANNEL_ANSWER", OTHER))
        await until(lambda: len(others) == 2)
        assert len(mine) == 2

    async def test_a_listener_that_raises_harms_nobody(self, server: ScriptedServer, client: EventSocketClient) -> None:
        def broken(event: CallEvent) -> None:
            raise LookupError("a defect")

        seen: list[CallEvent] = []
        client.subscribe(UUID, broken)
        client.subscribe(UUID, seen.append)
        server.events.write(channel_event("CHANNEL_ANSWER", UUID) * 2)
        await until(lambda: len(seen) == 2)
        assert client.counters.failed_listeners == 2

    async def test_what_cannot_be_read_is_counted_and_passed_over(
        self, server: ScriptedServer, client: EventSocketClient
    ) -> None:
        seen: list[CallEvent] = []
        client.subscribe(UUID, seen.append)
        stream = [("Event-Name", "CUSTOM"), ("Event-Subclass", "mod_audio_stream::error"), ("Unique-ID", UUID)]
        server.events.write(encode_event(stream, b"{not json"))
        server.events.write(channel_event("CHANNEL_STATE", UUID))
        server.events.write(b"Content-Type: text/event-plain\nContent-Length: 19\n\nContent-Length: 9\n\n")
        server.events.write(encode_event(stream, b'{"message":{"code":6,"error":"refused"}}'))
        await until(lambda: bool(seen))
        assert isinstance(seen[0], AudioStreamFailed)
        assert (client.counters.malformed_events, client.counters.unknown_events) == (2, 1)

    async def test_a_burst_arrives_whole_and_in_order(self, server: ScriptedServer, client: EventSocketClient) -> None:
        seen: list[str] = []
        client.subscribe(UUID, lambda event: seen.append(event.digit if isinstance(event, Dtmf) else ""))
        sent = [str(number) for number in range(5_000)]
        server.events.write(b"".join(channel_event("DTMF", UUID, DTMF_Digit=number) for number in sent))
        assert await client.api(commands.break_(UUID)) == f"+OK uuid_break {UUID} all"
        await until(lambda: len(seen) == len(sent))
        assert seen == sent

    async def test_what_asyncio_does_not_take_waits_in_the_socket(
        self, server: ScriptedServer, client: EventSocketClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(link, "_INBOX_LIMIT", 50)
        seen: list[CallEvent] = []
        client.subscribe(UUID, seen.append)
        server.events.write(channel_event("CHANNEL_ANSWER", UUID) * 1_000)
        await until(lambda: len(seen) == 1_000)

    async def test_as_an_iterator(self, server: ScriptedServer, client: EventSocketClient) -> None:
        events = client.events(UUID)
        server.events.write(channel_event("CHANNEL_ANSWER", UUID) * 2)
        assert isinstance(await anext(events), ChannelAnswered)
        await asyncio.wait_for(anext(events), 5)
        events.close()
        assert [event async for event in events] == []

    async def test_an_iterator_that_is_not_read_says_so(
        self, server: ScriptedServer, client: EventSocketClient
    ) -> None:
        events = client.events(UUID)
        server.events.write(channel_event("CHANNEL_ANSWER", UUID) * 1_001)
        await until(lambda: client.counters.events == 1_001)
        with pytest.raises(EventsOverflowed):
            await anext(events)
        events.close()


class TestDefects:
    """What must not happen does not go unseen."""

    async def test_a_link_that_dies_fails_what_is_pending_and_comes_back(
        self, server: ScriptedServer, client: EventSocketClient, monkeypatch: pytest.MonkeyPatch
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
        self, server: ScriptedServer, client: EventSocketClient, monkeypatch: pytest.MonkeyPatch
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

    async def test_what_keeps_the_thread_from_starting_is_raised(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(self: LinkThread, ready: asyncio.Future[None]) -> None:
            raise OSError("no more files")

        monkeypatch.setattr(LinkThread, "_run_residents", fail)
        with pytest.raises(OSError, match="no more files"):
            await LinkThread().start()
