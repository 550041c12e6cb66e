"""FreeSWITCH calls itself: the real way of audio, prompts and recordings, without a telephone.

A channel whose far end sounds a tone is streamed to our audio server like any call, and plays the campaign's prompts.
Reads only; what it means is judged in `switch_checks`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar
from uuid import uuid4

import numpy as np

from robot.call.channel import Channel
from robot.call.failures import CallFailure, PromptNotPlayed
from robot.call.playback import PlaybackState
from robot.call.waiting import first_of
from robot.dialogue.scenario import Prompt
from robot.doctor.readings import PromptReading, RecordingReading, StreamReading, StreamsReading
from robot.esl import commands
from robot.esl.client import EventSocketClient
from robot.esl.errors import CommandStage, ConnectionLost, EventSocketError
from robot.esl.events import CallEvent, LinkLost
from ws_audio.events import AudioEvent, StreamStarted
from ws_audio.frames import FRAME_MS
from ws_audio.server import AudioServer, StreamTicket
from ws_audio.stream import StreamOptions

#: The free binary edition of mod_audio_stream stops at 10 channels: the eleventh stream tells.
STREAMS_TO_TRY: Final = 11
# FreeSWITCH answers itself at once; whatever happens here, the call ends itself.
_ANSWER_LIMIT_S: Final = 5
_LONGEST_S: Final = 120
# The module gives a connection up after 1 s, but a name that does not resolve takes as long as the resolver does.
_STREAM_LIMIT_S: Final = 6.0
_LISTEN_MS: Final = 400
_LOOKS: Final = 40
# Each of these calls is two sessions, and FreeSWITCH begins 30 a second by default.
_PAUSE_S: Final = 0.05

T = TypeVar("T")


class Ear:
    """Keeps the first frames of a stream, in the place of a detector of speech (see `ws_audio.vad.VoiceDetector`)."""

    def __init__(self) -> None:
        self._frames: list[bytes] = []
        self.full = asyncio.Event()

    def is_speech(self, frame: bytes) -> bool:
        if len(self._frames) * FRAME_MS < _LISTEN_MS:
            self._frames.append(frame)
        else:
            self.full.set()
        return False

    @property
    def heard(self) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
        return np.frombuffer(b"".join(self._frames), "<i2").astype(np.int16)


class Ears:
    """Of all streams of an audio server, in the order in which they connected."""

    def __init__(self) -> None:
        self.all: list[Ear] = []

    def new(self, _rate: int, _aggressiveness: int) -> Ear:
        self.all.append(Ear())
        return self.all[-1]


class CallToItself:
    """One such call, from its answer on; hung up at the end of the block.

    Entering raises CallFailure (FreeSWITCH cannot call itself) or EventSocketError.
    """

    def __init__(self, client: EventSocketClient, audio: AudioServer, ears: Ears) -> None:
        self._client = client
        self._channel = Channel(str(uuid4()), client)
        self._audio = audio
        self._ears = ears
        self._loop = asyncio.get_running_loop()
        self._started: asyncio.Future[float] = self._loop.create_future()
        self._lost: asyncio.Future[str] = self._loop.create_future()
        self._link = client.subscribe(self._channel.uuid, self._on_event)
        self._ticket: StreamTicket = audio.expect(self._channel.uuid, StreamOptions(), self._on_audio)

    async def __aenter__(self) -> Self:
        uuid = self._channel.uuid
        try:
            command = commands.originate_to_itself(uuid, _LONGEST_S, stream_token=self._ticket.token)
            await self._unless_lost(self._channel.dial(command, _ANSWER_LIMIT_S))
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._close()

    async def _close(self) -> None:
        if self._client.connected:  # or else the call ends itself
            await self._channel.hang_up()
        self._link.close()
        await self._channel.close()
        self._audio.forget(self._channel.uuid)

    async def stream(self, host: str, port: int, *, listen: bool = True) -> StreamReading:
        """Stream to our server at that address and wait for its first frame; `listen`: hear what comes then, too.

        Raises ConnectionLost.
        """
        return await self._unless_lost(self._stream(host, port, listen))

    async def _stream(self, host: str, port: int, listen: bool) -> StreamReading:
        place = f"ws://{host}:{port}"
        asked_at = self._loop.time()
        try:
            await self._channel.api(commands.audio_stream_start(self._channel.uuid, place + self._ticket.path))
        except EventSocketError as error:
            return StreamReading(place, None, np.empty(0, np.int16), str(error))
        failed = self._channel.stream_failed
        await first_of(self._started, failed, self._channel.hung_up, within_s=_STREAM_LIMIT_S)
        if not self._started.done():
            why = failed.result() if failed.done() else f"no audio within {_STREAM_LIMIT_S:g} s"
            return StreamReading(place, None, np.empty(0, np.int16), why)
        first_frame_ms = (self._started.result() - asked_at) * 1000
        if not listen:
            return StreamReading(place, first_frame_ms, np.empty(0, np.int16))
        ear = self._ears.all[-1]
        full = asyncio.ensure_future(ear.full.wait())
        await first_of(full, self._channel.hung_up, within_s=3 * _LISTEN_MS / 1000)
        full.cancel()
        return StreamReading(place, first_frame_ms, ear.heard)

    async def play(self, prompt: Prompt, *, root: Path, broadcast: bool) -> PromptReading:
        """Begin to play a prompt and break it at once. Raises ConnectionLost."""
        return await self._unless_lost(self._play(prompt, root, broadcast))

    async def _play(self, prompt: Prompt, root: Path, broadcast: bool) -> PromptReading:
        asked_at = self._loop.time()
        try:
            playing = self._channel.play(prompt, root=root, broadcast=broadcast)
            await first_of(playing.started, playing.ended)
            playing.stop()
            state = await playing.ended
        except PromptNotPlayed as error:
            return PromptReading(prompt.file, None, str(error))
        if playing.started.done():
            return PromptReading(prompt.file, (playing.started.result() - asked_at) * 1000)
        return PromptReading(
            prompt.file, None, "FILE NOT FOUND" if state is PlaybackState.MISSING else "it never began to play"
        )

    async def record(self, folder: Path) -> RecordingReading:
        """Record a moment of the call into `folder`, look for the file and delete it. Raises ConnectionLost."""
        return await self._unless_lost(self._record(folder))

    async def _record(self, folder: Path) -> RecordingReading:
        file = folder / f"doctor-{self._channel.uuid}.wav"
        try:
            await self._channel.api(commands.record(self._channel.uuid, file, root=folder))
        except EventSocketError as error:
            return RecordingReading(folder, str(error), seen=False, removed=False)
        for _ in range(_LOOKS):  # FreeSWITCH makes the file at once, and a shared folder shows it a moment later
            if seen := file.exists():
                break
            await asyncio.sleep(_PAUSE_S)
        try:
            file.unlink()
        except OSError:
            return RecordingReading(folder, None, seen, removed=False)
        return RecordingReading(folder, None, seen, removed=True)

    async def _unless_lost(self, work: Coroutine[Any, Any, T]) -> T:
        """A call outlives its event socket for a while; this one is of no use then."""
        task = asyncio.ensure_future(work)
        try:
            await first_of(task, self._lost)
            if task.done():
                return task.result()
            raise ConnectionLost("the call to itself", CommandStage.UNCONFIRMED, self._lost.result())
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def _on_event(self, event: CallEvent) -> None:
        if isinstance(event, LinkLost) and not self._lost.done():
            self._lost.set_result(event.reason)

    def _on_audio(self, event: AudioEvent) -> None:
        if isinstance(event, StreamStarted) and not self._started.done():
            self._started.set_result(event.arrived_at)


async def open_streams(
    client: EventSocketClient, audio: AudioServer, ears: Ears, host: str, already: int, most: int = STREAMS_TO_TRY
) -> StreamsReading:
    """Open streams, each on a call of its own, until there are `most` with those that are open `already`.

    Raises EventSocketError.
    """
    open_now = already
    async with AsyncExitStack() as calls:
        while open_now < most:
            try:
                call = await calls.enter_async_context(CallToItself(client, audio, ears))
            except CallFailure as error:
                return StreamsReading(open_now + 1, open_now, error.hangup_cause or str(error))
            reading = await call.stream(host, audio.port, listen=False)
            if reading.first_frame_ms is None:
                return StreamsReading(open_now + 1, open_now, reading.error)
            open_now += 1
            await asyncio.sleep(_PAUSE_S)
    return StreamsReading(most, most)
