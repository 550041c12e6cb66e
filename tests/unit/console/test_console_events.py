"""What watchers are told: everything once, then what changed, merged while they do not read."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from robot.console.events import Board, Watcher
from robot.console.live_calls import difference


def read(event: str) -> tuple[str, dict[str, Any]]:
    kind, data = event.strip().split("\n")
    return kind.removeprefix("event: "), json.loads(data.removeprefix("data: "))


async def first(watcher: Watcher) -> tuple[str, dict[str, Any]]:
    return read(await anext(watcher.events()))


def watching(board: Board, call: str | None = None) -> Watcher:
    watcher = Watcher(call, board.everything())
    board.watchers.add(watcher)
    return watcher


async def test_everything_first_and_then_what_changed() -> None:
    board = Board()
    board.put("calls", "a", {"state": "speaking", "turn": 1})
    watcher = watching(board)
    assert await first(watcher) == ("snapshot", {"calls": {"a": {"state": "speaking", "turn": 1}}})
    board.put("calls", "a", {"state": "listening", "turn": 1})
    board.put("calls", "a", {"state": "listening", "turn": 2})
    assert await first(watcher) == ("change", {"calls": {"a": {"state": "listening", "turn": 2}}})


async def test_an_empty_board_is_told_too() -> None:
    assert await first(watching(Board())) == ("snapshot", {})


async def test_what_came_and_went_while_nobody_read_is_gone() -> None:
    board = Board()
    watcher = watching(board)
    board.put("calls", "a", {"turn": 1})
    board.keep_only("calls", set())
    assert await first(watcher) == ("snapshot", {"calls": {"a": None}})
    board.put("calls", "a", {"turn": 1})
    assert await first(watcher) == ("change", {"calls": {"a": {"turn": 1}}})


async def test_words_are_for_whoever_looks_at_that_call() -> None:
    board = Board()
    board.put("words", "a", {"turns": []})
    one, other = watching(board, "a"), watching(board)
    assert (await first(one))[1] == {"words": {"a": {"turns": []}}}
    assert (await first(other))[1] == {}


async def test_a_watcher_that_is_closed_ends() -> None:
    watcher = watching(Board())
    await first(watcher)
    watcher.close()
    assert [event async for event in watcher.events()] == []


Documents = st.lists(st.one_of(st.none(), st.dictionaries(st.sampled_from("xyz"), st.integers(0, 2), min_size=3)))


@settings(deadline=None)  # of a machine that does other things, too
@given(Documents, st.sets(st.integers(0, 20)))
async def test_a_page_that_merges_has_what_the_board_has(documents: list[Any], reads_at: set[int]) -> None:
    board = Board()
    watcher = watching(board)
    page: dict[str, Any] = {}

    def merge(told: dict[str, Any]) -> None:
        for name, new in told.get("calls", {}).items():
            if new is None:
                page.pop(name, None)
            else:
                page[name] = page.get(name, {}) | new

    for place, document in enumerate(documents):
        if document is None:
            board.keep_only("calls", set())
        else:
            board.put("calls", "a", document)
        if place in reads_at and watcher._pending:
            merge(read(watcher.event())[1])
    merge(read(watcher.event())[1])
    assert page == {name: document for (_, name), document in board.everything().items()}


def test_the_difference_is_what_is_new() -> None:
    assert difference({"a": 1, "b": None}, {"a": 1, "b": 2}) == {"b": 2}
    assert difference({"a": 1}, {"a": 1}) == {}
