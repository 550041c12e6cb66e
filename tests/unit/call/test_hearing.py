"""What is heard of the callee: scripted stream events, the loop's clock taken from them, no waiting."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from robot.call.hearing import Hearing, StreamListener, Utterance
from ws_audio.events import (
    AudioStalled,
    FinalTranscript,
    SpeechContinues,
    SpeechEnded,
    SpeechStarted,
    StreamClosed,
    StreamStarted,
    TranscriptionFailed,
)


@dataclass
class Ear:
    """A hearing whose callbacks are kept."""

    speech: list[tuple[float, float, float]] = field(default_factory=list)
    utterances: list[Utterance] = field(default_factory=list)

    def hearing(self) -> Hearing:
        return Hearing(on_speech=lambda *frame: self.speech.append(frame), on_utterance=self.utterances.append)


def started(hearing: Hearing, at: float = 100.0) -> StreamListener:
    """A stream whose first frame arrived at `at`: its first sample was spoken 20 ms before."""
    stream = hearing.new_stream()
    stream(StreamStarted(arrived_at=at))
    return stream


def say(stream: StreamListener, text: str | None, start_ms: int, end_ms: int) -> None:
    stream(SpeechStarted(start_ms))
    stream(SpeechEnded(1, start_ms, end_ms, end_ms + 700))
    if text is None:
        stream(TranscriptionFailed(1, start_ms, end_ms, "the model did not answer"))
    else:
        stream(FinalTranscript(1, text, start_ms, end_ms, 700, 12, end_ms - start_ms))


async def test_audio_time_becomes_the_loops_time() -> None:
    ear = Ear()
    stream = started(ear.hearing(), at=100.02)
    say(stream, "Yes.", 1000, 1700)
    [utterance] = ear.utterances
    assert (utterance.started_at, utterance.ended_at) == (101.0, 101.7)
    assert (utterance.endpoint_ms, utterance.stt_ms) == (700, 12)


async def test_the_earliest_arrival_says_when_the_stream_began() -> None:
    ear = Ear()
    stream = started(ear.hearing(), at=100.06)  # the first frames came late, in a burst
    stream(SpeechContinues(0, 20, 20, arrived_at=100.02))
    assert ear.speech == [(100.0, 100.02, 100.02)]


async def test_an_answer_that_has_come_already_is_returned_at_once() -> None:
    ear = Ear()
    hearing = ear.hearing()
    say(started(hearing), "Yes.", 1000, 1700)
    answer = await hearing.answer(since=100.5, within_s=1)
    assert answer is not None
    assert answer.text == "Yes."


async def test_what_ended_before_the_question_is_no_answer_to_it() -> None:
    hearing = Ear().hearing()
    say(started(hearing), "Yes.", 1000, 1700)
    assert await hearing.answer(since=102.0, within_s=1) is None, "the loop's clock is far past 103 s"


async def test_while_somebody_speaks_the_wait_goes_on() -> None:
    hearing = Ear().hearing()
    now = asyncio.get_running_loop().time()
    stream = started(hearing, at=now)
    stream(SpeechStarted(0))
    waiting = asyncio.create_task(hearing.answer(since=now, within_s=0))
    await asyncio.sleep(0)
    assert not waiting.done()
    stream(SpeechEnded(1, 0, 900, 1600))
    await asyncio.sleep(0)
    assert not waiting.done(), "the text is outstanding"
    stream(FinalTranscript(1, "No.", 0, 900, 700, 0, 900))
    answer = await waiting
    assert answer is not None
    assert answer.text == "No."


async def test_noise_is_no_answer_and_ends_no_wait_early() -> None:
    hearing = Ear().hearing()
    now = asyncio.get_running_loop().time()
    stream = started(hearing, at=now)
    say(stream, "", 100, 300)
    say(stream, None, 400, 600)
    assert hearing.failures == 1
    assert hearing.quiet
    assert await hearing.answer(since=now, within_s=0) is None


async def test_how_a_stream_is_lost_is_told_once() -> None:
    stream = started(Ear().hearing())
    stream(AudioStalled(5003))
    stream(StreamClosed("x", 1006, "gone"))
    assert stream.lost.result() == "no audio for 5 s"
    closed = started(Ear().hearing())
    closed(StreamClosed("x", 1006, "gone"))
    assert closed.lost.result() == "closed with code 1006 (gone)"


async def test_text_of_a_lost_stream_comes_with_the_time_of_that_stream() -> None:
    ear = Ear()
    hearing = ear.hearing()
    first = started(hearing, at=100.02)
    first(SpeechStarted(1000))
    first(SpeechEnded(1, 1000, 1500, 1500))
    first(StreamClosed("x", 1006, ""))
    second = started(hearing, at=105.02)
    assert not hearing.quiet
    first(FinalTranscript(1, "Hello?", 1000, 1500, 0, 50, 500))
    say(second, "Yes.", 200, 600)
    assert [utterance.started_at for utterance in ear.utterances] == [101.0, 105.2]
    assert hearing.quiet


async def test_the_last_words_are_waited_for() -> None:
    hearing = Ear().hearing()
    stream = started(hearing)
    stream(SpeechEnded(1, 0, 500, 500))
    waiting = asyncio.create_task(hearing.texts_known(within_s=60))
    await asyncio.sleep(0)
    assert not waiting.done()
    stream(FinalTranscript(1, "Bye.", 0, 500, 0, 0, 500))
    await waiting
    await hearing.texts_known(within_s=60)
