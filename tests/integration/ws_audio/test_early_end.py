"""An answer that is taken while its silence is still counted: real speech over a real socket into the real model."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest
from websockets.asyncio.client import connect

from tests.integration.ws_audio.test_whisper_speech import speak, telephone, words
from ws_audio.events import AudioEvent, FinalTranscript, LikelyTranscript, PartialTranscript, SpeechEnded
from ws_audio.server import AudioServer, AudioServerSettings
from ws_audio.stream import StreamOptions
from ws_audio.transcription.scheduler import TranscriptionScheduler
from ws_audio.transcription.whisper import WhisperEngine

pytestmark = pytest.mark.slow

FRAME_BYTES = 640
NOISE = np.random.default_rng(3)


def line(sentence: str, silence_ms: int) -> list[bytes]:
    """Frames of what the telephone brings: a moment of its noise, the sentence, its noise again."""
    speech = telephone(speak(sentence)[3200:-3200])
    before, after = ((NOISE.normal(size=ms * 16) * 20).astype(np.int16) for ms in (100, silence_ms))
    audio = np.concatenate([before, speech, after]).astype("<i2").tobytes()
    return [audio[at : at + FRAME_BYTES] for at in range(0, len(audio) // FRAME_BYTES * FRAME_BYTES, FRAME_BYTES)]


async def test_an_answer_that_is_likely_all_is_made_final_and_what_follows_is_heard_whole() -> None:
    scheduler = TranscriptionScheduler(WhisperEngine("tiny.en"), workers=1)
    scheduler.start()
    server = AudioServer(AudioServerSettings(port=0), scheduler)
    await server.start()
    heard: list[AudioEvent] = []
    news = asyncio.Event()

    def listen(event: AudioEvent) -> None:
        heard.append(event)
        news.set()
        if isinstance(event, LikelyTranscript) and event.utterance == 1:
            assert server.end_utterance("call-1", 1)

    async def finals(count: int) -> list[FinalTranscript]:
        async with asyncio.timeout(20):
            while len(found := [event for event in heard if isinstance(event, FinalTranscript)]) < count:
                news.clear()
                await news.wait()
        return found

    ticket = server.expect("call-1", StreamOptions(partials=True), listen)
    headers = {"Authorization": ticket.authorization}
    async with connect(f"ws://127.0.0.1:{server.port}{ticket.path}", additional_headers=headers) as client:
        for frame in line("Yes please.", 400):
            await client.send(frame)
        [first] = await finals(1)
        for frame in line("Can you call me back tomorrow at nine?", 1000):
            await client.send(frame)
        [_, second] = await finals(2)
    await server.close()
    await scheduler.close()
    assert words(first.text) == "yes please"
    assert (first.endpoint_ms, first.stt_ms) < (700, 1)
    assert words(second.text).startswith("can you call me back tomorrow")
    assert second.endpoint_ms == 700
    assert second.started_ms > first.ended_ms
    assert [event.utterance for event in heard if isinstance(event, SpeechEnded)] == [1, 2]
    assert all(event.utterance in (1, 2) for event in heard if isinstance(event, PartialTranscript))
