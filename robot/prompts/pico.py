"""SVOX Pico: small voices in six languages, in a package of 5 MB (Apache licence). An extra.

Plainer than Piper's, but there at once, and what it says may be shipped: 200 times faster than people speak. It holds
Python's lock while it speaks, 4 ms for a second of speech, so that it gets a sentence at a time.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Final

import numpy as np

from robot.prompts.errors import NoSound, NoVoice
from robot.prompts.loudness import Samples
from robot.prompts.sentences import sentences

_PREFIX: Final = "pico-"
VOICES: Final = tuple(f"{_PREFIX}{language}" for language in ("de-DE", "en-GB", "en-US", "es-ES", "fr-FR", "it-IT"))
_RATE: Final = 16000
_PAUSE_S: Final = 0.25
# It reads tags, and tells of those that it does not know by saying nothing.
_TAGS: Final = str.maketrans("<>", "  ")


class PicoVoice:
    """name: one of `VOICES`."""

    def __init__(self, name: str) -> None:
        self._language = name.removeprefix(_PREFIX)
        self.identity = name

    def warm(self) -> None:
        """It has nothing to load."""

    def speak(self, text: str, speed: float) -> tuple[Samples, int]:
        try:
            from py_nanotts import NanoTTS
        except ImportError as error:
            raise NoVoice(
                f"a text is to be spoken by {self.identity} and Pico is not installed: pip install "
                "'freeswitch-robot[pico]', or give the prompt a recording with `audio`"
            ) from error
        engine = NanoTTS()
        pause = np.zeros(int(_PAUSE_S * _RATE), np.float32)
        parts: list[Samples] = [np.empty(0, np.float32)]
        for sentence in sentences(text.translate(_TAGS)):
            try:
                spoken = np.frombuffer(engine.speak(sentence, self._language, speed), "<i2")
            except RuntimeError as error:
                raise NoSound(
                    f"{self.identity} cannot say a text of {len(text)} letters ({error}): write it in other words"
                ) from error
            parts += [pause, spoken.astype(np.float32) / np.float32(32768)]
        return np.concatenate(parts), _RATE


def is_installed() -> bool:
    return find_spec("py_nanotts") is not None
