"""Calls of tools, put together from the pieces that a model streams. Pure.

The protocol numbers them; some servers leave the number out (Gemini, older Ollama), give all of them the same one, or
give no id. A piece belongs to the call that it names, else to the latest one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class ToolCall:
    """The model wants the tool `name`. malformed: what it wrote instead of a JSON object of arguments; None: it did."""

    id: str
    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    malformed: str | None = None


@dataclass(slots=True)
class _Pieces:
    index: int | None
    id: str = ""
    name: str = ""
    arguments: str = ""


class ToolCallAssembler:
    def __init__(self) -> None:
        self._calls: list[_Pieces] = []

    def push(self, deltas: Sequence[Any]) -> None:
        """`tool_calls` of one delta."""
        for delta in deltas:
            if not isinstance(delta, dict):
                continue
            index, given = delta.get("index"), delta.get("id")
            function = delta.get("function")
            function = function if isinstance(function, dict) else {}
            call = self._call(
                index if isinstance(index, int) else None, given if isinstance(given, str) else "", "name" in function
            )
            name, arguments = function.get("name"), function.get("arguments")
            if isinstance(name, str) and name != call.name:  # some servers repeat it with each piece
                call.name += name
            if isinstance(arguments, str):
                call.arguments += arguments
            elif isinstance(arguments, dict):
                call.arguments = json.dumps(arguments)

    def calls(self) -> list[ToolCall]:
        """All of them, when the reply is complete."""
        return [_complete(call, at) for at, call in enumerate(self._calls) if call.name]

    def _call(self, index: int | None, given: str, named: bool) -> _Pieces:
        """The one that a piece belongs to."""
        for call in reversed(self._calls):
            if given and call.id == given:
                return call
            if index is not None and call.index == index and not (given and call.id):
                return call
        if self._calls and index is None and not given and not named:
            return self._calls[-1]
        self._calls.append(_Pieces(index, given))
        return self._calls[-1]


def _complete(call: _Pieces, at: int) -> ToolCall:
    given = call.id or f"call_{at}"
    try:
        arguments = json.loads(call.arguments or "{}")
    except ValueError:
        arguments = None
    if not isinstance(arguments, dict):
        return ToolCall(given, call.name, {}, call.arguments)
    return ToolCall(given, call.name, arguments)
