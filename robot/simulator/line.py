"""The callee's end of the line: what it says, what it hears, and what comes back of what it hears. One frame a tick.

Knows samples and the callee's script; nothing of channels, events or sockets.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from robot.simulator import sound
from robot.simulator.callee import Press, PutDown, Script, Speak
from robot.simulator.callees_file import Beep, Callee
from robot.simulator.heard import Ending, Heard, HeardKey, HeardPrompt, Said
from robot.simulator.playback import Execution, Piece
from robot.simulator.sound import Clip, Samples

# Between the end of a machine's greeting and its beep.
BEEP_AFTER_MS: Final = 300


@dataclass(frozen=True, slots=True)
class Sentence:
    """One entry of `says`, ready to be heard: `what` names it."""

    what: str
    clip: Clip


class CalleeLine:
    """A virtual callee on one call, from the answer on."""

    def __init__(self, callee: Callee, sentences: Sequence[Sentence], rate: int, *, mulaw: bool, place: int) -> None:
        """`place` chooses where in the noise this call starts, so that callers do not all hear the same."""
        self.heard = Heard(rate)
        self._script = Script(callee)
        self._sentences = with_beep(callee, sentences, rate)
        self._rate = rate
        self._frame = sound.frame_length(rate)
        self._mulaw = mulaw
        self._to_say: deque[Sentence] = deque()
        self._saying: Sentence | None = None
        self._said_up_to = 0
        self._prompts: dict[int, HeardPrompt] = {}  # by the identity of what plays
        self._silence = np.zeros(self._frame, np.int16)
        self._silence.setflags(write=False)
        self._echo_gain = 0.0 if callee.echo_db is None else sound.gain(callee.echo_db)
        self._on_its_way = np.zeros(callee.echo_ms * rate // 1000, np.int16)  # of the prompt, to come back
        self._quiet_after = 0  # samples, from the one that comes back next
        self._noise = None if callee.noise_db is None else sound.noise(callee.noise_db, rate)
        self._noise_at = (place * 7919 * self._frame) % (len(self._noise) if self._noise is not None else 1)

    @property
    def since_answer_ms(self) -> float:
        return self.heard.duration_ms

    def answered(self) -> None:
        self._script.happened("answer", 0)

    def prompt_started(self, execution: Execution) -> None:
        now_ms = self.since_answer_ms
        prompt = HeardPrompt(execution.path, now_ms, now_ms, start_ms=execution.start * 1000 / self._rate)
        self._prompts[id(execution)] = prompt
        self.heard.prompts.append(prompt)
        self._script.happened("prompt_start", self.since_answer_ms)

    def prompt_stopped(self, execution: Execution, how: Ending) -> None:
        prompt = self._prompts.pop(id(execution))
        prompt.to_ms = prompt.from_ms + execution.played * 1000 / self._rate
        prompt.how = how
        self._script.happened("prompt_end", self.since_answer_ms)

    def key_pressed(self, digit: str) -> None:
        self.heard.keys.append(HeardKey(digit, self.since_answer_ms))

    def acts(self) -> list[Press | PutDown]:
        """What the callee does in this frame besides speaking, which `frame` takes care of."""
        others: list[Press | PutDown] = []
        for act in self._script.due(self.since_answer_ms):
            if isinstance(act, Speak):
                self._to_say.append(self._sentences[act.index])
            else:
                others.append(act)
        return others

    def frame(self, piece: Piece | None) -> Samples:
        """What comes from the callee in the 20 ms in which it hears `piece`. Not to be written to."""
        own = self._speech()
        self.heard.listen(piece, self._frame)
        if self._echo_gain:
            own = self._with_echo(own, piece)
        if self._noise is not None:
            own = self._with_noise(own)
        if own is None:
            return self._silence
        return sound.through_mulaw(own) if self._mulaw else own

    def _speech(self) -> Samples | None:
        if self._saying is None:
            if not self._to_say:
                return None
            self._saying = self._to_say.popleft()
            self._said_up_to = 0
            start_ms = self.since_answer_ms
            self.heard.said.append(Said(self._saying.what, start_ms, start_ms + self._saying.clip.duration_ms))
        samples = self._saying.clip.samples[self._said_up_to : self._said_up_to + self._frame]
        self._said_up_to += self._frame
        if self._said_up_to >= len(self._saying.clip.samples):
            self._saying = None
            self._script.happened("said", self.since_answer_ms)
        return padded(samples, self._frame)

    def _with_echo(self, own: Samples | None, piece: Piece | None) -> Samples | None:
        if piece is not None:
            self._quiet_after = len(self._on_its_way) + self._frame
        if self._quiet_after <= 0:
            return own
        self._quiet_after -= self._frame
        prompt = self._silence if piece is None else padded(piece.samples, self._frame)
        both = np.concatenate((self._on_its_way, prompt))
        returning, self._on_its_way = both[: self._frame], both[self._frame :]
        echo = sound.to_int16(returning * self._echo_gain)
        return echo if own is None else sound.mix(own, echo)

    def _with_noise(self, own: Samples | None) -> Samples:
        assert self._noise is not None
        noise = self._noise[self._noise_at : self._noise_at + self._frame]
        self._noise_at = (self._noise_at + self._frame) % len(self._noise)
        return noise if own is None else sound.mix(own, noise)


def with_beep(callee: Callee, sentences: Sequence[Sentence], rate: int) -> list[Sentence]:
    """A machine's beep follows the last thing that it says on answering."""
    ready = list(sentences)
    if callee.answer != "machine" or callee.beep is None:
        return ready
    on_answer = [index for index, say in enumerate(callee.says) if say.after == "answer"]
    if on_answer:
        last = ready[on_answer[-1]]
        ready[on_answer[-1]] = Sentence(last.what, Clip(_then_beep(last.clip.samples, callee.beep, rate), rate))
    return ready


def _then_beep(samples: Samples, beep: Beep, rate: int) -> Samples:
    pause = np.zeros(BEEP_AFTER_MS * rate // 1000, np.int16)
    return np.concatenate([samples, pause, sound.tone(beep.hz, beep.ms, rate)])


def padded(samples: Samples, length: int) -> Samples:
    """`samples` with silence up to `length`."""
    return samples if len(samples) == length else np.pad(samples, (0, length - len(samples)))
