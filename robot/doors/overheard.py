"""A language model whose words are told as they come, to whoever shows them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from robot.dialogue.llm import LanguageModel, ModelEvent, Request, Token


class OverheardModel:
    """A LanguageModel. `told(reply, text)`: a token; `reply` counts the replies from 1."""

    def __init__(self, model: LanguageModel, told: Callable[[int, str], None]) -> None:
        self._model = model
        self._told = told
        self._replies = 0

    async def warm(self) -> bool:
        return await self._model.warm()

    @asynccontextmanager
    async def stream(self, request: Request) -> AsyncIterator[AsyncIterator[ModelEvent]]:
        self._replies += 1
        async with self._model.stream(request) as events:
            yield self._overheard(events, self._replies)

    async def _overheard(self, events: AsyncIterator[ModelEvent], reply: int) -> AsyncIterator[ModelEvent]:
        async for event in events:
            if isinstance(event, Token):
                self._told(reply, event.text)
            yield event
