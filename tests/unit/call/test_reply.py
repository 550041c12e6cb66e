"""A reply on its way: in its order, no further ahead than allowed, gone when it is not wanted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from robot.call.reply import MOST_WAITING, Reply, ReplySources
from robot.dialogue.guards import Verdict
from robot.dialogue.llm import Finished, LlmFailed, Message, ModelEvent, Request, Token
from robot.dialogue.scenario import Prompt
from robot.dialogue.tool_calls import ToolCall
from robot.prompts.errors import TtsFailed

REQUEST = Request((Message("user", "Hello?"),))
Piece = ModelEvent | Exception | asyncio.Event


@dataclass
class ScriptedModel:
    """Brings its pieces as fast as they are read; waits where an Event stands until it is set."""

    pieces: list[Piece]
    read: int = 0
    left: bool = False

    @asynccontextmanager
    async def stream(self, request: Request) -> AsyncIterator[AsyncIterator[ModelEvent]]:
        try:
            yield self._events()
        finally:
            self.left = True

    async def warm(self) -> bool:
        return True

    async def _events(self) -> AsyncIterator[ModelEvent]:
        for piece in self.pieces:
            self.read += 1
            if isinstance(piece, asyncio.Event):
                await piece.wait()
            elif isinstance(piece, Exception):
                raise piece
            else:
                yield piece


@dataclass
class Speech:
    spoken: list[str] = field(default_factory=list)
    fails_at: str | None = None

    async def speak(self, phrase: str) -> Prompt:
        await asyncio.sleep(0)
        if phrase == self.fails_at:
            raise TtsFailed("out of voice")
        self.spoken.append(phrase)
        return Prompt(Path("/spool") / f"{len(self.spoken)}.wav", phrase, 1.0)


def tokens(*texts: str) -> list[Piece]:
    return [*(Token(text) for text in texts), Finished("stop")]


def sources(
    model: ScriptedModel, speech: Speech | None = None, changes: list[tuple[bool, bool]] | None = None
) -> ReplySources:
    def changed(writing: bool, speaking: bool) -> None:
        if changes is not None:
            changes.append((writing, speaking))

    def judge(phrase: str) -> Verdict:
        if "secret" in phrase:
            return Verdict.DROP
        return Verdict.STOP if "endless" in phrase else Verdict.SAY

    return ReplySources(model, (speech or Speech()).speak, judge, changed)


async def phrases(reply: Reply) -> list[str]:
    heard = []
    while (prompt := await reply.next()) is not None:
        heard.append(prompt.text)
    return heard


async def test_phrases_come_in_their_order_and_then_the_tools() -> None:
    call = ToolCall("1", "end_call", {"outcome": "interested"})
    model = ScriptedModel([Token("Good. "), Token("I will note it. "), Token("Bye."), call, Finished("tool_calls")])
    changes: list[tuple[bool, bool]] = []
    reply = Reply(REQUEST, sources(model, changes=changes))
    assert await phrases(reply) == ["Good.", "I will note it.", "Bye."]
    assert reply.tool_calls == [call]
    assert await reply.next() is None
    await reply.close()
    times = reply.times
    assert times.token_at is not None
    assert times.phrase_at is not None
    assert times.synthesis_at is not None
    assert times.spoken_at is not None
    assert times.model_at <= times.token_at <= times.phrase_at <= times.synthesis_at <= times.spoken_at
    assert changes[0] == (True, False)
    assert changes[-1] == (False, False)


async def test_the_first_phrase_is_there_before_the_model_is_done() -> None:
    more = asyncio.Event()
    model = ScriptedModel([Token("One moment. "), more, *tokens("Here it is.")])
    reply = Reply(REQUEST, sources(model))
    first = await reply.next()
    assert first is not None
    assert first.text == "One moment."
    more.set()
    assert await phrases(reply) == ["Here it is."]
    await reply.close()


async def test_no_more_than_a_few_phrases_wait_to_be_heard() -> None:
    model = ScriptedModel(tokens(*(f"This is {letter * 3}. " for letter in "abcdefghijklmnopqrstuvwxyz")))
    speech = Speech()
    reply = Reply(REQUEST, sources(model, speech))
    for _ in range(200):
        await asyncio.sleep(0)
    assert len(speech.spoken) == MOST_WAITING
    assert model.read <= MOST_WAITING + 3
    assert await reply.next() is not None
    for _ in range(50):
        await asyncio.sleep(0)
    assert len(speech.spoken) == MOST_WAITING + 1
    await reply.close()
    assert model.left


async def test_what_may_not_be_said_is_left_out() -> None:
    reply = Reply(REQUEST, sources(ScriptedModel(tokens("It is a secret. ", "Anything else?"))))
    assert await phrases(reply) == ["Anything else?"]
    await reply.close()


async def test_of_a_reply_that_is_too_long_no_more_is_written() -> None:
    model = ScriptedModel([Token("First. "), Token("Now an endless story. "), asyncio.Event(), *tokens("More.")])
    reply = Reply(REQUEST, sources(model))
    assert await phrases(reply) == ["First."]
    assert model.left
    await reply.close()


async def test_halted_it_still_has_what_was_spoken() -> None:
    model = ScriptedModel([Token("One here. "), Token("Two here. "), asyncio.Event(), *tokens("Three here.")])
    speech = Speech()
    reply = Reply(REQUEST, sources(model, speech))
    first = await reply.next()
    assert first is not None
    for _ in range(20):
        await asyncio.sleep(0)
    assert speech.spoken == ["One here.", "Two here."]
    reply.halt()
    assert await phrases(reply) == ["Two here."]
    await reply.close()
    assert model.left


async def test_a_model_that_breaks_off_is_told_after_what_it_said() -> None:
    model = ScriptedModel([Token("Well. "), Token("I think"), LlmFailed("it broke off")])
    reply = Reply(REQUEST, sources(model))
    assert [(await reply.next()).text, (await reply.next()).text] == ["Well.", "I think"]  # type: ignore[union-attr]
    with pytest.raises(LlmFailed, match="broke off"):
        await reply.next()
    assert await reply.next() is None
    await reply.close()


async def test_a_voice_that_fails_is_told_in_its_place() -> None:
    reply = Reply(REQUEST, sources(ScriptedModel(tokens("Good. ", "Bad. ", "Better.")), Speech(fails_at="Bad.")))
    first = await reply.next()
    assert first is not None
    assert first.text == "Good."
    with pytest.raises(TtsFailed):
        await reply.next()
    await reply.close()


async def test_closing_stops_the_model_in_mid_sentence() -> None:
    model = ScriptedModel([Token("Never "), asyncio.Event(), *tokens("mind.")])
    reply = Reply(REQUEST, sources(model))
    await asyncio.sleep(0.01)
    assert not model.left
    await reply.close()
    assert model.left


async def test_a_defect_is_raised_to_who_waits_for_the_reply() -> None:
    reply = Reply(REQUEST, sources(ScriptedModel([Token("Yes. "), ZeroDivisionError()])))
    first = await reply.next()
    assert first is not None
    with pytest.raises(ZeroDivisionError):
        await reply.next()
    await reply.close()
