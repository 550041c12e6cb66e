"""Tries what is somebody else's and no call needs, where it is configured: the Redis of live sessions, Deepgram.

Both can only be warned of: calls go on without them.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Final

from robot.config import ConfigError, SessionsSettings, SttSettings
from robot.doctor.check import Check, ok, warning
from robot.store.sessions.errors import SessionsUnavailable
from robot.store.sessions.redis_sessions import RedisSessions
from ws_audio.transcription.deepgram import DeepgramRecogniser, DeepgramSettings
from ws_audio.transcription.streaming import Heard

_RATE: Final = 16000
_SILENCE_S: Final = 1
_ANSWER_S: Final = 5.0


async def look_elsewhere(sessions: SessionsSettings, stt: SttSettings) -> AsyncIterator[Check]:
    """Nothing where nothing is configured."""
    if sessions.url is not None:
        yield await live_sessions(sessions.url)
    if stt.provider == "deepgram":
        yield await deepgram(stt)


async def live_sessions(url: str) -> Check:
    redis = RedisSessions(url)
    began = time.perf_counter()
    try:
        calls = len(await redis.all())
    except SessionsUnavailable as error:
        return warning("live sessions", str(error), "calls work without it; `robot live` does not")
    finally:
        await redis.close()
    took_ms = (time.perf_counter() - began) * 1000
    return ok("live sessions", f"Redis answers in {took_ms:.0f} ms and knows of {calls} call(s)")


async def deepgram(stt: SttSettings) -> Check:
    """It gets a second of silence to hear, which is billed as one."""
    name, without = "Deepgram", "calls work without it: the model of this machine hears them"
    try:
        settings = DeepgramSettings(stt.required_key(), stt.url, stt.deepgram_model)
    except ConfigError as error:
        return warning(name, str(error), "set stt.api_key, or stt.provider to whisper")
    answered: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def heard(what: Heard) -> None:
        if not answered.done():
            answered.set_result("")

    def lost(reason: str) -> None:
        if not answered.done():
            answered.set_result(reason)

    recogniser = DeepgramRecogniser(settings)
    began = time.perf_counter()
    try:
        session = recogniser.open(_RATE, stt.language, (), heard, lost)
        assert session is not None  # nothing has failed yet
        session.push(bytes(2 * _RATE * _SILENCE_S))
        session.finalise()
        async with asyncio.timeout(_ANSWER_S):
            reason = await answered
        took_ms = (time.perf_counter() - began) * 1000
    except TimeoutError:
        reason = f"Deepgram takes audio and answered nothing within {_ANSWER_S:.0f} s"
    finally:
        await recogniser.close()
    if reason:
        return warning(name, reason, f"see stt.api_key, stt.url and stt.deepgram_model; {without}")
    return ok(name, f"{stt.deepgram_model} answers within {took_ms:.0f} ms, connecting included")
