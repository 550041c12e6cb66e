"""What has been heard since the answer: speech, its words, tones, and since when it is quiet. Not what it means.

Pure, no clock: `now_ms` of audio time is set from outside.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from robot.call.amd.settings import AmdSettings
from robot.call.amd.signals import HeardSignal, LineSignals, Signal
from ws_audio.events import (
    FinalTranscript,
    PartialTranscript,
    SpeechContinues,
    SpeechEnded,
    SpeechEvent,
    SpeechStarted,
    ToneEnded,
    ToneEvent,
    ToneStarted,
    TranscriptionFailed,
)

#: The voice activity detector goes on for as long after a tone, and takes the first frames before it is one.
HANG_OVER_MS: Final = 100
_SHORTEST_SPEECH_MS: Final = 60
_SPEAKS_ON_MS: Final = 300


@dataclass(slots=True)
class Stretch:
    """Speech, its short gaps bridged."""

    started_ms: int
    ended_ms: int


class Evidence:
    """Of one call, from its answer on.

    speech: what counts, in order. outstanding: utterances that have ended and have no text yet. beep: the last that
    counts. ringing: the last; it was a beep if this is a voicemail.
    """

    def __init__(self, settings: AmdSettings) -> None:
        self.now_ms = 0
        self.speech: list[Stretch] = []
        self.speaking_since: int | None = None  # start of the utterance that goes on
        self.partial = ""  # text of the utterance that goes on
        self.outstanding: set[int] = set()
        self.beep: HeardSignal | None = None
        self.ringing: HeardSignal | None = None
        self.fax_bursts = 0
        self._settings = settings
        self._signals = LineSignals()
        self._deaf_until = 0  # voiced frames up to here were a tone
        self._texts: dict[int, str] = {}  # final, by utterance
        self._partial_since = self._partial_until = 0  # the audio over which `partial` has been the same

    def hear(self, event: SpeechEvent | ToneEvent) -> None:
        match event:
            case ToneStarted() | ToneEnded():
                self._heard_tone(event)
            case SpeechStarted(at_ms):
                if not self._signals.sounding:
                    self.speaking_since = at_ms
            case SpeechContinues(run_started_ms, at_ms):
                self._heard_speech(run_started_ms, at_ms)
            case SpeechEnded():
                self.speaking_since = None
                self.partial = ""
                self.outstanding.add(event.utterance)
            case PartialTranscript(text=text, until_ms=until_ms):
                if text != self.partial:
                    self.partial, self._partial_since = text, until_ms
                self._partial_until = until_ms
            case FinalTranscript():
                self._heard_text(event)
            case TranscriptionFailed():
                self.outstanding.discard(event.utterance)

    def complete_signals(self) -> None:
        """Take in what is known by now to have been a signal of the line."""
        signal = self._signals.completed(self.now_ms)
        if signal is None:
            return
        if signal.kind is Signal.FAX_CALLING and not self.speech:
            self.fax_bursts += 1
        elif signal.kind is Signal.RINGING:
            self.ringing = signal
        elif signal.kind in (Signal.BEEP, Signal.FAX_CALLING):
            self.beep = signal

    def _heard_tone(self, tone: ToneEvent) -> None:
        """The voice activity detector takes a tone for speech, until it is known to be one."""
        self._signals.hear(tone)
        for stretch in self.speech:
            stretch.ended_ms = min(stretch.ended_ms, max(stretch.started_ms, tone.started_ms))
        self.speech = [each for each in self.speech if each.ended_ms - each.started_ms >= _SHORTEST_SPEECH_MS]
        if isinstance(tone, ToneEnded):
            self._deaf_until = tone.ended_ms + HANG_OVER_MS

    def _heard_speech(self, run_started_ms: int, at_ms: int) -> None:
        if self._signals.sounding or at_ms <= self._deaf_until:
            return
        last = self.speech[-1] if self.speech else None
        if last is not None and last.started_ms >= run_started_ms and last.ended_ms > self._deaf_until:
            last.ended_ms = max(last.ended_ms, at_ms)
        else:
            self.speech.append(Stretch(max(run_started_ms, self._deaf_until), at_ms))

    def _heard_text(self, final: FinalTranscript) -> None:
        self.outstanding.discard(final.utterance)
        if final.text:
            self._texts[final.utterance] = final.text
        else:  # a cough, a click, a tone: nobody spoke
            self.speech = [each for each in self.speech if not final.started_ms <= each.started_ms < final.ended_ms]

    # -- what there is by now ------------------------------------------------------------------------------------------

    @property
    def signal_going_on(self) -> bool:
        """A tone sounds, or its cadence may go on."""
        return self._signals.going_on

    def signal_deadline(self) -> int | None:
        """When `complete_signals` may have something to take in, should nothing be heard until then."""
        return self._signals.deadline()

    def fax_answers(self) -> bool:
        return self._signals.fax_answers(self.now_ms)

    def text(self) -> str:
        return " ".join([*self._texts.values(), self.partial])

    def words(self) -> int:
        return len(self.text().split())

    def greeting_ms(self) -> int:
        """From the first word to the last."""
        return self.speech[-1].ended_ms - self.speech[0].started_ms if self.speech else 0

    def spoken_ms(self, until_ms: int | None = None) -> int:
        """The same without its pauses; only what had ended by `until_ms`."""
        return sum(
            each.ended_ms - each.started_ms for each in self.speech if until_ms is None or each.ended_ms <= until_ms
        )

    def quiet_since(self) -> int:
        """The end of the last word or tone."""
        return max(self.speech[-1].ended_ms if self.speech else 0, self._deaf_until - HANG_OVER_MS)

    def silence_ms(self) -> int:
        return self.now_ms - self.quiet_since()

    def speaking(self) -> bool:
        """A word of now, or of so short a time ago that the next may follow."""
        return bool(self.speech) and self.silence_ms() < _SPEAKS_ON_MS

    def finished(self) -> bool:
        """The callee has said what they had to say, for now."""
        return self.silence_ms() >= self._settings.hello_silence_ms or self.words_stopped()

    def words_stopped(self) -> bool:
        """Somebody speaks, but partial transcripts bring no further word: it is the room, or the radio.

        Counted in audio that was transcribed: on a loaded machine texts are late, which says nothing of the words.
        """
        same_ms = self._partial_until - self._partial_since
        return bool(self.partial) and same_ms >= self._settings.no_more_words_ms
