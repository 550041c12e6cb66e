"""How long does a call wait for a phrase, alone and with others, and what does a phrase cost?

Phrases of about 20 and 60 letters; nothing that is spoken live is found again. CPU is that of the whole process.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import numpy as np

from robot.prompts.voice import VoiceSettings
from robot.settings import Settings
from robot.speech import live_speech, prompt_library

_PHRASES: Final = {
    20: ("Yes, that is done {}.", "We come by at {} now.", "There are {} for you."),
    60: (
        "We can come on Tuesday morning between nine and quarter to {}.",
        "The engineer needs an hour and {} minutes to do all the work.",
        "There is nothing you have to prepare before visit number {}.",
    ),
}
# What is slow is measured, too.
_PATIENCE_S: Final = 60.0
_NUMBERS: Final = ("two", "four", "five", "six", "nine", "ten")


def run(settings: Settings, voice: str, at_once: tuple[int, ...], rounds: int) -> dict[str, Any]:
    """Raises PromptError."""
    with tempfile.TemporaryDirectory() as folder:
        prompts = settings.prompts.model_copy(update={"folder": Path(folder)})
        spool = settings.spool.model_copy(update={"folder": Path(folder) / "live"})
        tts = settings.tts.model_copy(update={"timeout_s": _PATIENCE_S})
        own = settings.model_copy(update={"prompts": prompts, "spool": spool, "tts": tts})
        return asyncio.run(_measure(own, VoiceSettings(voice), at_once, rounds))


async def _measure(settings: Settings, voice: VoiceSettings, at_once: tuple[int, ...], rounds: int) -> dict[str, Any]:
    library = prompt_library(settings)
    speech = live_speech(settings, library)
    await speech.start()

    async def timed(text: str, owner: str) -> tuple[float, float]:
        asked = time.perf_counter()
        prompt = await speech.speak(text, voice, owner=owner)
        return (time.perf_counter() - asked) * 1000, prompt.length_s

    try:
        began = time.perf_counter()
        await speech.warm(voice)
        loaded = time.perf_counter()
        await timed("Hello.", "first")
        figures: dict[str, Any] = {
            "benchmark": "speak",
            "voice": voice.model,
            "load_ms": round((loaded - began) * 1000),
            "first_ms": round((time.perf_counter() - loaded) * 1000),
        }
        for letters, phrases in _PHRASES.items():
            for calls in at_once:
                cpu, took = time.process_time(), []
                for number in range(rounds):
                    texts = [
                        phrases[(number + call) % len(phrases)].format(_NUMBERS[(number + call) % len(_NUMBERS)])
                        for call in range(calls)
                    ]
                    took += await asyncio.gather(*(timed(text, f"call-{call}") for call, text in enumerate(texts)))
                cpu = time.process_time() - cpu
                p50, p95, most = np.percentile([ms for ms, _ in took], (50, 95, 100))
                figures[f"letters_{letters}_calls_{calls}"] = {
                    "p50_ms": round(p50),
                    "p95_ms": round(p95),
                    "max_ms": round(most),
                    "cpu_ms": round(1000 * cpu / len(took)),
                    "speech_ms": round(1000 * sum(length for _, length in took) / len(took)),
                }
        return figures
    finally:
        await speech.close()
        library.close()
