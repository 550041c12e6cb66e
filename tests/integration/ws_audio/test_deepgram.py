"""A stream that Deepgram hears along with, over a real connection; and all that can go wrong with it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Any

import pytest
import pytest_asyncio

from tests.integration.ws_audio.deepgram_double import KEY, DeepgramDouble, deaf
from tests.unit.ws_audio.conftest import SILENT, VOICED, ScriptedDetector, ScriptedEngine
from tests.waiting import until
from ws_audio.events import AudioEvent, FinalTranscript, LikelyTranscript, PartialTranscript, TranscriptionFailed
from ws_audio.stream import Stream, StreamOptions
from ws_audio.transcription.deepgram import DeepgramRecogniser, DeepgramSettings
from ws_audio.transcription.scheduler import TranscriptionScheduler


class Ear:
    """A stream whose caller says one utterance of a second after half a second."""

    def __init__(self, recogniser: DeepgramRecogniser, scheduler: TranscriptionScheduler | None) -> None:
        self.events: list[AudioEvent] = []
        self.stream = Stream(
            "s1", StreamOptions(partials=True), self.events.append, scheduler,
            detector=ScriptedDetector, recogniser=recogniser,
        )  # fmt: skip
        self.stream.open()

    def told(self, *kinds: type[AudioEvent]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kinds)]

    async def hear(self, *lengths_ms: int) -> None:
        """Silence and speech in turns, silence first."""
        for index, ms in enumerate(lengths_ms):
            for _ in range(ms // 20):
                self.stream.audio(VOICED if index % 2 else SILENT, asyncio.get_running_loop().time())
            await asyncio.sleep(0)

    async def text(self) -> FinalTranscript | TranscriptionFailed:
        await until(lambda: self.told(FinalTranscript, TranscriptionFailed))
        outcome = self.told(FinalTranscript, TranscriptionFailed)[-1]
        assert isinstance(outcome, FinalTranscript | TranscriptionFailed)
        return outcome

    async def utterance(self) -> str:
        self.events.clear()
        await self.hear(500, 1000, 700)
        outcome = await self.text()
        assert isinstance(outcome, FinalTranscript)
        return outcome.text


@pytest_asyncio.fixture
async def scheduler() -> AsyncIterator[TranscriptionScheduler]:
    engine = ScriptedEngine()
    engine.say = lambda audio: "here"
    scheduler = TranscriptionScheduler(engine, workers=1)
    scheduler.start()
    yield scheduler
    await scheduler.close()


@pytest_asyncio.fixture
async def double() -> AsyncIterator[DeepgramDouble]:
    async with DeepgramDouble() as double:
        yield double


def recogniser_at(url: str, **changes: Any) -> DeepgramRecogniser:
    return DeepgramRecogniser(DeepgramSettings(KEY, url, **({"close_timeout_s": 0.2} | changes)))


@pytest_asyncio.fixture
async def recogniser(double: DeepgramDouble) -> AsyncIterator[DeepgramRecogniser]:
    recogniser = recogniser_at(double.url)
    yield recogniser
    await recogniser.close()


async def test_an_utterance_is_heard_along(
    double: DeepgramDouble, recogniser: DeepgramRecogniser, scheduler: TranscriptionScheduler
) -> None:
    ear = Ear(recogniser, scheduler)
    await ear.hear(500, 1000)
    await until(lambda: ear.told(PartialTranscript))
    assert ear.told(PartialTranscript)[0].draft == "yes"
    await ear.hear(700)
    final = await ear.text()
    assert isinstance(final, FinalTranscript)
    assert (final.text, final.started_ms, final.ended_ms) == ("Yes please.", 500, 1500)
    assert double.requests[0].path.startswith("/v1/listen?")
    assert (double.asked["sample_rate"], double.asked["language"]) == (["16000"], ["en"])
    assert bytes(double.audio) == SILENT * 25 + VOICED * 50 + SILENT * 35
    ear.stream.forget()
    await until(lambda: double.control[-1:] == ["CloseStream"])
    assert double.control == ["Finalize", "CloseStream"]


async def test_one_session_serves_all_utterances_of_a_stream(
    double: DeepgramDouble, recogniser: DeepgramRecogniser
) -> None:
    ear = Ear(recogniser, None)
    assert await ear.utterance() == "Yes please."
    double.says = "No."
    assert await ear.utterance() == "No."
    assert len(double.requests) == 1
    ear.stream.forget()


async def test_a_stream_without_audio_keeps_its_session(double: DeepgramDouble) -> None:
    recogniser = recogniser_at(double.url, keep_alive_s=0.02)
    ear = Ear(recogniser, None)
    await ear.hear(40)
    await until(lambda: double.control.count("KeepAlive") >= 2)
    assert await ear.utterance() == "Yes please."
    await recogniser.close()


async def test_a_key_that_is_refused_is_told_once_and_calls_go_on(
    double: DeepgramDouble, scheduler: TranscriptionScheduler, caplog: pytest.LogCaptureFixture
) -> None:
    double.refuses = HTTPStatus.UNAUTHORIZED
    recogniser = recogniser_at(double.url, rest_s=0.001)
    ears = [Ear(recogniser, scheduler) for _ in range(3)]
    assert await asyncio.gather(*(ear.utterance() for ear in ears)) == ["here"] * 3
    assert await ears[0].utterance() == "here"
    assert [record.levelname for record in caplog.records if record.name.startswith("ws_audio")] == ["WARNING"]
    assert "status 401" in caplog.text
    assert KEY not in caplog.text
    assert len(double.requests) == 3  # nobody knocks again soon: it is no trouble that passes by itself
    await recogniser.close()


@pytest.mark.parametrize(
    ("first", "told"),
    [
        ("hello", "no message of its protocol"),
        ('{"type": "Results", "start": 1}', "no message of its protocol"),
        ('{"type": "Error", "err_code": "DATA-0000", "description": "the words"}', "DATA-0000"),
        (1011, "1011 NET-0000"),
        (1000, "closed the connection"),
    ],
)
async def test_a_session_that_goes_wrong_in_the_middle(
    double: DeepgramDouble,
    scheduler: TranscriptionScheduler,
    caplog: pytest.LogCaptureFixture,
    first: str | int,
    told: str,
) -> None:
    double.first = first
    recogniser = recogniser_at(double.url, rest_s=0.001)
    ear = Ear(recogniser, scheduler)
    assert await ear.utterance() == "here"
    assert told in caplog.text
    assert "the words" not in caplog.text
    double.first = None  # it has thought better of it: the next utterance is heard along again
    await asyncio.sleep(0.05)
    assert await ear.utterance() == "Yes please."
    actions = [getattr(record, "action", None) for record in caplog.records if record.name.startswith("ws_audio")]
    assert actions == ["stt_streaming_away", "stt_streaming_back"]
    await recogniser.close()


async def test_who_never_answers_is_not_waited_for(double: DeepgramDouble, scheduler: TranscriptionScheduler) -> None:
    double.silent = True
    recogniser = recogniser_at(double.url)
    with_a_model, without = Ear(recogniser, scheduler), Ear(recogniser, None)
    text, _ = await asyncio.gather(with_a_model.utterance(), without.hear(500, 1000, 700))
    assert text == "here"
    failed = await without.text()
    assert isinstance(failed, TranscriptionFailed)
    assert failed.timed_out
    assert "1.5 s" in failed.reason
    await recogniser.close()


async def test_nobody_is_there(
    unused_tcp_port: int, scheduler: TranscriptionScheduler, caplog: pytest.LogCaptureFixture
) -> None:
    recogniser = recogniser_at(f"ws://127.0.0.1:{unused_tcp_port}/v1/listen")
    ear = Ear(recogniser, scheduler)
    assert await ear.utterance() == "here"
    assert "cannot be reached" in caplog.text
    await recogniser.close()


async def test_audio_that_nobody_takes_does_not_pile_up(
    scheduler: TranscriptionScheduler, caplog: pytest.LogCaptureFixture
) -> None:
    server, url = await deaf()
    recogniser = recogniser_at(url, backlog_s=1.0)
    ear = Ear(recogniser, scheduler)
    assert await ear.utterance() == "here"
    assert "1 s of it wait" in caplog.text
    await recogniser.close()
    server.close()
    await server.wait_closed()


async def test_a_handshake_that_is_never_answered(
    scheduler: TranscriptionScheduler, caplog: pytest.LogCaptureFixture
) -> None:
    server, url = await deaf()
    recogniser = recogniser_at(url, connect_timeout_s=0.05)
    ear = Ear(recogniser, scheduler)
    await ear.hear(100)
    await until(lambda: "cannot be reached" in caplog.text)
    assert await ear.utterance() == "here"
    await recogniser.close()
    server.close()
    await server.wait_closed()


async def test_closing_ends_every_session(double: DeepgramDouble) -> None:
    recogniser = recogniser_at(double.url)
    ears = [Ear(recogniser, None) for _ in range(3)]
    for ear in ears:
        await ear.hear(100)
    await until(lambda: len(double.requests) == 3)
    await recogniser.close()
    assert not [task for task in asyncio.all_tasks() if task.get_name() == "deepgram"]


async def test_a_likely_end_is_told_without_waiting_for_the_silence(
    double: DeepgramDouble, recogniser: DeepgramRecogniser
) -> None:
    """With `endpointing` Deepgram makes words final at a pause, which nobody has to ask for."""
    ear = Ear(recogniser, None)
    await ear.hear(500, 1000, 300)
    await until(lambda: len(double.audio) == 1800 * 32)
    [session] = recogniser._sessions
    session.finalise()  # stands for Deepgram's own endpointing
    await until(lambda: ear.told(LikelyTranscript))
    [likely] = ear.told(LikelyTranscript)
    assert ear.stream.end_utterance(likely.utterance)
    final = await ear.text()
    assert isinstance(final, FinalTranscript)
    assert final.text == likely.text == "Yes please."
    ear.stream.forget()
