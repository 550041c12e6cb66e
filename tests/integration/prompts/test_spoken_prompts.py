"""Texts through the real synthesis: Piper and Pico speak, and what they say becomes prompts of one loudness."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import soundfile

from robot.dialogue.scenario import Prompt
from robot.prompts import piper
from robot.prompts.errors import NoVoice
from robot.prompts.library import PromptLibrary, Spoken
from robot.prompts.live import LiveSpeech
from robot.prompts.loudness import active_speech_level
from robot.prompts.sound import LEVEL_DBOV
from robot.prompts.voice import DEFAULT_VOICE, VoiceSettings

pytestmark = pytest.mark.slow  # Piper's voice takes a second to load

PICO = "pico-fr-FR"


@pytest.fixture
def library(tmp_path: Path) -> Iterator[PromptLibrary]:
    made = PromptLibrary(tmp_path / "prompts")
    yield made
    made.close()


def level(prompt: Prompt) -> float:
    sound, rate = soundfile.read(prompt.file, dtype="float32")
    measured = active_speech_level(sound, rate)
    assert measured is not None
    return measured


async def test_voices_speak_prompts_of_one_loudness(library: PromptLibrary) -> None:
    english = await library.prepare(Spoken("Good morning. We have a parcel for you.", VoiceSettings()))
    french = await library.prepare(Spoken("Bonjour. Nous avons un colis pour vous.", VoiceSettings(PICO)))
    for prompt in (english, french):
        assert 1.5 < prompt.length_s < 5
        assert level(prompt) == pytest.approx(LEVEL_DBOV, abs=0.5)


@pytest.mark.parametrize("model", [DEFAULT_VOICE, PICO])
async def test_phrases_of_several_calls_are_spoken_at_once(library: PromptLibrary, model: str) -> None:
    live = LiveSpeech(library, workers=3, timeout_s=60)
    voice = VoiceSettings(model)
    await live.warm(voice)
    texts = ["Bonjour à vous, madame.", "Un colis pour vous.", "Demain ou plus tard.", "Merci et au revoir."]
    phrases = await asyncio.gather(*(live.speak(text, voice, owner=f"call-{at}") for at, text in enumerate(texts)))
    for text, phrase in zip(texts, phrases, strict=True):
        assert phrase.text == text
        assert 0.5 < phrase.length_s < 4
        assert level(phrase) == pytest.approx(LEVEL_DBOV, abs=1)
    await live.close()
    assert not any(phrase.file.exists() for phrase in phrases)


@pytest.mark.parametrize("model", [DEFAULT_VOICE, PICO])
def test_speed_is_the_speed(library: PromptLibrary, model: str) -> None:
    text = "one two three four five six seven eight nine ten"
    usual, fast = (library.spoken(text, VoiceSettings(model, speed)).length_s for speed in (1.0, 1.5))
    assert usual / fast == pytest.approx(1.5, abs=0.25)


def test_a_voice_is_found_by_its_file_and_a_broken_one_is_told(library: PromptLibrary, tmp_path: Path) -> None:
    installed = piper.installed_voices()[DEFAULT_VOICE]
    assert library.spoken("Hello.", VoiceSettings(str(installed))).length_s > 0.2
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no voice")
    shutil.copy(f"{installed}.json", f"{broken}.json")
    with pytest.raises(NoVoice, match=r"broken\.onnx cannot be loaded .*download it"):
        library.spoken("Hello.", VoiceSettings(str(broken)))


def test_tags_are_no_orders(library: PromptLibrary) -> None:
    assert library.spoken("Bonjour <break time='9s'/> Marie", VoiceSettings(PICO)).length_s < 6


def robot(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ROBOT_")}
    return subprocess.run(
        [Path(sys.executable).parent / "robot", "say", *arguments],
        cwd=folder,
        env=environment | {"ROBOT_PROMPTS__FOLDER": str(folder / "prompts"), "ROBOT_PROMPTS__RATE": "8000"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_robot_say_writes_a_file_and_remembers(tmp_path: Path) -> None:
    arguments = ("Bonjour.", "--voice", PICO, "--speed", "1.2", "-o", "hello.wav", "--json")
    first, second = (json.loads(robot(tmp_path, *arguments).stdout) for _ in range(2))
    assert first == {"file": "hello.wav", "length_ms": first["length_ms"], "voice": PICO, "cached": False}
    assert second == first | {"cached": True}
    with soundfile.SoundFile(tmp_path / "hello.wav") as opened:
        assert (opened.samplerate, opened.subtype) == (8000, "PCM_16")
        assert opened.frames == pytest.approx(8 * first["length_ms"], abs=8)


def test_robot_say_speaks_as_a_campaign_does(tmp_path: Path) -> None:
    folder = tmp_path / "campaign"
    folder.mkdir()
    (folder / "campaign.toml").write_text(
        f'name = "c"\ngateway = "g"\n[voice]\nmodel = "{PICO}"\n'
        '[[step]]\nname = "a"\ntext = "Bonjour."\noutcome = "completed"\n'
    )
    done = robot(tmp_path, "Bonjour.", "--campaign", str(folder), "--json")
    assert json.loads(done.stdout)["voice"] == PICO, done.stderr


def test_robot_say_tells_what_is_wrong(tmp_path: Path) -> None:
    for arguments, told in (
        (("Hello.", "--voice", "nobody"), "there is no voice nobody"),
        (("...",), "without a word"),
        (("Bonjour.", "--voice", PICO, "-o", "absent/hello.wav"), "absent/hello.wav cannot be written"),
    ):
        done = robot(tmp_path, *arguments)
        assert done.returncode == 2
        assert told in done.stderr


@pytest.mark.parametrize("model", [DEFAULT_VOICE, PICO])
@pytest.mark.parametrize("text", ["a" * 1000, "7" * 300, "No end " * 70], ids=["word", "number", "sentence"])
def test_what_has_no_end_is_spoken_all_the_same(library: PromptLibrary, model: str, text: str) -> None:
    assert library.spoken(text, VoiceSettings(model)).length_s > 10
