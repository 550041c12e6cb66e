"""A language model behind the chat completions protocol of OpenAI, which Groq, Ollama, llama.cpp, vLLM and most others
speak, too. The only part of the dialogue that touches the network.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, TypeVar

import httpx2

from robot import __version__
from robot.dialogue.llm import Finished, LlmError, LlmFailed, LlmTimeout, Message, ModelEvent, Request, Token, Tool
from robot.dialogue.sse import EventTooLong, SseDecoder
from robot.dialogue.tool_calls import ToolCallAssembler

T = TypeVar("T")

_DONE: Final = "[DONE]"
_AT_ONCE: Final = 64  # connections; each call has one request at a time
# A handshake with TLS costs round trips that the callee would hear: connections are kept between turns and calls.
_KEEP_ALIVE_S: Final = 300.0
# What may come after the end of the reply (usage, the mark of the end) is waited for so long, and no longer.
_REST_S: Final = 1.0
_CLOSE_S: Final = 0.2  # and the end of the response after the mark of the end, which comes with it as a rule
_LONGEST_REASON: Final = 200  # characters of what the server says went wrong
_KEY_SHOWN: Final = 6  # characters; servers answer with the key that they refuse, or with its beginning
_HINTS: Final[Mapping[int, str]] = MappingProxyType(
    {
        400: "see which of the settings of the model it does not take",
        401: "check the key in the settings of the model",
        403: "check what the key may do",
        404: "check the address and the name of the model",
        429: "it is asked too much at the moment, or the account is used up",
    }
)


@dataclass(frozen=True, slots=True)
class LlmSettings:
    """url: up to where `/chat/completions` follows. first_token_timeout_s: until text or a call of a tool comes; what a
    model thinks to itself is neither. timeout_s: the whole reply. extra: what else is in each request, such as
    `reasoning_effort`. Raises ValueError."""

    url: str
    model: str
    api_key: str | None = field(default=None, repr=False)
    first_token_timeout_s: float = 5.0
    timeout_s: float = 30.0
    temperature: float | None = None
    max_tokens: int | None = 300
    extra: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        try:
            parsed = httpx2.URL(self.url)
        except httpx2.InvalidURL as error:
            raise ValueError(f"the address of the language model is none: {error}") from None
        if parsed.scheme not in ("http", "https") or not parsed.host:
            raise ValueError("the address of the language model should be like https://api.openai.com/v1")


class OpenAiModel:
    """One for the process: its connections are shared by all calls, and kept. `start` before, `close` after."""

    def __init__(self, settings: LlmSettings) -> None:
        self._settings = settings
        self._url = settings.url.rstrip("/")
        self._client: httpx2.AsyncClient | None = None

    async def start(self) -> None:
        # Reads the certificates of the system: 80 ms.
        self._client = await asyncio.to_thread(self._new_client)

    async def close(self) -> None:
        """Replies that are being generated fail."""
        if self._client is not None:
            await self._client.aclose()

    async def warm(self) -> bool:
        with suppress(TimeoutError, httpx2.HTTPError):
            async with asyncio.timeout(self._settings.first_token_timeout_s):
                await self._started.get(f"{self._url}/models")
                return True
        return False

    @asynccontextmanager
    async def stream(self, request: Request) -> AsyncGenerator[AsyncIterator[ModelEvent]]:
        """Raises LlmTimeout, LlmFailed."""
        limits = _Limits(self._settings)
        response = await self._answer(json.dumps(self._body(request)).encode(), limits)
        try:
            async with aclosing(self._events(response, limits)) as events:
                yield events
        finally:
            with suppress(httpx2.HTTPError):
                await response.aclose()

    # ------------------------------------------------------------------------------------------------------------------

    @property
    def _started(self) -> httpx2.AsyncClient:
        if self._client is None:
            raise RuntimeError("the language model was not started")
        return self._client

    def _new_client(self) -> httpx2.AsyncClient:
        headers = {"User-Agent": f"freeswitch-robot/{__version__}", "Content-Type": "application/json"}
        if self._settings.api_key:
            headers["Authorization"] = f"Bearer {self._settings.api_key}"
        limits = httpx2.Limits(
            max_connections=_AT_ONCE, max_keepalive_connections=_AT_ONCE, keepalive_expiry=_KEEP_ALIVE_S
        )
        # No time limits of the client's own: `_Limits` are those of the reply.
        return httpx2.AsyncClient(headers=headers, limits=limits, timeout=None, follow_redirects=False)

    def _body(self, request: Request) -> dict[str, Any]:
        settings = self._settings
        body: dict[str, Any] = {
            "model": settings.model,
            "messages": [_message(each) for each in request.messages],
            "stream": True,
        }
        temperature = settings.temperature if request.temperature is None else request.temperature
        if temperature is not None:
            body["temperature"] = temperature
        max_tokens = request.max_tokens or settings.max_tokens
        if max_tokens is not None and "max_completion_tokens" not in settings.extra:
            body["max_tokens"] = max_tokens
        if request.tools:
            body["tools"] = [_tool(each) for each in request.tools]
        return body | dict(settings.extra)

    async def _answer(self, body: bytes, limits: _Limits) -> httpx2.Response:
        """The response, whose status is 200. A kept connection may have been closed a moment ago: then once more."""
        request = self._started.build_request("POST", f"{self._url}/chat/completions", content=body)
        for again in (True, False):
            try:
                response = await limits.wait(self._started.send(request, stream=True))
                break
            except (httpx2.ReadError, httpx2.WriteError, httpx2.RemoteProtocolError) as error:
                if not again:
                    raise self._failed(error) from error
            except (httpx2.HTTPError, httpx2.InvalidURL) as error:
                raise self._failed(error) from error
        if response.status_code != httpx2.codes.OK:
            try:
                raise await self._refused(response)
            finally:
                await response.aclose()
        return response

    async def _events(self, response: httpx2.Response, limits: _Limits) -> AsyncGenerator[ModelEvent]:
        assembler = ToolCallAssembler()
        finished: Finished | None = None
        anything = False
        async with aclosing(self._data(response, limits)) as stream:
            async for data in stream:
                if data == _DONE:
                    finished = finished or Finished("stop")
                    break
                chunk = self._chunk(data)
                text, deltas, reason = _read(chunk)
                if text or deltas:
                    limits.first_came()
                if text:
                    yield Token(text)
                assembler.push(deltas)
                if reason is not None:
                    finished = Finished(reason)
                    limits.rest(_REST_S)
                if finished is not None:
                    finished = Finished(finished.reason, _tokens(chunk) or finished.tokens)
                anything = True
            if finished is None:
                raise LlmFailed(
                    "the language model broke off in the middle of its reply"
                    if anything
                    else "the language model answered without a stream of events: is its address complete (.../v1)?"
                )
            # To the very end, or the connection cannot be used again.
            limits.rest(_CLOSE_S)
            with suppress(LlmError):
                async for _ in stream:
                    pass
        for call in assembler.calls():
            yield call
        yield finished

    async def _data(self, response: httpx2.Response, limits: _Limits) -> AsyncGenerator[str]:
        """The data of each event, until the stream ends, or the time for what comes after the reply."""
        decoder = SseDecoder()
        async with aclosing(response.aiter_bytes()) as pieces:
            while True:
                try:
                    piece = await limits.wait(anext(pieces, None))
                except LlmTimeout:
                    if limits.complete:
                        return
                    raise
                except (httpx2.HTTPError, httpx2.StreamError) as error:
                    if limits.complete:
                        return
                    raise self._failed(error) from error
                if piece is None:
                    return
                try:
                    events = decoder.feed(piece)
                except EventTooLong as error:
                    raise LlmFailed(f"the language model sent {error}") from None
                for event in events:
                    yield event

    def _chunk(self, data: str) -> Mapping[str, Any]:
        try:
            chunk = json.loads(data)
        except ValueError:
            raise LlmFailed(f"the language model sent what is no JSON: {self._told(data)}") from None
        if not isinstance(chunk, dict):
            raise LlmFailed(f"the language model sent JSON that is no object: {self._told(data)}")
        if chunk.get("error"):
            raise LlmFailed(f"the language model broke off: {self._told(_reason(chunk))}")
        return chunk

    async def _refused(self, response: httpx2.Response) -> LlmFailed:
        status = response.status_code
        said = ""
        with suppress(TimeoutError, httpx2.HTTPError):
            async with asyncio.timeout(_REST_S):
                async for piece in response.aiter_bytes():
                    said += piece.decode("utf-8", "replace")
                    if len(said) > 10 * _LONGEST_REASON:
                        break
        try:
            told = _reason(json.loads(said))
        except ValueError:
            told = said
        reason = f"the language model answered with status {status}"
        if hint := _HINTS.get(status):
            reason += f" ({hint})"
        if told := self._told(told):
            reason += f": {told}"
        return LlmFailed(reason, status, _seconds(response.headers.get("Retry-After")))

    def _failed(self, error: Exception) -> LlmFailed:
        what = self._told(str(error)) or type(error).__name__
        if isinstance(error, httpx2.ConnectError):
            return LlmFailed(f"the language model cannot be reached at {httpx2.URL(self._url).host}: {what}")
        return LlmFailed(f"the connection to the language model broke: {what}")

    def _told(self, text: str) -> str:
        """What a server said, as it may stand in a log: one short line, without the key."""
        key = self._settings.api_key
        if key:
            text = re.sub(rf"{re.escape(key[:_KEY_SHOWN])}\S*", "***", text)
        line = " ".join(text.split())
        return line if len(line) <= _LONGEST_REASON else f"{line[:_LONGEST_REASON]}..."


class _Limits:
    """Until when the parts of one reply have to be there, on the clock of the loop."""

    def __init__(self, settings: LlmSettings) -> None:
        now = asyncio.get_running_loop().time()
        self._settings = settings
        self._first: float | None = now + settings.first_token_timeout_s
        self._whole = now + settings.timeout_s
        self._rest: float | None = None

    @property
    def complete(self) -> bool:
        """The reply has ended; what still comes may as well not."""
        return self._rest is not None

    def first_came(self) -> None:
        self._first = None

    def rest(self, within_s: float) -> None:
        limit = asyncio.get_running_loop().time() + within_s
        self._rest = limit if self._rest is None else min(limit, self._rest)

    async def wait(self, awaitable: Awaitable[T]) -> T:
        """Raises LlmTimeout."""
        limits = [limit for limit in (self._first, self._rest, self._whole) if limit is not None]
        try:
            async with asyncio.timeout_at(min(limits)):
                return await awaitable
        except TimeoutError:
            if self._first is not None and self._first <= self._whole:
                limit_s = self._settings.first_token_timeout_s
                raise LlmTimeout(f"no token from the language model within {limit_s:g} s") from None
            limit_s = self._settings.timeout_s
            raise LlmTimeout(f"the reply of the language model was not complete within {limit_s:g} s") from None


def _message(message: Message) -> dict[str, Any]:
    written: dict[str, Any] = {"role": message.role, "content": message.text}
    if message.tool_calls:
        written["content"] = message.text or None
        written["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": call.malformed or json.dumps(dict(call.arguments))},
            }
            for call in message.tool_calls
        ]
    if message.tool_call_id is not None:
        written["tool_call_id"] = message.tool_call_id
    return written


def _tool(tool: Tool) -> dict[str, Any]:
    function = {"name": tool.name, "description": tool.description, "parameters": dict(tool.parameters)}
    return {"type": "function", "function": function}


def _read(chunk: Mapping[str, Any]) -> tuple[str, Sequence[Any], str | None]:
    """The text, the pieces of calls and the reason of the end in one chunk; what is not there is empty."""
    choices = chunk.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    if not isinstance(choice, dict):
        return "", (), None
    delta, reason = choice.get("delta"), choice.get("finish_reason")
    if not isinstance(delta, dict):
        delta = {}
    text, deltas = delta.get("content"), delta.get("tool_calls")
    return (
        text if isinstance(text, str) else "",
        deltas if isinstance(deltas, list) else (),
        reason if isinstance(reason, str) else None,
    )


def _tokens(chunk: Mapping[str, Any]) -> int | None:
    usage = chunk.get("usage")
    tokens = usage.get("completion_tokens") if isinstance(usage, dict) else None
    return tokens if isinstance(tokens, int) else None


def _reason(answer: object) -> str:
    """What a server says went wrong, however it does."""
    error = answer.get("error", answer) if isinstance(answer, dict) else answer
    if isinstance(error, dict):
        error = error.get("message", error)
    return error if isinstance(error, str) else json.dumps(error)


def _seconds(retry_after: str | None) -> float | None:
    """`Retry-After` in seconds; None where there is none, or where it is a date."""
    return float(retry_after) if retry_after is not None and retry_after.strip().isdecimal() else None
