"""A recogniser elsewhere that hears along and sends words as they come: its words become the text of utterances.

    frames of one stream ──▶ StreamedSpeech ── push, finalise ──▶ StreamingSession ──▶ (another machine)
                                │     ▲                                  │
                 a job per utterance  └──────── Heard: words, until ─────┘

When somebody speaks and when they have ended is decided here all the same, and so is what interrupts a prompt: the
recogniser says only what was said. Where it is away, too slow, or says what nobody can read, the scheduler's model gets
the utterance. Nothing here waits: what cannot be sent is kept up to a limit, and beyond it the session is over.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from ws_audio.errors import TranscriptionError, TranscriptionTimedOut
from ws_audio.frames import SAMPLE_BYTES
from ws_audio.transcription.engine import Transcript

# The recogniser's times are its own, and begin with the breath before a word.
_EARLY_MS: Final = 600.0
_LATE_MS: Final = 250.0
# What it has finished may end a little before our last voiced frame.
_SHORT_MS: Final = 60.0
_FLUSHED_SHORT_MS: Final = 500.0
_MOST_WORDS: Final = 400  # of an utterance: 20 s have 80


@dataclass(frozen=True, slots=True)
class Word:
    """Times in ms from the first frame of the session."""

    text: str
    start_ms: float
    end_ms: float


@dataclass(frozen=True, slots=True)
class Heard:
    """What the recogniser says of the audio from `start_ms` to `end_ms` of its session.

    final: it will not say it otherwise. flushed: it is the answer to a `finalise`. confidence: 0 to 1.
    """

    words: tuple[Word, ...]
    start_ms: float
    end_ms: float
    final: bool
    flushed: bool = False
    confidence: float = 0.0


class StreamingSession(Protocol):
    """One stream at the recogniser. No method waits or raises."""

    def push(self, audio: bytes) -> None:
        """More of the stream, mono L16 at the session's rate."""

    def finalise(self) -> None:
        """Say at once all that was pushed before; a Heard that is `flushed` may answer it, last."""

    def close(self) -> None:
        """Nobody listens any more."""


class StreamingRecogniser(Protocol):
    """Opens sessions on the running loop; tells the log, once, when it cannot be used, and when it can be again."""

    def open(
        self,
        rate: int,
        language: str | None,
        vocabulary: tuple[str, ...],
        on_heard: Callable[[Heard], None],
        on_lost: Callable[[str], None],
    ) -> StreamingSession | None:
        """At once, before it is connected; None: it failed a moment ago. `language` as in StreamOptions.

        `on_lost(reason)`, at most once: it is over, and not because it was closed.
        """

    def answered(self) -> None:
        """It was of use."""

    async def close(self) -> None:
        """End all sessions."""


class Work(Protocol):
    """A text on its way, as `scheduler.Job` is one."""

    @property
    def future(self) -> asyncio.Future[Transcript]:
        """Gives the Transcript, or raises TranscriptionError or what the engine raised."""

    @property
    def audio(self) -> bytes:
        """Mono L16."""

    def cancel(self) -> None:
        """Nobody wants the text any more."""

    def promote(self) -> None:
        """It is urgent now: the pause was the end."""


class StreamedJob:
    """The text of an utterance up to `until_ms` of the stream. A Work."""

    def __init__(self, speech: StreamedSpeech, audio: bytes, since_ms: float, until_ms: float) -> None:
        self._speech = speech
        self.audio = audio
        self.since_ms = since_ms
        self.until_ms = until_ms
        self.urgent = False
        self.timer: asyncio.TimerHandle | None = None
        self.local: Work | None = None  # what has taken its place
        self.future: asyncio.Future[Transcript] = asyncio.get_running_loop().create_future()
        # As of scheduler.Job: who cancels it does not wait for it.
        self.future.add_done_callback(lambda future: future.cancelled() or future.exception())

    def cancel(self) -> None:
        self._speech.drop(self)
        if self.local is not None:
            self.local.cancel()
        self.future.cancel()

    def promote(self) -> None:
        if not self.future.done() and not self.urgent:
            self.urgent = True
            self._speech.hurry(self)


