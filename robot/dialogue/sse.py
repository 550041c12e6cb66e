"""Server-sent events, as the HTML standard says (section 9.2.6): bytes in, the data of whole events out. Pure."""

from __future__ import annotations

import codecs
from typing import Final

#: Characters of one event; none of a language model comes near it.
LONGEST_EVENT: Final = 1_000_000


class EventTooLong(ValueError):
    """An event goes on and on: that is no stream of events."""


class SseDecoder:
    """One stream. Names, ids and retry times of events are not told: no language model uses them."""

    def __init__(self) -> None:
        # What is no UTF-8 is replaced, and a byte order mark at the beginning dropped, as the standard wants it.
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")("replace")
        self._line = ""
        self._data: list[str] = []
        self._size = 0
        self._after_cr = False

    def feed(self, received: bytes) -> list[str]:
        """The data of each event that is complete now; its lines are joined by newlines. Raises EventTooLong."""
        text = self._decoder.decode(received)
        if self._after_cr and text:
            text = text.removeprefix("\n")  # of a CRLF that came in two pieces
            self._after_cr = False
        self._after_cr = self._after_cr or text.endswith("\r")
        *lines, self._line = (self._line + text.replace("\r\n", "\n").replace("\r", "\n")).split("\n")
        events = [data for line in lines if (data := self._take(line)) is not None]
        if self._size + len(self._line) > LONGEST_EVENT:
            raise EventTooLong(f"an event of more than {LONGEST_EVENT} characters")
        return events

    def _take(self, line: str) -> str | None:
        """One line; the data of the event that it completes."""
        if not line:
            data, self._data, self._size = self._data, [], 0
            return "\n".join(data) if data else None
        name, _, value = line.partition(":")  # a comment has an empty name
        if name == "data":
            self._data.append(value.removeprefix(" "))
            self._size += len(value)
        return None
