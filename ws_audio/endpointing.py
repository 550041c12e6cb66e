"""When did speech start, how long does it go on, when did it end: pure, no I/O, no clock of its own.

Fed one bool per frame, it counts time in frames. Single frames are not trusted: three of five voiced ones make an onset
(a click is no speech), and gaps shorter than 300 ms belong to the speech around them, because real words have such
gaps: a rule "N ms without a gap" loses "yes" and is late on whole sentences.

             3 of 5 voiced               300 ms unvoiced
    SILENCE ───────────────▶ SPEAKING ──────────────────▶ PAUSED
       ▲                        ▲  │                       │  │
       │                        └──┼──── 3 of 5 voiced ────┘  │
       └────── 20 s of utterance ──┴──── 700 ms unvoiced ─────┘

From SpeechPaused on, until speech goes on, who listens may `end` the utterance and spare the rest of the silence.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from ws_audio.events import SpeechContinues, SpeechEnded, SpeechStarted
from ws_audio.frames import FRAME_MS


@dataclass(frozen=True, slots=True)
class EndpointSettings:
    """Times in ms; they take effect at the next multiple of `frame_ms`. Raises ValueError when they contradict."""

    frame_ms: int = FRAME_MS
    onset_voiced: int = 3  # so many voiced frames ...
    onset_window: int = 5  # ... of so many make speech
    gap_ms: int = 300  # a shorter gap does not end a run
    end_silence_ms: int = 700  # ends the utterance
    # Silence after which transcription may start; None: not before the end. Of 48 English and French utterances it
    # starts 1.9 times each over a telephone and 1.5 times clean; with 160 ms that is 2.0 and 1.8, and sentences are
    # taken for finished at their commas.
    speculate_ms: int | None = 200
    max_utterance_ms: int = 20_000  # also the bound of the memory for one; Whisper hears up to 30 s at a time
    pre_roll_ms: int = 200  # audio kept from before the onset, so that the first phoneme is not cut

    def __post_init__(self) -> None:
        if not 1 <= self.onset_voiced <= self.onset_window:
            raise ValueError("onset_voiced must be between 1 and onset_window")
        if not 0 < self.frame_ms <= self.gap_ms <= self.end_silence_ms < self.max_utterance_ms:
            raise ValueError("frame_ms, gap_ms, end_silence_ms and max_utterance_ms must be in this order, from 1 up")
        if self.speculate_ms is not None and self.speculate_ms < self.frame_ms:
            raise ValueError("speculate_ms must be at least one frame; None turns it off")
        if self.onset_window * self.frame_ms >= self.gap_ms:
            raise ValueError("onset_window must be shorter than gap_ms: an onset would hide the gap before it")
        if self.pre_roll_ms < 0:
            raise ValueError("pre_roll_ms cannot be negative")


@dataclass(frozen=True, slots=True)
class SpeechPaused:
    """Silence for `speculate_ms`: this may be the end. A SpeechContinues of the same utterance takes it back.

    The utterance so far is from `started_ms` to `ended_ms`, the end of its last voiced frame.
    """

    utterance: int
    started_ms: int
    ended_ms: int
    at_ms: int


Decision = SpeechStarted | SpeechContinues | SpeechPaused | SpeechEnded


class State(Enum):
    """Where an endpointer is; see the picture at the top."""

    SILENCE = auto()
    SPEAKING = auto()  # in a run, or in a gap that still belongs to it
    PAUSED = auto()  # the run is over, the utterance may go on


class Endpointer:
    """Decides for one stream."""

    def __init__(self, settings: EndpointSettings | None = None) -> None:
        self.settings = settings or EndpointSettings()
        self.state = State.SILENCE
        self.now_ms = 0  # end of the last frame
        self.utterance = 0  # number of the current or last utterance, from 1
        self._recent = 0  # voicing of the last frames that might become an onset, newest in the lowest bit
        self._started = 0  # of the utterance
        self._run_started = 0
        self._voiced_end: int | None = None  # end of the last voiced frame of a run; None before the first
        self._may_end = False  # SpeechPaused was told and not taken back

    def configure(self, settings: EndpointSettings) -> None:
        """Go on with other settings from the next frame, in the state that was reached. `frame_ms` cannot change."""
        if settings.frame_ms != self.settings.frame_ms:
            raise ValueError("frame_ms cannot change in the middle of a stream")
        self.settings = settings

    def push(self, voiced: bool, arrived_at: float = 0.0) -> tuple[Decision, ...]:
        """What the next frame decides. `arrived_at` is handed on as it is."""
        self.now_ms += self.settings.frame_ms
        if self.state is State.SPEAKING:
            if voiced:
                self._voiced_end = self.now_ms
                self._may_end = False
                return (self._continues(arrived_at), *self._cut())
        elif self._onset(voiced):
            return (*self._start(), self._continues(arrived_at), *self._cut())
        elif self.state is State.SILENCE:
            return ()
        return self._quiet()

    def end(self, utterance: int) -> SpeechEnded | None:
        """End the utterance now; None when it has ended already, or the callee does not pause (any more).

        A callee who was about to speak on, with fewer voiced frames than make an onset, begins another utterance.
        """
        if not self._may_end or utterance != self.utterance:
            return None
        return self._end()

    def flush(self) -> tuple[Decision, ...]:
        """The stream is over: the end of the utterance that was going on, if any."""
        return () if self.state is State.SILENCE else (self._end(),)

    def _onset(self, voiced: bool) -> bool:
        settings = self.settings
        self._recent = (self._recent << 1 | voiced) & ((1 << settings.onset_window) - 1)
        return voiced and self._recent.bit_count() >= settings.onset_voiced

    def _start(self) -> tuple[SpeechStarted, ...]:
        """Take the onset back to its first voiced frame."""
        first = self.now_ms - self._recent.bit_length() * self.settings.frame_ms
        # An utterance that was cut at its longest or ended early can have ended so recently: the run goes on.
        if self._voiced_end is None or first - self._voiced_end >= self.settings.gap_ms:
            self._run_started = first
        self._voiced_end = self.now_ms
        self._may_end = False
        resumed = self.state is State.PAUSED
        self.state = State.SPEAKING
        if resumed:
            return ()
        self.utterance += 1
        self._started = first
        return (SpeechStarted(first),)

    def _continues(self, arrived_at: float) -> SpeechContinues:
        return SpeechContinues(self._run_started, self.now_ms, self.now_ms - self._run_started, arrived_at)

    def _quiet(self) -> tuple[Decision, ...]:
        """A frame within an utterance that is not (or not yet) speech."""
        settings = self.settings
        assert self._voiced_end is not None
        silence = self.now_ms - self._voiced_end
        if self.state is State.SPEAKING and silence >= settings.gap_ms:
            self.state = State.PAUSED
            self._recent = 0
        if silence >= settings.end_silence_ms:
            return (self._end(),)
        cut = self._cut()
        speculate = settings.speculate_ms
        if not cut and speculate is not None and silence - settings.frame_ms < speculate <= silence:
            self._may_end = True
            return (SpeechPaused(self.utterance, self._started, self._voiced_end, self.now_ms),)
        return cut

    def _cut(self) -> tuple[SpeechEnded, ...]:
        """End an utterance that is as long as it may be."""
        if self.now_ms - self._started < self.settings.max_utterance_ms:
            return ()
        return (self._end(),)

    def _end(self) -> SpeechEnded:
        assert self._voiced_end is not None
        if self.state is State.SPEAKING:
            self._recent = 0  # else the next utterance may be beginning: its first frames are in there
        self._may_end = False
        self.state = State.SILENCE
        return SpeechEnded(self.utterance, self._started, self._voiced_end, self.now_ms)
