"""A WebSocket as the door to whoever talks: prompts leave in pieces, a little before they are heard.

Nobody tells when a piece was heard, so a prompt is taken to be heard from the moment its first piece left, at the pace
of its sound. Whatever of it waits at the other side when it is stopped, the other side forgets when it is told.
"""

from __future__ import annotations

import asyncio
import wave
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final, Protocol

import numpy as np
import soxr

from robot.call.failures import PromptNotPlayed
from robot.call.playback import Playback, PlaybackState
from robot.dialogue.scenario import Prompt, Transfer
from ws_audio.frames import SAMPLE_BYTES
from ws_audio.stream import Stream

# What a network may be late by, and nobody hears.
_AHEAD_S: Final = 0.3
# Between two looks at what is due.
_STEP_S: Final = 0.1


class Client(Protocol):
    """The other side, behind its protocol. Nothing here waits."""

    @property
    def chunk_ms(self) -> int:
        """The length of a piece of sound."""

    def phrase(self, number: int, seq: int, pcm: bytes, prompt: Prompt) -> None:
        """A piece of a prompt, L16; `number` counts the prompts of a conversation, `seq` its pieces, both from 0."""

    def phrase_over(self, number: int, *, interrupted: bool, played_ms: int) -> None: ...

    def press(self, keys: str) -> None:
        """The script presses keys of a telephone."""

    def not_done(self, what: str, message: str) -> None:
        """What a call would have done now, and a try does not."""


class StreamedPrompt:
    """One prompt on its way: `door.Playing`."""

    def __init__(self, prompt: Prompt, number: int, client: Client, rate: int, start_ms: int) -> None:
        self._prompt = prompt
        self._number = number
        self._client = client
        self._rate = rate
        self._start_s = min(start_ms / 1000, prompt.length_s)
        self._loop = asyncio.get_running_loop()
        self.playback = Playback(prompt.length_s - self._start_s, self._loop.time())
        self.started: asyncio.Future[float] = self._loop.create_future()
        self.ended: asyncio.Future[PlaybackState] = self._loop.create_future()
        self.stop_sent_at: float | None = None
        self._task = self._loop.create_task(self._run(), name="a prompt, played")

    def stop(self) -> bool:
        now = self._loop.time()
        if not self.playback.stop(now):
            return False
        self.stop_sent_at = now
        if self.playback.started_at is None:
            self.playback.on_dropped(now)
        else:
            self.playback.on_stopped(now, broken=True)
        self._settle()
        return True

    def played_ms(self, now: float) -> int:
        return round((self._start_s + self.playback.played_s(now)) * 1000)

    def gone(self) -> None:
        """Nobody is there to hear it any more."""
        self.playback.on_gone(self._loop.time())
        self._settle()

    async def _run(self) -> None:
        try:
            sound = await asyncio.to_thread(read_sound, self._prompt.file, self._rate, self._start_s)
        except (OSError, EOFError, wave.Error) as error:
            self.ended.set_exception(PromptNotPlayed(f"the prompt {self._prompt.file} cannot be read: {error}"))
            return
        began = self._loop.time()
        self.playback.on_started(began)
        size = self._client.chunk_ms * self._rate // 1000 * SAMPLE_BYTES
        length_s = len(sound) / (self._rate * SAMPLE_BYTES)
        sent = seq = 0
        while True:
            due = int((self._loop.time() - began + _AHEAD_S) * self._rate) * SAMPLE_BYTES
            while sent < min(due, len(sound)):
                self._client.phrase(self._number, seq, sound[sent : sent + size], self._prompt)
                sent, seq = sent + size, seq + 1
            if not self.started.done():
                self.started.set_result(began)
            left_s = began + length_s - self._loop.time()
            if left_s <= 0:
                break
            await asyncio.sleep(min(left_s, _STEP_S))
        self.playback.on_stopped(self._loop.time(), broken=False)
        self._settle()

    def _settle(self) -> None:
        if self.ended.done():
            return
        self._task.cancel()
        if self.playback.started_at is not None:
            interrupted = self.playback.state is PlaybackState.INTERRUPTED
            played_ms = self.played_ms(self._loop.time())
            self._client.phrase_over(self._number, interrupted=interrupted, played_ms=played_ms)
        self.ended.set_result(self.playback.state)


class WebDoor:
    """`door.Door` of one conversation; its `stream` hears. rate: of what is played, in Hz."""

    handed_over = False

    def __init__(self, stream: Stream, client: Client, rate: int) -> None:
        self._stream = stream
        self._usual_endpointing = stream.options.endpointing
        self._client = client
        self._rate = rate
        self._prompts = 0
        self._playing: StreamedPrompt | None = None
        self.on_key: Callable[[str, float], None] | None = None
        self.hung_up: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def hang_up(self, cause: str) -> None:
        """The other side is gone, or is let go."""
        if not self.hung_up.done():
            self.hung_up.set_result(cause)
        if self._playing is not None:
            self._playing.gone()

    async def ready(self, prompt: Prompt) -> Prompt:
        return prompt

    def play(self, prompt: Prompt, *, start_ms: int = 0) -> StreamedPrompt:
        self._playing = StreamedPrompt(prompt, self._prompts, self._client, self._rate, start_ms)
        self._prompts += 1
        return self._playing

    async def press(self, keys: str) -> None:
        self._client.press(keys)

    async def hand_over(self, order: Transfer, announce: Prompt | None, wait: Prompt | None) -> bool:
        """To nobody: the conversation ends as if somebody had taken over."""
        to = order.number or order.extension
        self._client.not_done("transfer", f"A call would now be handed over to {to}.")
        self.hang_up("handed over")
        return True

    async def stop_listening(self) -> None:
        pass

    def expect(self, phrases: tuple[str, ...], *, silence_ms: int | None = None) -> None:
        usual = self._usual_endpointing
        endpointing = usual if silence_ms is None else replace(usual, end_silence_ms=silence_ms)
        self._stream.configure(replace(self._stream.options, vocabulary=phrases, endpointing=endpointing))

    def hear_over_prompt(self, wanted: bool) -> None:
        """What is said is told while it is being said, all the time."""


def read_sound(file: Path, rate: int, start_s: float = 0.0) -> bytes:
    """L16 at `rate` of a prompt, from `start_s` on. Blocking. Raises OSError, EOFError and wave.Error."""
    with wave.open(str(file), "rb") as opened:
        of_file = opened.getframerate()
        opened.setpos(min(int(start_s * of_file), opened.getnframes()))
        sound = opened.readframes(opened.getnframes())
    if of_file == rate:
        return sound
    return bytes(soxr.resample(np.frombuffer(sound, dtype="<i2"), of_file, rate).astype("<i2").tobytes())
