"""Whole calls with their streams, all at once: does any frame of audio reach its decision late because of us?

Every call hears prompts and says something again and again, which is recognised meanwhile: the loop, the thread of the
event socket and the workers of the model share the machine as they do in a campaign. A frame's lateness is counted from
its stream's own schedule (20 ms a frame from the earliest that any frame of it suggests), which holds FreeSWITCH's
share and ours. Ours cannot be more than the event loop stood still before the frame, and that is measured by itself.
"""

from __future__ import annotations

import asyncio
import resource
import time
from array import array
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import uuid4

import numpy as np
import numpy.typing as npt

from robot.bench.far_end import FarEnd, Live, far_end
from robot.bench.figures import spread
from robot.call.audio_line import AudioLine, StreamAddress
from robot.call.channel import Channel
from robot.call.failures import CallFailure
from robot.call.hearing import Hearing, Utterance
from robot.call.waiting import first_of
from robot.campaign.definition import load_campaign
from robot.daemon import put_audio_first
from robot.dialogue.scenario import Prompt
from robot.direct_call import demo_campaign_folder
from robot.esl import commands
from robot.esl.client import EventSocketClient, EventSocketSettings
from robot.settings import Settings
from robot.speech import prompt_library
from ws_audio.server import AudioServer, AudioServerSettings
from ws_audio.stream import StreamOptions
from ws_audio.transcription.scheduler import TranscriptionScheduler, available_cores
from ws_audio.transcription.whisper import WhisperEngine
from ws_audio.vad import WebRtcVad

#: A frame that is later than this is too late.
LATE_MS: Final = 100.0
_FRAME_S: Final = 0.02
_SPREAD_S: Final = 3.0
_LOOK_EVERY_S: Final = 0.005
# A frame that waited for the loop is decided this soon after the loop goes on: the others that waited come first.
_AFTER_STANDSTILL_S: Final = 0.05
# What is being recognised when the time is over is left to end.
_LAST_WORDS_S: Final = 10.0
_SAYS_EVERY_S: Final = 15
_SENTENCE: Final = "Yes hello, I am listening, I am quite interested in your offer."


def run(
    settings: Settings, *, calls: int = 50, seconds: int = 60, live: Live | None = None, playback: str | None = None
) -> dict[str, Any]:
    """Measure `calls` simultaneous calls for `seconds` from when all of them are up."""
    with far_end(settings, _callees(seconds), live, playback) as far:
        return asyncio.run(_measure(far, calls, seconds))


class _TimedVad(WebRtcVad):
    """The usual detector, which also keeps the time of each frame: its decision follows before the next frame."""

    def __init__(self, rate: int, aggressiveness: int) -> None:
        super().__init__(rate, aggressiveness)
        self.times = array("d")

    def is_speech(self, frame: bytes) -> bool:
        self.times.append(time.monotonic())
        return super().is_speech(frame)


def _callees(seconds: int) -> str:
    """Ten people, who do not speak in step; the last digit of the number chooses."""
    callees = []
    for digit in range(10):
        first_ms = 1000 + digit * _SAYS_EVERY_S * 100
        says = "".join(
            f'{{ after = "answer", wait_ms = {first_ms + again_s * 1000}, text = "{_SENTENCE}" }}, '
            for again_s in range(0, seconds + 5, _SAYS_EVERY_S)
        )
        callees.append(f'[[callee]]\nnumber = "*{digit}"\nring_ms = 100\nnoise_db = -60\nsays = [{says}]\n')
    return "\n".join(callees)


