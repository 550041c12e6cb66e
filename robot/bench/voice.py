"""How long does somebody who talks from a browser wait: for the first words on the screen, for the first sound of the
reply? And what does it cost: recognition beside the length of the speech, memory.

One visitor says five sentences of 3 to 8 s, in real time, through `/ws`, and hears a prompt of a script after each; or,
with `agent`, the reply of a language model that a Piper voice speaks. The model is a server whose first token comes
50 ms after it was asked (`chat_endpoint`): a real one's time comes on top. The times are the visitor's own: from the
first sample of a sentence to the first partial transcript, from the last one to the first chunk of sound.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Final

import numpy as np
from websockets.asyncio.client import ClientConnection, connect

from robot.bench.chat_endpoint import Answer, chat_endpoint
from robot.bench.far_end import HUM_HZ, HUM_RATE
from robot.bench.figures import memory_mb, peak_memory_mb, spread
from robot.call.holding import Thinking
from robot.daemon import put_audio_first
from robot.doors.campaigns import CampaignsToTry
from robot.doors.opening import open_doors
from robot.prompts.sound import decode, prepared
from robot.settings import Settings
from robot.simulator.sound import tone, write_wav
from robot.simulator.voice import CalleeVoice
from robot.speech import language_model, live_speech, prompt_library
from ws_audio.frames import FRAME_MS, SAMPLE_BYTES
from ws_audio.server import AudioServer, AudioServerSettings
from ws_audio.transcription.scheduler import JobDone, Priority, TranscriptionScheduler, available_cores
from ws_audio.transcription.whisper import WhisperEngine

_RATE: Final = 16000
_FRAME: Final = FRAME_MS * _RATE // 1000 * SAMPLE_BYTES
#: 3 to 8 s each, as the bench's voice says them.
SAID: Final = (
    "I would like to make an appointment for next week, please, if you have one left.",
    "It is about my back, which has been hurting for three weeks now, most of all in the morning.",
    "On Tuesday I can come at any time before noon, and on Thursday after four o'clock.",
    "No, I have not been there before, but my sister has, and she told me to ask for the doctor in person.",
    "Could you send me a message about it, because I am on the train and have nothing to write with?",
)
_REPLY: Final = "Thank you, I have written that down. Is there anything else that I should know?"
_HUM_MS: Final = 600
# What `prepared` leaves after the last sound.
_TAIL_S: Final = 0.1
_PAUSE_S: Final = 0.5
_TURN_LIMIT_S: Final = 40.0


def run(settings: Settings, *, agent: bool = False) -> dict[str, Any]:
    """The model, and all else, as in `settings`; the database and FreeSWITCH have no part in it."""
    with tempfile.TemporaryDirectory(prefix="robot-bench-") as folder:
        return asyncio.run(_measure(settings, Path(folder), agent=agent))


@dataclass
class _Turn:
    began: float
    ended: float
    partial: float | None = None
    final: float | None = None
    sound: float | None = None
    text: str = ""


@dataclass
class _Visitor:
    """Talks into an endless microphone, and notes when what came."""

    connection: ClientConnection
    turns: list[_Turn] = field(default_factory=list)
    _saying: bytes = b""
    _mine: asyncio.Event = field(default_factory=asyncio.Event)
    _heard: asyncio.Event = field(default_factory=asyncio.Event)

    async def microphone(self) -> None:
        due = time.monotonic()
        while True:
            frame, self._saying = self._saying[:_FRAME], self._saying[_FRAME:]
            await self.connection.send(frame.ljust(_FRAME, b"\0"))
            due += FRAME_MS / 1000
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    async def listen(self) -> None:
        async for message in self.connection:
            told, now = json.loads(message), time.monotonic()
            turn = self.turns[-1] if self.turns else None
            match told["type"]:
                case "state" if told["state"] == "capturing" and told["turn"] > len(self.turns):
                    self._mine.set()
                case "partial_transcript" if turn is not None and turn.partial is None:
                    turn.partial = now
                case "final_transcript" if turn is not None:
                    turn.final, turn.text = now, f"{turn.text} {told['text']}".strip()
                case "tts_chunk" if turn is not None and turn.sound is None and now > turn.ended:
                    turn.sound = now
                    self._heard.set()
                case "error":
                    raise RuntimeError(f"the robot says: {told['message']}")
                case _:
                    pass

    async def say(self, speech: bytes) -> None:
        """When it is our turn; returns when the reply begins."""
        async with asyncio.timeout(_TURN_LIMIT_S):
            await self._mine.wait()
            await asyncio.sleep(_PAUSE_S)
            self._mine.clear()
            self._heard.clear()
            began = time.monotonic()
            self.turns.append(_Turn(began, began + len(speech) / (_RATE * SAMPLE_BYTES) - _TAIL_S))
            self._saying = speech
            await self._heard.wait()


async def _measure(settings: Settings, folder: Path, *, agent: bool) -> dict[str, Any]:
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as voice:  # whose memory is not the robot's
        speeches = list(voice.map(_speech, SAID))
    done: list[JobDone] = []
    async with AsyncExitStack() as running:
        endpoint = await running.enter_async_context(chat_endpoint(lambda messages: Answer(_REPLY)))
        llm = settings.llm.model_copy(update={"url": endpoint.url, "api_key": None})
        prompts_folder = settings.prompts.model_copy(update={"folder": folder / "prompts"})
        settings = settings.model_copy(update={"llm": llm, "prompts": prompts_folder})
        workers = settings.stt.workers or available_cores()
        engine = await asyncio.to_thread(WhisperEngine, settings.stt.model, workers=workers)
        scheduler = TranscriptionScheduler(engine, workers, on_done=done.append)
        scheduler.start()
        running.push_async_callback(scheduler.close)
        audio = AudioServer(AudioServerSettings(port=0), scheduler)
        await audio.start()
        running.push_async_callback(audio.close)
        prompts = prompt_library(settings)
        running.callback(prompts.close)
        speech = live_speech(settings, prompts)
        await speech.start()
        running.push_async_callback(speech.close)
        model = language_model(settings)
        if model is not None:
            await model.start()
            running.push_async_callback(model.close)
        doors = open_doors(
            settings, CampaignsToTry(list, None, _campaign(folder, agent=agent)), audio=audio, prompts=prompts,
            thinking=Thinking(model, speech), observer=lambda notice: None,
        )  # fmt: skip
        running.push_async_callback(doors.close)
        put_audio_first()
        before_mb = memory_mb()
        turns = await _talk(audio.port, doors.ticket(), speeches)
        return _figures(settings, speeches, turns, done, agent=agent) | {
            "memory_before_the_visitor_mb": before_mb,
            "memory_after_mb": memory_mb(),
            "peak_memory_mb": peak_memory_mb(),
        }


async def _talk(port: int, ticket: str, speeches: list[bytes]) -> list[_Turn]:
    async with connect(f"ws://127.0.0.1:{port}/ws?ticket={ticket}") as connection:
        visitor = _Visitor(connection)
        await connection.send('{"type": "start"}')
        async with asyncio.TaskGroup() as tasks:
            others = [tasks.create_task(visitor.listen()), tasks.create_task(visitor.microphone())]
            for speech in speeches:
                await visitor.say(speech)
            for task in others:
                task.cancel()
    return visitor.turns


def _figures(
    settings: Settings, speeches: list[bytes], turns: list[_Turn], done: list[JobDone], *, agent: bool
) -> dict[str, Any]:
    lengths_s = [len(speech) / (_RATE * SAMPLE_BYTES) - _TAIL_S for speech in speeches]
    finals = [job for job in done if job.priority is not Priority.PARTIAL]
    return {
        "benchmark": "voice --agent" if agent else "voice",
        "model": settings.stt.model,
        "cores": available_cores(),
        "utterances_s": [round(length, 1) for length in lengths_s],
        "first_partial_ms": _since([(turn.began, turn.partial) for turn in turns]),
        "final_transcript_ms": _since([(turn.ended, turn.final) for turn in turns]),
        "first_audio_ms": _since([(turn.ended, turn.sound) for turn in turns]),
        "without_partial": sum(turn.partial is None for turn in turns),
        "whole_utterances_rtf": round(sum(job.work_s for job in finals) / sum(job.audio_s for job in finals), 3),
        "all_recognition_rtf": round(sum(job.work_s for job in done) / sum(lengths_s), 3),
        "heard": [turn.text for turn in turns],
    }


def _since(times: list[tuple[float, float | None]]) -> dict[str, float] | None:
    waits = [(at - begin) * 1000 for begin, at in times if at is not None]
    spread_of = spread(np.round(waits))
    return None if spread_of is None else {"median": round(median(waits)), **spread_of}


def _speech(text: str) -> bytes:
    sound, rate = decode(CalleeVoice().wav(text).read_bytes())
    return (prepared(sound, rate, _RATE) * 32767).astype("<i2").tobytes()


def _campaign(folder: Path, *, agent: bool) -> Path:
    """A question that is asked again and again."""
    campaign = folder / "campaign"
    campaign.mkdir()
    write_wav(campaign / "question.wav", tone(HUM_HZ, _HUM_MS, HUM_RATE), HUM_RATE)
    head = 'name = "voice"\ngateway = "none"\n[[step]]\nname = "talk"\ntext = "(hum)"\naudio = "question.wav"\n'
    scripted = 'listen_ms = 8000\nkeep = "reason"\nnext = "talk"\n'
    held = 'outcome = "completed"\n[step.agent]\ninstructions = "You make appointments."\n'
    (campaign / "campaign.toml").write_text(head + (held if agent else scripted))
    return campaign
