"""What gateways say on `/ws/voice/<call_id>`, and what is said to them. No socket."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ws_audio.media import (
    Began,
    Clear,
    Dialect,
    Ended,
    Frame,
    Heard,
    MediaOutbox,
    MediaProtocol,
    Over,
    Press,
    Pressed,
    ToSay,
    Transcribed,
    TurnEnd,
)
from ws_audio.voice import MAX_AUDIO_BYTES, MOST_MISTAKES, Error

CONNECTED = '{"event": "websocket:connected", "content-type": "audio/l16;rate=8000", "campaign": "demo", "name": "Ann"}'
PCM = b"\x01\x02" * 320


def vonage() -> MediaProtocol:
    protocol = MediaProtocol("c1")
    assert isinstance(protocol.received(CONNECTED), Began)
    return protocol


def own(**members: Any) -> MediaProtocol:
    protocol = MediaProtocol("c1")
    assert isinstance(protocol.received(json.dumps({"type": "session_start", **members})), Began)
    return protocol


def chunk(**members: Any) -> str:
    return json.dumps({"type": "audio_chunk", "audio": base64.b64encode(PCM).decode(), **members})


def said(protocol: MediaProtocol, event: ToSay) -> Any:
    message = protocol.encode(event)
    return json.loads(message) if isinstance(message, str) else message


def test_vonage_says_its_rate_and_what_the_call_brings_with_it() -> None:
    protocol = MediaProtocol("c1")
    assert protocol.received(CONNECTED) == Began(8000, "demo", None, {"name": "Ann"})
    assert (protocol.dialect, protocol.sample_rate) == (Dialect.VONAGE, 8000)


@pytest.mark.parametrize("content_type", ["audio/l16;rate=44100", "audio/mpeg", "", 16000, None])
def test_another_sound_than_ours_is_refused(content_type: object) -> None:
    received = MediaProtocol("c1").received(json.dumps({"event": "websocket:connected", "content-type": content_type}))
    assert isinstance(received, Error)
    assert not received.recoverable


@pytest.mark.parametrize(
    ("message", "meaning"),
    [
        ('{"event": "websocket:dtmf", "digit": "5", "duration": 260}', Pressed("5")),
        ('{"event": "websocket:dtmf", "dtmf": {"digit": "#"}}', Pressed("#")),
        ('{"event": "websocket:cleared"}', None),
        ('{"event": "websocket:notify", "payload": {}}', None),
        ('{"event": "websocket:new"}', None),
        (PCM, Heard(PCM)),
    ],
)
def test_what_vonage_says_in_a_call(message: str | bytes, meaning: object) -> None:
    assert vonage().received(message) == meaning


def test_vonage_is_told_to_play_and_to_forget_and_nothing_else() -> None:
    protocol = vonage()
    assert said(protocol, Frame(PCM)) == PCM
    assert said(protocol, Clear()) == {"action": "clear"}
    others: list[ToSay] = [
        Press("1"), Transcribed("callee", "Yes.", True), TurnEnd(1, True), Over("interested"), Error("X", "no"),
    ]  # fmt: skip
    assert [protocol.encode(event) for event in others] == [None] * len(others)


def test_a_gateway_of_our_own_says_how_it_wants_to_talk() -> None:
    protocol = MediaProtocol("c1")
    start = {"type": "session_start", "call_id": "c1", "sample_rate": 8000, "campaign": "demo", "fields": {"a": "b"}}
    assert protocol.received(json.dumps({**start, "language": "fr"})) == Began(8000, "demo", "fr", {"a": "b"})
    assert protocol.dialect is Dialect.OWN


def test_a_call_of_another_name_is_refused() -> None:
    received = MediaProtocol("c1").received('{"type": "session_start", "call_id": "c2"}')
    assert isinstance(received, Error)
    assert not received.recoverable


def test_chunks_that_are_missing_and_late_are_counted_and_late_ones_not_heard() -> None:
    protocol = own()
    heard = [protocol.received(chunk(sequence=number)) for number in (7, 8, 11, 9, 12)]
    assert [isinstance(each, Heard) for each in heard] == [True, True, True, False, True]
    assert (protocol.chunks_missing, protocol.chunks_late) == (2, 1)


def test_chunks_without_a_number_and_plain_binary_are_heard_too() -> None:
    protocol = own()
    assert protocol.received(chunk(direction="inbound", timestamp=20, sample_rate=16000)) == Heard(PCM)
    assert protocol.received(PCM) == Heard(PCM)
    assert protocol.received(chunk(direction="outbound")) is None


@pytest.mark.parametrize(
    "message",
    [
        chunk(sample_rate=8000), chunk(audio="%%%"), chunk(audio=base64.b64encode(b"abc").decode()),
        chunk(sequence=-1), chunk(direction="up"), '{"type": "audio_chunk"}',
        '{"type": "control", "action": "dtmf", "digit": "x"}', '{"type": "control", "action": "dance"}',
        '{"type": "session_start"}', bytes(MAX_AUDIO_BYTES + 2), b"abc",
    ],
)  # fmt: skip
def test_a_mistake_is_told_and_the_call_goes_on(message: str | bytes) -> None:
    protocol = own()
    received = protocol.received(message)
    assert isinstance(received, Error)
    assert received.recoverable
    assert protocol.received(PCM) == Heard(PCM)


@pytest.mark.parametrize(
    "message", ["", "x", "[]", "{}", '{"type": "dance"}', '{"event": "websocket:dtmf"}', '{"type": 3}', chunk()]
)
def test_what_begins_neither_protocol_ends_the_connection(message: str) -> None:
    received = MediaProtocol("c1").received(message)
    assert isinstance(received, Error)
    assert not received.recoverable


def test_audio_before_the_first_message_is_an_error_and_not_heard() -> None:
    received = MediaProtocol("c1").received(PCM)
    assert isinstance(received, Error)
    assert received.recoverable, "Vonage may be late with its first message"


def test_mistake_after_mistake_ends_the_call() -> None:
    protocol = own()
    errors = [protocol.received(b"abc") for _ in range(MOST_MISTAKES)]
    assert [error.recoverable for error in errors if isinstance(error, Error)] == [True] * (MOST_MISTAKES - 1) + [False]


def test_keys_and_the_end_of_the_call() -> None:
    protocol = own()
    assert protocol.received('{"type": "control", "action": "dtmf", "digit": "a"}') == Pressed("A")
    assert protocol.received('{"type": "session_end", "reason": "hangup"}') == Ended("hangup")


def test_what_a_gateway_of_our_own_is_told() -> None:
    protocol = own(audio="base64")
    protocol.received(chunk(sequence=1))
    protocol.received(chunk(sequence=3))
    frames = [said(protocol, Frame(PCM)) for _ in range(2)]
    assert [(frame["sequence"], frame["timestamp"], frame["direction"]) for frame in frames] == [
        (0, 0, "outbound"), (1, 20, "outbound"),
    ]  # fmt: skip
    assert base64.b64decode(frames[0]["audio"]) == PCM
    assert said(protocol, Clear()) == {"type": "control", "action": "clear"}
    assert said(protocol, Press("1w2")) == {"type": "control", "action": "dtmf", "digits": "1w2"}
    assert said(protocol, Transcribed("callee", "Yes.", True))["text"] == "Yes."
    assert said(protocol, TurnEnd(2, False, "interested"))["outcome"] == "interested"
    assert said(protocol, Over("interested")) == {
        "type": "session_end", "outcome": "interested", "chunks_missing": 1, "chunks_late": 0,
    }  # fmt: skip
    assert said(protocol, Error("X", "no"))["type"] == "error"


_TYPES = st.sampled_from(["session_start", "audio_chunk", "control", "session_end", "x"])
_DOCUMENTS = st.dictionaries(
    st.sampled_from(["type", "event", "audio", "action", "digit", "sequence", "sample_rate", "fields"]),
    st.one_of(_TYPES, st.integers(), st.none(), st.lists(st.text(max_size=3), max_size=2), st.text(max_size=9)),
)


@given(st.lists(st.one_of(st.binary(max_size=9), st.text(max_size=20), _DOCUMENTS.map(json.dumps))))
def test_whatever_comes_nothing_is_raised(messages: list[str | bytes]) -> None:
    for protocol in (MediaProtocol("c1"), vonage(), own()):
        for message in messages:
            received = protocol.received(message)
            assert received is None or isinstance(received, Began | Heard | Pressed | Ended | Error)


@given(st.lists(st.integers(0, 50), max_size=60))
def test_every_numbered_chunk_is_heard_or_counted(numbers: list[int]) -> None:
    protocol = own()
    heard = sum(isinstance(protocol.received(chunk(sequence=number)), Heard) for number in numbers)
    assert heard + protocol.chunks_late == len(numbers)
    if numbers:
        assert heard + protocol.chunks_missing == max(numbers) - numbers[0] + 1 or max(numbers) < numbers[0]


def test_what_waits_for_a_gateway_is_bounded_and_its_audio_can_be_dropped() -> None:
    outbox = MediaOutbox(most=2)
    for event in (Frame(PCM), Clear(), Frame(PCM)):
        outbox.put(event)
    assert outbox.overrun
    outbox.drop_audio()
    assert [outbox.take() for _ in range(len(outbox))] == [Clear()]
