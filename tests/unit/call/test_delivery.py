"""Prompts through the audio stream: each path for whoever waits for it, and no wait without an end."""

from __future__ import annotations

import asyncio
import base64
import json
from pathlib import Path
from typing import Any, cast

import pytest

from robot.call import delivery as delivery_module
from robot.call.delivery import Delivery
from robot.call.failures import PromptNotPlayed
from robot.dialogue.scenario import Prompt
from robot.esl.events import AudioStreamPlay
from ws_audio.server import AudioServer

UUID = "5a7111ba-538b-4f1b-bc59-e6bb0c9e5507"


class Wire:
    """The audio server, as far as texts go."""

    def __init__(self) -> None:
        self.open = True
        self.sent: list[dict[str, Any]] = []

    def send_text(self, stream_id: str, text: str) -> bool:
        assert stream_id == UUID
        self.sent.append(json.loads(text))
        return self.open

    async def until(self, number: int) -> None:
        async with asyncio.timeout(5):
            while len(self.sent) < number:  # noqa: ASYNC110 - a thread reads the file
                await asyncio.sleep(0.001)

    def arrived(self, number: int) -> AudioStreamPlay:
        """What FreeSWITCH says about the message `number`, from 0."""
        reference = self.sent[number]["data"]["reference"]
        return AudioStreamPlay(UUID, 0.0, f"/tmp/{UUID}_{number}.tmp.wav", "wav", 16000, reference)


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture
def delivery(wire: Wire) -> Delivery:
    return Delivery(UUID, cast(AudioServer, wire), 16000)


def prompt(folder: Path, name: str) -> Prompt:
    file = folder / f"{name}.wav"
    file.write_bytes(name.encode())
    return Prompt(file, f"This is {name}.", 1.5)


async def test_each_prompt_gets_its_own_path_in_whatever_order_they_are_told(
    delivery: Delivery, wire: Wire, tmp_path: Path
) -> None:
    prompts = [prompt(tmp_path, name) for name in ("one", "two")]
    waiting = [asyncio.ensure_future(delivery.deliver(each)) for each in prompts]
    await wire.until(2)
    by_content = {base64.b64decode(message["data"]["audioData"]): at for at, message in enumerate(wire.sent)}
    for number in (1, 0):
        delivery.arrived(wire.arrived(number))
    for each, told in zip(prompts, await asyncio.gather(*waiting), strict=True):
        number = by_content[each.file.read_bytes()]
        assert told == Prompt(Path(f"/tmp/{UUID}_{number}.tmp.wav"), each.text, each.length_s)
    assert wire.sent[0]["type"] == "streamAudio"
    assert wire.sent[0]["data"]["audioDataType"] == "wav"
    assert wire.sent[0]["data"]["sampleRate"] == 16000


async def test_what_nobody_waits_for_any_more_is_not_taken_for_something_else(
    delivery: Delivery, wire: Wire, tmp_path: Path
) -> None:
    gone = asyncio.ensure_future(delivery.deliver(prompt(tmp_path, "gone")))
    await wire.until(1)
    gone.cancel()
    await asyncio.wait([gone])
    wanted = asyncio.ensure_future(delivery.deliver(prompt(tmp_path, "wanted")))
    await wire.until(2)
    delivery.arrived(wire.arrived(0))
    delivery.arrived(wire.arrived(1))
    delivery.arrived(wire.arrived(1))
    assert (await wanted).file.name == f"{UUID}_1.tmp.wav"


async def test_a_stream_that_is_away_and_a_file_that_is_not_there_are_told(
    delivery: Delivery, wire: Wire, tmp_path: Path
) -> None:
    wire.open = False
    with pytest.raises(PromptNotPlayed, match="the audio stream is away"):
        await delivery.deliver(prompt(tmp_path, "one"))
    with pytest.raises(PromptNotPlayed, match="cannot be read"):
        await delivery.deliver(Prompt(tmp_path / "absent.wav", "", 1.0))


async def test_a_freeswitch_that_says_nothing_is_not_waited_for(
    delivery: Delivery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery_module, "_LIMIT_S", 0.01)
    with pytest.raises(PromptNotPlayed, match="temp_dir"):
        await delivery.deliver(prompt(tmp_path, "one"))
