"""A model's words, told as they come."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from robot.dialogue.llm import Finished, ModelEvent, Request, Token
from robot.doors.overheard import OverheardModel


class TalkativeModel:
    def __init__(self) -> None:
        self.left = 0

    async def warm(self) -> bool:
        return True

    @asynccontextmanager
    async def stream(self, request: Request) -> AsyncIterator[AsyncIterator[ModelEvent]]:
        async def events() -> AsyncIterator[ModelEvent]:
            for text in ("Well", ", yes."):
                yield Token(text)
            yield Finished("stop", 2)

        try:
            yield events()
        finally:
            self.left += 1


async def test_tokens_are_told_with_the_number_of_their_reply_and_handed_on() -> None:
    told: list[tuple[int, str]] = []
    model = TalkativeModel()
    overheard = OverheardModel(model, lambda reply, text: told.append((reply, text)))
    request = Request(messages=(), tools=())
    async with overheard.stream(request) as events:
        assert [event async for event in events] == [Token("Well"), Token(", yes."), Finished("stop", 2)]
    async with overheard.stream(request) as events:
        assert await anext(events) == Token("Well")
    assert told == [(1, "Well"), (1, ", yes."), (2, "Well")]
    assert model.left == 2, "leaving early is told to the model"
    assert await overheard.warm()
