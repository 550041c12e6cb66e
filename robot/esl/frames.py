"""Event Socket bytes to frames to events, and back: pure, no I/O, no clock.

A frame is a block of `Name: value` lines, an empty line and, when `Content-Length` says so, a body of that many
bytes. An event travels as the body of a `text/event-plain` frame and is itself such a block: its values are
percent-encoded one by one, so lines are split first and a value is decoded when it is read, never before
(decoding first would let a caller's name that holds `%0A` forge headers).

Both ends use this file: the client (`robot.esl.link`) reads with it, the simulator writes with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, unquote_to_bytes

from robot.esl.errors import EventSocketError

# FreeSWITCH's largest events (CHANNEL_HANGUP_COMPLETE with all variables) are below 20 KB; an api answer such as
# `show channels as json` with 1,000 calls is about 1 MB. What is larger is not FreeSWITCH talking.
MAX_HEADER_BYTES: Final = 64 * 1024
MAX_BODY_BYTES: Final = 16 * 1024 * 1024

# What FreeSWITCH leaves as it is in a value besides letters and digits, as seen on the wire; `:`, `=`, `@`, `;`, `&`,
# `+` and the space are escaped.
_SAFE_IN_VALUE: Final = "!$'()*,-./_~"


class FrameError(EventSocketError):
    """What arrived is not the Event Socket protocol. Is the port of `freeswitch.port` really FreeSWITCH's?"""


class TruncatedFrame(FrameError):
    """The connection ended in the middle of a frame: FreeSWITCH died, or the network did."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One block from the wire. `headers` holds the values as they came, not percent-decoded."""

    headers: dict[str, str]
    body: bytes = b""

    @property
    def content_type(self) -> str:
        """`auth/request`, `command/reply`, `api/response`, `text/event-plain`, `text/disconnect-notice`, ..."""
        return self.headers.get("Content-Type", "")

    @property
    def reply(self) -> str:
        """What a command was answered: `Reply-Text` of a command/reply, the body of an api/response."""
        if self.content_type == "api/response":
            return self.body.decode("utf-8", "replace")
        return self.headers.get("Reply-Text", "")


class FrameReader:
    """Cuts a byte stream into frames, however the network chopped it.

    >>> list(FrameReader().feed(b"Content-Type: auth/request\\n\\n"))
    [Frame(headers={'Content-Type': 'auth/request'}, body=b'')]
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._headers: dict[str, str] | None = None  # of the frame whose body has not arrived in full
        self._body_length = 0
        self._searched = 0  # up to here the buffer holds no empty line: each byte is looked at once

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Yield the frames that `data` completes. To be read to its end: `data` is taken in as it goes.

        Raises FrameError for what cannot be the protocol; the reader is of no use after that.
        """
        self._buffer += data
        while True:
            if self._headers is None and not self._read_headers():
                return
            if len(self._buffer) < self._body_length:
                return
            headers, self._headers = self._headers, None
            body = bytes(self._buffer[: self._body_length])
            del self._buffer[: self._body_length]
            assert headers is not None
            yield Frame(headers, body)

    def end(self) -> None:
        """Say that the stream is over. Raises TruncatedFrame when that is in the middle of a frame."""
        if self._headers is not None or self._buffer.strip(b"\n"):
            raise TruncatedFrame(f"the connection ended {len(self._buffer)} bytes into an unfinished frame")

    def _read_headers(self) -> bool:
        """Take one block of headers off the buffer; False when it is not all there yet."""
        # FreeSWITCH may send empty lines between frames: they are not a frame without headers.
        while self._buffer[:1] == b"\n":
            del self._buffer[:1]
            self._searched = 0
        end = self._buffer.find(b"\n\n", max(0, self._searched - 1))
        # Where the end is not seen yet, the last byte here may be its first half.
        if (end if end >= 0 else len(self._buffer) - 1) > MAX_HEADER_BYTES:
            raise FrameError(f"no end of the headers within {MAX_HEADER_BYTES} bytes")
        if end < 0:
            self._searched = len(self._buffer)
            return False
        block = self._buffer[:end].decode("utf-8", "replace")
        del self._buffer[: end + 2]
        self._searched = 0
        headers: dict[str, str] = {}
        for line in block.split("\n"):
            name, separator, value = line.partition(":")
            if not separator:
                raise FrameError(f"a header line without a colon: {line[:80]!r}")
            headers.setdefault(name.strip(), value.strip())
        self._body_length = _body_length(headers.get("Content-Length", "0"))
        self._headers = headers
        return True


