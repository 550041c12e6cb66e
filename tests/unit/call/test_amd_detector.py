"""Who picked up, by scripts of what is heard."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robot.call.amd.detector import AmdDetector, AmdUpdate, Decided, MessageMayStart
from robot.call.amd.greetings import AmdClass, greetings_in
from robot.call.amd.signals import SETTLE_MS
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

Timed = tuple[int, SpeechEvent | ToneEvent]
ENDPOINT_MS = 700


class Line:
    """Plays what is heard to a detector, which is asked whenever it wants to be."""

    def __init__(self) -> None:
        self.detector = AmdDetector(greetings_in("en", "fr"))
        self.updates: list[AmdUpdate] = []
        self._events: list[Timed] = []
        self._utterance = 0

    def speech(self, start: int, end: int, text: str | None = None, stt_ms: int = 100) -> Line:
        """Speech and, when it is over, its text; None: there is none to be had."""
        self._utterance += 1
        decided = end + ENDPOINT_MS
        self._events.append((start + 60, SpeechStarted(start)))
        self._events += [(at, SpeechContinues(start, at, at - start, 0.0)) for at in range(start + 60, end + 1, 20)]
        self._events.append((decided, SpeechEnded(self._utterance, start, end, decided)))
        outcome: SpeechEvent = TranscriptionFailed(self._utterance, start, end, "")
        if text is not None:
            outcome = FinalTranscript(self._utterance, text, start, end, ENDPOINT_MS, stt_ms, end - start)
        self._events.append((decided + stt_ms, outcome))
        return self

    def partial(self, at: int, text: str, until: int | None = None) -> Line:
        """Told at `at`, of audio up to `until` (all of it, unless said)."""
        self._events.append((at, PartialTranscript(self._utterance, text, text, at if until is None else until)))
        return self

    def tone(self, start: int, end: int, hz: int = 1000, sure_ms: int = 120) -> Line:
        self._events.append((start + sure_ms, ToneStarted(start, start + sure_ms, hz)))
        self._events.append((end + 60, ToneEnded(start, end, end + 60, hz)))
        return self

    def until(self, end: int) -> list[AmdUpdate]:
        """Everything that is told up to `end` ms."""
        for now, event in sorted(self._events, key=lambda timed: timed[0]):
            self._wait(min(now - 1, end))  # what is heard at a deadline is heard before it
            if now > end:
                break
            self.updates += self.detector.hear(event, now)
        self._wait(end)
        return self.updates

    def _wait(self, until: int) -> None:
        while (deadline := self.detector.deadline()) is not None and deadline <= until:
            self.updates += self.detector.advance(deadline)

    def decisions(self, end: int) -> list[Decided]:
        return [update for update in self.until(end) if isinstance(update, Decided)]

    def messages(self, end: int) -> list[MessageMayStart]:
        return [update for update in self.until(end) if isinstance(update, MessageMayStart)]


def kinds(decisions: list[Decided]) -> list[str]:
    return [str(decided.kind) for decided in decisions]


def test_hello_and_half_a_second_of_silence_is_a_human() -> None:
    [decided] = Line().speech(300, 800, "Hello?").decisions(8000)
    assert (decided.kind, decided.at_ms) == (AmdClass.HUMAN, 1300)
    assert decided.reason == "greeting of 0.5 s, then 0.5 s of silence"


def test_the_text_makes_it_surer_and_tells_nothing_new() -> None:
    line = Line().speech(300, 800, "Hello?")
    [decided] = line.decisions(1300)
    assert line.detector.decision == decided
    assert line.decisions(8000) == [decided]
    assert line.detector.decision is not None
    assert line.detector.decision.confidence > decided.confidence


def test_a_business_greeting_is_a_human_by_its_words() -> None:
    [decided] = Line().speech(200, 4000, "Acme Corporation, this is Joe, how can I help you?").decisions(8000)
    assert (decided.kind, decided.at_ms) == (AmdClass.HUMAN, 4000 + ENDPOINT_MS + 100)


def test_a_greeting_whose_text_never_comes_is_a_human_when_it_is_not_long() -> None:
    [decided] = Line().speech(200, 2800).decisions(8000)
    assert (decided.kind, decided.at_ms) == (AmdClass.HUMAN, 2800 + 1300)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Please leave a message after the tone.", "voicemail"),
        ("The mailbox is full and cannot accept any messages.", "mailbox_full"),
        ("Please state your name and why you are calling.", "call_screening"),
        ("For sales, press one. For support, press two.", "ivr"),
        ("La messagerie de votre correspondant est pleine.", "mailbox_full"),
    ],
)
def test_machines_by_their_words(text: str, kind: str) -> None:
    [decided] = Line().speech(200, 4000, text).decisions(9000)
    assert kinds([decided]) == [kind]
    assert decided.confidence > 0.9


def test_a_partial_text_is_enough_where_it_says_so() -> None:
    line = Line().speech(200, 9000, "Please leave a message after the tone, and we will call you back.")
    [decided] = line.partial(3000, "Please leave a message").decisions(9000)
    assert (decided.kind, decided.at_ms) == (AmdClass.VOICEMAIL, 3000)


def test_who_talks_and_talks_is_a_machine_until_the_words_say_otherwise() -> None:
    line = Line().speech(500, 12000, "For sales, press one. For support, press two.")
    first, second = line.decisions(14000)
    assert (first.kind, first.at_ms) == (AmdClass.VOICEMAIL, 8000)
    assert (second.kind, second.revises) == (AmdClass.IVR, AmdClass.VOICEMAIL)


def test_hello_of_a_machine_is_taken_back() -> None:
    line = Line().speech(300, 700, "Hello.").speech(1450, 6000, "You have reached Joe, please leave a message.")
    assert kinds(line.decisions(9000)) == ["human", "voicemail"]


def test_voices_in_the_room_do_not_hide_a_hello() -> None:
    line = Line().speech(300, 9000)
    for at in range(1400, 8000, 600):
        line.partial(at, "Hello?")
    [decided] = line.decisions(8000)
    assert (decided.kind, decided.at_ms) == (AmdClass.HUMAN, 1400 + 3000)


def test_texts_that_come_late_say_nothing_of_the_words() -> None:
    line = Line().speech(300, 9000).partial(2400, "You have", until=1400).partial(5400, "You have", until=2000)
    assert [decided.kind for decided in line.decisions(7000)] == []


def test_nobody() -> None:
    [decided] = Line().decisions(20000)
    assert (decided.kind, decided.at_ms) == (AmdClass.SILENCE, 3000)


def test_a_cough_is_nobody() -> None:
    [decided] = Line().speech(500, 600, "").decisions(20000)
    assert decided.kind is AmdClass.SILENCE


def test_who_speaks_late_was_not_nobody() -> None:
    silence, human = Line().speech(5000, 5600, "Hello?").decisions(9000)
    assert (silence.kind, human.kind, human.at_ms) == (AmdClass.SILENCE, AmdClass.HUMAN, 5600 + 500)


def test_a_fax_that_answers_is_known_before_its_tone_ends() -> None:
    [decided] = Line().tone(1000, 4000, hz=2100).decisions(9000)
    assert (decided.kind, decided.at_ms) == (AmdClass.FAX, 2000)


def test_a_fax_that_calls_is_known_by_its_second_burst() -> None:
    line = Line().tone(1000, 1500, hz=1100).tone(4500, 5000, hz=1100)
    assert kinds(line.decisions(9000))[-1] == "fax"


# -- the beep ----------------------------------------------------------------------------------------------------------

VOICEMAIL = "Please leave a message after the tone."


def test_the_message_waits_for_the_end_of_the_beep() -> None:
    line = Line().speech(200, 4000, VOICEMAIL).tone(5000, 5400)
    [message] = line.messages(12000)
    assert (message.beep_ended_ms, message.at_ms) == (5400, 5400 + SETTLE_MS)
    assert line.detector.settled


def test_a_beep_that_comes_before_the_text_decides() -> None:
    line = Line().speech(200, 3900, VOICEMAIL).tone(4000, 4400)
    [decided] = line.decisions(12000)
    assert (decided.kind, decided.at_ms) == (AmdClass.VOICEMAIL, 4400 + SETTLE_MS)
    assert "1000 Hz" in decided.reason


def test_a_beep_in_two_parts_ends_with_the_second() -> None:
    [message] = Line().speech(200, 3000, VOICEMAIL).tone(4000, 4300).tone(4360, 4600, 1400, sure_ms=40).messages(12000)
    assert message.beep_ended_ms == 4600


def test_another_beep_begins_the_message_anew() -> None:
    line = Line().speech(200, 3000, VOICEMAIL).tone(4000, 4300).tone(5300, 5800)
    assert [message.beep_ended_ms for message in line.messages(12000)] == [4300, 5800]


def test_without_a_beep_a_long_silence_will_do() -> None:
    [message] = Line().speech(200, 4000, VOICEMAIL).messages(12000)
    assert (message.beep_ended_ms, message.at_ms) == (None, 9000)


def test_a_beep_after_a_terse_greeting_takes_the_human_back() -> None:
    line = Line().speech(300, 900, "Joe Miller.").tone(1900, 2300)
    assert kinds(line.decisions(9000)) == ["human", "voicemail"]
    assert [message.beep_ended_ms for message in line.messages(9000)] == [2300]


def test_a_beep_at_the_pitch_of_a_ring_counts_after_a_voicemails_greeting() -> None:
    [message] = Line().speech(200, 4000, VOICEMAIL).tone(5200, 5900, hz=440).messages(12000)
    assert message.beep_ended_ms == 5900


@pytest.mark.parametrize(
    "play",
    [
        lambda line: line.tone(500, 1500, hz=425).tone(5500, 6500, hz=425),
        lambda line: line.speech(300, 800, "Hello?").tone(1800, 3300, hz=440),
        lambda line: line.speech(300, 800, "Hello?").tone(1800, 1900, hz=1000),
        lambda line: line.tone(500, 830, 950).tone(850, 1160, 1400, 60).tone(1180, 1500, 1800, 60),
        lambda line: line.tone(100, 400).speech(900, 1400, "Hello?"),
    ],
    ids=["ringing", "put through by a human", "a click", "announcement", "a beep before hello"],
)
def test_what_is_no_beep_begins_no_message(play: Callable[[Line], Line]) -> None:
    assert play(Line()).messages(9000) == []


def test_a_beep_alone_is_a_mailbox_that_says_nothing() -> None:
    line = Line().tone(1000, 1500)
    [decided] = line.decisions(3500)
    assert (decided.kind, decided.at_ms) == (AmdClass.VOICEMAIL, 3000)


def test_a_screening_is_answered_after_its_question() -> None:
    [message] = Line().speech(200, 3000, "Please state your name and why you are calling.").messages(9000)
    assert message.at_ms == 3000 + 1200


# -- what always holds -------------------------------------------------------------------------------------------------

_TEXTS = ["Hello?", "", VOICEMAIL, "The mailbox is full.", "Please state your name.", "For sales, press one.",
          "It is a lovely day, is it not, and I could go on for hours about it, if you let me do so."]  # fmt: skip


@st.composite
def scripts(draw: st.DrawFn) -> tuple[Line, list[tuple[int, int]], int]:
    """Speech and tones in turns; the tones' times, and when the first sound began."""
    line, tones, now = Line(), [], draw(st.integers(0, 5000))
    first = now
    for _ in range(draw(st.integers(1, 4))):
        length = draw(st.integers(4, 400)) * 20
        if draw(st.booleans()):
            line.speech(now, now + length, draw(st.sampled_from(_TEXTS)), draw(st.integers(0, 600)))
        else:
            hz = draw(st.sampled_from([425, 440, 950, 1000, 1100, 1400, 2100]))
            line.tone(now, now + length, hz)
            tones.append((now, now + length))
        now += length + draw(st.integers(ENDPOINT_MS + 20, 6000))
    return line, tones, first


