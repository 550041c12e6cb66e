"""The language model: messages go in, tokens and calls of tools come out as they are generated.

    Request ──▶ LanguageModel.stream ──▶ Token* ToolCall* Finished

What is said here holds for any model; `chat_completions` speaks to those that servers offer. A model knows nothing of
calls, and keeps no conversation: each request holds all that it knows.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol

from robot.dialogue.error_codes import ErrorCode
from robot.dialogue.tool_calls import ToolCall as ToolCall


@dataclass(frozen=True, slots=True)
class Message:
    """tool_calls: of an assistant's message. tool_call_id: which call a tool's message answers."""

    role: Literal["system", "user", "assistant", "tool"]
    text: str
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None


@dataclass(frozen=True, slots=True)
class Tool:
    """parameters: a JSON schema of an object."""

    name: str
    description: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Request:
    """max_tokens, temperature: None: those of the settings of the model."""

    messages: tuple[Message, ...]
    tools: tuple[Tool, ...] = ()
    max_tokens: int | None = None
    temperature: float | None = None


@dataclass(frozen=True, slots=True)
class Token:
    """The next piece of the text."""

    text: str


@dataclass(frozen=True, slots=True)
class Finished:
    """reason: "stop", "length", "tool_calls", "content_filter". tokens: generated; None: the server does not say."""

    reason: str
    tokens: int | None = None


ModelEvent = Token | ToolCall | Finished


class LlmError(Exception):
    """There is no reply, or not all of it. `code` says how it is recorded, the message why."""

    code: ClassVar[ErrorCode] = ErrorCode.LLM_FAIL


class LlmTimeout(LlmError):
    """The first token, or the end of the reply, did not come in time."""

    code = ErrorCode.LLM_TIMEOUT


class LlmFailed(LlmError):
    """The server refused, cannot be reached, broke off, or said what is not its protocol.

    status: of HTTP; None: there was none. retry_after_s: when it wants to be asked again.
    """

    def __init__(self, reason: str, status: int | None = None, retry_after_s: float | None = None) -> None:
        super().__init__(reason)
        self.status = status
        self.retry_after_s = retry_after_s


class LanguageModel(Protocol):
    def stream(self, request: Request) -> AbstractAsyncContextManager[AsyncIterator[ModelEvent]]:
        """One reply; Finished is its last event. Both entering and iterating raise LlmError. Leaving it early, by an
        error or a cancellation too, stops the generation at once."""
        ...

    async def warm(self) -> bool:
        """Open a connection, for the first reply of a call to come sooner. Whether the server answered; raises
        nothing."""
        ...
