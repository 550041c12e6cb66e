"""Prompts on their way over a WebSocket: what leaves, and how they end. The loop's own clock, prompts of no length."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from robot.call.failures import PromptNotPlayed
from robot.call.playback import PlaybackState
from robot.dialogue.scenario import Prompt
from robot.doors.web_door import StreamedPrompt, read_sound
from robot.prompts.sound import wav


@dataclass
class Listener:
    chunk_ms: int = 20
    pieces: list[tuple[int, int, int]] = field(default_factory=list)  # number, seq, bytes
    ended: list[tuple[int, bool, int]] = field(default_factory=list)

    def phrase(self, number: int, seq: int, pcm: bytes, prompt: Prompt) -> None:
        self.pieces.append((number, seq, len(pcm)))

    def phrase_over(self, number: int, *, interrupted: bool, played_ms: int) -> None:
        self.ended.append((number, interrupted, played_ms))

    def press(self, keys: str) -> None:
        raise AssertionError

    def not_done(self, what: str, message: str) -> None:
        raise AssertionError


def prompt_of(folder: Path, ms: int) -> Prompt:
    file = folder / "prompt.wav"
    file.write_bytes(wav(np.linspace(-0.5, 0.5, ms * 16, dtype=np.float32), 16000))
    return Prompt(file, "Hello.", ms / 1000)


@pytest.mark.parametrize(("rate", "size"), [(16000, 3200), (8000, 1600)])
def test_a_prompt_is_read_at_the_rate_of_the_line(tmp_path: Path, rate: int, size: int) -> None:
    file = prompt_of(tmp_path, 100).file
    assert len(read_sound(file, rate)) == size
    assert len(read_sound(file, rate, 0.04)) == size * 6 // 10
    assert read_sound(file, rate, 5.0) == b""


async def test_a_prompt_is_heard_to_its_end(tmp_path: Path) -> None:
    listener = Listener()
    playing = StreamedPrompt(prompt_of(tmp_path, 50), 3, listener, 16000, 0)
    assert await playing.ended is PlaybackState.FINISHED
    assert playing.started.done()
    assert listener.pieces == [(3, 0, 640), (3, 1, 640), (3, 2, 320)]
    assert listener.ended == [(3, False, 50)]
    assert not playing.stop(), "there is nothing to stop any more"


async def test_a_prompt_that_is_stopped_ends_at_once_and_says_how_far_it_was(tmp_path: Path) -> None:
    listener = Listener()
    playing = StreamedPrompt(prompt_of(tmp_path, 5000), 0, listener, 16000, 1000)
    await playing.started
    assert playing.stop()
    assert playing.stop_sent_at is not None
    assert await playing.ended is PlaybackState.INTERRUPTED
    [(_, interrupted, played_ms)] = listener.ended
    assert interrupted
    assert 1000 <= played_ms < 2000
    sent = len(listener.pieces)
    await asyncio.sleep(0)
    assert len(listener.pieces) == sent


async def test_a_prompt_that_is_stopped_before_it_began_leaves_nothing(tmp_path: Path) -> None:
    listener = Listener()
    playing = StreamedPrompt(prompt_of(tmp_path, 5000), 0, listener, 16000, 0)
    assert playing.stop()
    assert await playing.ended is PlaybackState.INTERRUPTED
    assert (listener.pieces, listener.ended) == ([], [])
    assert not playing.started.done()


async def test_nobody_hears_a_prompt_any_more_when_they_are_gone(tmp_path: Path) -> None:
    listener = Listener()
    playing = StreamedPrompt(prompt_of(tmp_path, 5000), 0, listener, 16000, 0)
    await playing.started
    playing.gone()
    assert await playing.ended is PlaybackState.INTERRUPTED


async def test_a_prompt_that_cannot_be_read_is_a_failure_that_names_it(tmp_path: Path) -> None:
    missing = Prompt(tmp_path / "missing.wav", "Hello.", 1.0)
    with pytest.raises(PromptNotPlayed, match=r"missing\.wav"):
        await StreamedPrompt(missing, 0, Listener(), 16000, 0).ended