@settings(max_examples=200, deadline=None)
@given(scripts())
def test_nothing_is_decided_before_its_evidence_nor_said_into_a_tone(
    script: tuple[Line, list[tuple[int, int]], int],
) -> None:
    line, tones, first = script
    decided_kinds: list[AmdClass] = []
    for update in line.until(60_000):
        if isinstance(update, Decided):
            assert 0 <= update.confidence <= 1
            assert update.revises == (decided_kinds[-1] if decided_kinds else None)
            assert update.at_ms >= 3000 if update.kind is AmdClass.SILENCE else update.at_ms > first
            decided_kinds.append(update.kind)
        else:
            assert decided_kinds[-1] in (AmdClass.VOICEMAIL, AmdClass.CALL_SCREENING)
            assert not any(start + 120 <= update.at_ms < end for start, end in tones)
            if update.beep_ended_ms is not None:
                assert update.beep_ended_ms in [end for _, end in tones]
                assert update.at_ms >= update.beep_ended_ms + SETTLE_MS
    assert decided_kinds, "there is always a decision in the end"


@settings(max_examples=50, deadline=None)
@given(scripts())
def test_asking_at_every_frame_tells_the_same_as_asking_at_deadlines(
    script: tuple[Line, list[tuple[int, int]], int],
) -> None:
    line, _, _ = script
    other = AmdDetector(greetings_in("en", "fr"))
    updates: list[AmdUpdate] = []
    events = sorted(line._events, key=lambda timed: timed[0])
    now = 0
    for at, event in [*events, (60_000, None)]:
        for passed in range(now, at):
            updates += other.advance(passed)
        now = at
        updates += other.advance(at) if event is None else other.hear(event, at)
    assert updates == line.until(60_000)
