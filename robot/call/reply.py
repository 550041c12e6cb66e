"""One reply of the language model on its way to the callee: written, cut into phrases and spoken, all at once.

    model ─ tokens ─▶ PhraseCutter ─ phrases ─▶ judge ─▶ speech ─ files, in their order ─▶ next()
                                       └── five at most wait for what plays now ──┘

It plays nothing, so that it may be under way before it is sure that the callee is done; whoever has no use for it any
more cancels it, and the model writes no further.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

from robot.call.latency import ReplyTimes
from robot.dialogue.guards import Verdict
from robot.dialogue.llm import Finished, LanguageModel, LlmError, ModelEvent, Request, Token
from robot.dialogue.phrases import PhraseCutter
from robot.dialogue.scenario import Prompt
from robot.dialogue.tool_calls import ToolCall
from robot.prompts.errors import PromptError

MOST_WAITING: Final = 5

Speak = Callable[[str], Awaitable[Prompt]]
Judge = Callable[[str], Verdict]


@dataclass(frozen=True, slots=True)
class ReplySources:
    """Of one call.

    speak: a phrase as a file; raises PromptError. judge: whether a phrase may be said. changed: the model began or
    ceased to write, or a phrase to be spoken; told with whether they do now. most_waiting: phrases that were written
    and wait to be heard; the model is not read from while there are so many.
    """

    model: LanguageModel
    speak: Speak
    judge: Judge
    changed: Callable[[bool, bool], None] = field(default=lambda writing, speaking: None)
    most_waiting: int = MOST_WAITING


class Reply:
    """Begins when it is made, in the running loop. `close` it when it is not wanted any more, whatever became of it."""

    def __init__(self, request: Request, sources: ReplySources) -> None:
        self._request = request
        self._sources = sources
        self._loop = asyncio.get_running_loop()
        self.times = ReplyTimes(self._loop.time())
        self.tool_calls: list[ToolCall] = []  # all there are, when `next` says that nothing comes any more
        self._room = asyncio.Semaphore(sources.most_waiting)
        self._written: asyncio.Queue[str | LlmError | None] = asyncio.Queue()  # None: that was all
        self._spoken: asyncio.Queue[Prompt | Exception | None] = asyncio.Queue()
        self._writing = self._speaking = False
        self._enough = False  # the model is not listened to any more
        self._tasks = [
            self._loop.create_task(self._write(), name="reply, written"),
            self._loop.create_task(self._speak(), name="reply, spoken"),
        ]
        for task in self._tasks:
            task.add_done_callback(self._ended)
        self._over = False
        self.halted = False  # there may have been more

    async def next(self) -> Prompt | None:
        """The next phrase; None when there is no more. Raises LlmError or PromptError, after what came before it."""
        if self._over:
            return None
        phrase = await self._spoken.get()
        if isinstance(phrase, Prompt):
            self._room.release()
            return phrase
        self._over = True
        if phrase is not None:
            raise phrase
        return None

    def halt(self) -> None:
        """Write and speak no more; what is spoken already may still be had from `next`."""
        for task in self._tasks:
            task.cancel()
        self.halted = True
        self._spoken.put_nowait(None)

    async def close(self) -> None:
        """Stop all of it, and return when it has."""
        self._over = True
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks)
        self._tell(writing=False, speaking=False)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """A defect of ours is raised where the reply is waited for."""
        if not task.cancelled() and isinstance(error := task.exception(), Exception):
            self._spoken.put_nowait(error)

    # ------------------------------------------------------------------------------------------------------------------

    async def _write(self) -> None:
        """The model's text as phrases."""
        cutter = PhraseCutter()
        self._tell(writing=True)
        try:
            async with self._sources.model.stream(self._request) as events:
                arriving: asyncio.Future[ModelEvent] | None = None
                try:
                    while True:
                        arriving = arriving or asyncio.ensure_future(anext(events))
                        deadline = cutter.deadline()
                        within_s = None if deadline is None else max(0.0, deadline / 1000 - self._loop.time())
                        await asyncio.wait({arriving}, timeout=within_s)
                        if not arriving.done():
                            await self._put(cutter.expired(self._loop.time() * 1000))
                            continue
                        event, arriving = arriving.result(), None
                        if isinstance(event, Finished) or not await self._take(event, cutter):
                            break
                finally:
                    if arriving is not None:
                        arriving.cancel()
                        await asyncio.wait({arriving})
            if not self._enough:
                await self._put(cutter.end())
        except LlmError as error:
            await self._put(cutter.end())
            self._written.put_nowait(error)
        else:
            self._written.put_nowait(None)
        finally:
            self._tell(writing=False)

    async def _take(self, event: ModelEvent, cutter: PhraseCutter) -> bool:
        """Whether more is wanted."""
        if self.times.token_at is None:
            self.times.token_at = self._loop.time()
        match event:
            case Token(text):
                await self._put(cutter.push(text, self._loop.time() * 1000))
            case ToolCall():
                self.tool_calls.append(event)
            case Finished():
                return False
        return not self._enough

    async def _put(self, phrases: list[str]) -> None:
        for phrase in phrases:
            verdict = Verdict.STOP if self._enough else self._sources.judge(phrase)
            self._enough = verdict is Verdict.STOP
            if verdict is not Verdict.SAY:
                continue
            if self.times.phrase_at is None:
                self.times.phrase_at = self._loop.time()
            await self._room.acquire()
            self._written.put_nowait(phrase)

    async def _speak(self) -> None:
        """Each phrase as a file, one after the other: the next while one plays."""
        while isinstance(phrase := await self._written.get(), str):
            if self.times.synthesis_at is None:
                self.times.synthesis_at = self._loop.time()
            self._tell(speaking=True)
            try:
                prompt = await self._sources.speak(phrase)
            except PromptError as error:
                self._spoken.put_nowait(error)
                return
            finally:
                self._tell(speaking=False)
            if self.times.spoken_at is None:
                self.times.spoken_at = self._loop.time()
            self._spoken.put_nowait(prompt)
        self._spoken.put_nowait(phrase)

    def _tell(self, *, writing: bool | None = None, speaking: bool | None = None) -> None:
        before = self._writing, self._speaking
        self._writing = self._writing if writing is None else writing
        self._speaking = self._speaking if speaking is None else speaking
        if before != (self._writing, self._speaking):
            self._sources.changed(self._writing, self._speaking)