@dataclass(frozen=True, slots=True)
class Standstills:
    """When, and for how long, the event loop did not come round: seconds of time.monotonic(), in order."""

    ends: array[float] = field(default_factory=lambda: array("d"))
    lengths: array[float] = field(default_factory=lambda: array("d"))

    async def watch(self) -> None:
        """Look until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + _LOOK_EVERY_S
            await asyncio.sleep(_LOOK_EVERY_S)
            now = loop.time()
            self.ends.append(now)
            self.lengths.append(now - due)


async def _measure(far: FarEnd, calls: int, seconds: int) -> dict[str, Any]:
    settings = far.settings
    detectors: list[_TimedVad] = []

    def detector(rate: int, aggressiveness: int) -> _TimedVad:
        detectors.append(_TimedVad(rate, aggressiveness))
        return detectors[-1]

    library = prompt_library(settings)
    prompt = await library.prepare(load_campaign(demo_campaign_folder()).prompts()[0])
    library.close()
    freeswitch, stt = settings.freeswitch, settings.stt
    engine = await asyncio.to_thread(WhisperEngine, stt.model, workers=stt.workers or available_cores())
    scheduler = TranscriptionScheduler(engine, workers=stt.workers)
    server = AudioServer(
        AudioServerSettings(host=settings.audio.host, port=0, max_streams=calls), scheduler, detector=detector
    )
    socket = EventSocketSettings(freeswitch.host, freeswitch.port, freeswitch.required_password())
    async with AsyncExitStack() as running:
        switch = await running.enter_async_context(EventSocketClient(socket))
        scheduler.start()
        running.push_async_callback(scheduler.close)
        await server.start()
        running.push_async_callback(server.close)
        put_audio_first()
        over = asyncio.Event()
        lines = [_Line(switch, server, settings, prompt) for _ in range(calls)]
        ended = asyncio.gather(
            *(line.run(far.gateway, f"+331400{i:05}", _SPREAD_S * i / calls, over) for i, line in enumerate(lines))
        )
        await asyncio.sleep(_SPREAD_S + 1)
        standstills = Standstills()
        watching = asyncio.create_task(standstills.watch())
        begin, cpu = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF)
        await asyncio.sleep(seconds)
        end, used = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF)
        watching.cancel()
        over.set()
        failures = [failure for failure in await ended if failure is not None]
    cpu_s = used.ru_utime + used.ru_stime - cpu.ru_utime - cpu.ru_stime
    return {
        "benchmark": "listen --calls",
        "on": "the simulator" if far.recordings is None else "FreeSWITCH",
        "calls": calls,
        "seconds": seconds,
        "failed": len(failures),
        "streams_started_again": sum(line.restarts for line in lines),
        "utterances": sum(line.utterances for line in lines),
        **lateness([np.frombuffer(each.times) for each in detectors], standstills, begin, end),
        "cpu_ms_per_call_second": round(cpu_s * 1000 / (calls * (end - begin)), 2),
        **({"why": sorted(set(failures))} if failures else {}),
    }


def lateness(
    streams: Sequence[npt.NDArray[np.float64]], standstills: Standstills, begin: float, end: float
) -> dict[str, Any]:
    """Of the frames between `begin` and `end`; each stream holds the times of all its frames from the first."""
    ends, lengths = np.frombuffer(standstills.ends), np.frombuffer(standstills.lengths)
    late, ours = [np.empty(0)], [np.empty(0)]
    for times in streams:
        of_schedule = times - np.arange(len(times)) * _FRAME_S
        measured = (times >= begin) & (times < end)
        if measured.any():
            late.append((of_schedule - of_schedule.min())[measured] * 1000)
            ours.append(_standstill_before(times[measured], ends, lengths) * 1000)
    late_ms, ours_ms = np.concatenate(late), np.concatenate(ours)
    too_late = late_ms > LATE_MS
    return {
        "frames": len(late_ms),
        "late_ms": spread(late_ms),
        "later_than_100_ms": int(too_late.sum()),
        "later_than_100_ms_because_of_us": int((too_late & (late_ms - ours_ms <= LATE_MS)).sum()),
        "loop_stood_still_ms": spread(lengths * 1000),
    }


def _standstill_before(
    times: npt.NDArray[np.float64], ends: npt.NDArray[np.float64], lengths: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """The longest standstill, in s, that may have kept a frame which was decided at each of `times`."""
    first = np.searchsorted(ends, times - _AFTER_STANDSTILL_S)
    last = np.searchsorted(ends, times + _LOOK_EVERY_S, side="right")
    longest = [lengths[begin:end].max(initial=0.0) for begin, end in zip(first, last, strict=True)]
    return np.asarray(longest, dtype=np.float64)


class _Line:
    """One call: hears, and plays its prompt again and again."""

    def __init__(self, switch: EventSocketClient, server: AudioServer, settings: Settings, prompt: Prompt) -> None:
        self.utterances = 0
        self._channel = Channel(str(uuid4()), switch)
        self._prompt = prompt
        self._broadcast = settings.freeswitch.playback == "broadcast"
        self._hearing = Hearing(on_speech=lambda run_started_at, at, arrived_at: None, on_utterance=self._on_utterance)
        self._audio = AudioLine(
            self._channel,
            server,
            StreamAddress(settings.freeswitch.stream_host, server.port),
            StreamOptions(language=settings.stt.language, vad_aggressiveness=settings.stt.vad_aggressiveness),
            self._hearing,
        )

    @property
    def restarts(self) -> int:
        return self._audio.restarts

    def _on_utterance(self, utterance: Utterance) -> None:
        self.utterances += 1

    async def run(self, gateway: str, number: str, wait_s: float, over: asyncio.Event) -> str | None:
        """Until `over`; what went wrong, if something did."""
        channel = self._channel
        ending = asyncio.ensure_future(over.wait())
        await asyncio.sleep(wait_s)
        try:
            dialling = commands.originate(channel.uuid, gateway, number, stream_token=self._audio.token)
            await channel.dial(dialling, ring_timeout_s=30)
            await self._audio.open()
            while not over.is_set() and not channel.hung_up.done():
                playing = channel.play(self._prompt, root=self._prompt.file.parent, broadcast=self._broadcast)
                await first_of(playing.ended, ending)
        except CallFailure as failure:
            return str(failure)
        finally:
            ending.cancel()
            await channel.hang_up()
            await self._hearing.texts_known(_LAST_WORDS_S)
            await self._audio.close()
            await channel.close()
        return None
