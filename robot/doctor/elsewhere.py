"""Tries what is somebody else's and no call needs, where it is configured: the Redis of live sessions, Deepgram, the
language model.

They can only be warned of: calls go on without them.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Final

from robot.dialogue.chat_completions import OpenAiModel
from robot.dialogue.llm import LlmError, Message, Request, Tool
from robot.doctor.check import Check, ok, warning
from robot.settings import ConfigError, Settings, SttSettings
from robot.speech import language_model
from robot.store.sessions.errors import SessionsUnavailable
from robot.store.sessions.redis_sessions import RedisSessions
from ws_audio.transcription.deepgram import DeepgramRecogniser, DeepgramSettings
from ws_audio.transcription.streaming import Heard

_RATE: Final = 16000
_SILENCE_S: Final = 1
_ANSWER_S: Final = 5.0
# Above it callees wait for longer than they are used to, whatever else is fast.
_SLOW_MS: Final = 700
# As a call asks: with a tool, which some models and servers do not take.
_HELLO: Final = Request(
    (Message("system", "You are on the telephone."), Message("user", "Hello?")),
    (Tool("end_call", "End the call.", {"type": "object", "properties": {}}),),
    max_tokens=16,
)


async def look_elsewhere(settings: Settings) -> AsyncIterator[Check]:
    """Nothing where nothing is configured."""
    if settings.sessions.url is not None:
        yield await live_sessions(settings.sessions.url)
    if settings.stt.provider == "deepgram":
        yield await deepgram(settings.stt)
    if (model := language_model(settings)) is not None:
        yield await asked(model, settings.llm.model)


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


async def asked(model: OpenAiModel, called: str) -> Check:
    """The second time tells, as the first one may load the model. It generates up to 16 tokens each time."""
    name = "language model"
    await model.start()
    try:
        for _ in range(2):
            began = time.perf_counter()
            async with model.stream(_HELLO) as events:
                await anext(events)
                took_ms = (time.perf_counter() - began) * 1000
    except LlmError as error:
        return warning(name, str(error), "see [llm]; steps that it holds go on with their `fallback`")
    finally:
        await model.close()
    found = f"{called} begins to answer within {took_ms:.0f} ms"
    if took_ms > _SLOW_MS:
        return warning(name, found, f"more than {_SLOW_MS} ms makes callees wait: take a smaller or a nearer model")
    return ok(name, found)
