"""Labelled greetings as they come out of a telephone line, for `robot bench amd`: the same on every machine.

The texts are in `greetings.toml`. Each is spoken at several paces and pitches, through G.711 and 300 to 3400 Hz, at
several levels, after more or less silence, with white noise or other voices behind; mailboxes beep in several ways.
What varies is drawn from a generator that is seeded with the text. A third of the texts, with their variations, are
held out.
"""

from __future__ import annotations

import random
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

import numpy as np
import numpy.typing as npt

from robot.call.amd.greetings import AmdClass
from robot.simulator.sound import gain, read_clip, resample, through_mulaw, to_int16
from robot.simulator.voice import CalleeVoice
from ws_audio.frames import Samples, double_rate

LINE_RATE: Final = 8000
STREAM_RATE: Final = 16000
SPLITS: Final = ("tuned", "held_out")
Wave = npt.NDArray[np.float64]  # at the line's rate, full scale is 1

# A pause that long ends a greeting: whoever waits so long waits for us.
_WAITS_MS: Final = 800
# How often each text is varied.
_VARIATIONS: Final = {"tuned": 1, "held_out": 2}
_WITHOUT_WORDS: Final = 6  # faxes, and silences, in each split
_AFTER_S: Final = {AmdClass.HUMAN: 5.0, AmdClass.SILENCE: 6.0, AmdClass.FAX: 8.0}
_AFTER_MACHINE_S: Final = 7.0
#: Parts of (Hz, Hz at the end, ms): one tone, two parts, a chirp; 440 Hz is that of a ring, too.
_BEEPS: Final = (
    ((1000, 1000, 400),), ((440, 440, 700),), ((1400, 1400, 200),), ((620, 620, 1200),), ((850, 850, 300),),
    ((1000, 1000, 250), (1400, 1400, 250)), ((800, 1600, 400),), ((2000, 2000, 500),), ((400, 400, 600),),
)  # fmt: skip
_BABBLE: Final = (
    "We talked about the weather for a while and then went home by bus.",
    "I told her that the meeting was moved to Thursday, and she was fine with it.",
    "The second one on the left is cheaper, but I like the colour of this one much more.",
)


@dataclass(frozen=True, slots=True)
class Greeting:
    """One call's audio with what is true of it. Times in ms of `audio`, which is 16 kHz mono.

    `ended_ms` is the end of the first words after which the other side waits; `beep_ended_ms` that of the beep.
    """

    name: str
    kind: AmdClass
    split: str
    audio: Samples
    ended_ms: int | None
    beep_ended_ms: int | None


def greetings(voice: CalleeVoice, *, every: int = 1) -> Iterator[Greeting]:
    """All of them, or every so manyth. The first time on a machine they are spoken, which takes minutes."""
    document = tomllib.loads(files(__package__).joinpath("greetings.toml").read_text("utf-8"))
    plans = [
        (AmdClass(name), split, parts, variation)
        for name, by_split in document.items()
        for split in SPLITS
        for parts in by_split[split]
        for variation in range(_VARIATIONS[split])
    ]
    plans += [
        (kind, split, [], variation)
        for kind in (AmdClass.FAX, AmdClass.SILENCE)
        for split in SPLITS
        for variation in range(_WITHOUT_WORDS)
    ]
    for kind, split, parts, variation in plans[::every]:
        yield _Studio(voice, kind, split, parts, variation).greeting()


class _Studio:
    """Makes one greeting."""

    def __init__(self, voice: CalleeVoice, kind: AmdClass, split: str, parts: list[str | int], variation: int) -> None:
        self._voice = voice
        self._kind = kind
        self._split = split
        self._parts = parts
        self._name = f"{kind}/{split}/{' '.join(str(part) for part in parts)[:60]}/{variation}"
        self._random = random.Random(self._name)  # noqa: S311 - to be repeatable

    def greeting(self) -> Greeting:
        pick = self._random
        pieces = [_silence(pick.choice((100, 300, 600, 1200, 2000)))]
        ended_ms: int | None = None
        if self._kind is AmdClass.FAX:
            pieces += _fax(pick)
        elif self._parts:
            words, waits_after_ms = self._words()
            ended_ms = _length_ms(pieces[0]) + waits_after_ms
            pieces.append(words)
        beep_ended_ms: int | None = None
        if self._kind is AmdClass.VOICEMAIL and pick.random() < 0.85:  # some have none
            pieces += [_silence(pick.choice((50, 300, 800, 1800))), _beep(pick)]
            beep_ended_ms = sum(_length_ms(piece) for piece in pieces)
        pieces.append(_silence(1000 * _AFTER_S.get(self._kind, _AFTER_MACHINE_S)))
        wave = np.concatenate(pieces)
        wave += self._background(wave.size)
        return Greeting(self._name, self._kind, self._split, _through_line(wave), ended_ms, beep_ended_ms)

    def _words(self) -> tuple[Wave, int]:
        """What is said, and when it first waits for an answer, in ms."""
        pick = self._random
        pace, pitch = pick.choice((0.85, 1.0, 1.15)), pick.choice((0.9, 1.0, 1.12, 1.25))
        level_db = pick.choice((-18, -24, -30))
        pieces: list[Wave] = []
        waits_after_ms: int | None = None
        for part in self._parts:
            if isinstance(part, int):
                if part >= _WAITS_MS and waits_after_ms is None:
                    waits_after_ms = sum(_length_ms(piece) for piece in pieces)
                pieces.append(_silence(part))
            else:
                pieces.append(_level(_spoken(self._voice, part, pace, pitch), level_db))
        return np.concatenate(pieces), waits_after_ms or sum(_length_ms(piece) for piece in pieces)

    def _background(self, size: int) -> Wave:
        """Line noise; for those who speak sometimes a loud one, or other people in the room."""
        pick = self._random
        noise = np.random.default_rng(pick.getrandbits(32)).standard_normal(size)
        drawn = pick.random()
        if drawn < 0.5 or self._kind is AmdClass.FAX:
            return noise * gain(-65)
        if drawn < 0.75 or self._kind is not AmdClass.HUMAN:
            return noise * gain(pick.choice((-55, -48, -44)))
        babble = _babble(self._voice)
        start = pick.randrange(babble.size)
        return np.resize(np.roll(babble, -start), size) * gain(pick.choice((-52, -46))) + noise * gain(-65)


