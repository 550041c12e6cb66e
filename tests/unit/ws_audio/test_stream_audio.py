"""Which audio an utterance is transcribed from, wherever utterances end: none is lost and none is heard twice."""

from __future__ import annotations

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.ws_audio.conftest import ScriptedDetector, ScriptedEngine
from ws_audio.endpointing import EndpointSettings
from ws_audio.events import AudioEvent, FinalTranscript, LikelyTranscript, SpeechEnded
from ws_audio.stream import Stream, StreamOptions
from ws_audio.transcription.engine import Transcript
from ws_audio.transcription.scheduler import Job, Priority, TranscriptionScheduler

FRAME_MS = 20


class Immediate(TranscriptionScheduler):
    """Has every text at once: the number of the job."""

    def __init__(self) -> None:
        super().__init__(ScriptedEngine(), workers=1)
        self.jobs: list[list[int]] = []  # the numbers of the frames

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
        job = Job(self, stream_id, audio, rate, language, vocabulary, priority)
        job.future.set_result(Transcript(str(len(self.jobs)), confidence=1.0))
        self.jobs.append([int.from_bytes(audio[at + 1 : at + 4], "big") for at in range(0, len(audio), 640)])
        return job


def frame(number: int, voiced: bool) -> bytes:
    return bytes([voiced]) + number.to_bytes(3, "big") + bytes(636)


async def transcribed(voicing: list[bool], ends: set[int], longest_ms: int) -> list[tuple[SpeechEnded, list[int]]]:
    """Each utterance with the numbers of the frames that its final text is of; those in `ends` are ended early."""
    events: list[AudioEvent] = []
    scheduler = Immediate()
    options = StreamOptions(endpointing=EndpointSettings(max_utterance_ms=longest_ms))
    stream = Stream("s", options, events.append, scheduler, detector=ScriptedDetector)
    for number, voiced in enumerate(voicing):
        stream.audio(frame(number, voiced), arrived_at=0.0)
        await asyncio.sleep(0)
        likely = [event for event in events if isinstance(event, LikelyTranscript)]
        if number in ends and likely:
            stream.end_utterance(likely[-1].utterance)
    stream.close(1000)
    ended = [event for event in events if isinstance(event, SpeechEnded)]
    texts = {event.utterance: event.text for event in events if isinstance(event, FinalTranscript)}
    return [(each, scheduler.jobs[int(texts[each.utterance])]) for each in ended]


@settings(max_examples=60, deadline=None)
@given(
    voicing=st.lists(st.tuples(st.booleans(), st.integers(1, 50)), max_size=10).map(
        lambda stretches: [voiced for voiced, length in stretches for _ in range(length)]
    ),
    ends=st.sets(st.integers(0, 500), max_size=100),
    at_onsets=st.booleans(),
    longest_ms=st.sampled_from([1000, 20_000]),
)
def test_no_speech_is_lost_or_heard_twice(
    voicing: list[bool], ends: set[int], at_onsets: bool, longest_ms: int
) -> None:
    if at_onsets:  # the worst moment: the next word has begun and is not yet sure
        ends = {number for number, voiced in enumerate(voicing) if voiced}
    utterances = asyncio.run(transcribed(voicing, ends, longest_ms))
    heard: set[int] = set()
    for ended, numbers in utterances:
        assert numbers == [*range(numbers[0], numbers[-1] + 1)], "one piece of the audio"
        said = {*range(ended.started_ms // FRAME_MS, ended.ended_ms // FRAME_MS)}
        assert said <= {*numbers}
        assert not {number for number in heard & {*numbers} if voicing[number]}
        heard |= said
