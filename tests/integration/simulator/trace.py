"""Reads the recordings of a real FreeSWITCH in `traces/`.

Each item is `@SECONDS KIND` and what was on the wire: `<<` from FreeSWITCH, `>>` to it, `WS` what the WebSocket server
saw, `##` a remark. Headers that no client reads and the callee's own leg are cut out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

TRACES = Path(__file__).parent / "traces"


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that was on the wire. `headers` and `body` are those of an event or of a reply, values decoded."""

    at_ms: float
    kind: str
    text: str
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""

    @property
    def event(self) -> str:
        """The event's subclass or name; empty for what is no event."""
        return self.headers.get("Event-Subclass") or self.headers.get("Event-Name", "")

    @property
    def reply(self) -> str:
        return self.headers.get("Reply-Text", self.body)


def read_trace(name: str) -> list[Item]:
    """The items of the one trace whose name starts with `name`."""
    (file,) = TRACES.glob(f"{name}*.txt")
    parts = re.split(r"(?m)^@([\d.]+) (\S\S)\n", file.read_text())[1:]
    return [
        item
        for seconds, kind, text in zip(parts[::3], parts[1::3], parts[2::3], strict=True)
        for item in _items(float(seconds) * 1000, kind, text.strip("\n"))
    ]


def _items(at_ms: float, kind: str, text: str) -> list[Item]:
    if kind != "<<" or text == "[EOF]":
        return [Item(at_ms, kind, text)]
    if text.startswith("Content-Type: command/reply") and "\n\n" in text:  # two frames in one packet
        reply, notice = text.split("\n\n", 1)
        return [*_items(at_ms, kind, reply), *_items(at_ms, kind, notice)]
    head, _, body = text.partition("\n\n")
    pairs = (line.partition(": ") for line in head.split("\n"))
    headers: dict[str, str] = {}
    for name, _, value in pairs:
        headers.setdefault(name, unquote(value))
    return [Item(at_ms, kind, text, headers, body)]