def _fax(pick: random.Random) -> list[Wave]:
    if pick.random() < 0.5:
        tone = _sweep(2100, 2100, 3000)
        if pick.random() < 0.5:  # ITU-T V.8: modulated with 15 Hz, and turned over every 450 ms
            times = np.arange(tone.size) / LINE_RATE
            tone = tone * (1 + 0.2 * np.sin(2 * np.pi * 15 * times)) * (1 - 2 * (times // 0.45 % 2)) / 1.2
        return [tone * gain(-12)]
    burst = _sweep(1100, 1100, 500) * gain(-15)
    return [burst, _silence(3000), burst, _silence(3000), burst]


def _beep(pick: random.Random) -> Wave:
    parts = pick.choice(_BEEPS)
    beep = np.concatenate([_sweep(*part) for part in parts]) * gain(pick.choice((-10, -16, -24)))
    ramp = np.minimum(1.0, np.arange(1, beep.size + 1) / (LINE_RATE * 0.005))
    faded: Wave = beep * ramp * ramp[::-1]
    return faded


def _sweep(from_hz: float, to_hz: float, ms: float) -> Wave:
    times = np.arange(int(ms * LINE_RATE / 1000)) / LINE_RATE
    wave: Wave = np.sin(2 * np.pi * (from_hz * times + (to_hz - from_hz) * times**2 / (2 * ms / 1000)))
    return wave


def _spoken(voice: CalleeVoice, text: str, pace: float, pitch: float) -> Wave:
    """`text` without the silence around it; a higher pitch is faster, too, which the pace makes up for."""
    clip = read_clip(str(voice.wav(text, pace=round(pace * pitch, 2))), LINE_RATE)
    wave = resample(clip.samples, round(LINE_RATE * pitch), LINE_RATE) / 32768
    size = LINE_RATE // 100
    blocks = np.abs(wave[: wave.size // size * size]).reshape(-1, size).max(axis=1)
    loud = np.flatnonzero(blocks > blocks.max() * gain(-34))
    trimmed: Wave = wave[loud[0] * size : (loud[-1] + 1) * size]
    return trimmed


@cache
def _babble(voice: CalleeVoice) -> Wave:
    """Three people at once, for as long as the longest of them, at an RMS of 1."""
    waves = [_spoken(voice, text, 1.0, pitch) for text, pitch in zip(_BABBLE, (0.9, 1.0, 1.25), strict=True)]
    mixed = np.sum([np.resize(wave, max(each.size for each in waves)) for wave in waves], axis=0)
    babble: Wave = mixed / np.sqrt(np.mean(mixed**2))
    return babble


def _level(wave: Wave, db: float) -> Wave:
    """`wave` at an RMS of `db` dBFS, pauses included."""
    levelled: Wave = wave * (gain(db) / np.sqrt(np.mean(wave**2)))
    return levelled


def _silence(ms: float) -> Wave:
    return np.zeros(int(ms * LINE_RATE / 1000))


def _length_ms(wave: Wave) -> int:
    return round(wave.size * 1000 / LINE_RATE)


def _through_line(wave: Wave) -> Samples:
    """300 to 3400 Hz, G.711, and up to the 16 kHz of the stream."""
    spectrum = np.fft.rfft(wave)
    hertz = np.fft.rfftfreq(wave.size, 1 / LINE_RATE)
    spectrum[(hertz < 300) | (hertz > 3400)] = 0
    return double_rate(through_mulaw(to_int16(np.fft.irfft(spectrum, wave.size) * 32768)))
