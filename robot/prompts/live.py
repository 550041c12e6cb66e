"""Phrases that are spoken while a call waits for them: synthesised at once, each into a file of its call's own.

Prompts that are prepared ahead (`library`) give way to them. What the library has ready is taken from there.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, TypeVar

import structlog

from robot.dialogue.scenario import Prompt
from robot.prompts.errors import PhraseUnwanted, TtsTimeout
from robot.prompts.library import PromptLibrary, Spoken
from robot.prompts.remote import is_remote
from robot.prompts.sound import wav_length_s
from robot.prompts.spool import Shelf, Spool
from robot.prompts.turns import Turns
from robot.prompts.voice import VoiceSettings

log = structlog.get_logger(__name__)

T = TypeVar("T")

#: Below the folder of the prompts, where nothing else is said.
FOLDER_NAME: Final = "live"
# Who waits for another machine needs a thread and no core. OpenAI and Cartesia allow fewer at once in most plans.
_REMOTE_AT_ONCE: Final = 32
# With a phrase in 0.15 s on each of two cores that is more than anybody waits for.
_MOST_WAITING: Final = 256


class LiveSpeech:
    """Phrases in `folder`, as the library's voices speak them. `start` it, and `close` it before the library.

    workers: phrases that are synthesised on this machine at once; None: one on each core. timeout_s: from asking to
    having a phrase.
    """

    def __init__(
        self,
        library: PromptLibrary,
        folder: Path | None = None,
        workers: int | None = None,
        *,
        timeout_s: float = 5.0,
    ) -> None:
        self._library = library
        self._spool = Spool(folder or library.folder / FOLDER_NAME)
        self._timeout_s = timeout_s
        self._local = _Workers(workers or _cores(), "speech")
        self._remote = _Workers(_REMOTE_AT_ONCE, "remote-speech")
        self._shelves: dict[str, _Counted] = {}
        self._deleting: set[asyncio.Future[None]] = set()

    @property
    def folder(self) -> Path:
        """Phrases are played from here, or from the library's folder."""
        return self._spool.path

    @property
    def waiting(self) -> int:
        """Phrases that wait for a worker."""
        return self._local.turns.waiting + self._remote.turns.waiting

    @property
    def busy(self) -> int:
        """Phrases that are being synthesised."""
        return self._local.turns.taken + self._remote.turns.taken

    async def start(self) -> None:
        """Sweeps what dead processes left. Raises PromptsFolderUnusable."""
        swept = await asyncio.to_thread(self._spool.sweep)
        if swept:
            log.info("speech.swept", processes=swept)

    async def close(self) -> None:
        """Once no call speaks any more: what is being spoken is finished, all files go."""
        await asyncio.gather(self._local.close(), self._remote.close())
        self._shelves.clear()
        if self._deleting:
            await asyncio.wait(self._deleting)
        await asyncio.to_thread(self._delete, self._spool.close)

    async def warm(self, voice: VoiceSettings) -> None:
        """What the first phrase would have to wait for: the model of the voice, or the connection. Raises PromptError.

        Before a call is placed, rather than when it is answered.
        """
        workers = self._remote if is_remote(voice.model) else self._local
        await workers.run(0, lambda: self._library.voice(voice).warm())

    async def speak(self, text: str, voice: VoiceSettings, *, owner: str) -> Prompt:
        """The phrase as a file, kept until `forget(owner)`; `owner`: the uuid of a call.

        Of all calls' phrases those are spoken first that have the fewest of their own call before them. A cancelled one
        that has not begun is dropped. Raises PromptError, TtsTimeout among them.
        """
        source = Spoken(text, voice)
        counted = self._shelves.get(owner)
        if counted is None:
            counted = self._shelves[owner] = _Counted(Shelf(self._spool, owner))
        rank = counted.unfinished
        counted.unfinished += 1
        try:
            async with asyncio.timeout(self._timeout_s):
                ready = await asyncio.to_thread(self._library.find, source)
                return ready if ready is not None else await self._spoken(source, counted.shelf, rank)
        except TimeoutError:
            raise TtsTimeout(
                f"a phrase of {len(text)} letters was not spoken within {self._timeout_s:g} s: use a faster voice or "
                "machine, have fewer calls at once, or set tts.timeout_s"
            ) from None
        finally:
            counted.unfinished -= 1

    def forget(self, owner: str) -> None:
        """The call is over: its files go, and what it waits for is not spoken any more. Does not wait."""
        counted = self._shelves.pop(owner, None)
        if counted is not None:
            counted.shelf.closed = True
            deleting = asyncio.get_running_loop().run_in_executor(None, self._delete, counted.shelf.clear)
            self._deleting.add(deleting)
            deleting.add_done_callback(self._deleting.discard)

    async def _spoken(self, source: Spoken, shelf: Shelf, rank: int) -> Prompt:
        workers = self._remote if is_remote(source.voice.model) else self._local
        return await workers.run(rank, lambda: self._make(source, shelf))

    def _make(self, source: Spoken, shelf: Shelf) -> Prompt:
        """In a worker."""
        content = b"" if shelf.closed else self._library.synthesise(source)
        file = shelf.write(content)
        if file is None:
            raise PhraseUnwanted("the call was over before a phrase was spoken")
        return Prompt(file, source.text, wav_length_s(content, self._library.rate))

    def _delete(self, what: Callable[[], None]) -> None:
        try:
            what()
        except OSError as error:
            log.warning(
                "speech.cannot_delete", reason=error.strerror,
                advice="phrases of calls stay in spool.folder until the robot starts again",
            )  # fmt: skip


class _Counted:
    """A call's shelf, and how many of its phrases are not there yet."""

    def __init__(self, shelf: Shelf) -> None:
        self.shelf = shelf
        self.unfinished = 0


class _Workers:
    """Threads, `places` of them, as important as any other."""

    def __init__(self, places: int, name: str) -> None:
        self.turns = Turns(places, _MOST_WAITING)
        self._threads = ThreadPoolExecutor(places, thread_name_prefix=name)

    async def run(self, rank: int, job: Callable[[], T]) -> T:
        """Raises PromptsOverloaded, and what the job raises."""
        await self.turns.take(rank)
        loop = asyncio.get_running_loop()
        running = self._threads.submit(job)
        # A thread cannot be cancelled: its place is free when it is done.
        running.add_done_callback(lambda _: loop.call_soon_threadsafe(self.turns.give))
        return await asyncio.wrap_future(running)

    async def close(self) -> None:
        await asyncio.to_thread(self._threads.shutdown, cancel_futures=True)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
