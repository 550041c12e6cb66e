"""Events and their listeners: in order, complete, and one that fails harms nobody."""

from __future__ import annotations

import asyncio

import pytest

from robot.esl import commands, link
from robot.esl.client import EventSocketClient
from robot.esl.errors import EventsOverflowed
from robot.esl.events import AudioStreamFailed, CallEvent, ChannelAnswered, Dtmf
from robot.esl.frames import encode_event
from tests.integration.esl.scripted_server import OTHER, UUID, ScriptedServer, channel_event
from tests.waiting import until


async def test_each_channel_has_its_listener(server: ScriptedServer, client: EventSocketClient) -> None:
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


async def test_a_listener_that_raises_harms_nobody(server: ScriptedServer, client: EventSocketClient) -> None:
    def broken(event: CallEvent) -> None:
        raise LookupError("a defect")

    seen: list[CallEvent] = []
    client.subscribe(UUID, broken)
    client.subscribe(UUID, seen.append)
    server.events.write(channel_event("CHANNEL_ANSWER", UUID) * 2)
    await until(lambda: len(seen) == 2)
    assert client.counters.failed_listeners == 2


async def test_what_cannot_be_read_is_counted_and_passed_over(
    server: ScriptedServer, client: EventSocketClient
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


async def test_a_burst_arrives_whole_and_in_order(server: ScriptedServer, client: EventSocketClient) -> None:
    seen: list[str] = []
    client.subscribe(UUID, lambda event: seen.append(event.digit if isinstance(event, Dtmf) else ""))
    sent = [str(number) for number in range(5_000)]
    server.events.write(b"".join(channel_event("DTMF", UUID, DTMF_Digit=number) for number in sent))
    assert await client.api(commands.break_(UUID)) == f"+OK uuid_break {UUID} all"
    await until(lambda: len(seen) == len(sent))
    assert seen == sent


async def test_what_asyncio_does_not_take_waits_in_the_socket(
    server: ScriptedServer, client: EventSocketClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link, "_INBOX_LIMIT", 50)
    seen: list[CallEvent] = []
    client.subscribe(UUID, seen.append)
    server.events.write(channel_event("CHANNEL_ANSWER", UUID) * 1_000)
    await until(lambda: len(seen) == 1_000)


async def test_as_an_iterator(server: ScriptedServer, client: EventSocketClient) -> None:
    events = client.events(UUID)
    server.events.write(channel_event("CHANNEL_ANSWER", UUID) * 2)
    assert isinstance(await anext(events), ChannelAnswered)
    await asyncio.wait_for(anext(events), 5)
    events.close()
    assert [event async for event in events] == []


async def test_an_iterator_that_is_not_read_says_so(server: ScriptedServer, client: EventSocketClient) -> None:
    events = client.events(UUID)
    server.events.write(channel_event("CHANNEL_ANSWER", UUID) * 1_001)
    await until(lambda: client.counters.events == 1_001)
    with pytest.raises(EventsOverflowed):
        await anext(events)
    events.close()
