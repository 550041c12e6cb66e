"""Who picked up, decided from what is heard: timing, words, tones. Pure, no clock: audio time is passed in.

    hear(event, now_ms)  what the audio stream told, at its audio time      ┐  → Decided, at first and for each time
    advance(now_ms)      time passed; wanted at `deadline()` at the latest  ┘    that it knows better; MessageMayStart

A human says "Hello?" and waits: a short greeting and half a second of silence are enough, and nobody waits for the
text. A machine talks on. What is neither waits for its words, which come 0.7 to 1.2 s after the greeting. Since a
machine, too, may begin with "Hello." and a pause, a decision for a human is watched for a few seconds more: words or a
beep take it back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from robot.call.amd.evidence import HANG_OVER_MS, Evidence
from robot.call.amd.greetings import AmdClass, Greetings, Recognised
from robot.call.amd.settings import AmdSettings
from robot.call.amd.signals import HeardSignal
from ws_audio.events import FinalTranscript, PartialTranscript, SpeechEvent, ToneEvent

# How sure each kind of evidence makes. A decision is taken back only by evidence that makes surer.
_SURE_WORDS: Final = {
    AmdClass.HUMAN: 0.93, AmdClass.VOICEMAIL: 0.95, AmdClass.IVR: 0.95,
    AmdClass.CALL_SCREENING: 0.95, AmdClass.MAILBOX_FULL: 0.97,
}  # fmt: skip
_BEEP: Final = 0.92
_FAX: Final = 0.97
_NO_SPEECH: Final = 0.9
_FEW_WORDS: Final = 0.8
_LIKELY_WORDS: Final = 0.75
_SHORT_GREETING: Final = 0.7
_NOTHING_BUT_A_TONE: Final = 0.65
_LENGTH: Final = 0.6
_GUESS: Final = 0.5


@dataclass(frozen=True, slots=True)
class Decided:
    """Who picked up, as known at `at_ms` of audio time. `reason` is for people and holds no word of the callee.

    `revises` is what was decided before; `confidence` goes from 0 to 1.
    """

    kind: AmdClass
    confidence: float
    reason: str
    at_ms: int
    revises: AmdClass | None = None


@dataclass(frozen=True, slots=True)
class MessageMayStart:
    """The machine records (voicemail) or listens (call screening) from now on.

    `beep_ended_ms` is when its beep ended, None when none came. It is told again when there is another beep: then what
    was said so far is not in the recording.
    """

    at_ms: int
    beep_ended_ms: int | None
    reason: str


AmdUpdate = Decided | MessageMayStart


@dataclass(frozen=True, slots=True)
class _Verdict:
    kind: AmdClass
    confidence: float
    reason: str
    in_words: bool = False  # more of them may mean something else, of the same certainty


class AmdDetector:
    """Watches one call from its answer on."""

    def __init__(self, greetings: Greetings, settings: AmdSettings | None = None) -> None:
        self.decision: Decided | None = None
        self._greetings = greetings
        self._settings = settings or AmdSettings()
        self._heard = Evidence(self._settings)
        self._recognised: Recognised | None = None
        self._may_start: MessageMayStart | None = None

    def hear(self, event: SpeechEvent | ToneEvent, now_ms: int) -> tuple[AmdUpdate, ...]:
        """Take in an event that came at `now_ms` of audio time, which never goes back."""
        if self.settled:
            return ()
        self._heard.now_ms = max(self._heard.now_ms, now_ms)
        self._heard.hear(event)
        if isinstance(event, PartialTranscript) or (isinstance(event, FinalTranscript) and event.text):
            self._recognised = self._greetings.recognise(self._heard.text())
        return self._updates()

    def advance(self, now_ms: int) -> tuple[AmdUpdate, ...]:
        """What is known at `now_ms` that was not known before."""
        if self.settled:
            return ()
        self._heard.now_ms = max(self._heard.now_ms, now_ms)
        return self._updates()

    def _updates(self) -> tuple[AmdUpdate, ...]:
        updates: list[AmdUpdate] = []
        self._heard.complete_signals()
        verdict = self._judge()
        if verdict is not None and (decided := self._decide(verdict)) is not None:
            updates.append(decided)
        if (may_start := self._message()) is not None:
            updates.append(may_start)
        return tuple(updates)

    @property
    def settled(self) -> bool:
        """Nothing that is still to come would change the decision: no need to listen for tones any more."""
        until = self._watched_until()
        if until is None or self._heard.now_ms < until or self._heard.signal_going_on:
            return False
        # What was being said when the watch ended is heard to its end.
        return not self._heard.outstanding and (
            self._heard.speaking_since is None or self._heard.speaking_since > until
        )

    def deadline(self) -> int | None:
        """When `advance` wants to be called, in ms of audio time, should nothing be heard until then."""
        if self.settled:
            return None
        settings, quiet_since = self._settings, self._heard.quiet_since()
        times: list[int | None] = [self._heard.signal_deadline(), self._watched_until()]
        if self._told_by_timing:
            times.append(quiet_since + settings.initial_silence_ms)
            if self._heard.speech:
                waits = (settings.hello_silence_ms, settings.short_silence_ms, settings.text_wait_ms)
                times += [quiet_since + each for each in waits]
                times.append(self._heard.speech[0].started_ms + settings.long_speech_ms)
        if self._may_start is None:
            times += [quiet_since + settings.no_beep_ms, quiet_since + settings.no_screening_beep_ms]
        if self._heard.beep is not None:
            times.append(self._heard.beep.ended_ms + settings.beep_alone_ms)
        return min((time for time in times if time is not None and time > self._heard.now_ms), default=None)

    # -- what it means -------------------------------------------------------------------------------------------------

    def _judge(self) -> _Verdict | None:
        """The strongest evidence there is now."""
        rules: tuple[Callable[[], _Verdict | None], ...] = (self._by_fax, self._by_phrase, self._by_beep)
        # While a tone sounds, the callee is not silent. What timing says never takes a decision back.
        if not self._heard.signal_going_on:
            rules += (self._by_words,)
            if self._told_by_timing:
                rules += (self._by_short_greeting, self._by_pause, self._by_length, self._by_silence)
        return max((each for rule in rules if (each := rule())), key=lambda each: each.confidence, default=None)

    def _by_fax(self) -> _Verdict | None:
        if self._heard.speech:
            return None
        if self._heard.fax_answers():
            return _Verdict(AmdClass.FAX, _FAX, "the 2100 Hz tone of a fax that answers")
        if self._heard.fax_bursts >= 2:
            return _Verdict(AmdClass.FAX, _FAX, "the 1100 Hz tone of a fax, again and again")
        return None

    def _by_phrase(self) -> _Verdict | None:
        found = self._recognised
        if found is None:
            return None
        # "Thank you for calling" may go on in many ways; and a human is not to be talked over.
        if (found.kind is AmdClass.HUMAN or not found.sure) and not self._heard.finished():
            return None
        confidence = _SURE_WORDS[found.kind] if found.sure else _LIKELY_WORDS
        return _Verdict(found.kind, confidence, f"said something like “{found.phrase}”", in_words=True)

    def _by_beep(self) -> _Verdict | None:
        beep = self._beep_that_counts()
        if beep is None:
            return None
        length = _seconds(beep.ended_ms - beep.started_ms)
        if self._heard.speech:
            return _Verdict(AmdClass.VOICEMAIL, _BEEP, f"a beep of {beep.hz} Hz and {length} after the greeting")
        return _Verdict(AmdClass.VOICEMAIL, _NOTHING_BUT_A_TONE, f"a beep of {beep.hz} Hz and {length}, and no speech")

    def _by_words(self) -> _Verdict | None:
        """A few words that belong to no machine."""
        words = self._heard.words()
        if not words or words > self._settings.human_words or self._heard.outstanding or self._recognised is not None:
            return None
        if self._heard.words_stopped():
            return _Verdict(AmdClass.HUMAN, _LENGTH, f"{words} words, then nothing but voices in the background")
        if (
            self._heard.partial
            or not self._heard.finished()
            or self._heard.greeting_ms() > self._settings.human_greeting_ms
        ):
            return None
        return _Verdict(
            AmdClass.HUMAN, _FEW_WORDS, f"{words} words, then {_seconds(self._heard.silence_ms())} of silence"
        )

    def _by_short_greeting(self) -> _Verdict | None:
        settings, length = self._settings, self._heard.greeting_ms()
        if not settings.click_ms < length <= settings.short_greeting_ms:
            return None
        wait = settings.hello_silence_ms if length <= settings.hello_ms else settings.short_silence_ms
        if self._heard.silence_ms() < wait:
            return None
        return _Verdict(AmdClass.HUMAN, _SHORT_GREETING, self._timing())

    def _by_pause(self) -> _Verdict | None:
        """A greeting that no text came for, or whose text says nothing."""
        settings, length = self._settings, self._heard.greeting_ms()
        if length <= settings.click_ms or self._heard.silence_ms() < settings.text_wait_ms:
            return None
        if length <= settings.human_greeting_ms and self._heard.words() <= settings.human_words:
            return _Verdict(AmdClass.HUMAN, _LENGTH, self._timing())
        return _Verdict(AmdClass.VOICEMAIL, _GUESS, f"a long {self._timing()}")

    def _by_length(self) -> _Verdict | None:
        if (
            not self._heard.speech
            or self._heard.now_ms - self._heard.speech[0].started_ms < self._settings.long_speech_ms
        ):
            return None
        spoken = self._heard.spoken_ms()
        if not self._heard.speaking() or spoken < self._settings.long_speech_ms / 2 or self._heard.words_stopped():
            return None
        return _Verdict(
            AmdClass.VOICEMAIL, _LENGTH, f"speaks for {_seconds(self._heard.greeting_ms())} without waiting"
        )

    def _by_silence(self) -> _Verdict | None:
        if (
            self._heard.greeting_ms() > self._settings.click_ms
            or self._heard.outstanding
            or self._heard.speaking_since is not None
        ):
            return None
        if self._heard.silence_ms() < self._settings.initial_silence_ms:
            return None
        return _Verdict(AmdClass.SILENCE, _NO_SPEECH, f"{_seconds(self._heard.now_ms)} without a word")

    def _decide(self, verdict: _Verdict) -> Decided | None:
        """Tell it when it is new. The same again, but surer, is only kept."""
        before = self.decision
        if before is not None and before.kind is verdict.kind:
            if verdict.confidence > before.confidence:
                self.decision = Decided(
                    before.kind, verdict.confidence, verdict.reason, before.at_ms, before.revises
                )  # fmt: skip
            return None
        # Somebody who speaks at last was silent before, however sure that was.
        if before is not None and before.kind is not AmdClass.SILENCE:
            surer = verdict.confidence > before.confidence
            if not surer and not (verdict.in_words and verdict.confidence == before.confidence):
                return None
        revised = None if before is None else before.kind
        self.decision = Decided(verdict.kind, verdict.confidence, verdict.reason, self._heard.now_ms, revised)
        return self.decision

    # -- when to talk to a machine -------------------------------------------------------------------------------------

    def _message(self) -> MessageMayStart | None:
        if self.decision is None or self.decision.kind not in (AmdClass.VOICEMAIL, AmdClass.CALL_SCREENING):
            return None
        if self._heard.signal_going_on:
            return None
        beep = self._beep_that_counts()
        told = self._may_start
        if beep is not None and (told is None or told.beep_ended_ms is None or told.beep_ended_ms < beep.ended_ms):
            after = _seconds(self._heard.now_ms - beep.ended_ms, places=2)
            return self._let_start(beep.ended_ms, f"{after} after the end of a beep of {beep.hz} Hz")
        settings = self._settings
        screening = self.decision.kind is AmdClass.CALL_SCREENING
        wait = settings.no_screening_beep_ms if screening else settings.no_beep_ms
        if told is None and not self._heard.speaking() and self._heard.silence_ms() >= wait:
            return self._let_start(None, f"no beep in {_seconds(self._heard.silence_ms())} after the greeting")
        return None

    def _let_start(self, beep_ended_ms: int | None, reason: str) -> MessageMayStart:
        self._may_start = MessageMayStart(self._heard.now_ms, beep_ended_ms, reason)
        return self._may_start

    def _beep_that_counts(self) -> HeardSignal | None:
        """The last beep after the greeting; one without any greeting only when nobody speaks after it."""
        beep = self._heard.beep
        if (ringing := self._heard.ringing) is not None and self._ringing_is_beep(ringing):
            beep = max((each for each in (beep, ringing) if each), key=lambda each: each.ended_ms)
        if beep is None:
            return None
        greeted = any(each.ended_ms <= beep.started_ms + HANG_OVER_MS for each in self._heard.speech)
        if not greeted and (self._heard.speech or self._heard.now_ms < beep.ended_ms + self._settings.beep_alone_ms):
            return None
        return beep

    def _ringing_is_beep(self, ringing: HeardSignal) -> bool:
        """Mailboxes beep at 440 Hz, too; nobody rings after the greeting of a voicemail."""
        spoken = self._heard.spoken_ms(until_ms=ringing.started_ms + HANG_OVER_MS)
        if self.decision is not None and self.decision.kind is AmdClass.VOICEMAIL:
            return spoken > 0
        if self.decision is not None and self.decision.confidence > _SHORT_GREETING:
            return False
        return spoken >= self._settings.human_greeting_ms / 2 and not ringing.cadenced

    # -- small things --------------------------------------------------------------------------------------------------

    def _watched_until(self) -> int | None:
        """When the decision is settled, unless something is being said then; None while that cannot be known."""
        if self.decision is None:
            return None
        match self.decision.kind:
            case AmdClass.FAX | AmdClass.MAILBOX_FULL:
                return self.decision.at_ms
            case AmdClass.VOICEMAIL | AmdClass.CALL_SCREENING:
                return None if self._may_start is None else self._may_start.at_ms + self._settings.beep_again_ms
            case _:
                return self.decision.at_ms + self._settings.watch_ms

    @property
    def _told_by_timing(self) -> bool:
        """Nobody has said anything that counted."""
        return self.decision is None or self.decision.kind is AmdClass.SILENCE

    def _timing(self) -> str:
        return (
            f"greeting of {_seconds(self._heard.greeting_ms())}, then {_seconds(self._heard.silence_ms())} of silence"
        )


def _seconds(milliseconds: int, places: int = 1) -> str:
    return f"{milliseconds / 1000:.{places}f} s"
