"""Server-sent events by the rules of the HTML standard, whatever the pieces they come in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robot.dialogue.sse import LONGEST_EVENT, EventTooLong, SseDecoder


@pytest.mark.parametrize(
    ("received", "events"),
    [
        (b"data: one\n\ndata: two\n\n", ["one", "two"]),
        (b"data: YHOO\ndata: +2\ndata: 10\n\n", ["YHOO\n+2\n10"]),  # the example of the standard
        (b": a comment\r\n\r\nevent: x\r\nid: 1\r\nretry: 5\r\ndata:no blank\r\n\r\n", ["no blank"]),
        (b"data:  two blanks\r\rdata\rdata\r\r", [" two blanks", "\n"]),
        (b"\xef\xbb\xbfdata: \xc3\xa9\xff\n\n", ["é\ufffd"]),
        (b"data: never ended", []),
        (b"data: no empty line after it\n", []),
        (b"nothing known: x\n\n\n\n", []),
    ],
)
def test_events(received: bytes, events: list[str]) -> None:
    assert SseDecoder().feed(received) == events


LINES = st.sampled_from(
    [b"data: ", b"data:", b"data", b": x", b"\n", b"\r", b"\r\n", "é😊".encode(), b"id: 1", b"\xff", b"a"]
)


@given(st.lists(LINES, max_size=30).map(b"".join), st.lists(st.integers(1, 5), min_size=1))
def test_the_pieces_do_not_matter(received: bytes, sizes: list[int]) -> None:
    decoder, events, at, turn = SseDecoder(), list[str](), 0, 0
    while at < len(received):
        size = sizes[turn % len(sizes)]
        events += decoder.feed(received[at : at + size])
        at, turn = at + size, turn + 1
    assert events == SseDecoder().feed(received)


@pytest.mark.parametrize("piece", [b"x" * 1000, b"data: " + b"x" * 1000 + b"\n"])
def test_what_never_ends_is_refused(piece: bytes) -> None:
    decoder = SseDecoder()
    for _ in range(LONGEST_EVENT // 1000 - 8):
        decoder.feed(piece[:999])
        decoder.feed(piece[999:])
    with pytest.raises(EventTooLong):
        decoder.feed(20 * piece)
