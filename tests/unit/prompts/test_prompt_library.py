"""Prompts made ready once: the same file for the same, another one for anything else, errors that say what to do."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from robot.prompts import library as library_module
from robot.prompts import pico, piper
from robot.prompts import voice as voice_module
from robot.prompts.errors import (
    NoSound,
    NoVoice,
    PromptError,
    PromptMissing,
    PromptsOverloaded,
    PromptTooLong,
    PromptUnreadable,
)
from robot.prompts.library import PromptLibrary, Recorded, Spoken
from robot.prompts.loudness import Samples
from robot.prompts.sound import wav
from robot.prompts.voice import VoiceSettings, find_voice


class Tones:
    """A voice that says a tone a letter, and counts."""

    def __init__(self, identity: str) -> None:
        self.identity = identity
        self.said: list[str] = []
        self.may_speak = threading.Event()
        self.may_speak.set()
        self.niceness: int | None = None

    def speak(self, text: str, speed: float) -> tuple[Samples, int]:
        self.may_speak.wait(10)
        self.said.append(text)
        self.niceness = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
        if text == "1":
            return np.empty(0, np.float32), 22050
        at = np.arange(int(22050 * len(text) * 0.1 / speed)) / 22050
        return (0.2 * np.sin(2 * np.pi * 440 * at)).astype(np.float32), 22050


@pytest.fixture
def voices(monkeypatch: pytest.MonkeyPatch) -> dict[str, Tones]:
    there = {name: Tones(name) for name in ("anna", "bert")}
    monkeypatch.setattr(library_module, "find_voice", there.__getitem__)
    return there


@pytest.fixture
def library(tmp_path: Path) -> Iterator[PromptLibrary]:
    made = PromptLibrary(tmp_path / "prompts")
    yield made
    made.close()


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    file = tmp_path / "hello.wav"
    file.write_bytes(wav((0.2 * np.sin(np.arange(8000) / 3)).astype(np.float32), 8000))
    return file


ANNA = VoiceSettings("anna")


def test_a_recording_is_made_ready_once(library: PromptLibrary, recording: Path) -> None:
    first = library.recorded(recording, "Hello.")
    assert first.file.parent == library.folder
    assert first.text == "Hello."
    assert first.length_s == pytest.approx(1.0, abs=0.02)
    written = first.file.stat().st_ino
    assert library.recorded(recording, "Hello.") == first
    assert first.file.stat().st_ino == written


def test_the_same_sound_under_another_name_is_the_same(library: PromptLibrary, recording: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.wav"
    copy.write_bytes(recording.read_bytes())
    assert library.recorded(copy, "Hi.").file == library.recorded(recording, "Hello.").file


def test_a_recording_that_is_replaced_is_made_ready_again(library: PromptLibrary, recording: Path) -> None:
    before = library.recorded(recording, "Hello.")
    recording.write_bytes(wav((0.2 * np.sin(np.arange(16000) / 3)).astype(np.float32), 8000))
    assert library.recorded(recording, "Hello.").length_s == pytest.approx(2 * before.length_s, abs=0.05)


def test_a_text_is_spoken_once(library: PromptLibrary, voices: dict[str, Tones]) -> None:
    assert library.find(Spoken("Good morning", ANNA)) is None
    first = library.spoken("Good morning", ANNA)
    assert library.spoken("Good morning", ANNA) == first == library.find(Spoken("Good morning", ANNA))
    assert voices["anna"].said == ["Good morning"]


def test_another_text_voice_speed_or_rate_is_another_prompt(
    library: PromptLibrary, voices: dict[str, Tones], tmp_path: Path
) -> None:
    narrow = PromptLibrary(tmp_path / "prompts", rate=8000)
    files = [
        library.spoken("Good morning", ANNA).file,
        library.spoken("Good morning.", ANNA).file,
        library.spoken("Good morning", VoiceSettings("bert")).file,
        library.spoken("Good morning", VoiceSettings("anna", 1.5)).file,
        narrow.spoken("Good morning", ANNA).file,
    ]
    narrow.close()
    assert len(set(files)) == 5


def test_another_process_finds_what_this_one_made(
    library: PromptLibrary, voices: dict[str, Tones], tmp_path: Path
) -> None:
    library.spoken("Good morning", ANNA)
    other = PromptLibrary(tmp_path / "prompts")
    other.spoken("Good morning", ANNA)
    other.close()
    assert len(voices["anna"].said) == 1


def test_synthesis_gives_way_to_calls(library: PromptLibrary, voices: dict[str, Tones]) -> None:
    library.spoken("Good morning", ANNA)
    niceness = voices["anna"].niceness
    assert niceness is not None
    assert niceness >= 10
    assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) < niceness


async def test_what_is_ready_does_not_wait_for_what_is_not(library: PromptLibrary, voices: dict[str, Tones]) -> None:
    ready = await library.prepare(Spoken("ready", ANNA))
    voices["anna"].may_speak.clear()
    waiting = asyncio.ensure_future(library.prepare(Spoken("not yet", ANNA)))
    assert await asyncio.wait_for(library.prepare(Spoken("ready", ANNA)), 5) == ready
    assert not waiting.done()
    voices["anna"].may_speak.set()
    assert (await waiting).text == "not yet"


async def test_who_asks_for_the_same_at_once_gets_the_same(library: PromptLibrary, voices: dict[str, Tones]) -> None:
    prompts = await asyncio.gather(*(library.prepare(Spoken("Good morning", ANNA)) for _ in range(5)))
    assert len(set(prompts)) == 1
    assert voices["anna"].said == ["Good morning"]


async def test_more_than_can_wait_is_refused(
    library: PromptLibrary, voices: dict[str, Tones], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(library, "_room", threading.BoundedSemaphore(2))
    voices["anna"].may_speak.clear()
    some = [asyncio.ensure_future(library.prepare(Spoken(f"text {number}", ANNA))) for number in range(5)]
    refused, _ = await asyncio.wait(some, return_when=asyncio.FIRST_EXCEPTION)
    assert all(isinstance(each.exception(), PromptsOverloaded) for each in refused)
    voices["anna"].may_speak.set()
    results = await asyncio.gather(*some, return_exceptions=True)
    assert sum(isinstance(each, PromptsOverloaded) for each in results) == 3
    assert (await library.prepare(Spoken("afterwards", ANNA))).length_s > 0


def test_pinned_prompts_outlive_a_sweep(library: PromptLibrary, voices: dict[str, Tones]) -> None:
    pinned, unused = library.spoken("pinned", ANNA), library.spoken("unused", ANNA)
    library.pin([pinned])
    for prompt in (pinned, unused):
        os.utime(prompt.file, (0, 0))
    assert library.sweep(keep_mb=0) == 1
    assert pinned.file.exists()


@pytest.mark.parametrize(
    ("text", "error", "told"),
    [
        ("...", NoSound, "without a word"),
        ("1", NoSound, "write words of its language"),
        ("a" * 4001, PromptTooLong, "at most 4000"),
        ("a" * 3999, PromptTooLong, "shorten it"),
    ],
)
def test_texts_that_cannot_be_said(
    library: PromptLibrary, voices: dict[str, Tones], text: str, error: type[PromptError], told: str
) -> None:
    with pytest.raises(error, match=told):
        library.spoken(text, ANNA)


def test_recordings_that_cannot_be_played(library: PromptLibrary, tmp_path: Path) -> None:
    silent, text = tmp_path / "silent.wav", tmp_path / "text.wav"
    silent.write_bytes(wav(np.zeros(8000, np.float32), 8000))
    text.write_text("hello")
    for file, error in ((tmp_path / "absent.wav", PromptMissing), (text, PromptUnreadable), (silent, NoSound)):
        with pytest.raises(error, match=str(file)) as raised:
            library.recorded(file, "x")
        assert str(raised.value).count(str(file)) == 1
    with pytest.raises(PromptUnreadable, match="cannot be read"):
        library.recorded(tmp_path, "x")


def test_a_file_of_nonsense_size_is_not_read(library: PromptLibrary, tmp_path: Path) -> None:
    huge = tmp_path / "huge.wav"
    with huge.open("wb") as opened:
        opened.truncate(10**10)
    with pytest.raises(PromptTooLong, match="128 MiB"):
        library.recorded(huge, "x")


async def test_errors_reach_who_awaits(library: PromptLibrary, tmp_path: Path) -> None:
    with pytest.raises(PromptMissing):
        await library.prepare(Recorded(tmp_path / "absent.wav", "x"))


def test_voices_that_are_not_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(piper, "installed_voices", lambda: {"anna": tmp_path / "anna.onnx"})
    monkeypatch.setattr(pico, "is_installed", lambda: False)
    with pytest.raises(NoVoice, match=r"no voice bert: installed are anna\. .*download_voices .* bert"):
        find_voice("bert")
    with pytest.raises(NoVoice, match=r"there is no voice /nowhere/x\.onnx"):
        find_voice("/nowhere/x.onnx")
    alone = tmp_path / "alone.onnx"
    alone.write_bytes(b"x")
    with pytest.raises(NoVoice, match=r"alone\.onnx\.json beside it"):
        find_voice(str(alone))


def test_the_voices_that_can_speak_are_listed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(piper, "installed_voices", dict)
    monkeypatch.setattr(pico, "is_installed", lambda: False)
    assert voice_module.voices() == ["none"]
    monkeypatch.setattr(pico, "is_installed", lambda: True)
    assert "pico-fr-FR" in voice_module.voices()


def test_a_users_voice_goes_before_one_of_a_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    own, package = tmp_path / "own", tmp_path / "package"
    for folder, names in ((own, ["anna"]), (package, ["anna", "bert"])):
        folder.mkdir()
        for name in names:
            (folder / f"{name}.onnx").write_bytes(b"x")
    monkeypatch.setattr(piper, "voices_folder", lambda: own)
    monkeypatch.setattr(piper, "_packages", lambda: [package])
    assert piper.installed_voices() == {"anna": own / "anna.onnx", "bert": package / "bert.onnx"}