class StreamedSpeech:
    """Of one stream. All times in ms of the stream.

    local: gives the utterance to the model of this machine; None: there is none. on_words(believed, draft, until_ms):
    what is said so far since `since_ms` of the last `listen`. limit_s: for the rest of a text, from the end of the
    utterance. session_of: opens one.
    """

    def __init__(
        self,
        session_of: Callable[[Callable[[Heard], None], Callable[[str], None]], StreamingSession | None],
        answered: Callable[[], None],
        rate: int,
        local: Callable[[bytes], Work] | None,
        on_words: Callable[[str, str, int], None],
        limit_s: float = 1.5,
    ) -> None:
        self._session_of = session_of
        self._answered = answered
        self._bytes_a_ms = rate * SAMPLE_BYTES // 1000
        self._local = local
        self._on_words = on_words
        self._limit_s = limit_s
        self._loop = asyncio.get_running_loop()
        self._session: StreamingSession | None = None
        self._origin_ms = 0.0  # of the session's first sample
        self._final: deque[Word] = deque(maxlen=_MOST_WORDS)
        self._draft: tuple[Word, ...] = ()
        self._final_ms = self._draft_ms = 0.0  # up to where it has said anything
        self._taken_ms = 0.0  # words before it are of an utterance that has its text
        self._since_ms = 0.0  # of the utterance that goes on
        self._confidence = 0.0
        self._jobs: list[StreamedJob] = []
        self._closing = False

    def open(self, now_ms: float, audio: bytes = b"") -> None:
        """Unless there is a session, begin one with `audio`, which ends at `now_ms`."""
        if self._session is not None or self._closing:
            return
        # A lost session calls nobody any more, but what it told already may be on its way.
        session: StreamingSession | None = None

        def heard(what: Heard) -> None:
            if self._session is session is not None:
                self._heard(what)

        def lost(reason: str) -> None:
            if self._session is session is not None:
                self._lost(reason)

        session = self._session = self._session_of(heard, lost)
        if session is None:
            return
        self._origin_ms = now_ms - len(audio) / self._bytes_a_ms
        self._final.clear()
        self._draft = ()
        self._final_ms = self._draft_ms = self._origin_ms
        if audio:
            session.push(audio)

    @property
    def hears(self) -> bool:
        """There is a session, as far as anybody knows."""
        return self._session is not None

    def push(self, frame: bytes) -> None:
        if self._session is not None:
            self._session.push(frame)

    def listen(self, since_ms: float, now_ms: float, audio: bytes) -> None:
        """An utterance began at `since_ms`; `audio` is all of it so far."""
        self._since_ms = since_ms
        self.open(now_ms, audio)

    def submit(self, audio: bytes, since_ms: float, until_ms: float, *, urgent: bool) -> StreamedJob | None:
        """None: there is no session that has heard it."""
        if self._session is None or since_ms < self._origin_ms - _EARLY_MS:
            return None
        job = StreamedJob(self, audio, since_ms, until_ms)
        self._jobs.append(job)
        if self._final_ms >= until_ms - _SHORT_MS:
            self._done(job)
        elif urgent:
            job.promote()
        return job

    def hurry(self, job: StreamedJob) -> None:
        """The utterance is over."""
        if self._session is None:
            self._locally(job, "streaming recognition was lost")
            return
        job.timer = self._loop.call_later(self._limit_s, self._late, job)
        self._session.finalise()

    def drop(self, job: StreamedJob) -> None:
        if job.timer is not None:
            job.timer.cancel()
        if job in self._jobs:
            self._jobs.remove(job)
        if self._closing and not self._jobs:
            self._end()

    def taken(self, until_ms: float) -> None:
        """The utterance up to there has its text: its words are no part of the next."""
        self._taken_ms = max(self._taken_ms, until_ms + _LATE_MS)
        while self._final and self._final[0].start_ms < self._taken_ms - _LATE_MS:
            self._final.popleft()

    def close(self) -> None:
        """No more audio comes; texts may still."""
        self._closing = True
        if not self._jobs:
            self._end()

    # ------------------------------------------------------------------------------------------------------------------

    def _heard(self, heard: Heard) -> None:
        self._answered()
        origin, until_ms = self._origin_ms, self._origin_ms + heard.end_ms
        words = tuple(Word(each.text, origin + each.start_ms, origin + each.end_ms) for each in heard.words)
        if heard.final:
            self._final.extend(words)
            self._draft = ()
            self._final_ms = max(self._final_ms, until_ms)
            if words:
                self._confidence = heard.confidence
        else:
            self._draft = words
        self._draft_ms = max(self._draft_ms, until_ms)
        if words:
            believed = self._text(self._since_ms, until_ms, ())
            self._on_words(believed, self._text(self._since_ms, until_ms, self._draft), round(until_ms))
        for job in [*self._jobs]:
            # An answer to `finalise` is all that there is, even if it ends before the silence that it was told.
            short_ms = _FLUSHED_SHORT_MS if heard.flushed and job.urgent else _SHORT_MS
            if self._final_ms >= job.until_ms - short_ms:
                self._done(job)

    def _text(self, since_ms: float, until_ms: float, draft: tuple[Word, ...]) -> str:
        begin, end = max(since_ms - _EARLY_MS, self._taken_ms), until_ms + _LATE_MS
        return " ".join(word.text for word in (*self._final, *draft) if begin <= word.start_ms < end)

    def _done(self, job: StreamedJob, draft: tuple[Word, ...] = ()) -> None:
        text = self._text(job.since_ms, job.until_ms, draft)
        self.drop(job)
        if not job.future.done():
            job.future.set_result(Transcript(text, self._confidence if text else 0.0))

    def _late(self, job: StreamedJob) -> None:
        """What it believed before is better than nothing, if it has heard to the end."""
        if job.future.done() or job not in self._jobs:
            return
        if self._draft_ms >= job.until_ms - _SHORT_MS and self._text(job.since_ms, job.until_ms, self._draft):
            self._done(job, self._draft)
        else:
            self._locally(job, f"streaming recognition did not answer within {self._limit_s:g} s", late=True)

    def _lost(self, reason: str) -> None:
        self._session = None
        for job in [*self._jobs]:
            if job.urgent:
                self._locally(job, reason)
            else:  # the utterance may get its text elsewhere when it is over
                self.drop(job)
                job.future.set_exception(TranscriptionError(reason))

    def _locally(self, job: StreamedJob, reason: str, *, late: bool = False) -> None:
        self.drop(job)
        if job.future.done():
            return
        if self._local is None:
            job.future.set_exception(TranscriptionTimedOut(reason) if late else TranscriptionError(reason))
            return
        local = job.local = self._local(job.audio)

        def done(future: asyncio.Future[Transcript]) -> None:
            if job.future.done():
                return
            if future.cancelled():
                job.future.cancel()
            elif (error := future.exception()) is not None:
                job.future.set_exception(error)
            else:
                job.future.set_result(future.result())

        local.future.add_done_callback(done)

    def _end(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            session.close()
