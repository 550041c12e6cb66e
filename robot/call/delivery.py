"""Prompts for a FreeSWITCH that cannot read our files, sent through the audio stream of the channel that plays them.

mod_audio_stream (`streamAudio`) writes each into a file on FreeSWITCH's host, tells its path in an event, and deletes
it when the stream ends. Measured on loopback: told 4 to 38 ms after it was sent, from 0.1 s of speech to 30 s.
"""

from __future__ import annotations

import asyncio
import base64
import json
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Final

from robot.call.failures import PromptNotPlayed
from robot.dialogue.scenario import Prompt
from robot.esl.events import AudioStreamPlay
from ws_audio.server import AudioServer

# 256 KB, a prompt of 8 s, take 0.2 s on a line of 10 Mbit/s.
_LIMIT_S: Final = 3.0


class Delivery:
    """Of the channel `uuid`, whose stream is connected to `server`. `rate`: of the prompts, in Hz."""

    def __init__(self, uuid: str, server: AudioServer, rate: int) -> None:
        self._uuid = uuid
        self._server = server
        self._rate = rate
        self._numbers = count(1)
        self._expected: dict[str, asyncio.Future[Path]] = {}

    async def deliver(self, prompt: Prompt) -> Prompt:
        """The prompt with the path that it has on FreeSWITCH's host, until the stream ends. Raises PromptNotPlayed."""
        reference = f"{next(self._numbers)}"
        arrived = self._expected[reference] = asyncio.get_running_loop().create_future()
        try:
            if not self._server.send_text(self._uuid, await asyncio.to_thread(self._message, prompt.file, reference)):
                raise PromptNotPlayed("a prompt cannot be sent to FreeSWITCH: the audio stream is away, or is not read")
            async with asyncio.timeout(_LIMIT_S):
                return replace(prompt, file=await arrived)
        except TimeoutError:
            raise PromptNotPlayed(
                f"FreeSWITCH did not take a prompt through its audio stream within {_LIMIT_S:g} s: see its log for "
                "mod_audio_stream, and whether its temp_dir can be written"
            ) from None
        finally:
            del self._expected[reference]

    def arrived(self, event: AudioStreamPlay) -> None:
        """What FreeSWITCH tells. Whoever is not waited for any more, is not missed."""
        waiting = self._expected.get(event.reference)
        if waiting is not None and not waiting.done():
            waiting.set_result(Path(event.file))

    def _message(self, file: Path, reference: str) -> str:
        try:
            content = file.read_bytes()
        except OSError as error:
            raise PromptNotPlayed(f"{file} cannot be read ({error.strerror})") from error
        data = {
            "audioDataType": "wav",
            "sampleRate": self._rate,
            "reference": reference,  # comes back with the path
            "audioData": base64.b64encode(content).decode("ascii"),
        }
        return json.dumps({"type": "streamAudio", "data": data}, separators=(",", ":"))