def _body_length(text: str) -> int:
    # The number of digits first: int() refuses more than 4,300 of them with an error of its own.
    if not (text.isascii() and text.isdigit() and len(text) <= 9 and int(text) <= MAX_BODY_BYTES):
        raise FrameError(f"Content-Length is {text[:40]!r}: not a number of bytes up to {MAX_BODY_BYTES}")
    return int(text)


class Event:
    """One FreeSWITCH event: headers that are decoded when they are read, and a body that may be empty.

    A call brings 48 events of about 150 headers, of which a dozen are read: the block stays as it came and a header
    is searched for, which costs a tenth of taking all of them apart.
    """

    __slots__ = ("_block", "_decoded", "body")

    def __init__(self, raw: bytes) -> None:
        """`raw` is the body of a `text/event-plain` frame.

        Raises FrameError when the event's own Content-Length and what is there do not agree.
        """
        end = raw.find(b"\n\n")
        block, rest = (raw, b"") if end < 0 else (raw[:end], raw[end + 2 :])
        self._block = b"\n" + block.strip(b"\n") + b"\n"
        self._decoded: dict[str, str | None] = {}
        length = _body_length(self.get("Content-Length") or "0")
        if length > len(rest):
            raise FrameError(f"an event announces a body of {length} bytes and has {len(rest)}")
        self.body = rest[:length]

    def get(self, name: str, default: str | None = None) -> str | None:
        """The decoded value of header `name` (as FreeSWITCH spells it); the first one when it is there twice."""
        if name not in self._decoded:
            self._decoded[name] = self._find(name)
        value = self._decoded[name]
        return default if value is None else value

    def __getitem__(self, name: str) -> str:
        value = self.get(name)
        if value is None:
            raise KeyError(name)
        return value

    def _find(self, name: str) -> str | None:
        start = self._block.find(b"\n" + name.encode() + b": ")
        if start < 0:
            return None
        start += len(name.encode()) + 3
        raw = self._block[start : self._block.index(b"\n", start)]
        return (unquote_to_bytes(raw) if b"%" in raw else raw).decode("utf-8", "replace")

    def headers(self) -> dict[str, str]:
        """All headers, decoded. For tests and troubleshooting: costs more than every `get` of a call together."""
        names = (line.partition(b": ")[0].decode("utf-8", "replace") for line in self._block.strip(b"\n").split(b"\n"))
        return {name: self.get(name) or "" for name in names}

    @property
    def name(self) -> str:
        """`CHANNEL_ANSWER`, ...; for CUSTOM events see `subclass`."""
        return self.get("Event-Name") or ""

    @property
    def subclass(self) -> str:
        """`mod_audio_stream::connect`, ...: empty but for CUSTOM events."""
        return self.get("Event-Subclass") or ""

    @property
    def uuid(self) -> str:
        """The channel that the event is about; empty for BACKGROUND_JOB and HEARTBEAT."""
        return self.get("Unique-ID") or ""

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode("utf-8", "replace")

    def __repr__(self) -> str:
        return f"<Event {self.subclass or self.name} {self.uuid}>"


def encode_value(value: str) -> str:
    """A value of an event, percent-encoded as FreeSWITCH does it."""
    return quote(value, safe=_SAFE_IN_VALUE)


def encode_frame(headers: Iterable[tuple[str, str]], body: bytes = b"") -> bytes:
    """A frame as FreeSWITCH writes it. The caller gives Content-Length's place by leaving it out: it comes last."""
    lines = [f"{name}: {value}\n" for name, value in headers]
    if body:
        lines.append(f"Content-Length: {len(body)}\n")
    return "".join(lines).encode() + b"\n" + body


def encode_event(headers: Iterable[tuple[str, str]], body: bytes = b"") -> bytes:
    """An event inside its `text/event-plain` frame, values percent-encoded as FreeSWITCH does."""
    lines = [f"{name}: {encode_value(value)}\n" for name, value in headers]
    if body:
        lines.append(f"Content-Length: {len(body)}\n")
    event = "".join(lines).encode() + b"\n" + body
    return f"Content-Length: {len(event)}\nContent-Type: text/event-plain\n\n".encode() + event
