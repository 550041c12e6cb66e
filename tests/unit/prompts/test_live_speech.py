"""Phrases for calls that wait: the first ones first, what is ready at once, nothing left when a call is over."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import numpy as np
import pytest

from robot.prompts import library as library_module
from robot.prompts.errors import NoSound, PhraseUnwanted, TtsTimeout
from robot.prompts.library import PromptLibrary, Spoken
from robot.prompts.live import LiveSpeech
from robot.prompts.loudness import Samples
from robot.prompts.voice import VoiceSettings

ANNA = VoiceSettings("anna")


class Tones:
    """Says a tone a letter when it may; one `step` lets one text through."""

    identity = "anna"

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.said: list[str] = []
        self.warmed = 0
        self.niceness: set[int] = set()
        self._may = threading.Semaphore(1000)

    def hold(self) -> None:
        self._may = threading.Semaphore(0)

    def step(self, texts: int = 1) -> None:
        self._may.release(texts)

    def warm(self) -> None:
        self.warmed += 1

    def speak(self, text: str, speed: float) -> tuple[Samples, int]:
        self.begun.append(text)
        assert self._may.acquire(timeout=10)
        self.said.append(text)
        self.niceness.add(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
        at = np.arange(int(16000 * len(text) * 0.1 / speed)) / 16000
        return (0.2 * np.sin(2 * np.pi * 440 * at)).astype(np.float32), 16000


@pytest.fixture
def voice(monkeypatch: pytest.MonkeyPatch) -> Tones:
    tones = Tones()
    monkeypatch.setattr(library_module, "find_voice", {"anna": tones}.__getitem__)
    return tones


@pytest.fixture
async def live(tmp_path: Path) -> AsyncIterator[LiveSpeech]:
    library = PromptLibrary(tmp_path / "prompts")
    speech = LiveSpeech(library, workers=1)
    await speech.start()
    yield speech
    await speech.close()
    library.close()
    assert not list(speech.folder.rglob("*.wav"))


@pytest.fixture
def library(live: LiveSpeech) -> PromptLibrary:
    return live._library


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - threads set no event
            await asyncio.sleep(0.001)


async def until_begun(voice: Tones, text: str) -> None:
    await until(lambda: text in voice.begun)


async def until_waiting(live: LiveSpeech, number: int) -> None:
    await until(lambda: live.waiting >= number)


async def test_a_phrase_is_a_file_of_its_call(live: LiveSpeech, voice: Tones) -> None:
    first, second = [await live.speak(text, ANNA, owner="call-1") for text in ("Good morning.", "How are you?")]
    assert (first.text, first.file.name, second.file.name) == ("Good morning.", "001.wav", "002.wav")
    assert first.length_s == pytest.approx(1.3, abs=0.01)
    assert first.file.parent.name == "call-1"
    assert first.file.is_relative_to(live.folder)
    live.forget("call-1")
    await until(lambda: not first.file.parent.exists())


async def test_what_the_library_has_is_taken_from_there(live: LiveSpeech, library: PromptLibrary, voice: Tones) -> None:
    ready = await library.prepare(Spoken("One moment.", ANNA))
    voice.hold()
    assert await live.speak("One moment.", ANNA, owner="call-1") == ready
    live.forget("call-1")
    assert ready.file.exists()
    voice.step()


async def test_prompts_that_are_prepared_ahead_are_overtaken_and_give_way(
    live: LiveSpeech, library: PromptLibrary, voice: Tones
) -> None:
    own = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    await library.prepare(Spoken("ahead", ANNA))
    await live.speak("live", ANNA, owner="call-1")
    assert len(voice.niceness) == 2
    assert min(voice.niceness) == own
    voice.hold()
    ahead = [asyncio.ensure_future(library.prepare(Spoken("ahead 0", ANNA)))]
    await until_begun(voice, "ahead 0")
    ahead += [asyncio.ensure_future(library.prepare(Spoken(f"ahead {number}", ANNA))) for number in (1, 2)]
    phrase = asyncio.ensure_future(live.speak("now", ANNA, owner="call-1"))
    await until_begun(voice, "now")
    assert voice.begun[-2:] == ["ahead 0", "now"]
    voice.step(4)
    await asyncio.gather(phrase, *ahead)


async def test_the_first_phrase_of_each_call_goes_before_the_second_of_any(live: LiveSpeech, voice: Tones) -> None:
    voice.hold()
    asked = [(f"{call}{number}", call) for call in "abc" for number in range(3)]
    phrases = [asyncio.ensure_future(live.speak("a0", ANNA, owner="a"))]
    await until_begun(voice, "a0")
    phrases += [asyncio.ensure_future(live.speak(text, ANNA, owner=call)) for text, call in asked[1:]]
    await until_waiting(live, 8)
    voice.step(9)
    await asyncio.gather(*phrases)
    assert [text[1] for text in voice.said] == list("000111222")


async def test_a_cancelled_phrase_is_not_spoken(live: LiveSpeech, voice: Tones) -> None:
    voice.hold()
    first = asyncio.ensure_future(live.speak("first", ANNA, owner="call-1"))
    await until_begun(voice, "first")
    second, third = (asyncio.ensure_future(live.speak(text, ANNA, owner="call-1")) for text in ("second", "third"))
    await until_waiting(live, 2)
    second.cancel()
    await asyncio.wait([second])
    assert live.waiting == 1
    first.cancel()  # it is being spoken: its worker is free when that is done
    await asyncio.wait([first])
    voice.step(2)
    await third
    assert voice.said == ["first", "third"]


async def test_what_a_call_waited_for_is_not_written_when_it_is_over(live: LiveSpeech, voice: Tones) -> None:
    voice.hold()
    late = asyncio.ensure_future(live.speak("late", ANNA, owner="call-1"))
    await until_begun(voice, "late")
    later = asyncio.ensure_future(live.speak("later", ANNA, owner="call-1"))
    await until_waiting(live, 1)
    live.forget("call-1")
    voice.step()
    for phrase in (late, later):
        with pytest.raises(PhraseUnwanted):
            await phrase
    assert voice.said == ["late"]
    live.forget("call-1")
    live.forget("nobody")


async def test_nobody_waits_for_longer_than_the_limit(tmp_path: Path, voice: Tones) -> None:
    library = PromptLibrary(tmp_path)
    live = LiveSpeech(library, workers=1, timeout_s=0.05)
    voice.hold()
    for text in ("being spoken", "in the queue"):
        with pytest.raises(TtsTimeout, match=r"within 0\.05 s"):
            await live.speak(text, ANNA, owner="call-1")
    voice.step(2)
    await live.close()
    library.close()
    assert voice.said == ["being spoken"]


async def test_what_cannot_be_said_is_told(live: LiveSpeech, voice: Tones) -> None:
    with pytest.raises(NoSound):
        await live.speak("...", ANNA, owner="call-1")


async def test_a_voice_is_warmed(live: LiveSpeech, voice: Tones) -> None:
    await live.warm(ANNA)
    assert voice.warmed == 1
