"""A stream with a recogniser that hears along: whose words become which text, and what happens without it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.ws_audio.conftest import SILENT, VOICED, ScriptedDetector, ScriptedEngine, until
from tests.unit.ws_audio.ear import Ear
from ws_audio.events import (
    AudioEvent,
    FinalTranscript,
    LikelyTranscript,
    PartialTranscript,
    SpeechEnded,
    TranscriptionFailed,
)
from ws_audio.stream import Stream, StreamOptions
from ws_audio.transcription.scheduler import TranscriptionScheduler
from ws_audio.transcription.streaming import Heard, StreamedSpeech, StreamingSession, Word


@dataclass
class Session:
    """A StreamingSession that writes down."""

    rate: int
    language: str | None
    vocabulary: tuple[str, ...]
    on_heard: Callable[[Heard], None]
    on_lost: Callable[[str], None]
    pushed: bytearray = field(default_factory=bytearray)
    finalised_at: list[int] = field(default_factory=list)  # ms pushed before
    closed: int = 0

    @property
    def pushed_ms(self) -> int:
        return len(self.pushed) // (2 * self.rate // 1000)

    def push(self, audio: bytes) -> None:
        self.pushed += audio

    def finalise(self) -> None:
        self.finalised_at.append(self.pushed_ms)

    def close(self) -> None:
        self.closed += 1

    def says(self, text: str, start_ms: float, end_ms: float, *, final: bool = True, flushed: bool = False) -> None:
        """Words of even length up to 100 ms before the end."""
        words = text.split()
        each_ms = (end_ms - 100 - start_ms) / max(1, len(words))
        told = tuple(
            Word(word, start_ms + index * each_ms, start_ms + (index + 1) * each_ms) for index, word in enumerate(words)
        )
        self.on_heard(Heard(told, start_ms, end_ms, final, flushed, 0.9))


class Recogniser:
    """A StreamingRecogniser; `away`: it opens nothing."""

    def __init__(self) -> None:
        self.sessions: list[Session] = []
        self.away = False
        self.of_use = 0

    def open(
        self,
        rate: int,
        language: str | None,
        vocabulary: tuple[str, ...],
        on_heard: Callable[[Heard], None],
        on_lost: Callable[[str], None],
    ) -> StreamingSession | None:
        if self.away:
            return None
        self.sessions.append(Session(rate, language, vocabulary, on_heard, on_lost))
        return self.sessions[-1]

    def answered(self) -> None:
        self.of_use += 1

    async def close(self) -> None:
        pass

    @property
    def session(self) -> Session:
        return self.sessions[-1]


class HelpedEar(Ear):
    """With a recogniser that hears along."""

    def __init__(
        self,
        recogniser: Recogniser,
        scheduler: TranscriptionScheduler | None = None,
        options: StreamOptions | None = None,
    ) -> None:
        super().__init__(scheduler, options, recogniser)

    @property
    def speech(self) -> StreamedSpeech:
        assert self.stream._streamed is not None
        return self.stream._streamed

    def texts(self) -> list[str]:
        return [event.text for event in self.events if isinstance(event, FinalTranscript)]

    async def final(self) -> FinalTranscript | TranscriptionFailed:
        await until(self.outcomes)
        return self.outcomes()[-1]


@pytest.fixture
def recogniser() -> Recogniser:
    return Recogniser()


async def test_all_of_the_stream_is_heard_along(recogniser: Recogniser) -> None:
    ear = HelpedEar(recogniser, options=StreamOptions(language="fr", vocabulary=("Northwind",)))
    ear.hear(500, 1000, 700)
    session = recogniser.session
    assert (session.rate, session.language, session.vocabulary) == (16000, "fr", ("Northwind",))
    assert bytes(session.pushed) == SILENT * 25 + VOICED * 50 + SILENT * 35
    ear.stream.forget()
    assert session.closed == 1


async def test_words_come_as_drafts_then_likely_then_final(recogniser: Recogniser, engine: ScriptedEngine) -> None:
    ear = HelpedEar(recogniser, options=StreamOptions(partials=True))
    ear.hear(500, 900)
    recogniser.session.says("yes", 500, 1000, final=False)
    recogniser.session.says("yes please", 500, 1400, final=False)
    partials = [event for event in ear.events if isinstance(event, PartialTranscript)]
    assert [(event.text, event.draft) for event in partials] == [("", "yes"), ("", "yes please")]
    assert [event.until_ms for event in partials] == [1000, 1400]
    ear.hear(260)  # the pause
    recogniser.session.says("Yes, please.", 500, 1500)
    await until(lambda: ear.told(LikelyTranscript))
    [likely] = [event for event in ear.events if isinstance(event, LikelyTranscript)]
    assert (likely.text, likely.started_ms, likely.ended_ms) == ("Yes, please.", 500, 1400)
    assert ear.stream.end_utterance(likely.utterance)
    assert ear.texts() == ["Yes, please."]
    assert recogniser.session.finalised_at == []  # there was nothing to hurry
    assert engine.heard == []
    ear.stream.forget()


async def test_at_the_end_of_the_utterance_it_is_asked_for_the_rest(recogniser: Recogniser) -> None:
    ear = HelpedEar(recogniser)
    ear.hear(500, 1000, 700)
    assert recogniser.session.finalised_at == [2200]
    recogniser.session.says("Who is it?", 500, 1200)  # not all of it yet
    assert ear.texts() == []
    recogniser.session.says("Tell me.", 1250, 2200, flushed=True)
    final = await ear.final()
    assert isinstance(final, FinalTranscript)
    assert (final.text, final.started_ms, final.ended_ms, final.endpoint_ms) == ("Who is it? Tell me.", 500, 1500, 700)
    ear.stream.forget()


async def test_each_utterance_gets_its_own_words(recogniser: Recogniser) -> None:
    ear = HelpedEar(recogniser)
    ear.hear(500, 1000, 700)
    recogniser.session.says("One.", 500, 1700)
    await until(lambda: ear.texts() == ["One."])
    ear.hear(300, 1000, 700)  # from 2500 to 3500
    recogniser.session.says("Two.", 2500, 3700)
    await until(lambda: ear.texts() == ["One.", "Two."])
    ear.stream.forget()


async def test_nobody_said_a_word(recogniser: Recogniser) -> None:
    ear = HelpedEar(recogniser)
    ear.hear(500, 1000, 700)
    recogniser.session.says("", 0, 2000)
    final = await ear.final()
    assert isinstance(final, FinalTranscript)
    assert final.text == ""
    ear.stream.forget()


async def test_where_there_is_none_the_model_here_gets_the_utterance(
    recogniser: Recogniser, scheduler: TranscriptionScheduler, engine: ScriptedEngine
) -> None:
    recogniser.away = True
    ear = HelpedEar(recogniser, scheduler)
    ear.hear(500, 1000, 700)
    final = await ear.final()
    assert isinstance(final, FinalTranscript)
    assert len(engine.heard) == 1
    recogniser.away = False  # the next utterance is heard along again, from its first sound
    ear.hear(500, 1000, 700)
    assert recogniser.session.pushed_ms == 1000 + 700 + 200  # what is kept from before the onset
    recogniser.session.says("Two.", 200, 1400)
    await until(lambda: "Two." in ear.texts())
    assert len(engine.heard) == 1
    ear.stream.forget()


async def test_a_session_that_is_lost_while_a_text_is_awaited(
    recogniser: Recogniser, scheduler: TranscriptionScheduler, engine: ScriptedEngine
) -> None:
    ear = HelpedEar(recogniser, scheduler)
    ear.hear(500, 1000, 700)
    assert engine.heard == []
    recogniser.session.on_lost("it broke")
    final = await ear.final()
    assert isinstance(final, FinalTranscript)
    assert len(engine.heard) == 1
    recogniser.session.says("too late", 500, 1500)  # what comes from it now is nobody's
    assert len(ear.texts()) == 1
    ear.stream.forget()


async def test_a_session_that_is_lost_in_a_pause(
    recogniser: Recogniser, scheduler: TranscriptionScheduler, engine: ScriptedEngine
) -> None:
    ear = HelpedEar(recogniser, scheduler)
    ear.hear(500, 1000, 300)
    recogniser.session.on_lost("it broke")
    recogniser.away = True
    ear.hear(400)
    final = await ear.final()
    assert isinstance(final, FinalTranscript)
    assert len(engine.heard) == 1
    ear.stream.forget()


async def test_without_a_model_here_a_lost_text_is_a_failure_with_its_reason(recogniser: Recogniser) -> None:
    ear = HelpedEar(recogniser)
    ear.hear(500, 1000, 700)
    recogniser.session.on_lost("it broke")
    assert await ear.final() == TranscriptionFailed(1, 500, 1500, "it broke")
    ear.stream.forget()


async def test_who_hangs_up_in_the_middle_has_still_said_it(recogniser: Recogniser) -> None:
    ear = HelpedEar(recogniser)
    ear.hear(500, 1000)
    ear.stream.close(1000)
    session = recogniser.session
    assert (session.finalised_at, session.closed) == ([1500], 0)
    session.says("Goodbye.", 500, 1500, flushed=True)
    final = await ear.final()
    assert isinstance(final, FinalTranscript)
    assert final.text == "Goodbye."
    assert session.closed == 1


async def test_texts_that_are_given_up_end_the_session(recogniser: Recogniser) -> None:
    ear = HelpedEar(recogniser)
    ear.hear(500, 1000)
    ear.stream.close(1000)
    ear.stream.fail_waiting("the robot is stopping")
    assert isinstance(await ear.final(), TranscriptionFailed)
    assert recogniser.session.closed == 1


async def test_a_listener_that_fails_ends_the_session(recogniser: Recogniser) -> None:
    def fail(event: AudioEvent) -> None:
        raise RuntimeError("a defect")

    stream = Stream("s1", StreamOptions(), fail, detector=ScriptedDetector, recogniser=recogniser)
    stream.audio(SILENT, 1.5)
    stream.close(1011)
    assert all(session.closed for session in recogniser.sessions)


_STEPS = st.lists(
    st.tuples(
        st.sampled_from(["speak", "pause", "draft", "final", "flushed", "lost", "away", "back", "late"]),
        st.integers(min_value=0, max_value=3),
    ),
    max_size=25,
)


@settings(max_examples=150, deadline=None)
@given(_STEPS)
def test_whatever_happens_every_utterance_has_one_outcome(steps: list[tuple[str, int]]) -> None:
    asyncio.run(_hear_through(steps))


async def _hear_through(steps: list[tuple[str, int]]) -> None:
    """Each word that the recogniser says has a name of its own; it is in one text at most, and in the order said."""
    recogniser = Recogniser()
    ear = HelpedEar(recogniser)
    said = 0
    for what, size in steps:
        session = recogniser.session if recogniser.sessions else None
        match what:
            case "speak":
                ear.hear(0, 200 + 200 * size)
            case "pause":
                ear.hear(400 * (size + 1))
            case "draft" | "final" | "flushed" if session is not None and not session.closed:
                said += 1
                end_ms = max(100, session.pushed_ms - 100 * size)
                session.says(f"w{said}", end_ms - 100, end_ms, final=what != "draft", flushed=what == "flushed")
            case "lost" if session is not None:
                session.on_lost("it broke")
            case "away" | "back":
                recogniser.away = what == "away"
            case "late":
                for job in [*ear.speech._jobs]:
                    if job.urgent:
                        ear.speech._late(job)
        await asyncio.sleep(0)
    ear.stream.close(1000)
    ear.stream.fail_waiting("the robot is stopping")
    await asyncio.sleep(0)
    ended = [event.utterance for event in ear.events if isinstance(event, SpeechEnded)]
    outcomes = [event for event in ear.events if isinstance(event, FinalTranscript | TranscriptionFailed)]
    assert sorted(event.utterance for event in outcomes) == ended
    assert all(session.closed <= 1 for session in recogniser.sessions)
    assert not ear.speech.hears
    assert not ear.speech._jobs
    words = [word for event in outcomes if isinstance(event, FinalTranscript) for word in event.text.split()]
    assert len(words) == len(set(words))
