"""The voice protocol: what a client may send when, and what it is sent. No socket."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ws_audio.voice import (
    LEGAL,
    MANY_WAITING,
    MAX_AUDIO_BYTES,
    MOST_MISTAKES,
    MOST_WAITING,
    THINNED_TO_ONE_IN,
    TRANSITIONS,
    Audio,
    Cancel,
    Done,
    Entered,
    Error,
    FinalText,
    IllegalStep,
    Info,
    Metrics,
    Outbox,
    PartialText,
    Start,
    Stop,
    Token,
    TtsChunk,
    TtsPhraseDone,
    VoiceProtocol,
    VoiceState,
)

WAYS = {
    VoiceState.IDLE: (),
    VoiceState.CAPTURING: (VoiceState.CAPTURING,),
    VoiceState.THINKING: (VoiceState.CAPTURING, VoiceState.THINKING),
    VoiceState.RESPONDING: (VoiceState.CAPTURING, VoiceState.THINKING, VoiceState.RESPONDING),
    VoiceState.COMPLETE: (VoiceState.CAPTURING, VoiceState.THINKING, VoiceState.RESPONDING, VoiceState.COMPLETE),
}
SENT: dict[type, str | bytes] = {
    Start: '{"type": "start"}',
    Stop: '{"type": "stop"}',
    Cancel: '{"type": "cancel"}',
    Audio: bytes(640),
}
WORDS = st.lists(st.text(st.characters(exclude_characters=" ", exclude_categories=["Cs"]), min_size=1), max_size=8)


def protocol_in(state: VoiceState) -> VoiceProtocol:
    protocol = VoiceProtocol()
    for step in WAYS[state]:
        protocol.enter(step)
    return protocol


def decoded(protocol: VoiceProtocol, event: Any) -> dict[str, Any]:
    document = json.loads(protocol.encode(event))
    assert isinstance(document, dict)
    return document


@pytest.mark.parametrize("state", VoiceState)
@pytest.mark.parametrize("command", SENT)
def test_each_command_is_taken_where_it_is_legal_and_an_error_elsewhere(state: VoiceState, command: type) -> None:
    protocol = protocol_in(state)
    received = protocol.received(SENT[command])
    if state in LEGAL[command]:
        assert isinstance(received, command)
    else:
        assert isinstance(received, Error)
        assert (received.code, received.recoverable) == ("PROTOCOL_VIOLATION", True)
    assert protocol.state is state, "what was asked for is done by others"


def test_audio_before_start_is_an_error_that_says_what_to_do() -> None:
    received = VoiceProtocol().received(bytes(640))
    assert isinstance(received, Error)
    assert "start" in received.message


@pytest.mark.parametrize("state", VoiceState)
@pytest.mark.parametrize("following", VoiceState)
def test_only_the_transitions_of_the_table_are_made(state: VoiceState, following: VoiceState) -> None:
    protocol = protocol_in(state)
    if following in TRANSITIONS[state]:
        protocol.enter(following)
        assert protocol.state is following
    else:
        with pytest.raises(IllegalStep):
            protocol.enter(following)
        assert protocol.state is state


def test_what_start_says_is_kept_and_what_it_leaves_out_has_defaults() -> None:
    fields = '"fields": {"name": "Ann"}, "what_newer_clients_say": 1'
    said = f'{{"type": "start", "campaign": "demo", "language": "fr", "sample_rate": 8000, {fields}}}'
    assert VoiceProtocol().received(said) == Start(
        campaign="demo", language="fr", sample_rate=8000, fields={"name": "Ann"}
    )
    assert VoiceProtocol().received('{"type": "start"}') == Start()


@pytest.mark.parametrize(
    "members",
    [
        '"sample_rate": 44100', '"language": "french"', '"campaign": ""', '"fields": ["a"]', '"fields": {"a": 1}',
        f'"campaign": "{"x" * 101}"', f'"fields": {{"a": "{"x" * 1001}"}}',
    ],
)  # fmt: skip
def test_a_wrong_value_is_told_with_its_place_and_the_client_may_try_again(members: str) -> None:
    protocol = VoiceProtocol()
    received = protocol.received(f'{{"type": "start", {members}}}')
    assert isinstance(received, Error)
    assert received.recoverable
    assert members.split('"')[1] in received.message
    assert isinstance(protocol.received('{"type": "start"}'), Start)


@pytest.mark.parametrize(
    "message",
    [
        "",
        "hello",
        "[]",
        "null",
        "{}",
        '{"type": "stopp"}',
        '{"type": 3}',
        '{"type": ["start"]}',
        "[" * 3000,
        "x" * 17000,
    ],
)
def test_what_is_no_message_of_the_protocol_ends_the_connection(message: str) -> None:
    received = VoiceProtocol().received(message)
    assert isinstance(received, Error)
    assert not received.recoverable


@pytest.mark.parametrize("size", [MAX_AUDIO_BYTES + 2, 641])
def test_audio_that_is_too_long_or_ends_in_mid_sample_is_an_error_and_not_heard(size: int) -> None:
    protocol = protocol_in(VoiceState.CAPTURING)
    received = protocol.received(bytes(size))
    assert isinstance(received, Error)
    assert received.recoverable
    assert protocol.received(bytes(MAX_AUDIO_BYTES)) == Audio(bytes(MAX_AUDIO_BYTES))


def test_a_client_that_makes_mistake_after_mistake_is_given_up() -> None:
    protocol = VoiceProtocol()
    errors = [protocol.received(b"ab") for _ in range(MOST_MISTAKES)]
    assert [error.recoverable for error in errors if isinstance(error, Error)] == [True] * (MOST_MISTAKES - 1) + [False]


@given(st.lists(st.one_of(st.binary(max_size=50), st.text(max_size=50), st.sampled_from(list(SENT.values())))))
def test_whatever_comes_the_answer_is_a_command_or_an_error(messages: list[str | bytes]) -> None:
    protocol = protocol_in(VoiceState.CAPTURING)
    for message in messages:
        received = protocol.received(message)
        assert isinstance(received, Start | Stop | Cancel | Audio | Error)
        if isinstance(received, Error):
            json.loads(protocol.encode(received))


@given(st.lists(WORDS, min_size=1, max_size=6))
def test_partials_put_together_are_the_text_that_was_recognised(texts: list[list[str]]) -> None:
    protocol = VoiceProtocol()
    shown = ""
    for words in texts:
        text = " ".join(words)
        sent = decoded(protocol, PartialText(1, text))
        # As JavaScript does it: slice counts UTF-16 units.
        shown = shown.encode("utf-16-le")[: 2 * sent["keep"]].decode("utf-16-le") + sent["text"]
        assert shown == text


def test_a_partial_is_what_is_new_since_the_last_and_a_final_begins_anew() -> None:
    protocol = VoiceProtocol()
    sent = [
        decoded(protocol, event)
        for event in (
            PartialText(1, "I would"),
            PartialText(1, "I would like"),
            PartialText(1, "I would liken it"),
            FinalText(1, "I would liken it."),
            PartialText(2, "I"),
        )
    ]
    assert [(each.get("keep"), each["text"]) for each in sent] == [
        (0, "I would"), (7, " like"), (7, " liken it"), (None, "I would liken it."), (0, "I"),
    ]  # fmt: skip


def test_every_event_has_a_type_and_its_members() -> None:
    protocol = VoiceProtocol()
    chunk = decoded(protocol, TtsChunk(1, 2, 0, 16000, b"\x01\x02", "Hello", 900))
    assert base64.b64decode(chunk.pop("audio")) == b"\x01\x02"
    assert chunk == {
        "type": "tts_chunk", "turn": 1, "phrase": 2, "seq": 0, "text": "Hello", "length_ms": 900, "sample_rate": 16000,
    }  # fmt: skip
    assert "text" not in decoded(protocol, TtsChunk(1, 2, 1, 16000, b""))
    assert decoded(protocol, Entered(VoiceState.THINKING, 3)) == {"type": "state", "state": "thinking", "turn": 3}
    assert decoded(protocol, Token(1, 1, "é")) == {"type": "token", "turn": 1, "reply": 1, "text": "é"}
    assert decoded(protocol, TtsPhraseDone(1, 2, True, 400))["interrupted"] is True
    assert decoded(protocol, Info("ready", "Hello.", {"protocol": 1}))["protocol"] == 1
    assert decoded(protocol, Metrics(1, t_first_audio_ms=9))["t_first_audio_ms"] == 9
    assert decoded(protocol, Metrics(1))["t_first_token_ms"] is None
    assert decoded(protocol, Done(1, False, "interested"))["outcome"] == "interested"


def fill(outbox: Outbox) -> None:
    for _ in range(MANY_WAITING + 1):
        outbox.put(Token(1, 1, "x"))


def test_while_many_wait_every_third_partial_is_kept_and_the_client_is_told_once() -> None:
    outbox = Outbox()
    fill(outbox)
    for number in range(9):
        outbox.put(PartialText(1, f"{number}"))
    outbox.put(FinalText(1, "all"))
    waiting = [outbox.take() for _ in range(len(outbox))]
    assert [event.text for event in waiting if isinstance(event, PartialText)] == ["0", "3", "6"]
    assert [event.code for event in waiting if isinstance(event, Info)] == ["partials_thinned"]
    assert waiting[-1] == FinalText(1, "all")


def test_who_reads_on_gets_every_partial_again() -> None:
    outbox = Outbox()
    fill(outbox)
    outbox.put(PartialText(1, "0"))
    outbox.put(PartialText(1, "1"))
    while len(outbox):
        outbox.take()
    for number in range(3):
        outbox.put(PartialText(1, f"{number}"))
    assert len(outbox) == 3


@given(st.integers(0, 200), st.integers(1, 60))
def test_of_three_partials_in_a_row_at_least_one_arrives(before: int, partials: int) -> None:
    outbox = Outbox()
    for _ in range(before):
        outbox.put(Token(1, 1, "x"))
    for number in range(partials):
        outbox.put(PartialText(1, f"{number}"))
    kept = [int(event.text) for event in (outbox.take() for _ in range(len(outbox))) if isinstance(event, PartialText)]
    assert kept[0] == 0
    assert all(later - earlier <= THINNED_TO_ONE_IN for earlier, later in zip(kept, [*kept[1:], partials], strict=True))


def test_audio_that_has_not_left_is_dropped_and_nothing_else() -> None:
    outbox = Outbox()
    outbox.put(TtsChunk(1, 0, 0, 16000, b""))
    outbox.put(FinalText(1, "stop"))
    outbox.put(TtsChunk(1, 0, 1, 16000, b""))
    outbox.drop_audio()
    assert [outbox.take() for _ in range(len(outbox))] == [FinalText(1, "stop")]


def test_nobody_is_told_of_what_was_not_left_out() -> None:
    outbox = Outbox()
    fill(outbox)
    outbox.put(PartialText(1, "0"))
    outbox.put(FinalText(1, "all"))
    assert not [event for event in (outbox.take() for _ in range(len(outbox))) if isinstance(event, Info)]


def test_a_client_that_does_not_read_is_given_up_some_time() -> None:
    outbox = Outbox()
    while len(outbox) < MOST_WAITING:
        outbox.put(Token(1, 1, "x"))
    assert not outbox.overrun
    outbox.put(Token(1, 1, "x"))
    assert outbox.overrun
