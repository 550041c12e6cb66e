"""The language model of a written conversation: what it says is written beside what the callee says.

    [[model.reply]]  to, after ─▶ says, tools, then

It takes the place of the real one, so that a campaign that a model holds is rehearsed in the same way each time, and
without asking any.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from robot.dialogue.guards import plain_words
from robot.dialogue.llm import Finished, LlmFailed, Message, ModelEvent, Request, Token, ToolCall

_Text = Annotated[str, StringConstraints(min_length=1)]
ToolName = Literal[
    "end_call", "transfer_call", "schedule_callback", "do_not_call", "press_keys", "keep_fact", "go_to"
]  # fmt: skip
# After these the model is not asked again.
_ENDING: Final = frozenset({"end_call", "transfer_call", "do_not_call", "go_to"})


class Reply(BaseModel):
    """`[[model.reply]]`. to: parts of what the callee has said, one of which is enough; none: to anything.

    after: a part of what the model itself said last. says: its reply. tools: what it calls after that. then: what it
    says when it has read what became of those. fails: there is no reply.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    to: list[_Text] = []
    after: _Text | None = None
    says: str = ""
    tools: list[Annotated[dict[ToolName, dict[str, Any]], Field(min_length=1, max_length=1)]] = []
    then: str = ""
    fails: bool = False

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.fails and (self.says or self.tools or self.then):
            raise ValueError("fails and says or does something: remove one of both")
        if not self.fails and not self.says and not self.tools:
            raise ValueError('neither says nor does anything: write `says = "..."`, or `tools = [...]`')
        if self.then and not self.tools:
            raise ValueError("has `then`, and calls no tool that it would wait for: add it to `says`")
        if not self.fails and not self.says and not self.then and not any(_ENDING & set(tool) for tool in self.tools):
            raise ValueError("says nothing and ends nothing, and nobody would hear any more: write `says` or `then`")
        return self

    def fits(self, heard: str, said: str) -> bool:
        """Both in plain words."""
        if self.after is not None and not _within(self.after, said):
            return False
        return not self.to or any(_within(each, heard) for each in self.to)


class ModelTable(BaseModel):
    """`[model]`: the first reply that fits is the model's."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    reply: Annotated[list[Reply], Field(min_length=1)]


class ScriptedModel:
    """A LanguageModel."""

    def __init__(self, table: ModelTable) -> None:
        self._table = table

    @asynccontextmanager
    async def stream(self, request: Request) -> AsyncGenerator[AsyncIterator[ModelEvent]]:
        yield self._events(request.messages)

    async def warm(self) -> bool:
        return True

    async def _events(self, messages: tuple[Message, ...]) -> AsyncIterator[ModelEvent]:
        heard, said = _plain(_latest(messages, "user")), _plain(_latest(messages, "assistant"))
        after_tools = messages[-1].role == "tool"
        if after_tools:  # what it said with the tools that it called
            said = _plain(_latest([each for each in messages if not each.tool_calls], "assistant"))
        reply = next((each for each in self._table.reply if each.fits(heard, said)), None)
        if reply is None or reply.fails:
            what = "fails, as it is written" if reply is not None else f"has no [[model.reply]] to {heard!r}"
            raise LlmFailed(f"the model of this conversation {what}")
        text = reply.then if after_tools else reply.says
        for word in text.split():
            yield Token(f"{word} ")
        if not after_tools:
            for number, tool in enumerate(reply.tools):
                [(name, arguments)] = tool.items()
                yield ToolCall(f"call_{len(messages)}_{number}", name, arguments)
        yield Finished("stop")


def _latest(messages: Sequence[Message], role: str) -> str:
    return next((each.text for each in reversed(messages) if each.role == role), "")


def _plain(text: str) -> str:
    return f" {plain_words(text)} "


def _within(part: str, text: str) -> bool:
    """Whole words."""
    return _plain(part) in text
