"""What leaves for a visitor who reads slowly, or not at all. No socket."""

from __future__ import annotations

import asyncio
import json
from typing import Any, cast

import pytest
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosedError
from websockets.frames import CloseCode

from robot.doors.wire import Wire
from ws_audio.voice import (
    MANY_WAITING,
    MOST_WAITING,
    Event,
    FinalText,
    Info,
    Outbox,
    PartialText,
    TtsChunk,
    VoiceProtocol,
)


class SlowConnection:
    """Takes a message when it is let."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.closed: tuple[int, str] | None = None
        self.reads = asyncio.Event()
        self.broken = False

    async def send(self, message: str) -> None:
        await self.reads.wait()
        if self.broken:
            raise ConnectionClosedError(None, None)
        self.sent.append(json.loads(message))

    async def close(self, code: int, reason: str = "") -> None:
        self.closed = (code, reason)


@pytest.fixture
async def slow() -> SlowConnection:
    return SlowConnection()


def wire_of(connection: SlowConnection) -> Wire[Event]:
    return Wire(cast(ServerConnection, connection), Outbox(), VoiceProtocol().encode)


async def test_who_reads_gets_everything_in_its_order_before_the_close(slow: SlowConnection) -> None:
    wire = wire_of(slow)
    slow.reads.set()
    for number in range(2 * MANY_WAITING):
        wire.put(Info("n", f"{number}"))
    await wire.close(CloseCode.NORMAL_CLOSURE)
    assert [told["message"] for told in slow.sent] == [f"{number}" for number in range(2 * MANY_WAITING)]
    assert slow.closed == (1000, "")


async def test_who_reads_slowly_gets_every_third_partial_and_texts_that_are_right(slow: SlowConnection) -> None:
    wire = wire_of(slow)
    for number in range(MANY_WAITING + 1):
        wire.put(Info("n", f"{number}"))
    texts = [" ".join(f"word{each}" for each in range(count)) for count in range(1, 10)]
    for text in texts:
        await asyncio.sleep(0)
        wire.put(PartialText(1, text))
    wire.put(FinalText(1, "all"))
    slow.reads.set()
    await wire.close(CloseCode.NORMAL_CLOSURE)
    shown, seen = "", []
    for told in slow.sent:
        if told["type"] == "partial_transcript":
            shown = shown[: told["keep"]] + told["text"]
            seen.append(shown)
    assert seen[-1] in texts[-3:], "put together from what did arrive"
    assert len(seen) >= 3
    assert all(text in texts for text in seen)
    assert [told["code"] for told in slow.sent if told.get("code") != "n" and told["type"] == "info"] == [
        "partials_thinned"
    ]
    assert slow.sent[-1]["type"] == "final_transcript"


async def test_audio_that_has_not_left_is_dropped_when_it_is_not_wanted_any_more(slow: SlowConnection) -> None:
    wire = wire_of(slow)
    await asyncio.sleep(0)
    wire.put(Info("first", "is on its way"))
    await asyncio.sleep(0)
    for seq in range(20):
        wire.put(TtsChunk(1, 0, seq, 16000, bytes(6400)))
    wire.drop_audio()
    slow.reads.set()
    await wire.close(CloseCode.NORMAL_CLOSURE)
    assert [told["type"] for told in slow.sent] == ["info"]


async def test_who_does_not_read_at_all_is_let_go(slow: SlowConnection) -> None:
    wire = wire_of(slow)
    for number in range(MOST_WAITING + 5):
        wire.put(Info("n", f"{number}"))
    await wire.close(CloseCode.NORMAL_CLOSURE)
    assert slow.sent == []
    assert slow.closed is not None
    assert slow.closed[0] == CloseCode.POLICY_VIOLATION


async def test_nobody_waits_long_for_who_does_not_read(slow: SlowConnection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("robot.doors.wire.LAST_WORDS_S", 0)
    wire = wire_of(slow)
    wire.put(Info("n", "0"))
    await wire.close(CloseCode.GOING_AWAY, "bye")
    assert slow.closed == (1001, "bye")


async def test_a_connection_that_broke_is_no_error(slow: SlowConnection) -> None:
    wire = wire_of(slow)
    slow.broken = True
    slow.reads.set()
    wire.put(Info("n", "0"))
    await asyncio.sleep(0.01)
    wire.put(Info("n", "1"))
    await wire.close(CloseCode.NORMAL_CLOSURE)
    assert slow.sent == []
