"""Speech by script: what the detector says is written in the frames, what the engine hears in a list."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable

import pytest

from ws_audio.frames import Samples
from ws_audio.transcription.engine import Transcript
from ws_audio.transcription.scheduler import SchedulerSettings, TranscriptionScheduler

VOICED = b"\x01" * 640
SILENT = bytes(640)


class ScriptedDetector:
    """Takes a frame for speech when its first byte is not 0."""

    def __init__(self, rate: int = 16000, aggressiveness: int = 2) -> None:
        pass

    def is_speech(self, frame: bytes) -> bool:
        return frame[0] != 0


class ScriptedEngine:
    """Waits for `gate` and then says what `say` says of the audio."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.heard: list[Samples] = []
        self.languages: list[str | None] = []
        self.begun = threading.Event()
        self.say: Callable[[Samples], str] = lambda audio: f"{audio.size * 1000 // 16000} ms"

    def transcribe(self, audio: Samples, language: str | None, vocabulary: tuple[str, ...]) -> Transcript:
        self.begun.set()
        if not self.gate.wait(10):
            raise AssertionError("the test never opened the gate")
        self.heard.append(audio)
        self.languages.append(language)
        return Transcript(self.say(audio), confidence=0.9)


async def until(condition: Callable[[], object]) -> None:
    """Let the loop run until `condition` holds: worker threads call back when they like."""
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event, and gets none for a test's sake
            await asyncio.sleep(0)


@pytest.fixture
def engine() -> ScriptedEngine:
    return ScriptedEngine()


@pytest.fixture
async def scheduler(engine: ScriptedEngine) -> AsyncIterator[TranscriptionScheduler]:
    """One worker, so that the order of the work can be told."""
    scheduler = TranscriptionScheduler(engine, workers=1, settings=SchedulerSettings(max_queued=4))
    scheduler.start()
    yield scheduler
    engine.gate.set()
    await scheduler.close()
