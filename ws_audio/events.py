"""What a stream tells its listener.

All milliseconds are audio time of that stream: 0 is its first sample, so a second connection for the same call starts
again at 0 and with utterance 1. `arrived_at` is `loop.time()` in seconds.

Order: StreamOpened, StreamStarted, then speech, then StreamClosed. Each SpeechEnded is followed by exactly one
FinalTranscript or TranscriptionFailed of the same utterance, which may come after StreamClosed: who hung up in
mid-sentence has still said it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StreamOpened:
    """FreeSWITCH has connected; no audio yet."""

    stream_id: str


@dataclass(frozen=True, slots=True)
class StreamStarted:
    """The first audio is here: this ties audio time to the loop's clock."""

    arrived_at: float


@dataclass(frozen=True, slots=True)
class AudioStalled:
    """Connected, yet no audio for so long. Told once; audio that comes back later is heard as usual."""

    waited_ms: int


@dataclass(frozen=True, slots=True)
class StreamClosed:
    """The connection is over. `code` is the WebSocket's: 1000 on stop and hangup, 1006 when it just broke."""

    stream_id: str
    code: int
    reason: str


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """The callee speaks, since `at_ms`: the start of the first voiced frame, a little before the decision."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class SpeechContinues:
    """One voiced frame of a run, the first one included. A run is speech with its short gaps bridged.

    `at_ms` is the end of this frame and `run_ms` is `at_ms - run_started_ms`. `speechlike` is False of a long run that
    looks like music, noise or a dog; known where `StreamOptions.judge_speech` asks for it, while a prompt sounds.
    """

    run_started_ms: int
    at_ms: int
    run_ms: int
    arrived_at: float
    speechlike: bool = True


@dataclass(frozen=True, slots=True)
class SpeechEnded:
    """The utterance is over: its last voiced frame ended at `ended_ms`, which was sure at `decided_ms`."""

    utterance: int
    started_ms: int
    ended_ms: int
    decided_ms: int


@dataclass(frozen=True, slots=True)
class PartialTranscript:
    """What the callee has said so far in an utterance that goes on; later text may differ.

    `text` are the words on which two tries agreed, of the agreement that reached furthest: "" before the first.
    `draft` is the latest try with all its words, the last of which are often wrong: "" when it found none. It heard the
    utterance up to `until_ms`.
    """

    utterance: int
    text: str
    draft: str = ""
    until_ms: int = 0


@dataclass(frozen=True, slots=True)
class LikelyTranscript:
    """The callee is silent since `ended_ms`, and this is the text of the utterance if they are done.

    It is told while the silence is still being counted: a SpeechContinues takes it back, until then
    `AudioServer.end_utterance` makes it final. `text` is "" where there was no speech after all; `audio_ms` is the
    length of what was transcribed.
    """

    utterance: int
    text: str
    started_ms: int
    ended_ms: int
    audio_ms: int


@dataclass(frozen=True, slots=True)
class FinalTranscript:
    """The text of an utterance, `""` when there was no speech in it after all (a cough, a beep, noise).

    `endpoint_ms` is the audio time from the end of the last voiced frame to the decision that the utterance is over,
    `stt_ms` the time from there to the text (0 when the text was there already), `audio_ms` the length of what was
    transcribed.
    """

    utterance: int
    text: str
    started_ms: int
    ended_ms: int
    endpoint_ms: int
    stt_ms: int
    audio_ms: int


@dataclass(frozen=True, slots=True)
class TranscriptionFailed:
    """There was an utterance and its text is not to be had. `reason` is for the log: it holds no word of it.

    timed_out: it would have come too late.
    """

    utterance: int
    started_ms: int
    ended_ms: int
    reason: str
    timed_out: bool = False


@dataclass(frozen=True, slots=True)
class ToneStarted:
    """A single steady tone of `hz` sounds since `started_ms`, which was sure at `at_ms`: a beep, a fax, a ringing."""

    started_ms: int
    at_ms: int
    hz: int


@dataclass(frozen=True, slots=True)
class ToneEnded:
    """The tone that began at `started_ms` ended at `ended_ms`, which was sure at `at_ms`; `hz` is its median."""

    started_ms: int
    ended_ms: int
    at_ms: int
    hz: int


ToneEvent = ToneStarted | ToneEnded
SpeechEvent = (
    SpeechStarted
    | SpeechContinues
    | SpeechEnded
    | PartialTranscript
    | LikelyTranscript
    | FinalTranscript
    | TranscriptionFailed
)
StreamEvent = StreamOpened | StreamStarted | AudioStalled | StreamClosed
AudioEvent = StreamEvent | SpeechEvent | ToneEvent
