"""One stream: frames in, events out, utterances to transcription."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import numpy as np
import pytest

from tests.unit.ws_audio.conftest import VOICED, ScriptedEngine, until
from tests.unit.ws_audio.ear import Ear
from ws_audio.endpointing import EndpointSettings
from ws_audio.events import (
    AudioEvent,
    FinalTranscript,
    LikelyTranscript,
    PartialTranscript,
    SpeechContinues,
    SpeechEnded,
    SpeechStarted,
    StreamClosed,
    StreamOpened,
    StreamStarted,
    ToneEnded,
    ToneStarted,
    TranscriptionFailed,
)
from ws_audio.stream import Stream, StreamOptions
from ws_audio.transcription.scheduler import Priority, TranscriptionScheduler
from ws_audio.vad import ForegroundVad


async def test_an_utterance_from_the_first_frame_to_its_text(scheduler: TranscriptionScheduler) -> None:
    ear = Ear(scheduler)
    ear.hear(500, 1000, 700)  # all at once: the text comes after the end, and is told as the final alone
    text = await ear.text()
    ear.stream.close(1000)
    assert [event for event in ear.events if not isinstance(event, SpeechContinues)] == [
        StreamOpened("s1"),
        StreamStarted(1.5),
        SpeechStarted(500),
        SpeechEnded(1, 500, 1500, 2200),
        text,
        StreamClosed("s1", 1000, ""),
    ]
    # 200 ms before the onset, 1000 of speech, and the 200 of silence after which transcription began.
    assert isinstance(text, FinalTranscript)
    assert (text.utterance, text.text, text.audio_ms, text.endpoint_ms) == (1, "1400 ms", 1400, 700)


async def test_a_barge_in_can_be_decided_inside_the_frame(scheduler: TranscriptionScheduler) -> None:
    ear = Ear(scheduler)
    ear.hear(0, 1480)
    assert all(event.run_ms < 1500 for event in ear.events if isinstance(event, SpeechContinues))
    ear.stream.audio(VOICED, arrived_at=7.25)
    assert ear.events[-1] == SpeechContinues(0, 1500, 1500, 7.25)


async def test_the_text_is_there_when_the_end_is_decided(
    scheduler: TranscriptionScheduler, engine: ScriptedEngine
) -> None:
    ear = Ear(scheduler)
    ear.hear(0, 400, 200)
    await until(lambda: engine.heard and not scheduler.snapshot().busy)
    ear.hear(500)
    final = ear.events[-1]
    assert isinstance(final, FinalTranscript)
    assert (final.stt_ms, final.text) == (0, "600 ms")
    assert len(engine.heard) == 1


async def test_speech_after_a_pause_drops_what_was_transcribed_meanwhile(
    scheduler: TranscriptionScheduler, engine: ScriptedEngine
) -> None:
    ear = Ear(scheduler)
    engine.gate.clear()
    ear.hear(0, 400, 240, 400, 700)
    engine.gate.set()
    final = await ear.text()
    assert isinstance(final, FinalTranscript)
    assert final.text == f"{400 + 240 + 400 + 200} ms"
    assert scheduler.snapshot().cancelled == 1


async def test_a_click_in_the_silence_keeps_what_was_transcribed(
    scheduler: TranscriptionScheduler, engine: ScriptedEngine
) -> None:
    ear = Ear(scheduler)
    ear.hear(0, 400, 400, 40, 400)
    await ear.text()
    assert len(engine.heard) == 1


async def test_the_first_word_after_an_end_is_not_cut(
    scheduler: TranscriptionScheduler, engine: ScriptedEngine
) -> None:
    ear = Ear(scheduler)
    ear.hear(0, 400, 660, 400, 700)  # the second word begins 40 ms before the first is surely over
    await until(lambda: len(ear.told(FinalTranscript)) == 2)
    assert ear.told(SpeechEnded) == [SpeechEnded(1, 0, 400, 1100), SpeechEnded(2, 1060, 1460, 2160)]
    assert all(audio.tobytes().count(VOICED[:2]) == 400 * 16 for audio in engine.heard)


async def test_an_utterance_that_is_cut_is_handed_on_without_a_hole(
    scheduler: TranscriptionScheduler, engine: ScriptedEngine
) -> None:
    options = StreamOptions(endpointing=EndpointSettings(max_utterance_ms=1000))
    ear = Ear(scheduler, options)
    ear.hear(0, 2500, 700)
    await until(lambda: len(ear.told(FinalTranscript)) == 3)
    voiced = sum(audio.tobytes().count(VOICED[:2]) for audio in engine.heard)
    assert voiced == 2500 * 16


async def test_who_hangs_up_in_mid_sentence_has_still_said_it(scheduler: TranscriptionScheduler) -> None:
    ear = Ear(scheduler)
    ear.hear(0, 1000)
    ear.stream.close(1000)
    assert ear.events[-2:] == [SpeechEnded(1, 0, 1000, 1000), StreamClosed("s1", 1000, "")]
    assert isinstance(await ear.text(), FinalTranscript)


async def test_an_utterance_that_cannot_be_transcribed_fails_with_a_reason(scheduler: TranscriptionScheduler) -> None:
    ear = Ear(scheduler)
    await scheduler.close()
    ear.hear(0, 400, 700)
    assert await ear.text() == TranscriptionFailed(1, 0, 400, "transcription is not running")


async def test_a_speculation_that_was_refused_is_tried_again_as_a_final(
    scheduler: TranscriptionScheduler, engine: ScriptedEngine
) -> None:
    engine.gate.clear()
    jobs = [scheduler.submit("other", b"", rate=16000) for _ in range(5)]  # one running, four waiting: full
    ear = Ear(scheduler)
    ear.hear(0, 400, 300)
    jobs[4].cancel()
    ear.hear(400)
    engine.gate.set()
    assert isinstance(await ear.text(), FinalTranscript)


async def test_a_listener_that_raises_ends_its_stream_and_is_told_of_the_close(
    scheduler: TranscriptionScheduler, caplog: pytest.LogCaptureFixture
) -> None:
    ear = Ear(scheduler)

    def stumble(event: AudioEvent) -> None:
        ear.events.append(event)
        if isinstance(event, SpeechStarted):
            raise ZeroDivisionError

    ear.listen = stumble
    ear.hear(0, 1000, 1000)
    ear.stream.close(1011, "the listener failed")
    assert ear.failures == 1
    assert ear.events[-2:] == [SpeechStarted(0), StreamClosed("s1", 1011, "the listener failed")]
    assert "ZeroDivisionError" in caplog.text


async def test_a_forgotten_stream_tells_nothing_more(scheduler: TranscriptionScheduler, engine: ScriptedEngine) -> None:
    ear = Ear(scheduler)
    engine.gate.clear()
    ear.hear(0, 400, 700)
    told = len(ear.events)
    ear.stream.forget()
    engine.gate.set()
    await scheduler.close()
    ear.hear(0, 400)
    assert len(ear.events) == told
    assert scheduler.snapshot().cancelled == 1


async def test_a_listener_may_forget_the_stream_from_within_an_event(scheduler: TranscriptionScheduler) -> None:
    ear = Ear(scheduler)

    def enough(event: AudioEvent) -> None:
        ear.events.append(event)
        if isinstance(event, SpeechEnded):
            ear.stream.forget()

    ear.listen = enough
    ear.hear(0, 400, 1000)
    assert isinstance(ear.events[-1], SpeechEnded)


async def test_options_change_in_mid_stream(scheduler: TranscriptionScheduler, engine: ScriptedEngine) -> None:
    ear = Ear(scheduler)
    ear.hear(0, 400)
    options = StreamOptions(language="fr", endpointing=EndpointSettings(end_silence_ms=400))
    ear.stream.configure(options)
    ear.hear(400)
    assert ear.told(SpeechEnded) == [SpeechEnded(1, 0, 400, 800)]
    await ear.text()
    assert engine.languages == ["fr"]
    with pytest.raises(ValueError, match="cannot change"):
        ear.stream.configure(replace(options, rate=8000))


async def test_tones_are_told_while_they_are_asked_for() -> None:
    ear = Ear(None)
    beep = (6000 * np.sin(2 * np.pi * 1000 * np.arange(6400) / 16000)).astype("<i2").tobytes()
    ear.hear(200)
    ear.stream.audio(beep, arrived_at=1.5)
    ear.stream.configure(StreamOptions(tones=True))
    ear.hear(400)
    ear.stream.audio(beep, arrived_at=1.5)
    ear.hear(200)
    ear.stream.configure(StreamOptions())
    ear.stream.audio(beep, arrived_at=1.5)
    [started, ended] = ear.told(ToneStarted, ToneEnded)
    assert isinstance(started, ToneStarted)
    assert isinstance(ended, ToneEnded)
    assert started.started_ms == pytest.approx(1000, abs=20)
    assert ended.ended_ms == pytest.approx(1400, abs=20)


async def test_the_people_in_the_room_are_left_out_while_it_is_asked_for() -> None:
    detectors: list[ForegroundVad] = []

    def detector(rate: int, aggressiveness: int) -> ForegroundVad:
        detectors.append(ForegroundVad(rate, aggressiveness))
        return detectors[-1]

    stream = Stream("x", StreamOptions(), lambda event: None, detector=detector)
    focused = [detectors[0].focused]
    for wanted in (True, False):
        stream.configure(StreamOptions(foreground=wanted))
        focused.append(detectors[0].focused)
    assert focused == [False, True, False]


async def test_without_a_scheduler_there_is_speech_and_no_text() -> None:
    ear = Ear(None)
    ear.hear(0, 400, 700)
    assert isinstance(ear.events[-1], SpeechEnded)


async def test_partials_are_the_words_on_which_two_tries_agree(
    scheduler: TranscriptionScheduler, engine: ScriptedEngine
) -> None:
    said = iter(["I would", "I would like", "I would like to know"])
    engine.say = lambda audio: next(said)
    ear = Ear(scheduler, StreamOptions(partials=True))
    ear.hear(0, 800)
    await until(lambda: len(engine.heard) == 1 and not scheduler.snapshot().busy)
    ear.hear(0, 800)
    await until(lambda: len(engine.heard) == 2 and not scheduler.snapshot().busy)
    await asyncio.sleep(0)
    assert ear.told(PartialTranscript) == [
        PartialTranscript(1, "", "I would", until_ms=800),
        PartialTranscript(1, "I would", "I would like", until_ms=1400),
    ]


async def test_what_a_partial_costs_does_not_grow_with_the_utterance(
    scheduler: TranscriptionScheduler, engine: ScriptedEngine
) -> None:
    ear = Ear(scheduler, StreamOptions(partials=True, partial_interval_ms=1000))
    for second in range(1, 19):
        ear.hear(0, 1000)
        async with asyncio.timeout(5):
            while len(ear.told(PartialTranscript)) < second:  # noqa: ASYNC110 - as in `until`
                await asyncio.sleep(0)
    seconds = [audio.size / 16000 for audio in engine.heard]
    assert max(seconds) <= 7
    assert sum(seconds) < 18 * 7, "transcribing all of it each time is 167 s"
    last = ear.told(PartialTranscript)[-1]
    assert isinstance(last, PartialTranscript)
    # The engine says how long what it heard was: all of it is in the text, once.
    assert sum(int(word) for word in last.draft.split() if word != "ms") == last.until_ms


async def test_one_partial_at_a_time_however_slow_the_model_is(
    scheduler: TranscriptionScheduler, engine: ScriptedEngine
) -> None:
    engine.gate.clear()
    ear = Ear(scheduler, StreamOptions(partials=True))
    ear.hear(0, 3000)
    now = scheduler.snapshot()
    assert now.busy + now.queued[Priority.PARTIAL] == 1
    engine.gate.set()
    await until(lambda: ear.told(PartialTranscript))
    ear.hear(0, 20)
    await until(lambda: len(ear.told(PartialTranscript)) == 2)
    assert [audio.size // 16 for audio in engine.heard] == [800, 3020], "and the next one hears all of it"


async def test_who_says_that_they_are_done_is_not_waited_for(scheduler: TranscriptionScheduler) -> None:
    ear = Ear(scheduler)
    assert not ear.stream.finish_utterance(), "nobody speaks"
    ear.hear(100, 400)
    assert ear.stream.finish_utterance()
    assert ear.told(SpeechEnded) == [SpeechEnded(1, 100, 500, 500)]
    assert await ear.text() == FinalTranscript(1, "500 ms", 100, 500, 0, ear.events[-1].stt_ms, 500)  # type: ignore[union-attr]


async def test_partials_begin_and_cease_in_the_middle_of_an_utterance(
    scheduler: TranscriptionScheduler, engine: ScriptedEngine
) -> None:
    ear = Ear(scheduler)
    ear.hear(0, 1000)
    assert not engine.begun.is_set()
    ear.stream.configure(StreamOptions(partials=True))
    ear.hear(0, 20)
    await until(lambda: ear.told(PartialTranscript))
    assert ear.told(PartialTranscript) == [PartialTranscript(1, "", "1020 ms", until_ms=1020)]
    engine.gate.clear()
    ear.hear(0, 600)
    ear.stream.configure(StreamOptions())
    engine.gate.set()
    ear.hear(0, 2000, 700)
    await ear.text()
    assert len(ear.told(PartialTranscript)) == 1
    assert scheduler.snapshot().cancelled == 1


async def test_a_partial_that_waits_when_the_utterance_ends_is_not_worked_on(
    scheduler: TranscriptionScheduler, engine: ScriptedEngine
) -> None:
    engine.gate.clear()
    scheduler.submit("other", b"", rate=16000)
    ear = Ear(scheduler, StreamOptions(partials=True))
    ear.hear(0, 1000, 700)
    engine.gate.set()
    await ear.text()
    assert [audio.size for audio in engine.heard] == [0, 1200 * 16]


async def test_the_likely_text_is_told_while_the_silence_is_counted(scheduler: TranscriptionScheduler) -> None:
    ear = Ear(scheduler)
    ear.hear(100, 400, 240)
    await until(lambda: ear.told(LikelyTranscript))
    assert ear.events[-1] == LikelyTranscript(1, "700 ms", 100, 500, 700)
    ear.hear(460)
    assert len(ear.told(LikelyTranscript)) == 1
    [final] = ear.told(FinalTranscript)
    assert isinstance(final, FinalTranscript)
    assert final.text == "700 ms"


async def test_an_utterance_that_is_ended_early_has_its_text_at_once(
    scheduler: TranscriptionScheduler, engine: ScriptedEngine
) -> None:
    ear = Ear(scheduler)

    def enough(event: AudioEvent) -> None:
        ear.events.append(event)
        if isinstance(event, LikelyTranscript):
            assert ear.stream.end_utterance(event.utterance)

    ear.listen = enough
    ear.hear(0, 400, 240)
    final = await ear.text()
    assert ear.events[-3:] == [LikelyTranscript(1, "600 ms", 0, 400, 600), SpeechEnded(1, 0, 400, 640), final]
    assert isinstance(final, FinalTranscript)
    assert (final.text, final.endpoint_ms, final.stt_ms) == ("600 ms", 240, 0)
    assert not ear.stream.end_utterance(1)
    ear.listen = ear.events.append
    ear.hear(0, 600, 700)  # whoever speaks on says something else
    await until(lambda: len(ear.told(FinalTranscript)) == 2)
    assert ear.told(SpeechEnded)[1] == SpeechEnded(2, 640, 1240, 1940)
    assert [audio.tobytes().count(VOICED[:2]) for audio in engine.heard] == [400 * 16, 600 * 16]


async def test_who_has_spoken_on_is_not_cut_short(scheduler: TranscriptionScheduler) -> None:
    ear = Ear(scheduler)
    ear.hear(0, 400, 100)
    assert not ear.stream.end_utterance(1), "no pause yet"
    ear.hear(140)
    assert not ear.stream.end_utterance(1), "no text yet"
    await until(lambda: ear.told(LikelyTranscript))
    ear.hear(0, 20)
    assert not ear.stream.end_utterance(1)
    ear.hear(700)
    await ear.text()
    assert ear.told(SpeechEnded) == [SpeechEnded(1, 0, 660, 1360)]


async def test_a_word_that_begins_as_the_utterance_is_ended_is_whole(
    scheduler: TranscriptionScheduler, engine: ScriptedEngine
) -> None:
    ear = Ear(scheduler)
    ear.hear(0, 400, 400, 40)
    await until(lambda: ear.told(LikelyTranscript))
    assert ear.stream.end_utterance(1)
    ear.hear(0, 360, 700)
    await until(lambda: len(ear.told(FinalTranscript)) == 2)
    assert ear.told(SpeechEnded) == [SpeechEnded(1, 0, 400, 840), SpeechEnded(2, 800, 1200, 1900)]
    assert [audio.tobytes().count(VOICED[:2]) for audio in engine.heard] == [400 * 16, 400 * 16]


@pytest.mark.parametrize("wrong", [{"rate": 44100}, {"channels": 3}, {"vad_aggressiveness": 4}, {"stall_ms": 0}])
def test_options_that_cannot_be_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"rate|channels|goes from|positive"):
        StreamOptions(**wrong)  # type: ignore[arg-type]
