"""Who picked up, from stream events and a clock that only moves when it is told to."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from robot.call.amd.greetings import AmdClass, greetings_in
from robot.call.amd.signals import SETTLE_MS
from robot.call.hearing import StreamClock
from robot.call.who_picked_up import MayStart, PickedUp, WhoPickedUp
from ws_audio.events import (
    AudioEvent,
    FinalTranscript,
    PartialTranscript,
    SpeechContinues,
    SpeechEnded,
    SpeechStarted,
    StreamClosed,
    StreamOpened,
    StreamStarted,
    ToneEnded,
    ToneStarted,
)

VOICEMAIL = "Please leave a message after the tone."


@dataclass
class _Timer:
    at: float
    call: tuple[object, ...]
    cancelled: bool = False

    def cancel(self) -> None:
        self.cancelled = True


@dataclass
class VirtualLoop:
    """The clock and the timers of a loop."""

    now: float = 1000.0
    timers: list[_Timer] = field(default_factory=list)

    def time(self) -> float:
        return self.now

    def create_future(self) -> asyncio.Future[None]:
        return asyncio.Future(loop=self._real)

    def __post_init__(self) -> None:
        self._real = asyncio.new_event_loop()

    def call_at(self, at: float, *call: object) -> _Timer:
        self.timers.append(_Timer(at, call))
        return self.timers[-1]

    def until(self, at: float) -> None:
        """Let time pass, and what is due happen."""
        while due := [timer for timer in self.timers if not timer.cancelled and timer.at <= at]:
            timer = min(due, key=lambda each: each.at)
            self.timers.remove(timer)
            self.now = max(self.now, timer.at)
            callback, *arguments = timer.call
            assert callable(callback)
            callback(*arguments)
        self.now = max(self.now, at)


class Line:
    """One stream after another; what is told at `ms` is told at that time of the stream."""

    def __init__(self, loop: VirtualLoop) -> None:
        self.loop = loop
        self.asked: list[bool] = []
        self.who = WhoPickedUp(greetings_in("en"), listen=self.asked.append)
        self.clock = StreamClock()
        self._begun = 0.0

    def stream(self) -> Line:
        """A (new) stream whose first sample was spoken now."""
        self.clock = StreamClock()
        self._begun = self.loop.now
        self.tell(StreamOpened("x"))
        self.loop.now += 0.02
        self.clock.start(self.loop.now)
        return self.tell(StreamStarted(self.loop.now))

    def tell(self, event: AudioEvent, at_ms: int | None = None) -> Line:
        if at_ms is not None:
            self.until(at_ms)
        self.who.hear(event, self.clock)
        return self

    def until(self, ms: int) -> Line:
        self.loop.until(self._begun + ms / 1000)
        return self

    def speech(self, start: int, end: int, text: str, utterance: int = 1, stt_ms: int = 100) -> Line:
        self.voice(start, end)
        self.tell(SpeechEnded(utterance, start, end, end + 700), end + 700)
        return self.tell(FinalTranscript(utterance, text, start, end, 700, stt_ms, end - start), end + 700 + stt_ms)

    def voice(self, start: int, end: int) -> Line:
        self.tell(SpeechStarted(start), start + 60)
        for at in range(start + 60, end + 1, 20):
            self.tell(SpeechContinues(start, at, at - start, self.loop.now), at)
        return self

    def tone(self, start: int, end: int) -> Line:
        return self.tell(ToneStarted(start, start + 120, 1000), start + 120).tell(
            ToneEnded(start, end, end + 60, 1000), end + 60
        )

    @property
    def latest(self) -> PickedUp:
        assert self.who.latest is not None
        return self.who.latest

    def kind(self) -> str | None:
        return None if self.who.latest is None else str(self.who.latest.kind)

    def may_start(self) -> list[MayStart]:
        return [] if self.who.may_start is None else [self.who.may_start]


@pytest.fixture
def line(monkeypatch: pytest.MonkeyPatch) -> Iterator[Line]:
    loop = VirtualLoop()
    monkeypatch.setattr("asyncio.get_running_loop", lambda: loop)
    yield Line(loop).stream()
    loop._real.close()


def test_hello_is_decided_by_the_timer_in_the_loops_time(line: Line) -> None:
    line.voice(300, 800).until(1290)
    assert line.kind() is None
    news = line.who.news
    line.until(1310)
    assert news.done()
    assert line.latest.kind is AmdClass.HUMAN
    assert line.latest.at == pytest.approx(1001.3)


def test_words_make_it_surer_without_news(line: Line) -> None:
    line.voice(300, 800).until(1310)
    before, news = line.latest, line.who.news
    line.tell(SpeechEnded(1, 300, 800, 1500), 1500).tell(FinalTranscript(1, "Hello?", 300, 800, 700, 0, 500), 1600)
    assert line.latest.confidence > before.confidence
    assert not news.done()


def test_a_human_is_taken_back_by_words(line: Line) -> None:
    line.voice(300, 800).until(1400)
    assert line.kind() == "human"
    line.tell(SpeechEnded(1, 300, 800, 1500), 1500).voice(1700, 4000)
    line.tell(PartialTranscript(2, "Please leave a message"), 4010)
    assert (line.latest.kind, line.latest.revises) == (AmdClass.VOICEMAIL, AmdClass.HUMAN)


def test_when_the_message_may_start(line: Line) -> None:
    line.speech(200, 3000, VOICEMAIL).tone(4000, 4500)
    assert not line.may_start(), "the beep may have a second part"
    [started] = line.until(4500 + SETTLE_MS + 1).may_start()
    assert started.beep_ended_at == pytest.approx(1004.5)
    assert started.at == pytest.approx(1004.62)


def test_tones_and_partials_are_asked_for_until_it_is_settled(line: Line) -> None:
    line.speech(200, 3000, VOICEMAIL).tone(4000, 4500).until(6500)
    assert (line.who.settled, line.asked) == (False, [])
    line.until(7500)
    assert (line.who.settled, line.asked) == (True, [False])
    line.who.start_again()
    assert line.asked == [False, True]


def test_nobody_is_silent_while_nobody_listens(line: Line) -> None:
    line.until(1000).tell(StreamClosed("x", 1006, ""))
    line.loop.until(1020.0)
    line.stream().until(1900)
    assert line.kind() is None
    line.until(2100)
    assert line.kind() == "silence"
    assert line.latest.at == pytest.approx(1022.0), "of the loop, not of either stream"


def test_a_greeting_goes_on_in_the_next_stream(line: Line) -> None:
    line.voice(300, 2000).tell(SpeechEnded(1, 300, 2000, 2000), 2000).tell(StreamClosed("x", 1006, ""))
    first = line.clock
    line.loop.until(1003.5)
    line.stream().speech(100, 1500, "after the tone.", utterance=1)
    line.who.hear(FinalTranscript(1, "Please leave a message", 300, 2000, 0, 1500, 1700), first)
    assert line.kind() == "voicemail"
    line.tone(3000, 3400).until(3400 + SETTLE_MS + 1)
    [started] = line.may_start()
    assert started.beep_ended_at == pytest.approx(line.clock.at(3400))


def test_a_beep_that_is_cut_off_by_the_end_of_the_stream_is_over(line: Line) -> None:
    line.speech(200, 3000, VOICEMAIL).tell(ToneStarted(4000, 4120, 1000), 4120)
    line.until(4400).tell(StreamClosed("x", 1006, ""))
    line.loop.until(1006.0)
    line.stream()
    assert not line.may_start(), "it may sound on"
    assert line.until(SETTLE_MS + 20).may_start()


def test_frames_that_come_late_make_no_silence(line: Line) -> None:
    line.voice(300, 600)
    line.loop.now += 0.9  # the loop was held up; what was said meanwhile comes all at once, before the timer
    for at in range(620, 1501, 20):
        line.tell(SpeechContinues(300, at, at - 300, line.loop.now))
    line.until(1990)
    assert line.kind() is None
    line.until(2900)
    assert line.kind() == "human"


def test_after_a_machine_was_answered_somebody_else_comes_on(line: Line) -> None:
    line.speech(200, 3000, "Please state your name and why you are calling.").until(4300)
    assert line.kind() == "call_screening"
    line.until(6000)
    news = line.who.news
    line.who.start_again()
    assert news.done()
    assert (line.who.latest, line.who.may_start) == (None, None)
    assert line.who.reported is not None
    assert line.who.reported.kind is AmdClass.CALL_SCREENING
    line.until(20_000)
    assert line.kind() is None, "it takes the person a while"
    line.voice(20_300, 20_800).until(21_310)
    assert line.kind() == "human"
    assert line.latest.at == pytest.approx(1021.3)


def test_what_the_machine_was_saying_counts_no_more(line: Line) -> None:
    menu = "For sales, press one. For support, press two."
    line.voice(200, 3000).tell(PartialTranscript(1, menu))
    assert line.kind() == "ivr"
    line.who.start_again()
    line.tell(SpeechContinues(200, 3020, 2820, line.loop.now), 3020).tell(SpeechEnded(1, 200, 3020, 3720), 3720)
    line.tell(FinalTranscript(1, menu, 200, 3020, 700, 100, 2820), 3820)
    assert line.kind() is None
    line.speech(8000, 8500, "Yes, hello?", utterance=2)
    assert line.kind() == "human"


def test_nobody_comes(line: Line) -> None:
    line.who.start_again()
    line.until(29_000)
    assert line.kind() is None
    line.until(31_000)
    assert line.kind() == "silence"


def test_after_the_call_nothing_is_told(line: Line) -> None:
    line.voice(300, 800)
    line.who.close()
    line.until(60_000).tell(StreamClosed("x", 1000, ""))
    assert line.kind() is None
    assert line.asked == []
