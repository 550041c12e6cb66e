"""Who is transcribed next, and what happens when there is too much of it."""

from __future__ import annotations

import asyncio
import logging
import threading

import pytest

from tests.unit.ws_audio.conftest import ScriptedEngine, until
from ws_audio.errors import SchedulerClosed, TranscriptionRefused, TranscriptionTimedOut
from ws_audio.frames import Samples
from ws_audio.transcription.engine import Transcript
from ws_audio.transcription.scheduler import Job, JobDone, Priority, SchedulerSettings, TranscriptionScheduler


def submit(scheduler: TranscriptionScheduler, name: int, priority: Priority = Priority.FINAL, stream: str = "") -> Job:
    """Audio of `name` milliseconds, by which the engine's answer can be told."""
    return scheduler.submit(stream or f"stream-{name}", bytes(name * 32), rate=16000, priority=priority)


async def busy(scheduler: TranscriptionScheduler, engine: ScriptedEngine) -> Job:
    """Occupy the only worker until the gate opens."""
    engine.gate.clear()
    job = submit(scheduler, 1)
    await asyncio.to_thread(engine.begun.wait)
    return job


async def test_an_utterance_comes_back_as_text(scheduler: TranscriptionScheduler) -> None:
    assert (await submit(scheduler, 40).future).text == "40 ms"
    assert scheduler.snapshot().done[Priority.FINAL] == 1


async def test_8_khz_reaches_the_engine_as_16(scheduler: TranscriptionScheduler, engine: ScriptedEngine) -> None:
    await scheduler.submit("a", bytes(1600), rate=8000, language="en").future
    assert engine.heard[0].size == 1600
    assert engine.languages == ["en"]


