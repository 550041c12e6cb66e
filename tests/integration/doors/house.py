"""A house with doors and without FreeSWITCH: recognition by script, prompts that are hums, visitors on real sockets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from robot.call.holding import Thinking
from robot.call.report import Notice
from robot.campaign.definition import load_campaign
from robot.doors.campaigns import CampaignsToTry
from robot.doors.doors import Doors, DoorSettings
from robot.doors.parts import DoorParts
from robot.doors.visit import VisitParts, VisitSettings
from robot.prompts.library import PromptLibrary
from robot.prompts.live import LiveSpeech
from robot.simulator.sound import tone, write_wav
from ws_audio.frames import Samples
from ws_audio.server import AudioServer, AudioServerSettings
from ws_audio.transcription.engine import Transcript
from ws_audio.transcription.scheduler import TranscriptionScheduler

VOICED, SILENT = b"\x01" * 640, bytes(640)
LIMIT_S = 20
CAMPAIGN = """\
name = "survey"
gateway = "trunk"
[barge_in]
threshold_ms = 300
[intents.agreed]
include = ["yes"]
[[step]]
name = "ask"
audio = "LENGTH.wav"
text = "May I ask?"
listen_ms = 20000
answers = { agreed = "thanks", no = "bye" }
keys = { 1 = "thanks" }
otherwise = "ask"
[[step]]
name = "thanks"
audio = "short.wav"
text = "Thank you."
do_not_call = true
outcome = "interested"
[[step]]
name = "bye"
audio = "short.wav"
text = "Goodbye."
outcome = "not_interested"
"""


class ScriptedDetector:
    """Takes a frame for speech when its first byte is not 0."""

    def __init__(self, rate: int, aggressiveness: int) -> None:
        pass

    def is_speech(self, frame: bytes) -> bool:
        return frame[0] != 0


@dataclass
class ScriptedEngine:
    text: str = "Yes, please."

    def transcribe(self, audio: Samples, language: str | None, vocabulary: tuple[str, ...]) -> Transcript:
        return Transcript(self.text, confidence=0.9)


@dataclass
class House:
    doors: Doors
    port: int
    engine: ScriptedEngine
    notices: list[Notice] = field(default_factory=list)

    def url(self, path: str = "/ws") -> str:
        return f"ws://127.0.0.1:{self.port}{path}"

    async def empty(self) -> None:
        """Until everybody is gone."""
        async with asyncio.timeout(LIMIT_S):
            while self.doors.open_sessions:  # noqa: ASYNC110 - it sets no event
                await asyncio.sleep(0.005)

    @asynccontextmanager
    async def visitor(self, path: str = "/ws", **options: Any) -> AsyncIterator[Visitor]:
        async with connect(self.url(path), **options) as connection:
            visitor = Visitor(connection)
            try:
                yield visitor
            finally:
                visitor.reading.cancel()


class Visitor:
    """A client, and all that it was told."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.told: list[dict[str, Any]] = []
        self.audio: list[bytes] = []  # binary messages
        self._changed = asyncio.Event()
        self.reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        async for message in self.connection:
            if isinstance(message, bytes):
                self.audio.append(message)
            else:
                self.told.append(json.loads(message))
            self._changed.set()

    async def send(self, **members: Any) -> None:
        await self.connection.send(json.dumps(members))

    async def until(self, condition: Callable[[dict[str, Any]], bool], after: int = 0) -> dict[str, Any]:
        """The first message from the `after`-th on for which it holds."""
        async with asyncio.timeout(LIMIT_S):
            while True:
                found = next((each for each in self.told[after:] if condition(each)), None)
                if found is not None:
                    return found
                self._changed.clear()
                await self._changed.wait()

    async def state(self, state: str, turn: int) -> None:
        await self.until(lambda told: (told["type"], told.get("state"), told.get("turn")) == ("state", state, turn))

    async def event(self, kind: str, **members: Any) -> dict[str, Any]:
        return await self.until(lambda told: {"type": kind, **members}.items() <= told.items())

    async def speak(self, ms: int) -> None:
        """At once, as a recording is sent."""
        for _ in range(ms // 20):
            await self.connection.send(VOICED)

    async def say(self, ms: int = 400) -> None:
        """An utterance, and that it is over."""
        await self.speak(ms)
        await self.send(type="stop")

    def states(self) -> list[tuple[str, int]]:
        return [(told["state"], told["turn"]) for told in self.told if told["type"] == "state"]

    def all(self, kind: str) -> list[dict[str, Any]]:
        return [told for told in self.told if told["type"] == kind]


@asynccontextmanager
async def open_house(
    folder: Path,
    *,
    script: str = CAMPAIGN,
    greeting_ms: int = 200,
    max_utterance_ms: int = 30_000,
    doors: DoorSettings | None = None,
) -> AsyncIterator[House]:
    campaign = folder / "survey"
    campaign.mkdir()
    write_wav(campaign / "greeting.wav", tone(440, greeting_ms, 16000), 16000)
    write_wav(campaign / "short.wav", tone(440, 200, 16000), 16000)
    (campaign / "campaign.toml").write_text(script.replace("LENGTH", "greeting"))
    engine = ScriptedEngine()
    scheduler = TranscriptionScheduler(engine, workers=1)
    scheduler.start()
    audio = AudioServer(AudioServerSettings(port=0, close_timeout_s=0.2), scheduler, detector=ScriptedDetector)
    await audio.start()
    prompts = PromptLibrary(folder / "prompts")
    speech = LiveSpeech(prompts)
    notices: list[Notice] = []
    opened = Doors(
        DoorParts(
            CampaignsToTry(list, None, campaign),
            VisitParts(
                audio,
                prompts,
                Thinking(None, speech),
                VisitSettings(max_utterance_ms=max_utterance_ms, partial_interval_ms=200),
                notices.append,
            ),
        ),
        doors or DoorSettings(),
    )
    audio.visits = opened
    await prompts.prepare(load_campaign(campaign).prompts()[0])
    try:
        yield House(opened, audio.port, engine, notices)
    finally:
        await opened.close()
        await audio.close()
        await scheduler.close()
        await speech.close()
        await asyncio.to_thread(prompts.close)
