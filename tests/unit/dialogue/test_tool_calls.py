"""Calls of tools from the pieces that servers stream, each in its own way."""

from __future__ import annotations

from typing import Any

import pytest

from robot.dialogue.tool_calls import ToolCall, ToolCallAssembler


def piece(name: str | None = None, arguments: Any = None, **more: Any) -> dict[str, Any]:
    function = {"name": name, "arguments": arguments}
    return {**more, "function": {key: value for key, value in function.items() if value is not None}}


ONE, TWO = ToolCall("a", "keep", {"value": "x"}), ToolCall("b", "end", {})


@pytest.mark.parametrize(
    ("pieces", "calls"),
    [
        pytest.param(
            [
                piece("keep", "", index=0, id="a", type="function"),
                piece(None, '{"va', index=0),
                piece(None, 'lue": "x"}', index=0),
                piece("end", "{}", index=1, id="b"),
            ],
            [ONE, TWO],
            id="as OpenAI documents it",
        ),
        pytest.param(
            [piece("keep", '{"value":', id="a"), piece(None, '"x"}'), piece("end", "{}", id="b")],
            [ONE, TWO],
            id="without numbers",
        ),
        pytest.param(
            [piece("keep", '{"value":"x"}', index=0, id="a"), piece("end", "", index=0, id="b")],
            [ONE, TWO],
            id="all of the same number",
        ),
        pytest.param(
            [piece("keep", '{"value":', index=0, id="a"), piece("keep", '"x"}', index=0, id="a")],
            [ONE],
            id="name and id again with each piece",
        ),
        pytest.param(
            [piece("keep", '{"value": "x"}', index=0), piece("end", "{}", index=1)],
            [ToolCall("call_0", "keep", {"value": "x"}), ToolCall("call_1", "end")],
            id="without ids",
        ),
        pytest.param(
            [piece("keep", '{"value": "x"}'), piece("end", "{}")],
            [ToolCall("call_0", "keep", {"value": "x"}), ToolCall("call_1", "end")],
            id="without anything",
        ),
        pytest.param([piece("keep", {"value": "x"}, index=0, id="a")], [ONE], id="arguments as an object"),
        pytest.param(
            [piece("keep", '{"value": ', index=0, id="a")],
            [ToolCall("a", "keep", {}, '{"value": ')],
            id="arguments broken off",
        ),
        pytest.param([piece("end", "[1]", id="b")], [ToolCall("b", "end", {}, "[1]")], id="arguments that are a list"),
        pytest.param([None, 3, {"function": None}, {"index": 0}], [], id="garbage"),
    ],
)
def test_calls_are_put_together(pieces: list[Any], calls: list[ToolCall]) -> None:
    assembler = ToolCallAssembler()
    for each in pieces:
        assembler.push([each])
    assert assembler.calls() == calls