async def test_finals_before_speculative_finals_before_partials(
    scheduler: TranscriptionScheduler, engine: ScriptedEngine
) -> None:
    await busy(scheduler, engine)
    jobs = [
        submit(scheduler, 10, Priority.PARTIAL),
        submit(scheduler, 20, Priority.SPECULATIVE),
        submit(scheduler, 30, Priority.FINAL),
        submit(scheduler, 40, Priority.FINAL),
    ]
    engine.gate.set()
    await asyncio.gather(*(job.future for job in jobs))
    assert [audio.size // 16 for audio in engine.heard] == [1, 30, 40, 20, 10]


async def test_a_promoted_speculation_goes_before_what_is_still_speculative(
    scheduler: TranscriptionScheduler, engine: ScriptedEngine
) -> None:
    await busy(scheduler, engine)
    first, second = submit(scheduler, 10, Priority.SPECULATIVE), submit(scheduler, 20, Priority.SPECULATIVE)
    second.promote()
    engine.gate.set()
    await asyncio.gather(first.future, second.future)
    assert [audio.size // 16 for audio in engine.heard] == [1, 20, 10]


async def test_a_newer_partial_takes_the_place_of_the_waiting_one(
    scheduler: TranscriptionScheduler, engine: ScriptedEngine
) -> None:
    await busy(scheduler, engine)
    stale = submit(scheduler, 10, Priority.PARTIAL, stream="a")
    other = submit(scheduler, 20, Priority.PARTIAL, stream="b")
    fresh = submit(scheduler, 30, Priority.PARTIAL, stream="a")
    engine.gate.set()
    assert (await other.future).text == "20 ms"
    assert (await fresh.future).text == "30 ms"
    assert stale.future.cancelled()


async def test_a_cancelled_job_is_not_worked_on(scheduler: TranscriptionScheduler, engine: ScriptedEngine) -> None:
    running = await busy(scheduler, engine)
    waiting, last = submit(scheduler, 10), submit(scheduler, 20)
    waiting.cancel()
    running.cancel()
    engine.gate.set()
    await last.future
    assert [audio.size // 16 for audio in engine.heard] == [1, 20]
    assert scheduler.snapshot().cancelled == 2


async def test_a_full_queue_refuses_the_least_important(
    scheduler: TranscriptionScheduler, engine: ScriptedEngine, caplog: pytest.LogCaptureFixture
) -> None:
    await busy(scheduler, engine)
    partial = submit(scheduler, 10, Priority.PARTIAL)
    speculative = submit(scheduler, 20, Priority.SPECULATIVE)
    finals = [submit(scheduler, 30), submit(scheduler, 40)]
    assert isinstance(submit(scheduler, 50, Priority.PARTIAL).future.exception(), TranscriptionRefused)
    finals += [submit(scheduler, 60), submit(scheduler, 70)]
    assert isinstance(partial.future.exception(), TranscriptionRefused)
    assert isinstance(speculative.future.exception(), TranscriptionRefused)
    assert not caplog.records
    refused = submit(scheduler, 80)
    assert isinstance(refused.future.exception(), TranscriptionRefused)
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    engine.gate.set()
    assert [transcript.text for transcript in await asyncio.gather(*(job.future for job in finals))] == [
        "30 ms", "40 ms", "60 ms", "70 ms",
    ]  # fmt: skip
    assert scheduler.snapshot().refused == 4


async def test_an_engine_that_raises_fails_its_job_and_no_other(
    scheduler: TranscriptionScheduler, engine: ScriptedEngine, caplog: pytest.LogCaptureFixture
) -> None:
    def stumble(audio: Samples) -> str:
        raise MemoryError("no room")

    engine.say = stumble
    with pytest.raises(MemoryError):
        await submit(scheduler, 10).future
    assert "the speech recognition failed" in caplog.text
    engine.say = lambda audio: "well again"
    assert (await submit(scheduler, 10).future).text == "well again"


class HangingEngine:
    """Hangs in every transcription until it is let go."""

    def __init__(self) -> None:
        self.gate = threading.Event()

    def transcribe(self, audio: Samples, language: str | None, vocabulary: tuple[str, ...]) -> Transcript:
        self.gate.wait(10)
        return Transcript("late", confidence=1.0)


async def test_a_model_that_hangs_costs_a_worker_that_is_replaced_up_to_a_limit() -> None:
    engine = HangingEngine()
    settings = SchedulerSettings(job_timeout_s=0.01, max_abandoned=1)
    scheduler = TranscriptionScheduler(engine, workers=1, settings=settings)
    scheduler.start()
    with pytest.raises(TranscriptionTimedOut, match=r"longer than 0\.01 s"):
        await submit(scheduler, 10).future
    assert scheduler.snapshot().workers == 1  # replaced
    with pytest.raises(TranscriptionTimedOut):
        await submit(scheduler, 20).future
    assert scheduler.snapshot().workers == 0
    with pytest.raises(TranscriptionTimedOut, match="all workers hang"):
        await submit(scheduler, 30).future

    engine.gate.set()  # the model comes back to life: so do the workers
    await until(lambda: not scheduler.snapshot().abandoned)
    assert (await submit(scheduler, 40).future).text == "late"
    assert scheduler.snapshot().timed_out == 2
    await scheduler.close()


async def test_closing_fails_what_waits_and_lets_what_runs_finish(
    scheduler: TranscriptionScheduler, engine: ScriptedEngine
) -> None:
    running = await busy(scheduler, engine)
    waiting = submit(scheduler, 10)
    closing = asyncio.create_task(scheduler.close())
    await asyncio.sleep(0)
    engine.gate.set()
    await closing
    assert (await running.future).text == "1 ms"
    assert isinstance(waiting.future.exception(), SchedulerClosed)
    assert isinstance(submit(scheduler, 20).future.exception(), SchedulerClosed)


async def test_closing_does_not_wait_for_ever(engine: ScriptedEngine) -> None:
    scheduler = TranscriptionScheduler(engine, workers=1)
    scheduler.start()
    running = await busy(scheduler, engine)
    await scheduler.close(limit_s=0.01)
    assert isinstance(running.future.exception(), SchedulerClosed)
    engine.gate.set()


async def test_what_the_model_finished_is_told_with_its_times(engine: ScriptedEngine) -> None:
    done: list[JobDone] = []
    scheduler = TranscriptionScheduler(engine, workers=1, on_done=done.append)
    scheduler.start()
    await submit(scheduler, 40).future
    await scheduler.close()
    [job] = done
    assert (job.priority, job.audio_s) == (Priority.FINAL, 0.04)
    assert job.wait_s >= 0
    assert job.work_s >= 0
