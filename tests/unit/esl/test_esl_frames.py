"""The wire format: any chopping gives the same frames, nothing in a value becomes a header, every size has a limit."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robot.esl.frames import (
    MAX_BODY_BYTES,
    MAX_HEADER_BYTES,
    Event,
    Frame,
    FrameError,
    FrameReader,
    TruncatedFrame,
    encode_event,
    encode_frame,
)

NAMES = st.from_regex(r"[A-Za-z][A-Za-z0-9_-]{0,20}", fullmatch=True).filter(lambda name: name != "Content-Length")
HEADERS = st.dictionaries(NAMES, st.text(st.characters(exclude_categories=["Cs"]), max_size=40), min_size=1, max_size=6)
BODIES = st.binary(max_size=60)


def frames(*chunks: bytes) -> list[Frame]:
    reader = FrameReader()
    found = [frame for chunk in chunks for frame in reader.feed(chunk)]
    reader.end()
    return found


def test_wrong_password_as_it_was_recorded() -> None:
    notice = b"Disconnected, goodbye.\nSee you at ClueCon! http://www.cluecon.com/\n"
    wire = (
        b"Content-Type: command/reply\nReply-Text: -ERR invalid\n\n"
        b"Content-Type: text/disconnect-notice\nContent-Length: 67\n\n" + notice
    )
    assert frames(wire) == [
        Frame({"Content-Type": "command/reply", "Reply-Text": "-ERR invalid"}),
        Frame({"Content-Type": "text/disconnect-notice", "Content-Length": "67"}, notice),
    ]


def test_reply_is_the_body_of_an_api_response_and_a_header_of_a_command_reply() -> None:
    answer, accepted = frames(
        encode_frame([("Content-Type", "api/response")], "-ERR é\n".encode()),
        encode_frame([("Content-Type", "command/reply"), ("Reply-Text", "+OK accepted")]),
    )
    assert answer.reply == "-ERR é\n"
    assert accepted.reply == "+OK accepted"


@given(st.lists(st.tuples(HEADERS, BODIES), max_size=4), st.lists(st.integers(0, 2000), max_size=12))
def test_any_chopping_gives_the_same_frames(sent: list[tuple[dict[str, str], bytes]], cuts: list[int]) -> None:
    wire = b"\n".join(encode_event(headers.items(), body) for headers, body in sent)
    places = sorted({0, len(wire), *(cut for cut in cuts if cut < len(wire))})
    chopped = frames(*(wire[begin:end] for begin, end in itertools.pairwise(places)))
    assert chopped == frames(wire)
    for frame, (headers, body) in zip(chopped, sent, strict=True):
        event = Event(frame.body)
        assert {name: event[name] for name in headers} == headers
        assert event.body == body


@given(st.lists(BODIES, max_size=4))
def test_one_byte_at_a_time(bodies: list[bytes]) -> None:
    wire = b"".join(encode_frame([("Content-Type", "api/response")], body) for body in bodies)
    one_by_one = frames(*(wire[place : place + 1] for place in range(len(wire))))
    assert [frame.body for frame in one_by_one] == bodies


@given(HEADERS, st.text(st.characters(exclude_categories=["Cs"])))
def test_no_value_becomes_a_header(headers: dict[str, str], name: str) -> None:
    callers_name = f"{name}\nUnique-ID: forged\nContent-Length: 5\n\nother\nEvent-Name: forged"
    wire = encode_event([("Event-Name", "CHANNEL_ANSWER"), ("Caller-Caller-ID-Name", callers_name), *headers.items()])
    (frame,) = frames(wire)
    event = Event(frame.body)
    assert event.name == "CHANNEL_ANSWER"
    assert event.uuid == headers.get("Unique-ID", "")
    assert event.body == b""
    assert event["Caller-Caller-ID-Name"] == callers_name


def test_the_first_of_two_equal_headers_counts() -> None:
    event = Event(b"Event-Name: DTMF\nUnique-ID: one\nUnique-ID: two\n\n")
    assert event.uuid == "one"
    assert event.headers() == {"Event-Name": "DTMF", "Unique-ID": "one"}


def test_a_header_is_found_by_its_whole_name() -> None:
    event = Event(b"Other-Unique-ID: other\nUnique-ID-Too: too\n\n")
    assert event.get("Unique-ID") is None
    assert event.get("ID", "none") == "none"
    with pytest.raises(KeyError):
        event["Unique-ID"]


@given(st.binary(max_size=300))
def test_no_bytes_do_harm(data: bytes) -> None:
    reader = FrameReader()
    try:
        for frame in reader.feed(data):
            Event(frame.body).headers()
        reader.end()
    except FrameError:
        return


@pytest.mark.parametrize("length", ["-1", "1e3", "٣", "", str(MAX_BODY_BYTES + 1), "9" * 5000, "0x10", "+5"])
def test_a_content_length_that_is_none(length: str) -> None:
    with pytest.raises(FrameError, match="Content-Length"):
        frames(f"Content-Type: api/response\nContent-Length: {length}\n\n".encode())


@pytest.mark.parametrize("size", [7, MAX_HEADER_BYTES])
def test_headers_without_an_end_have_a_limit_however_they_arrive(size: int) -> None:
    def feed(wire: bytes) -> list[Frame]:
        return frames(*(wire[place : place + size] for place in range(0, len(wire), size)))

    fits = b"A: " + b"x" * (MAX_HEADER_BYTES - 3) + b"\n\n"
    assert len(feed(fits)) == 1
    with pytest.raises(FrameError, match="no end of the headers"):
        feed(b"x" + fits)


def test_a_line_without_a_colon_is_no_header() -> None:
    with pytest.raises(FrameError, match="without a colon"):
        frames(b"SSH-2.0-OpenSSH_9.6\n\n")


@pytest.mark.parametrize("wire", [b"Content-Type: x", b"Content-Type: x\n", b"Content-Length: 5\n\n1234"])
def test_an_end_inside_a_frame_is_told(wire: bytes) -> None:
    with pytest.raises(TruncatedFrame):
        frames(wire)


def test_empty_lines_between_frames_are_no_frames() -> None:
    assert frames(b"\n\n\nA: b\n\n\n", b"\n") == [Frame({"A": "b"})]


def test_an_event_that_is_shorter_than_it_says() -> None:
    with pytest.raises(FrameError, match="body of 10 bytes"):
        Event(b"Event-Name: BACKGROUND_JOB\nContent-Length: 10\n\n+OK")
