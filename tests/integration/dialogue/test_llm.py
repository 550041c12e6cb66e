"""The client of a language model against a server that speaks the chat completions protocol, well and badly."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from robot.dialogue.chat_completions import LlmSettings, OpenAiModel
from robot.dialogue.error_codes import ErrorCode
from robot.dialogue.llm import (
    Finished,
    LlmError,
    LlmFailed,
    LlmTimeout,
    Message,
    ModelEvent,
    Request,
    Token,
    Tool,
    ToolCall,
)
from tests.integration.dialogue.chat_server import END, HEAD, ChatServer, Connection, chat_server, event

KEY = "sk-secret-key-1234567890"
HELLO = Request((Message("user", "Hello?"),))
DONE = b"data: [DONE]\n\n"
Answer = Callable[[Connection], Awaitable[None]]


@pytest.fixture
async def chat() -> AsyncIterator[ChatServer]:
    async with chat_server() as server:
        yield server


async def replied(chat: ChatServer, answer: Answer, request: Request = HELLO, first_s: float = 5.0) -> list[ModelEvent]:
    chat.answer = answer
    model = OpenAiModel(LlmSettings(chat.url, "tiny", KEY, first_token_timeout_s=first_s))
    await model.start()
    try:
        async with model.stream(request) as events:
            return [each async for each in events]
    finally:
        await model.close()


def streams(*pieces: bytes, end: bool = True) -> Answer:
    async def answer(connection: Connection) -> None:
        await connection.send(HEAD)
        for piece in pieces:
            await connection.chunk(piece)
        if end:
            await connection.send(END)

    return answer


def texts(events: list[ModelEvent]) -> str:
    return "".join(each.text for each in events if isinstance(each, Token))


async def test_tokens_come_one_by_one_and_then_the_end(chat: ChatServer) -> None:
    usage = b'data: {"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 2}}\n\n'
    events = await replied(
        chat,
        streams(
            event(role="assistant", content=""),
            event(reasoning_content="They greet."),
            event(content="Good "),
            event(content="day."),
            event(finish_reason="stop"),
            usage,
            DONE,
        ),
    )
    assert events == [Token("Good "), Token("day."), Finished("stop", 2)]


async def test_what_is_asked(chat: ChatServer) -> None:
    parameters = {"type": "object", "properties": {}}
    request = Request(
        (
            Message("system", "Be kind."),
            Message("assistant", "", (ToolCall("c1", "end_call", {"outcome": "é"}),)),
            Message("tool", "refused", tool_call_id="c1"),
        ),
        (Tool("end_call", "Ends the call.", parameters),),
        max_tokens=50,
        temperature=0.2,
    )
    await replied(chat, streams(DONE), request)
    (asked,) = chat.requests
    assert asked.pop("messages") == [
        {"role": "system", "content": "Be kind."},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {
                    "id": "c1",
                    "type": "function",
                    "function": {"name": "end_call", "arguments": '{"outcome": "\\u00e9"}'},
                }
            ],
        },
        {"role": "tool", "content": "refused", "tool_call_id": "c1"},
    ]
    function = {"name": "end_call", "description": "Ends the call.", "parameters": parameters}
    assert asked.pop("tools") == [{"type": "function", "function": function}]
    assert asked == {"model": "tiny", "stream": True, "max_tokens": 50, "temperature": 0.2}
    assert chat.headers[0].startswith("POST /v1/chat/completions HTTP/1.1")
    assert f"Authorization: Bearer {KEY}" in chat.headers[0]


async def test_extra_settings_go_along(chat: ChatServer) -> None:
    chat.answer = streams(DONE)
    model = OpenAiModel(
        LlmSettings(f"{chat.url}/", "new", extra={"max_completion_tokens": 90, "reasoning_effort": "low"})
    )
    await model.start()
    async with model.stream(HELLO) as events:
        assert [each async for each in events] == [Finished("stop")]
    await model.close()
    (asked,) = chat.requests
    assert (asked["max_completion_tokens"], asked["reasoning_effort"], asked.get("max_tokens")) == (90, "low", None)
    assert "Authorization" not in chat.headers[0]


async def test_letters_lines_and_frames_may_be_cut_anywhere(chat: ChatServer) -> None:
    whole = (event(content="Café 😊, ") + b": a comment\n\n" + event(content="déjà.") + DONE).replace(b"\n", b"\r\n")
    events = await replied(chat, streams(*(whole[at : at + 1] for at in range(len(whole)))))
    assert texts(events) == "Café 😊, déjà."


async def test_tool_calls_come_whole_at_the_end(chat: ChatServer) -> None:
    events = await replied(
        chat,
        streams(
            event(content="One moment. "),
            event(tool_calls=[{"index": 0, "id": "c1", "function": {"name": "keep_fact", "arguments": '{"name"'}}]),
            event(tool_calls=[{"index": 0, "function": {"arguments": ': "city", "value": "Ly'}}]),
            event(tool_calls=[{"index": 0, "function": {"arguments": 'on"}'}}]),
            event(finish_reason="tool_calls"),
            DONE,
        ),
    )
    call = ToolCall("c1", "keep_fact", {"name": "city", "value": "Lyon"})
    assert events == [Token("One moment. "), call, Finished("tool_calls")]


async def test_a_reply_may_end_without_the_mark_of_the_end(chat: ChatServer) -> None:
    assert texts(await replied(chat, streams(event(content="Yes."), event(finish_reason="length")))) == "Yes."


async def test_a_server_that_holds_the_stream_open_after_the_reply_holds_up_nobody(chat: ChatServer) -> None:
    async def answer(connection: Connection) -> None:
        await streams(event(content="Yes."), event(finish_reason="stop"), end=False)(connection)
        await connection.gone.wait()

    assert await replied(chat, answer) == [Token("Yes."), Finished("stop")]


# -- what goes wrong ---------------------------------------------------------------------------------------------------


async def never(connection: Connection) -> None:
    await connection.gone.wait()


async def only_thoughts(connection: Connection) -> None:
    await streams(event(role="assistant"), event(reasoning_content="Hm."), end=False)(connection)
    await connection.gone.wait()


async def stalls(connection: Connection) -> None:
    await streams(event(content="I am"), end=False)(connection)
    await connection.gone.wait()


@pytest.mark.parametrize("answer", [never, only_thoughts])
async def test_a_late_first_token_is_not_waited_for(chat: ChatServer, answer: Answer) -> None:
    with pytest.raises(LlmTimeout, match=r"no token .* within 0\.05 s") as failure:
        await replied(chat, answer, first_s=0.05)
    assert failure.value.code is ErrorCode.LLM_TIMEOUT
    await asyncio.wait_for(chat.connections[0].gone.wait(), 5)


async def test_a_reply_that_stalls_in_the_middle_has_a_limit(chat: ChatServer) -> None:
    chat.answer = stalls
    model = OpenAiModel(LlmSettings(chat.url, "tiny", timeout_s=0.1))
    await model.start()
    async with model.stream(HELLO) as events:
        assert await anext(events) == Token("I am")
        with pytest.raises(LlmTimeout, match=r"not complete within 0\.1 s"):
            await anext(events)
    await asyncio.wait_for(chat.connections[0].gone.wait(), 5)
    await model.close()


@pytest.mark.parametrize(
    ("status", "said", "told", "retry_after_s"),
    [
        ("401 Unauthorized", {"error": {"message": f"Incorrect API key provided: {KEY}."}}, "check the key", None),
        ("429 Too Many Requests", {"error": {"message": "Rate limit reached"}}, "Rate limit reached", 7.0),
        ("500 Internal Server Error", "it broke " * 100, "it broke it broke", None),
        ("404 Not Found", {"error": "model 'tiny' not found"}, "model 'tiny' not found", None),
        ("302 Found", {}, "status 302", None),
    ],
)
async def test_a_refusal_tells_why_but_not_the_key(
    chat: ChatServer, status: str, said: object, told: str, retry_after_s: float | None
) -> None:
    async def answer(connection: Connection) -> None:
        headers = [f"Retry-After: {retry_after_s:g}"] if retry_after_s else []
        await connection.refuse(status, said.encode() if isinstance(said, str) else json.dumps(said).encode(), *headers)

    with pytest.raises(LlmFailed) as failure:
        await replied(chat, answer)
    assert told in str(failure.value)
    assert "sk-sec" not in str(failure.value)
    assert len(str(failure.value)) < 400
    assert (failure.value.status, failure.value.retry_after_s) == (int(status[:3]), retry_after_s)
    assert failure.value.code is ErrorCode.LLM_FAIL


async def closes_in_the_middle(connection: Connection) -> None:
    await streams(event(content="I am"), end=False)(connection)
    connection.writer.close()


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (closes_in_the_middle, "connection to the language model broke"),
        (streams(event(content="I am")), "broke off in the middle"),
        (streams(b"<html>hello</html>"), "without a stream of events"),
        (streams(b"data: {half\n\n"), "no JSON: {half"),
        (streams(b"data: [1]\n\n"), "no object"),
        (streams(event(content="I"), b'data: {"error": {"message": "out of memory"}}\n\n'), "out of memory"),
        (streams(b"data: " + b"x" * 1_100_000), "an event of more than"),
    ],
)
async def test_a_broken_stream_fails(chat: ChatServer, answer: Answer, told: str) -> None:
    with pytest.raises(LlmFailed, match=told):
        await replied(chat, answer)


@pytest.mark.parametrize(
    "odd",
    [
        b'{"choices": null}',
        b'{"choices": [null]}',
        b'{"choices": [{"delta": null}]}',
        b'{"choices": [{"delta": {"content": 3}}]}',
    ],
)
async def test_odd_chunks_are_passed_over(chat: ChatServer, odd: bytes) -> None:
    assert texts(await replied(chat, streams(b"data: " + odd + b"\n\n", event(content="Yes."), DONE))) == "Yes."


async def test_a_server_that_is_not_there() -> None:
    async with chat_server() as server:
        url = server.url
    model = OpenAiModel(LlmSettings(url, "tiny"))
    await model.start()
    with pytest.raises(LlmError, match=r"cannot be reached at 127\.0\.0\.1"):
        async with model.stream(HELLO):
            pass
    assert not await model.warm()
    await model.close()


# -- the connection ----------------------------------------------------------------------------------------------------


async def test_one_connection_serves_one_reply_after_the_other(chat: ChatServer) -> None:
    chat.answer = streams(event(content="Yes."), DONE)
    model = OpenAiModel(LlmSettings(chat.url, "tiny"))
    await model.start()
    for _ in range(3):
        async with model.stream(HELLO) as events:
            assert texts([each async for each in events]) == "Yes."
    assert (len(chat.requests), len(chat.connections)) == (3, 1)
    await model.close()


async def test_the_connection_is_kept_when_nobody_asks_for_more_than_the_end(chat: ChatServer) -> None:
    chat.answer = streams(event(content="Yes."), event(finish_reason="stop"), DONE)
    model = OpenAiModel(LlmSettings(chat.url, "tiny"))
    await model.start()
    for _ in range(3):
        async with model.stream(HELLO) as events:
            async for each in events:
                if isinstance(each, Finished):
                    break
    assert len(chat.connections) == 1
    await model.close()


async def test_a_call_warms_the_connection_of_its_first_reply(chat: ChatServer) -> None:
    async def models(connection: Connection) -> None:
        await connection.refuse("200 OK", b"{}")

    chat.answer = models
    model = OpenAiModel(LlmSettings(chat.url, "tiny"))
    await model.start()
    assert await model.warm()
    chat.answer = streams(event(content="Yes."), DONE)
    async with model.stream(HELLO) as events:
        assert texts([each async for each in events]) == "Yes."
    assert len(chat.connections) == 1
    await model.close()


async def test_a_kept_connection_that_is_closed_meanwhile_is_opened_again(chat: ChatServer) -> None:
    async def last(connection: Connection) -> None:
        connection.writer.close()

    answers = [streams(event(content="Yes."), DONE), last, streams(event(content="Still here."), DONE)]

    async def answer(connection: Connection) -> None:
        await answers.pop(0)(connection)

    chat.answer = answer
    model = OpenAiModel(LlmSettings(chat.url, "tiny"))
    await model.start()
    for expected in ("Yes.", "Still here."):
        async with model.stream(HELLO) as events:
            assert texts([each async for each in events]) == expected
    await model.close()


async def test_leaving_early_closes_the_response_at_once(chat: ChatServer) -> None:
    chat.answer = stalls
    model = OpenAiModel(LlmSettings(chat.url, "tiny"))
    await model.start()
    async with model.stream(HELLO) as events:
        assert await anext(events) == Token("I am")
    await asyncio.wait_for(chat.connections[0].gone.wait(), 5)
    await model.close()


@pytest.mark.parametrize("answer", [never, stalls])
async def test_cancelling_closes_the_response_at_once(chat: ChatServer, answer: Answer) -> None:
    begun = asyncio.Event()

    async def begins(connection: Connection) -> None:
        begun.set()
        await answer(connection)

    chat.answer = begins
    model = OpenAiModel(LlmSettings(chat.url, "tiny"))
    await model.start()

    async def reply() -> None:
        async with model.stream(HELLO) as events:
            async for _ in events:
                pass

    task = asyncio.create_task(reply())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.wait_for(chat.connections[0].gone.wait(), 5)
    await model.close()


@pytest.mark.parametrize("url", ["api.openai.com/v1", "ftp://x/v1", "http://", "http://[::1"])
def test_an_address_that_is_none(url: str) -> None:
    with pytest.raises(ValueError, match="address of the language model"):
        LlmSettings(url, "tiny")


def test_settings_do_not_show_the_key() -> None:
    assert KEY not in repr(LlmSettings("http://localhost/v1", "tiny", KEY))
