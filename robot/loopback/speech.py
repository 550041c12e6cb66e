"""What the virtual callees say, as files that FreeSWITCH plays: spoken once, with the beep and the noise of their line.

Blocking: a sentence that was never spoken before takes about 0.3 s.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from robot.simulator import sound
from robot.simulator.callees_file import Callee
from robot.simulator.errors import SimulatorError
from robot.simulator.line import Sentence, with_beep
from robot.simulator.sound import Samples
from robot.simulator.voice import CalleeVoice

# A telephone's rate: FreeSWITCH has nothing to convert.
_RATE: Final = 8000
# FreeSWITCH's idle noise is the sum of six evenly distributed 16-bit numbers, divided by `send_silence_when_idle`
# (switch_generate_sln_silence): its RMS in samples, before that.
_IDLE_NOISE: Final = 6**0.5 * 65536 / 12**0.5


class NotOnARealLine(SimulatorError):
    """The callees file asks for something that only the simulator can do."""


@dataclass(frozen=True, slots=True)
class SpokenCallee:
    """A callee whose sentences are ready. `files`: one for each entry of `says`, as FreeSWITCH finds it."""

    callee: Callee
    files: tuple[Path, ...]

    @property
    def idle_noise(self) -> str:
        """The value of FreeSWITCH's `send_silence_when_idle` for this line: how loud it is while nobody speaks."""
        if self.callee.noise_db is None:
            return "-1"  # digital silence, which is sent as well: telephones never cease to send
        return str(max(1, round(_IDLE_NOISE / (32768 * sound.gain(self.callee.noise_db)))))


def speak_all(callees: Sequence[Callee], folder: Path, voice: CalleeVoice) -> tuple[SpokenCallee, ...]:
    """Write what all of them say into `folder`.

    Raises NotOnARealLine, NoVoice, or SoundError for a recording that cannot be read.
    """
    return tuple(_speak(number, callee, folder, voice) for number, callee in enumerate(callees))


def _speak(number: int, callee: Callee, folder: Path, voice: CalleeVoice) -> SpokenCallee:
    for key, asked in (("echo_db", callee.echo_db is not None), ("stream", callee.stream is not None)):
        if asked:
            raise NotOnARealLine(
                f"the callee {callee.number} has `{key}`, which a real FreeSWITCH cannot do on a call to itself: "
                "leave it out, or call the simulator"
            )
    sentences = [_sentence(say.text, say.audio, voice) for say in callee.says]
    files = []
    for index, sentence in enumerate(with_beep(callee, sentences, _RATE)):
        file = folder / f"{number}-{index}.wav"
        sound.write_wav(file, _with_noise(sentence.clip.samples, callee.noise_db), _RATE)
        files.append(file)
    return SpokenCallee(callee, tuple(files))


def _sentence(text: str | None, audio: Path | None, voice: CalleeVoice) -> Sentence:
    file = audio if audio is not None else voice.wav(text or "")
    return Sentence(text or file.name, sound.read_clip(str(file), _RATE))


def _with_noise(samples: Samples, noise_db: float | None) -> Samples:
    # FreeSWITCH's own noise stands still while it plays a file.
    if noise_db is None:
        return samples
    return sound.mix(samples, np.resize(sound.noise(noise_db, _RATE), len(samples)))
