"""Who is transcribed next: one loaded model for the utterances of all streams.

All decisions are made on the event loop, so there is no lock: the queue belongs to the loop, an idle worker thread is
handed one job and hands back its result with `call_soon_threadsafe`. Finals go before speculative finals (of callees
who have paused and may go on), those before partials.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import IntEnum
from queue import SimpleQueue
from time import monotonic
from typing import Final

from ws_audio.errors import SchedulerClosed, TranscriptionError, TranscriptionRefused, TranscriptionTimedOut
from ws_audio.frames import SAMPLE_BYTES, double_rate, samples
from ws_audio.transcription.engine import Transcript, TranscriptionEngine

logger = logging.getLogger(__name__)

_THREAD: Final = "transcription-"


class Priority(IntEnum):
    """Lower is sooner; within one priority, first come, first served."""

    FINAL = 0
    SPECULATIVE = 1
    PARTIAL = 2


@dataclass(frozen=True, slots=True)
class SchedulerSettings:
    """The limits. `max_queued`: two cores finish about ten utterances a second, so 64 are six seconds of waiting."""

    max_queued: int = 64
    job_timeout_s: float = 15.0  # one utterance in the model; the longest, 30 s, take 2 s on a slow core
    max_abandoned: int = 2  # worker threads that hang in the model and were replaced


@dataclass(frozen=True, slots=True)
class SchedulerSnapshot:
    """What the scheduler is doing and has done; waits and work are of the last job that finished, in ms."""

    workers: int
    busy: int
    abandoned: int
    queued: dict[Priority, int]
    done: dict[Priority, int]
    cancelled: int
    refused: int
    failed: int
    timed_out: int
    wait_ms: float
    work_ms: float


@dataclass(frozen=True, slots=True)
class JobDone:
    """A job that the model finished, well or not. wait_s: in the queue. work_s: in the model. audio_s: its length."""

    priority: Priority
    wait_s: float
    work_s: float
    audio_s: float


class Job:
    """One piece of work. `future` gives the Transcript, or raises a TranscriptionError or what the engine raised."""

    __slots__ = (
        "_scheduler", "audio", "future", "language", "priority", "rate", "started", "stream_id", "submitted", "timer",
        "vocabulary",
    )  # fmt: skip

    def __init__(
        self,
        scheduler: TranscriptionScheduler,
        stream_id: str,
        audio: bytes,
        rate: int,
        language: str | None,
        vocabulary: tuple[str, ...],
        priority: Priority,
    ) -> None:
        self._scheduler = scheduler
        self.stream_id = stream_id
        self.audio = audio
        self.rate = rate
        self.language = language
        self.vocabulary = vocabulary
        self.priority = priority
        self.submitted = monotonic()
        self.started = 0.0
        self.timer: asyncio.TimerHandle | None = None
        self.future: asyncio.Future[Transcript] = asyncio.get_running_loop().create_future()
        # Who cancels a job does not wait for it: its error then concerns nobody, and asyncio need not report it.
        self.future.add_done_callback(lambda future: future.cancelled() or future.exception())

    def cancel(self) -> None:
        """Nobody wants the text any more. A job that runs is not interrupted; its result is dropped."""
        self._scheduler._cancel(self)

    def promote(self) -> None:
        """The pause was the end: what was speculative is the final now."""
        self.priority = Priority.FINAL

    def work(self, engine: TranscriptionEngine) -> Transcript:
        """In a worker thread."""
        audio = samples(self.audio)
        if self.rate == 8000:
            audio = double_rate(audio)
        return engine.transcribe(audio, self.language, self.vocabulary)


class _Worker:
    """One thread that does one job at a time."""

    def __init__(self, name: str, engine: TranscriptionEngine, finished: _Finished) -> None:
        self.inbox: SimpleQueue[Job | None] = SimpleQueue()
        self.job: Job | None = None  # as the loop sees it
        self._engine = engine
        self._finished = finished
        self._loop = asyncio.get_running_loop()
        # A daemon, so that a model that hangs does not keep the process from ending.
        self.thread = threading.Thread(target=self._run, name=name, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        while (job := self.inbox.get()) is not None:
            outcome: Transcript | Exception
            try:
                outcome = job.work(self._engine)
            except Exception as error:  # noqa: BLE001 - handed to the waiter of the job, which decides
                outcome = error
            # The loop may be closed when a worker was left behind in the model: then nobody is there to tell.
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._finished, self, job, outcome)


_Finished = Callable[[_Worker, Job, Transcript | Exception], None]


class TranscriptionScheduler:
    """Shares one engine between all streams. To be used from one event loop."""

    def __init__(
        self,
        engine: TranscriptionEngine,
        workers: int | None = None,
        settings: SchedulerSettings | None = None,
        on_done: Callable[[JobDone], None] = lambda done: None,
    ) -> None:
        """One worker per core by default: one with two threads does less than two with one (8 to 13 a second).

        `on_done` is told, on the loop, of each job that the model finished. It must be quick and must not raise.
        """
        self._engine = engine
        self._target = workers or available_cores()
        self._settings = settings or SchedulerSettings()
        self._on_done = on_done
        self._queue: list[Job] = []  # short (max_queued), so that a plain list is fast enough
        self._idle: list[_Worker] = []
        self._busy: set[_Worker] = set()
        self._abandoned: set[_Worker] = set()
        self._open = False
        self._names = 0
        self._done: Counter[Priority] = Counter()
        self._counts: Counter[str] = Counter()
        self._wait_s = self._work_s = 0.0

    def start(self) -> None:
        """Start the workers; in the event loop that will use them."""
        self._open = True
        while len(self._idle) < self._target:
            self._hire()

    async def close(self, limit_s: float = 5.0) -> None:
        """Fail what is queued, give what runs `limit_s` to finish. What hangs longer is left behind."""
        self._open = False
        for job in self._queue.copy():
            self._fail(job, SchedulerClosed("transcription is being stopped"))
        for worker in (*self._idle, *self._busy, *self._abandoned):
            worker.inbox.put(None)
        running = [worker.job.future for worker in self._busy if worker.job is not None]
        if running:
            _, late = await asyncio.wait(running, timeout=limit_s)
            if late:
                logger.warning("%d transcriptions did not end in time", len(late), extra={"action": "stt_close_late"})
        for worker in self._busy.copy():
            if worker.job is not None:
                self._fail(worker.job, SchedulerClosed("transcription was stopped"))
        for worker in self._idle:
            worker.thread.join(timeout=1.0)  # it only has to take the None from its inbox
        self._idle.clear()

    def submit(
        self,
        stream_id: str,
        audio: bytes,
        *,
        rate: int,
        language: str | None = None,
        vocabulary: tuple[str, ...] = (),
        priority: Priority = Priority.FINAL,
    ) -> Job:
        """Queue mono L16 `audio` at `rate` Hz. Never raises for overload: the job's future says so.

        When the queue is full a partial is refused, then a speculative final; a final takes the place of one of
        those, and is refused only when there are none.
        """
        job = Job(self, stream_id, audio, rate, language, vocabulary, priority)
        if not self._open:
            self._fail(job, SchedulerClosed("transcription is not running"))
        elif not self._idle and not self._busy:
            self._fail(job, TranscriptionTimedOut("all workers hang in the model: restart the daemon"))
        elif self._make_room(job):
            self._queue.append(job)
            self._dispatch()
        return job

    def snapshot(self) -> SchedulerSnapshot:
        """For metrics and troubleshooting."""
        return SchedulerSnapshot(
            workers=len(self._idle) + len(self._busy),
            busy=len(self._busy),
            abandoned=len(self._abandoned),
            queued={priority: sum(job.priority is priority for job in self._queue) for priority in Priority},
            done={priority: self._done[priority] for priority in Priority},
            cancelled=self._counts["cancelled"],
            refused=self._counts["refused"],
            failed=self._counts["failed"],
            timed_out=self._counts["timed_out"],
            wait_ms=self._wait_s * 1000,
            work_ms=self._work_s * 1000,
        )

    def _make_room(self, job: Job) -> bool:
        if job.priority is Priority.PARTIAL:
            for stale in self._queue:
                if stale.stream_id == job.stream_id and stale.priority is Priority.PARTIAL:
                    stale.cancel()
                    break
        if len(self._queue) < self._settings.max_queued:
            return True
        weakest = max([*self._queue, job], key=lambda queued: queued.priority)  # of equals, the first
        if weakest.priority is job.priority:
            weakest = job
        self._counts["refused"] += 1
        if weakest.priority is Priority.FINAL:
            logger.error(
                "transcription is overloaded: an utterance is lost",
                extra={"action": "stt_overload", "queued": len(self._queue)},
            )
        refused = TranscriptionRefused(f"{len(self._queue)} utterances wait already: fewer calls, or more cores")
        self._fail(weakest, refused)
        return weakest is not job

    def _dispatch(self) -> None:
        while self._queue and self._idle:
            job = min(self._queue, key=lambda queued: queued.priority)  # of equals, the first
            self._queue.remove(job)
            worker = self._idle.pop()
            self._busy.add(worker)
            worker.job = job
            job.started = monotonic()
            loop = asyncio.get_running_loop()
            job.timer = loop.call_later(self._settings.job_timeout_s, self._timed_out, worker, job)
            worker.inbox.put(job)

    def _finished(self, worker: _Worker, job: Job, outcome: Transcript | Exception) -> None:
        if worker in self._abandoned:
            self._abandoned.discard(worker)
            worker.inbox.put(None)
            if self._open and len(self._idle) + len(self._busy) < self._target:
                self._hire()
                self._dispatch()
            return
        self._busy.discard(worker)
        worker.job = None
        if job.timer is not None:
            job.timer.cancel()
        self._wait_s, self._work_s = job.started - job.submitted, monotonic() - job.started
        audio_s = len(job.audio) / (SAMPLE_BYTES * job.rate)
        self._on_done(JobDone(job.priority, self._wait_s, self._work_s, audio_s))
        self._deliver(job, outcome)
        if self._open:
            self._idle.append(worker)
            self._dispatch()

    def _deliver(self, job: Job, outcome: Transcript | Exception) -> None:
        if job.future.done():  # cancelled while it ran
            return
        if isinstance(outcome, Transcript):
            self._done[job.priority] += 1
            job.future.set_result(outcome)
            return
        self._counts["failed"] += 1
        if not isinstance(outcome, TranscriptionError):
            logger.error("the speech recognition failed", exc_info=outcome, extra={"action": "stt_failed"})
        job.future.set_exception(outcome)

    def _timed_out(self, worker: _Worker, job: Job) -> None:
        """The model hangs: give the job up, leave the thread to itself and go on with another one."""
        self._counts["timed_out"] += 1
        self._busy.discard(worker)
        worker.job = None
        self._abandoned.add(worker)
        limit = self._settings.job_timeout_s
        self._fail(job, TranscriptionTimedOut(f"the speech recognition took longer than {limit:g} s"))
        replaced = len(self._abandoned) <= self._settings.max_abandoned
        logger.error(
            "the speech recognition hangs, its thread is %s", "replaced" if replaced else "lost",
            extra={"action": "stt_hangs", "abandoned": len(self._abandoned)},
        )  # fmt: skip
        if self._open and replaced:
            self._hire()
            self._dispatch()
        elif not self._idle and not self._busy:
            for waiting in self._queue.copy():
                self._fail(waiting, TranscriptionTimedOut("all workers hang in the model: restart the daemon"))

    def _hire(self) -> None:
        self._names += 1
        self._idle.append(_Worker(f"{_THREAD}{self._names}", self._engine, self._finished))

    def _cancel(self, job: Job) -> None:
        if job.future.done():
            return
        self._counts["cancelled"] += 1
        if job in self._queue:
            self._queue.remove(job)
        job.future.cancel()

    def _fail(self, job: Job, error: TranscriptionError) -> None:
        if job in self._queue:
            self._queue.remove(job)
        if not job.future.done():
            job.future.set_exception(error)


def any_in_model() -> bool:
    """Whether a thread of this process is in a model still, although its scheduler is closed."""
    return any(thread.name.startswith(_THREAD) for thread in threading.enumerate())


def available_cores() -> int:
    """The cores that this process may use, which in a container or under taskset are not all of the machine's."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
