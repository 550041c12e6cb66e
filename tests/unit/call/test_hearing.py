"""What is heard of the callee: scripted stream events, the loop's clock taken from them, no waiting."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest

from robot.call.hearing import Hearing, StreamListener, Utterance
from ws_audio.events import (
    AudioStalled,
    FinalTranscript,
    LikelyTranscript,
    PartialTranscript,
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


async def test_what_is_not_like_speech_is_not_told_as_speech() -> None:
    ear = Ear()
    stream = started(ear.hearing(), at=100.02)
    stream(SpeechContinues(0, 1500, 1500, arrived_at=101.5, speechlike=False))
    assert ear.speech == []
    stream(SpeechContinues(0, 1520, 1520, arrived_at=101.52))
    assert ear.speech == [(100.0, 101.52, 101.52)]


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


async def test_what_could_not_be_heard_is_told_with_its_code() -> None:
    faults: list[tuple[str, str]] = []
    hearing = Hearing(
        on_speech=lambda *frame: None,
        on_utterance=lambda utterance: None,
        on_fault=lambda code, reason: faults.append((code, reason)),
    )
    stream = started(hearing)
    say(stream, None, 0, 300)
    stream(SpeechStarted(400))
    stream(SpeechEnded(2, 400, 900, 1600))
    stream(TranscriptionFailed(2, 400, 900, "too late", timed_out=True))
    stream(StreamClosed("x", 1007, "text that is no UTF-8"))
    assert faults == [
        ("ASR_FAIL", "the model did not answer"),
        ("ASR_TIMEOUT", "too late"),
        ("PROTOCOL_VIOLATION", "the audio stream was closed with code 1007"),
    ]


@pytest.mark.parametrize("code", [1000, 1001, 1006])
async def test_a_stream_that_just_ends_breaks_no_protocol(code: int) -> None:
    faults: list[str] = []
    hearing = Hearing(
        on_speech=lambda *frame: None,
        on_utterance=lambda utterance: None,
        on_fault=lambda code, reason: faults.append(code),
    )
    started(hearing)(StreamClosed("x", code, ""))
    assert faults == []


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


class Pausing:
    """A callee whose utterances can be ended while they pause, as a stream does it."""

    def __init__(self, at: float) -> None:
        self.heard: list[str] = []
        self.words: list[tuple[str, float, float, str]] = []
        self.hearing = Hearing(
            on_speech=lambda *frame: None,
            on_utterance=lambda utterance: self.heard.append(utterance.text),
            on_words=lambda *words: self.words.append(words),
            end_utterance=self._end,
        )
        self.stream = started(self.hearing, at=at + 0.02)
        self._pause: LikelyTranscript | None = None

    def speaks(self, begin_ms: int, end_ms: int) -> None:
        self.stream(SpeechStarted(begin_ms))
        self.speaks_on(begin_ms, end_ms)

    def speaks_on(self, begin_ms: int, end_ms: int) -> None:
        self._pause = None
        self.stream(SpeechContinues(begin_ms, end_ms, end_ms - begin_ms, arrived_at=1e12))

    def pauses(self, text: str, begin_ms: int, end_ms: int) -> None:
        self._pause = LikelyTranscript(1, text, begin_ms, end_ms, end_ms - begin_ms + 400)
        self.stream(self._pause)

    def _end(self, number: int) -> bool:
        pause, self._pause = self._pause, None
        if pause is None or number != pause.utterance:
            return False
        begin, end = pause.started_ms, pause.ended_ms
        self.stream(SpeechEnded(1, begin, end, end + 340))
        self.stream(FinalTranscript(1, pause.text, begin, end, 340, 0, pause.audio_ms))
        return True


def is_yes(text: str) -> bool:
    return text.startswith("Yes")


async def test_a_clear_answer_ends_the_wait_while_the_silence_is_counted() -> None:
    now = asyncio.get_running_loop().time()
    callee = Pausing(now)
    waiting = asyncio.create_task(callee.hearing.answer(now, 60, clear=is_yes))
    await asyncio.sleep(0)
    callee.speaks(0, 400)
    callee.pauses("Well...", 0, 400)
    callee.speaks_on(0, 900)
    callee.pauses("Well... yes.", 0, 900)
    await asyncio.sleep(0)
    assert not waiting.done()
    callee.speaks_on(0, 1200)
    callee.pauses("Yes.", 0, 1200)
    answer = await waiting
    assert answer is not None
    assert (answer.text, answer.endpoint_ms, answer.stt_ms) == ("Yes.", 340, 0)
    assert answer.ended_at == pytest.approx(now + 1.2)


async def test_a_pause_that_came_before_the_question_was_put_is_judged_when_it_is() -> None:
    now = asyncio.get_running_loop().time()
    callee = Pausing(now)
    callee.speaks(100, 500)
    callee.pauses("Yes.", 100, 500)
    assert callee.heard == []
    answer = await callee.hearing.answer(now, 60, clear=is_yes)
    assert answer is not None
    assert callee.heard == ["Yes."]


async def test_what_was_taken_back_or_does_not_count_ends_nothing() -> None:
    now = asyncio.get_running_loop().time()
    callee = Pausing(now)
    callee.speaks(100, 500)
    callee.pauses("Yes.", 100, 500)
    callee.speaks_on(100, 600)
    waiting = asyncio.create_task(
        callee.hearing.answer(now, 60, clear=is_yes, counts=lambda text, ended_at: text != "Yes but")
    )
    await asyncio.sleep(0)
    callee.pauses("Yes but", 100, 600)
    await asyncio.sleep(0)
    assert not waiting.done()
    assert callee.heard == []
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    callee.pauses("Yes.", 100, 600)
    assert callee.heard == [], "nobody waits any more"


async def test_patience_ends_what_no_other_rule_does_and_a_pause_is_told_and_taken_back() -> None:
    now = asyncio.get_running_loop().time() - 2.0  # all of it was said two seconds ago
    callee = Pausing(now)
    told: list[str | None] = []
    waiting = asyncio.create_task(
        callee.hearing.answer(now, 60, patience=lambda text: 400 if text.endswith(".") else 60_000, pausing=told.append)
    )
    await asyncio.sleep(0)
    callee.speaks(0, 400)
    callee.pauses("I would like to", 0, 400)
    await asyncio.sleep(0)
    assert not waiting.done(), "who stops there is thinking"
    callee.speaks_on(0, 1200)
    callee.pauses("I would like to know the price.", 0, 1200)
    answer = await waiting
    assert answer is not None
    assert answer.text == "I would like to know the price."
    assert told == ["I would like to", None, "I would like to know the price."]


async def test_an_earlier_text_that_comes_late_does_not_take_a_pause_back() -> None:
    now = asyncio.get_running_loop().time()
    callee = Pausing(now)
    callee.stream(SpeechStarted(0))
    callee.stream(SpeechEnded(1, 0, 300, 1000))
    callee.speaks(1200, 1500)
    callee.pauses("Yes.", 1200, 1500)
    callee.stream(FinalTranscript(1, "Hm", 0, 300, 700, 500, 300))
    answer = await callee.hearing.answer(now, 60, said_after=now + 1, clear=is_yes)
    assert answer is not None
    assert answer.text == "Yes."


async def test_words_that_do_not_count_are_passed_over_and_words_over_the_prompt_may_count() -> None:
    hearing = Ear().hearing()
    stream = started(hearing, at=100.02)
    say(stream, "Mm-hmm.", 1000, 1300)
    say(stream, "Friday.", 2000, 2400)
    answer = await hearing.answer(
        since=103.0, within_s=1, said_after=100.5, counts=lambda text, ended_at: text != "Mm-hmm."
    )
    assert answer is not None
    assert answer.text == "Friday."
    assert await hearing.answer(since=103.0, within_s=1) is None


async def test_an_interruption_is_its_first_words() -> None:
    now = asyncio.get_running_loop().time()
    callee = Pausing(now)
    callee.speaks(0, 1500)
    waiting = asyncio.create_task(callee.hearing.interruption(now, 60, clear=is_yes))
    await asyncio.sleep(0)
    callee.pauses("Yes, I know.", 0, 1500)
    words = await waiting
    assert words is not None
    assert words.text == "Yes, I know."


async def test_an_interruption_without_words_is_over_when_it_was_quiet_for_so_long() -> None:
    now = asyncio.get_running_loop().time()
    callee = Pausing(now - 10)
    callee.speaks(0, 9000)  # up to a second ago
    waiting = asyncio.create_task(callee.hearing.interruption(now - 10, 0.5))
    await asyncio.sleep(0)
    assert not waiting.done(), "they may go on, and the text is not known"
    callee.stream(SpeechEnded(1, 0, 9000, 9700))
    callee.stream(FinalTranscript(1, "", 0, 9000, 700, 200, 9000))
    assert await waiting is None


async def test_all_that_is_recognised_is_told_with_the_loops_time() -> None:
    callee = Pausing(100.0)
    callee.stream(SpeechStarted(1000))
    callee.stream(PartialTranscript(1, "I", "I wood", until_ms=1600))
    callee.pauses("I would.", 1000, 1800)
    callee.stream(SpeechEnded(1, 1000, 1800, 2500))
    callee.stream(FinalTranscript(1, "I would.", 1000, 1800, 700, 0, 800))
    assert [(text, round(begin, 3), round(until, 3), sure) for text, begin, until, sure in callee.words] == [
        ("I wood", 101.0, 101.6, "I"),
        ("I would.", 101.0, 101.8, ""),
        ("I would.", 101.0, 101.8, ""),
    ]


async def test_who_watches_is_told_that_the_callee_speaks_and_that_a_text_is_awaited() -> None:
    told: list[tuple[bool, bool]] = []
    hearing = Hearing(
        on_speech=lambda *_: None, on_utterance=lambda _: None, on_activity=lambda *activity: told.append(activity)
    )
    stream = started(hearing)
    stream(SpeechStarted(1000))
    stream(SpeechEnded(1, 1000, 1700, 2400))
    assert told == [(True, False), (False, True)]
    stream(SpeechStarted(2500))
    stream(FinalTranscript(1, "Yes.", 1000, 1700, 700, 12, 700))
    assert told[2:] == [(True, True), (True, False)]
    stream(StreamClosed("s1", 1000, ""))
    stream(StreamClosed("s1", 1000, ""))
    assert told[4:] == [(False, False)]
