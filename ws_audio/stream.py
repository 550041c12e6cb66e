"""One audio stream of one call: frames to speech events, utterances to transcription. No socket here.

`audio` runs from the socket's callback to the listener without waiting for anything: the listener is called from the
very frame that made a decision.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from ws_audio import echo
from ws_audio.endpointing import Decision, Endpointer, EndpointSettings, SpeechPaused
from ws_audio.errors import TranscriptionTimedOut
from ws_audio.events import (
    AudioEvent,
    AudioStalled,
    FinalTranscript,
    LikelyTranscript,
    PartialTranscript,
    SpeechContinues,
    SpeechEnded,
    SpeechStarted,
    StreamClosed,
    StreamOpened,
    StreamStarted,
    TranscriptionFailed,
)
from ws_audio.frames import FRAME_MS, RATES, SAMPLE_BYTES, FrameCutter, samples
from ws_audio.speechlike import SpeechJudge
from ws_audio.tones import ToneDetector
from ws_audio.transcription.engine import Transcript
from ws_audio.transcription.partials import Partials, PartialSettings
from ws_audio.transcription.scheduler import Priority, TranscriptionScheduler
from ws_audio.transcription.streaming import Heard, StreamedSpeech, StreamingRecogniser, StreamingSession, Work
from ws_audio.vad import ForegroundVad, VoiceDetector, WebRtcVad

logger = logging.getLogger(__name__)

Listener = Callable[[AudioEvent], None]
DetectorFactory = Callable[[int, int], VoiceDetector]  # of the rate in Hz and the aggressiveness


@dataclass(frozen=True, slots=True)
class StreamOptions:
    """How to listen. `rate` in Hz and `channels` as asked of uuid_audio_stream (mono 1, stereo 2)."""

    rate: int = 16000
    channels: int = 1
    cancel_echo: bool = False  # take what we play out of the callee's side: needs both channels, at 16 kHz
    judge_speech: bool = False  # over prompts, tell speech from music, noise and a dog: wants cancel_echo
    language: str | None = "en"  # ISO 639-1; None: the model finds out
    vad_aggressiveness: int = 2  # 0 takes much for speech, 3 little
    endpointing: EndpointSettings = field(default_factory=EndpointSettings)
    partials: bool = False
    partial_interval_ms: int = 600  # of audio, from one partial transcript to the next
    foreground: bool = False  # leave out the people behind the one who speaks, where the detector is a ForegroundVad
    tones: bool = False  # tell ToneStarted and ToneEnded; costs 20 µs a frame, so not for longer than needed
    vocabulary: tuple[str, ...] = ()  # words and phrases that are likely to be said, the likeliest first
    stall_ms: int = 5000  # without audio for so long, AudioStalled is told

    def __post_init__(self) -> None:
        if self.rate not in RATES or self.channels not in (1, 2):
            raise ValueError(f"{self.rate} Hz, {self.channels} channels: only 8000 or 16000 Hz, 1 or 2 channels")
        if self.cancel_echo and (self.rate, self.channels) != (echo.RATE, 2):
            raise ValueError(f"the echo is cancelled in streams of {echo.RATE} Hz with 2 channels only")
        if self.judge_speech and not self.cancel_echo:
            raise ValueError("judge_speech needs cancel_echo, which knows when a prompt sounds")
        if self.vad_aggressiveness not in range(4):
            raise ValueError(f"vad_aggressiveness is {self.vad_aggressiveness}: it goes from 0 to 3")
        if self.endpointing.frame_ms != FRAME_MS:
            raise ValueError(f"endpointing.frame_ms is {self.endpointing.frame_ms}: streams are cut into {FRAME_MS} ms")
        if self.stall_ms <= 0:
            raise ValueError("stall_ms must be positive")


class Stream:
    """From the opening of one connection to its close. Belongs to one event loop."""

    def __init__(
        self,
        stream_id: str,
        options: StreamOptions,
        listener: Listener,
        scheduler: TranscriptionScheduler | None = None,
        *,
        detector: DetectorFactory = WebRtcVad,
        recogniser: StreamingRecogniser | None = None,
        failed: Callable[[], None] = lambda: None,
    ) -> None:
        """Without a `scheduler` and a `recogniser` there are speech events and no transcripts.

        What the `recogniser` does not hear, the scheduler's model gets. Its language and vocabulary
        are those of the moment when its session began.
        `failed` is called when the listener raised: nothing more is heard, and the listener is told only of the close.
        """
        self.stream_id = stream_id
        self.options = options
        self._listener = listener
        self._scheduler = scheduler
        self._failed = failed
        self._loop = asyncio.get_running_loop()
        self._cutter = FrameCutter(options.rate, options.channels)
        self._echo = echo.EchoFreeCallee() if options.cancel_echo else None
        self._judge = SpeechJudge(options.rate) if options.judge_speech else None
        self._detector = detector(options.rate, options.vad_aggressiveness)
        self._focus()
        self._endpointer = Endpointer(options.endpointing)
        self._before: deque[bytes] = deque(maxlen=self._ring_size())  # the last frames while nobody speaks
        self._utterance: bytearray | None = None  # L16 of the callee, while speech goes on
        self._speculation: Work | None = None
        self._partials: Partials | None = None
        self._partial_job: Work | None = None  # the latest
        self._streamed = None if recogniser is None else self._along_with(recogniser)
        self._tones = ToneDetector(options.rate) if options.tones else None
        self._waiting: dict[int, tuple[SpeechEnded, Work]] = {}  # utterances whose text is on its way
        self._opened = self._started = self._stalled = self._deaf = self._closed = False
        self._last_audio = 0.0  # loop.time()
        self._stall_timer: asyncio.TimerHandle | None = None

    def open(self) -> None:
        """The connection stands."""
        if self._opened:
            return
        self._opened = True
        self._emit(StreamOpened(self.stream_id))
        self._last_audio = self._loop.time()
        self._stall_timer = self._loop.call_later(self.options.stall_ms / 1000, self._watch_for_stall)

    def audio(self, data: bytes, arrived_at: float) -> None:
        """Hear a message of any length, which arrived at `arrived_at` (loop.time())."""
        if self._deaf or not data:
            return
        if not self._started:  # the first audio may come before the task that opens the stream has run
            self._started = True
            self.open()
            if self._streamed is not None:
                self._streamed.open(0)
            self._emit(StreamStarted(arrived_at))
        self._last_audio = arrived_at
        self._stalled = False
        for frame in self._cutter.push(data):
            callee = frame.callee
            if self._echo is not None and frame.robot is not None:
                callee = self._echo.clean(callee, frame.robot)
            voiced = self._detector.is_speech(callee)
            decisions = self._endpointer.push(voiced, arrived_at)
            if self._judge is not None:
                self._judge.push(callee, voiced)
            if self._utterance is None:
                self._before.append(callee)
            else:
                self._utterance += callee
            if self._streamed is not None:
                self._streamed.push(callee)
            for decision in decisions:
                self._decided(decision)
            if self._tones is not None:
                for tone in self._tones.push(samples(callee)):
                    if not self._deaf:
                        self._emit(tone)

    def configure(self, options: StreamOptions) -> None:
        """Listen differently from the next frame on. Raises ValueError for what cannot change in mid-stream."""
        for name in ("rate", "channels", "cancel_echo", "judge_speech", "vad_aggressiveness"):
            if getattr(options, name) != getattr(self.options, name):
                raise ValueError(f"{name} cannot change in the middle of a stream")
        self._endpointer.configure(options.endpointing)
        if options.tones != self.options.tones:
            self._tones = ToneDetector(options.rate, self._endpointer.now_ms) if options.tones else None
        self.options = options
        self._focus()
        self._before = deque(self._before, self._ring_size())
        if not options.partials:
            self._end_partials()
        elif self._partials is None and self._utterance is not None:
            self._partials = self._new_partials()

    def end_utterance(self, utterance: int) -> bool:
        """The callee pauses, and what was recognised of `utterance` is enough: it has ended, and this is its text.

        From the moment of its LikelyTranscript: SpeechEnded and FinalTranscript are told before this returns. False,
        and nothing is told, when the callee has spoken on or the utterance has ended already.
        """
        if self._deaf or self._speculation is None or not self._speculation.future.done():
            return False
        ended = self._endpointer.end(utterance)
        if ended is None:
            return False
        self._decided(ended)
        return True

    def finish_utterance(self) -> bool:
        """Whoever speaks has said all: what goes on ends now, as by silence. False: nobody speaks."""
        if self._deaf:
            return False
        ended = self._endpointer.flush()
        for decision in ended:
            self._decided(decision)
        return bool(ended)

    def _focus(self) -> None:
        if isinstance(self._detector, ForegroundVad):
            self._detector.focused = self.options.foreground

    def close(self, code: int, reason: str = "") -> None:
        """The connection is over. Speech that was going on becomes an utterance; its text may still come."""
        if self._closed:
            return
        self._closed = True
        if self._stall_timer is not None:
            self._stall_timer.cancel()
        if not self._deaf:
            for decision in self._endpointer.flush():
                self._decided(decision)
        self._deaf = True
        if self._streamed is not None:
            self._streamed.close()
        if self._opened:
            self._emit(StreamClosed(self.stream_id, code, reason))

    def fail_waiting(self, reason: str) -> None:
        """Give up the texts that are still on their way."""
        for ended, job in [*self._waiting.values()]:
            self._waiting.pop(ended.utterance, None)
            job.cancel()
            self._emit(TranscriptionFailed(ended.utterance, ended.started_ms, ended.ended_ms, reason))

    def forget(self) -> None:
        """Nobody listens any more: no event comes after this."""
        self._listener = lambda event: None
        self._drop_work()
        self.close(1000)

    def _decided(self, decision: Decision) -> None:
        if self._deaf:  # the listener failed, or had enough, in this very message
            return
        match decision:
            case SpeechContinues():
                if self._speculation is not None:  # the callee speaks on: what was heard so far is not all
                    self._speculation.cancel()
                    self._speculation = None
                self._emit(self._judged(decision))
                if self._partials is not None:
                    self._transcribe_partial(self._partials)
            case SpeechStarted(at_ms):
                kept_ms = self._endpointer.now_ms - at_ms + self.options.endpointing.pre_roll_ms
                frames = [*self._before][-(kept_ms // FRAME_MS) :]
                self._utterance = bytearray().join(frames)
                self._before.clear()
                if self._streamed is not None:
                    self._streamed.listen(at_ms, self._endpointer.now_ms, bytes(self._utterance))
                if self.options.partials:
                    self._partials = self._new_partials()
                self._emit(decision)
            case SpeechPaused():
                self._speculate(decision)
            case SpeechEnded():
                self._ended(decision)

    def _speculate(self, paused: SpeechPaused) -> None:
        """Transcribe what may be all of the utterance."""
        job = self._speculation = self._submit(Priority.SPECULATIVE, paused.started_ms, paused.ended_ms)
        if job is None:
            return

        def done(future: asyncio.Future[Transcript]) -> None:
            # When the speculation is another, or none, the callee has spoken on or the utterance has ended.
            if self._speculation is not job or future.cancelled() or future.exception() is not None:
                return
            self._emit(
                LikelyTranscript(
                    utterance=paused.utterance,
                    text=future.result().text,
                    started_ms=paused.started_ms,
                    ended_ms=paused.ended_ms,
                    audio_ms=self._duration_ms(len(job.audio)),
                )
            )

        job.future.add_done_callback(done)

    def _judged(self, continues: SpeechContinues) -> SpeechContinues:
        """With the verdict on its run, while a prompt sounds."""
        if self._judge is None or self._echo is None or not self._echo.prompt_sounds:
            return continues
        if self._judge.speechlike(continues.run_started_ms, continues.at_ms):
            return continues
        return replace(continues, speechlike=False)

    def _ended(self, ended: SpeechEnded) -> None:
        job, self._speculation = self._speculation, None
        if job is not None and job.future.done() and (job.future.cancelled() or job.future.exception()):
            job = None  # refused for lack of room, which a final may get
        if job is not None:
            job.promote()
        else:
            job = self._submit(Priority.FINAL, ended.started_ms, ended.ended_ms)
        self._keep_tail(ended)
        self._utterance = None
        self._end_partials()
        if job is not None:
            self._waiting[ended.utterance] = (ended, job)
        self._emit(ended)
        if job is None and self._streamed is not None and not self._deaf:
            reason = "streaming recognition is away, and there is no model on this machine"
            self._emit(TranscriptionFailed(ended.utterance, ended.started_ms, ended.ended_ms, reason))
        # The listener may have had enough of this stream: then nobody waits any more.
        if job is not None and ended.utterance in self._waiting:
            decided_at = self._loop.time()
            if job.future.done():
                self._transcribed(ended, job, decided_at)
            else:
                job.future.add_done_callback(lambda _: self._transcribed(ended, job, decided_at))

    def _keep_tail(self, ended: SpeechEnded) -> None:
        """The next utterance may have begun in the last frames of silence; never hand on speech that was heard."""
        assert self._utterance is not None
        size = FRAME_MS * self.options.rate // 1000 * SAMPLE_BYTES
        silent = (ended.decided_ms - ended.ended_ms) // FRAME_MS
        for back in range(min(silent, self.options.endpointing.onset_window), 0, -1):
            start = len(self._utterance) - back * size
            self._before.append(bytes(self._utterance[start : start + size]))

    def _submit(self, priority: Priority, started_ms: int, ended_ms: int) -> Work | None:
        """The utterance so far, to who hears along or to the model of this machine; None: there is neither."""
        assert self._utterance is not None
        audio = bytes(self._utterance)
        if self._streamed is not None:
            job = self._streamed.submit(audio, started_ms, ended_ms, urgent=priority is Priority.FINAL)
            if job is not None:
                return job
        return None if self._scheduler is None else self._submit_here(audio, priority)

    def _submit_here(self, audio: bytes, priority: Priority = Priority.FINAL) -> Work:
        assert self._scheduler is not None
        return self._scheduler.submit(
            self.stream_id,
            audio,
            rate=self.options.rate,
            language=self.options.language,
            # A second look at words that are not believed before they come twice is wasted.
            vocabulary=() if priority is Priority.PARTIAL else self.options.vocabulary,
            priority=priority,
        )

    def _along_with(self, recogniser: StreamingRecogniser) -> StreamedSpeech:
        def session(on_heard: Callable[[Heard], None], on_lost: Callable[[str], None]) -> StreamingSession | None:
            options = self.options
            return recogniser.open(options.rate, options.language, options.vocabulary, on_heard, on_lost)

        return StreamedSpeech(
            session,
            recogniser.answered,
            self.options.rate,
            None if self._scheduler is None else self._submit_here,
            self._heard_along,
        )

    def _heard_along(self, believed: str, draft: str, until_ms: int) -> None:
        if self._partials is not None and not self._deaf:
            self._emit(PartialTranscript(self._endpointer.utterance, believed, draft, until_ms))

    def _transcribed(self, ended: SpeechEnded, job: Work, decided_at: float) -> None:
        if self._waiting.pop(ended.utterance, None) is None:
            return
        error = job.future.exception()
        if error is not None:
            late = isinstance(error, TranscriptionTimedOut)
            self._emit(TranscriptionFailed(ended.utterance, ended.started_ms, ended.ended_ms, str(error), late))
            return
        if self._streamed is not None:
            self._streamed.taken(ended.ended_ms)
        self._emit(
            FinalTranscript(
                utterance=ended.utterance,
                text=job.future.result().text,
                started_ms=ended.started_ms,
                ended_ms=ended.ended_ms,
                endpoint_ms=ended.decided_ms - ended.ended_ms,
                stt_ms=round((self._loop.time() - decided_at) * 1000),
                audio_ms=self._duration_ms(len(job.audio)),
            )
        )

    def _transcribe_partial(self, partials: Partials) -> None:
        if self._scheduler is None or self._utterance is None:
            return
        if self._streamed is not None and self._streamed.hears:
            return  # they come by themselves
        if self._partial_job is not None and not self._partial_job.future.done():
            return  # the model is busy: two of one stream would keep a final waiting
        if partials.due(self._duration_ms(len(self._utterance))):
            self._transcribe_window(partials)

    def _transcribe_window(self, partials: Partials) -> None:
        assert self._utterance is not None
        utterance, until_ms = self._endpointer.utterance, self._endpointer.now_ms
        window = bytes(self._utterance[self._bytes_of(partials.since_ms) :])
        head_ms = partials.head_ms(samples(window), self.options.rate)
        if head_ms is not None:
            window = window[: self._bytes_of(head_ms)]
        job = self._partial_job = self._submit_here(window, Priority.PARTIAL)

        def done(future: asyncio.Future[Transcript]) -> None:
            if future.cancelled() or future.exception() is not None or self._partials is not partials:
                return  # the utterance is over, or there was no time for partials
            text = future.result().text
            if head_ms is not None:
                partials.keep(text, head_ms)
                self._transcribe_window(partials)
                return
            partials.agreed(text)
            self._emit(PartialTranscript(utterance, partials.so_far, partials.draft(text), until_ms))

        job.future.add_done_callback(done)

    def _new_partials(self) -> Partials:
        return Partials(PartialSettings(every_ms=self.options.partial_interval_ms))

    def _end_partials(self) -> None:
        self._partials = None
        if self._partial_job is not None:
            self._partial_job.cancel()
            self._partial_job = None

    def _watch_for_stall(self) -> None:
        limit_s = self.options.stall_ms / 1000
        left_s = limit_s - (self._loop.time() - self._last_audio)
        if left_s <= 0:
            if not self._stalled and not self._deaf:
                self._stalled = True
                self._emit(AudioStalled(round((limit_s - left_s) * 1000)))
            left_s = limit_s
        if not self._closed:
            self._stall_timer = self._loop.call_later(left_s, self._watch_for_stall)

    def _emit(self, event: AudioEvent) -> None:
        try:
            self._listener(event)
        except Exception:
            logger.exception("a listener failed: its stream is closed", extra={"action": "listener_failed"})
            if not self._deaf:
                self._drop_work()
                self._failed()

    def _drop_work(self) -> None:
        self._deaf = True
        self._end_partials()
        for _, job in self._waiting.values():
            job.cancel()
        self._waiting.clear()
        if self._speculation is not None:
            self._speculation.cancel()
            self._speculation = None
        if self._streamed is not None:
            self._streamed.close()

    def _ring_size(self) -> int:
        settings = self.options.endpointing
        return settings.pre_roll_ms // FRAME_MS + settings.onset_window

    def _bytes_of(self, ms: int) -> int:
        return ms * self.options.rate // 1000 * SAMPLE_BYTES

    def _duration_ms(self, length: int) -> int:
        return length * 1000 // (self.options.rate * SAMPLE_BYTES)
