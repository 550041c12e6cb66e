"""Labelled prompts and what is heard while they play, for `robot bench barge-in --interruptions`: the same everywhere.

A prompt plays for 8 s. Meanwhile the callee talks over it, or only their surroundings are heard: music, a dog, a
street, other people, a keyboard, coughs. Often the prompt comes back as an echo. All of it goes through 300 to 3400 Hz
and G.711. Sounds are made from numbers drawn from a generator seeded with the name of the situation; speech is that of
the callees' voice, at several pitches. Half of the situations are held out, with other tempi, dogs and sentences.

Levels are dBFS, of the loud parts (RMS). A prompt is at -20; a person who speaks at -12 to -35; what surrounds them
reaches the microphone of a telephone at -25 (a loudspeaker beside it) and below.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
import numpy.typing as npt

from robot.simulator.sound import gain, read_clip, resample, through_mulaw, to_int16
from robot.simulator.voice import CalleeVoice
from ws_audio.frames import Samples, double_rate

LINE_RATE: Final = 8000
STREAM_RATE: Final = 16000
SPLITS: Final = ("tuned", "held_out")
PROMPT_STARTS_MS: Final = 1000
_PROMPT_S: Final = 8.0
_TOTAL_S: Final = 9.5
Wave = npt.NDArray[np.float64]  # at the line's rate, full scale is 1

ECHOES_DB: Final = (-15, -20, -25, -30, -40)
DELAYS_MS: Final = (20, 60, 120, 200, 300, 400)

_PROMPTS: Final = {
    "tuned": "Good morning, this is the office of Doctor Martin. I am calling about your appointment on Thursday at "
    "half past three. We would like to know whether you can still come, or whether another day suits you better.",
    "held_out": "Hello, my name is Joe, and I am calling from the energy advice centre. We are looking for house "
    "owners in your region who would like to lower their heating bill this winter. It takes only a minute of your "
    "time.",
}
_TALK: Final = {
    "tuned": (
        "I am sorry but I cannot talk right now could you call me back later this evening?",
        "Yes hello, I am listening, I am quite interested in your offer.",
        "Excuse me who did you say you were calling for I did not understand the name.",
    ),
    "held_out": (
        "Please take my number off your list right away because I do not want these calls.",
        "Wait a moment I have to ask my wife, she knows more about this than I do.",
        "That sounds good to me but I would rather come on a Friday in the afternoon.",
        "Who gave you this number, I have never heard of your company before.",
    ),
}
_BABBLE: Final = (
    "We talked about the weather for a while and then went home by bus.",
    "I told her that the meeting was moved to Thursday, and she was fine with it.",
    "The second one on the left is cheaper, but I like the colour of this one much more.",
)


@dataclass(frozen=True, slots=True)
class Situation:
    """One prompt. `callee` and `robot` are the two sides of the stream, 16 kHz.

    `talks_ms`: from when to when the callee talks over it, in ms of the stream; None when nobody does.
    """

    name: str
    kind: str
    split: str
    callee: Samples
    robot: Samples
    talks_ms: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class _Plan:
    kind: str
    split: str
    sound: str | None = None  # one of SOUNDS
    sound_db: float = 0.0
    echo_db: float | None = None
    echo_ms: int = 0
    talk_db: float | None = None
    variation: int = 0

    @property
    def name(self) -> str:
        parts = (
            self.split,
            self.kind,
            self.sound,
            self.sound_db,
            self.echo_db,
            self.echo_ms,
            self.talk_db,
            self.variation,
        )
        return "/".join(str(part) for part in parts if part is not None)


def situations(voice: CalleeVoice, *, every: int = 1) -> Iterator[Situation]:
    """All of them, or every so manyth of each split."""
    for plan in [plan for split in SPLITS for plan in list(_plans(split))[::every]]:
        yield _made(voice, plan)


def _plans(split: str) -> Iterator[_Plan]:
    for echo_db in ECHOES_DB:
        for delay_ms in DELAYS_MS:
            yield _Plan("echo", split, echo_db=echo_db, echo_ms=delay_ms)
    for sound, (kind, levels_db, _) in SOUNDS.items():
        for level_db in levels_db:
            for variation in range(2):
                yield _Plan(kind, split, sound, level_db, variation=variation)
            yield _Plan(kind + " and echo", split, sound, level_db, -25, 150)
    for talk_db in (-12, -20, -28, -35):
        for variation in range(5):
            yield _Plan("talk", split, talk_db=talk_db, variation=variation)
        for echo_db in ECHOES_DB:
            for delay_ms in DELAYS_MS[::2] if split == "tuned" else DELAYS_MS[1::2]:
                yield _Plan("talk over echo", split, echo_db=echo_db, echo_ms=delay_ms, talk_db=talk_db)
    for talk_db in (-12, -20, -28):
        for sound, (_, levels_db, _) in SOUNDS.items():
            for level_db in levels_db:
                if level_db <= talk_db - 12:  # what is louder than that hides the words for people, too
                    yield _Plan("talk over noise", split, sound, level_db, talk_db=talk_db)


def _made(voice: CalleeVoice, plan: _Plan) -> Situation:
    pick = random.Random(plan.name)  # noqa: S311 - to be repeatable
    numbers = np.random.default_rng(pick.getrandbits(64))
    size = int(_TOTAL_S * LINE_RATE)
    prompt = np.zeros(size)
    words = levelled(spoken(voice, _PROMPTS[plan.split], 1.0), -20)[: int(_PROMPT_S * LINE_RATE)]
    start = PROMPT_STARTS_MS * LINE_RATE // 1000
    prompt[start : start + words.size] = words
    callee = numbers.standard_normal(size) * gain(-65)
    if plan.echo_db is not None:
        callee += _echo(prompt, plan.echo_db, plan.echo_ms, numbers)
    if plan.sound is not None:
        sound = levelled(SOUNDS[plan.sound][2](numbers, plan.split, size, voice), plan.sound_db)
        # Half of what is heard was there before the prompt, the rest begins in the middle of it.
        begin = pick.choice((0, 2 * LINE_RATE))
        callee[begin:] += sound[: size - begin]
    talks_ms: tuple[float, float] | None = None
    if plan.talk_db is not None:
        talk = levelled(spoken(voice, pick.choice(_TALK[plan.split]), pick.choice((0.9, 1.12, 1.25))), plan.talk_db)
        begin = start + int(pick.uniform(0.3, 2.5) * LINE_RATE)
        talk = talk[: size - begin]
        callee[begin : begin + talk.size] += talk
        talks_ms = begin * 1000 / LINE_RATE, (begin + talk.size) * 1000 / LINE_RATE
    return Situation(
        plan.name, plan.kind, plan.split, _through_line(callee), double_rate(to_int16(prompt * 32768)), talks_ms
    )


def _echo(prompt: Wave, db: float, delay_ms: int, numbers: np.random.Generator) -> Wave:
    """What comes back: delayed, with a tail of 4 to 30 ms, and for half of them bent by a small loudspeaker."""
    heard: Wave = through_mulaw(to_int16(prompt * 32768)) / 32768
    if numbers.random() < 0.5:
        heard = np.tanh(heard * 2) / 2
    length = int(numbers.uniform(0.004, 0.03) * LINE_RATE)
    path = numbers.standard_normal(length) * np.exp(-np.arange(length) * 4 / length)
    path[0] += 2.0
    path *= gain(db) / np.sqrt((path**2).sum())
    delay = delay_ms * LINE_RATE // 1000
    echo: Wave = np.concatenate([np.zeros(delay), np.convolve(heard, path)])[: prompt.size]
    return echo


# -- what surrounds the callee -----------------------------------------------------------------------------------------


def _white(numbers: np.random.Generator, split: str, size: int, voice: CalleeVoice) -> Wave:
    return numbers.standard_normal(size)


def _street(numbers: np.random.Generator, split: str, size: int, voice: CalleeVoice) -> Wave:
    """Low noise that swells as cars pass, with a horn now and then in the held-out half."""
    wave = _coloured(numbers, size, -4.0)
    times = np.arange(size) / LINE_RATE
    loudness = np.full(size, 0.3)
    for _ in range(4):
        loudness += np.exp(-(((times - numbers.uniform(0, _TOTAL_S)) / numbers.uniform(0.5, 1.5)) ** 2))
    wave *= loudness
    if split == "held_out":
        at = int(numbers.uniform(2, 7) * LINE_RATE)
        horn = _note(numbers.uniform(350, 450), 0.5, (1, 0.7, 0.5, 0.3)) * 1.5
        wave[at : at + horn.size] += horn[: size - at]
    return wave


def _coloured(numbers: np.random.Generator, size: int, db_per_octave: float) -> Wave:
    spectrum = np.fft.rfft(numbers.standard_normal(size))
    hertz = np.maximum(np.fft.rfftfreq(size, 1 / LINE_RATE), 100)
    wave = np.fft.irfft(spectrum * (hertz / 1000) ** (db_per_octave / 6.02), size)
    coloured: Wave = wave / np.sqrt(np.mean(wave**2))
    return coloured


def _people(numbers: np.random.Generator, split: str, size: int, voice: CalleeVoice) -> Wave:
    """Three people at once, somewhere in the room."""
    babble = _babble(voice)
    return np.resize(np.roll(babble, -int(numbers.integers(babble.size))), size)


def _note(hz: float, seconds: float, harmonics: tuple[float, ...], vibrato: float = 0.0) -> Wave:
    times = np.arange(int(seconds * LINE_RATE)) / LINE_RATE
    phase = 2 * np.pi * hz * (times + vibrato / 30 * np.sin(2 * np.pi * 5.5 * times))
    wave = np.zeros(times.size)
    for number, strength in enumerate(harmonics, 1):
        if hz * number < 3600:
            wave += strength * np.sin(number * phase)
    attack = np.minimum(1.0, times / 0.01) * np.minimum(1.0, (seconds - times) / 0.02)
    faded: Wave = wave * attack
    return faded


_SCALE: Final = (0, 2, 4, 5, 7, 9, 11, 12)


def _tune(numbers: np.random.Generator, split: str, size: int, *, chords: bool, drums: bool, vibrato: float) -> Wave:
    wave = np.zeros(size + LINE_RATE)
    beat = 60 / numbers.uniform(*((80, 130) if split == "tuned" else (70, 150)))
    root = numbers.uniform(*((196, 262) if split == "tuned" else (165, 330)))
    harmonics = tuple(float(each) for each in numbers.uniform(0.1, 1.0, 6) / np.arange(1, 7) ** 0.7)
    at = 0.0
    while at < _TOTAL_S:
        length = beat * float(numbers.choice((0.5, 1.0, 1.0, 2.0)))
        degree = int(numbers.integers(len(_SCALE)))
        tones = [2 * root * 2 ** (_SCALE[degree] / 12)]
        if chords:
            tones += [root * 2 ** (_SCALE[(degree + step) % 8] / 12) for step in (0, 2, 4)]
        for hz in tones:
            note = _note(hz, length * 0.95, harmonics, vibrato)
            note *= np.exp(-np.arange(note.size) / LINE_RATE / numbers.choice((0.3, 1.0, 5.0)))
            begin = int(at * LINE_RATE)
            wave[begin : begin + note.size] += note[: wave.size - begin]
        at += length
    if drums:
        for number in range(int(_TOTAL_S / beat * 2)):
            strike = numbers.standard_normal(int(0.06 * LINE_RATE)) * np.exp(-np.arange(int(0.06 * LINE_RATE)) / 120)
            begin = int(number * beat / 2 * LINE_RATE)
            wave[begin : begin + strike.size] += strike * (2.0 if number % 4 == 2 else 0.7)
    return wave[:size]


def _melody(numbers: np.random.Generator, split: str, size: int, voice: CalleeVoice) -> Wave:
    return _tune(numbers, split, size, chords=False, drums=False, vibrato=0.0 if split == "tuned" else 0.01)


def _band(numbers: np.random.Generator, split: str, size: int, voice: CalleeVoice) -> Wave:
    return _tune(numbers, split, size, chords=True, drums=True, vibrato=0.0)


def _organ(numbers: np.random.Generator, split: str, size: int, voice: CalleeVoice) -> Wave:
    return _tune(numbers, split, size, chords=True, drums=False, vibrato=0.006)


def _dog(numbers: np.random.Generator, split: str, size: int, voice: CalleeVoice) -> Wave:
    """Barks in series: a pitch that rises and falls within 100 to 250 ms, harsh, once to three times a second."""
    wave = np.zeros(size)
    pitch = numbers.uniform(*((350, 650) if split == "tuned" else (250, 900)))
    at = 0.0
    while at < _TOTAL_S - 0.5:
        for _ in range(int(numbers.integers(1, 6 if split == "tuned" else 9))):
            length = int(numbers.uniform(0.1, 0.25) * LINE_RATE)
            course = np.sin(np.pi * np.arange(length) / length)
            phase = 2 * np.pi * np.cumsum(pitch * (0.7 + 0.5 * course) * numbers.uniform(0.95, 1.05)) / LINE_RATE
            bark = sum(np.sin(number * phase) / number**0.5 for number in range(1, 6))
            bark = bark + numbers.standard_normal(length) * 0.6
            begin = int(at * LINE_RATE)
            wave[begin : begin + length] += (bark * course**0.5)[: size - begin]
            at += length / LINE_RATE + numbers.uniform(0.12, 0.5)
            if at >= _TOTAL_S - 0.5:
                break
        at += numbers.uniform(0.3, 2.0)
    return wave


def _keyboard(numbers: np.random.Generator, split: str, size: int, voice: CalleeVoice) -> Wave:
    wave = np.zeros(size)
    at = 0.0
    while at < _TOTAL_S - 0.1:
        length = int(numbers.uniform(0.005, 0.03) * LINE_RATE)
        click = numbers.standard_normal(length) * np.exp(-np.arange(length) * 5 / length)
        wave[int(at * LINE_RATE) :][:length] += click * numbers.uniform(0.4, 1.0)
        at += numbers.uniform(0.08, 0.3)
    return wave


def _door(numbers: np.random.Generator, split: str, size: int, voice: CalleeVoice) -> Wave:
    """Two or three blows with a long low decay."""
    wave = np.zeros(size)
    for _ in range(3):
        length = int(numbers.uniform(0.2, 0.6) * LINE_RATE)
        blow = _coloured(numbers, length, -3.0) * np.exp(-np.arange(length) * 6 / length)
        at = int(numbers.uniform(0.5, _TOTAL_S - 1) * LINE_RATE)
        wave[at : at + length] += blow[: size - at]
    return wave


def _cough(numbers: np.random.Generator, split: str, size: int, voice: CalleeVoice) -> Wave:
    """Fits of two to five: a burst of noise through the formants of a throat, then a voiced rest."""
    wave = np.zeros(size)
    at = numbers.uniform(1.5, 2.5)
    while at < _TOTAL_S - 1:
        for _ in range(int(numbers.integers(2, 4 if split == "tuned" else 6))):
            length = int(numbers.uniform(0.15, 0.35) * LINE_RATE)
            times = np.arange(length) / LINE_RATE
            burst = np.convolve(numbers.standard_normal(length), _note(numbers.uniform(500, 900), 0.01, (1, 0, 0.5)))
            voiced = sum(np.sin(2 * np.pi * number * 160 * times) for number in range(1, 12)) * 0.5 * (times > 0.12)
            sound = (burst[:length] / 5 + voiced) * np.exp(-times * 10)
            begin = int(at * LINE_RATE)
            wave[begin : begin + length] += sound[: size - begin]
            at += length / LINE_RATE + numbers.uniform(0.1, 0.3)
        at += numbers.uniform(2, 4)
    return wave


Maker = Callable[[np.random.Generator, str, int, CalleeVoice], Wave]
#: The kind, the levels in dBFS, and how it is made.
SOUNDS: Final[dict[str, tuple[str, tuple[int, ...], Maker]]] = {
    "white": ("noise", (-55, -45, -38), _white),
    "street": ("noise", (-50, -40, -34), _street),
    "people": ("people", (-54, -48, -42), _people),
    "melody": ("music", (-45, -35, -28), _melody),
    "band": ("music", (-45, -35, -28), _band),
    "organ": ("music", (-45, -35, -28), _organ),
    "dog": ("dog", (-40, -30, -22), _dog),
    "keyboard": ("knocks", (-40, -30, -22), _keyboard),
    "door": ("knocks", (-35, -25, -15), _door),
    "cough": ("cough", (-30, -24, -18), _cough),
}


# -- voices and levels -------------------------------------------------------------------------------------------------


def spoken(voice: CalleeVoice, text: str, pitch: float) -> Wave:
    """`text` at another pitch and the usual pace, without the silence around it."""
    clip = read_clip(str(voice.wav(text, pace=round(pitch, 2))), LINE_RATE)
    wave = resample(clip.samples, round(LINE_RATE * pitch), LINE_RATE) / 32768
    loud = np.flatnonzero(np.abs(wave) > np.abs(wave).max() * gain(-34))
    trimmed: Wave = wave[loud[0] : loud[-1] + 1]
    return trimmed


@cache
def _babble(voice: CalleeVoice) -> Wave:
    waves = [spoken(voice, text, pitch) for text, pitch in zip(_BABBLE, (0.9, 1.0, 1.25), strict=True)]
    mixed: Wave = np.sum([np.resize(wave, max(each.size for each in waves)) for wave in waves], axis=0)
    return mixed


def levelled(wave: Wave, db: float) -> Wave:
    """`wave` at an RMS of `db` dBFS, measured over its louder half of 20 ms pieces that are not silent."""
    size = LINE_RATE // 50
    powers = np.mean(wave[: wave.size // size * size].reshape(-1, size) ** 2, axis=1)
    powers = np.sort(powers[powers > powers.max() * 1e-4])
    loud: Wave = wave * (gain(db) / np.sqrt(np.mean(powers[powers.size // 2 :])))
    return loud


def _through_line(wave: Wave) -> Samples:
    """300 to 3400 Hz, G.711, and up to the 16 kHz of the stream."""
    spectrum = np.fft.rfft(wave)
    hertz = np.fft.rfftfreq(wave.size, 1 / LINE_RATE)
    spectrum[(hertz < 300) | (hertz > 3400)] = 0
    return double_rate(through_mulaw(to_int16(np.fft.irfft(spectrum, wave.size) * 32768)))
