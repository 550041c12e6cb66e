"""The file that describes virtual callees: who answers, how, and what they say. docs/simulator.md has every key.

`Callee` and its tables can as well be built in code: tests do.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from robot.simulator.errors import SimulatorError
from robot.toml_file import Problem, TomlFileError, line_of, load_toml

Millis = Annotated[int, Field(ge=0, le=3_600_000)]
Moment = Literal["answer", "prompt_start", "prompt_end", "said"]
Answer = Literal["human", "machine", "busy", "no_answer", "reject", "unallocated", "gateway_down"]

# How long a telephone rings before it is picked up, when the file does not say.
DEFAULT_RING_MS: Final = 500
# From the earpiece to the microphone and back through the network: what an echo on a mobile call takes at least.
DEFAULT_ECHO_MS: Final = 80


class CalleesError(TomlFileError, SimulatorError):
    """The callees file cannot be used; every mistake is in the message with file, line, key and remedy."""


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Trigger(_Table):
    """When something happens: `wait_ms` after the `count`-th moment `after`.

    Without a count it is the next one that no entry before it in the same list waits for. A prompt is one file that
    the robot plays to this callee; `said`: the callee has said one of its `says` to the end.
    """

    after: Moment
    count: Annotated[int, Field(ge=1, le=1000)] | None = None
    wait_ms: Millis = 0

    @model_validator(mode="after")
    def _answers_once(self) -> Self:
        if self.after == "answer" and self.count not in (None, 1):
            raise ValueError("a call is answered once: leave `count` out")
        return self


class Say(Trigger):
    """The callee speaks: a text (Piper) or a WAV file; a relative path starts at the callees file's folder."""

    text: Annotated[str, StringConstraints(min_length=1)] | None = None
    audio: Path | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.text is None) == (self.audio is None):
            raise ValueError("give either `text` or `audio`")
        return self


class Dtmf(Trigger):
    """The callee presses keys, 100 ms apart."""

    digits: Annotated[str, StringConstraints(pattern=r"^[0-9A-D*#]{1,32}$")]


class HangUp(Trigger):
    """The callee hangs up."""


class Beep(_Table):
    """What an answering machine ends its greeting with."""

    hz: Annotated[int, Field(ge=50, le=3400)] = 1000
    ms: Annotated[int, Field(ge=20, le=5000)] = 500


class StreamFault(_Table):
    """What goes wrong with this callee's audio stream, at its first `times` starts (absent: at each).

    silent: it connects and sends nothing. drop: after `after_ms` its TCP connection breaks. refused: as if nothing
    listened at the address.
    """

    fault: Literal["silent", "drop", "refused"]
    after_ms: Millis = 1000
    times: Annotated[int, Field(ge=1)] | None = None


class Callee(_Table):
    """One virtual callee, or a whole range of them: `number` may hold `*`. See docs/simulator.md."""

    number: Annotated[str, StringConstraints(pattern=r"^\+?[0-9A-Za-z*._-]{1,64}$")]
    answer: Answer = "human"
    ring_ms: Millis | None = None
    early_media: bool = False
    says: tuple[Say, ...] = ()
    hang_up: HangUp | None = None
    dtmf: tuple[Dtmf, ...] = ()
    echo_db: Annotated[float, Field(ge=-90, le=0)] | None = None
    echo_ms: Annotated[int, Field(ge=0, le=1000)] = DEFAULT_ECHO_MS
    noise_db: Annotated[float, Field(ge=-90, le=0)] | None = None
    beep: Beep | None = None
    stream: StreamFault | None = None

    @property
    def rings_ms(self) -> int:
        if self.ring_ms is not None:
            return self.ring_ms
        return DEFAULT_RING_MS if self.answer in ("human", "machine") else 0


class SimulatorTable(_Table):
    """[simulator]: what the simulated FreeSWITCH itself is like."""

    audio_stream: bool = True
    gateways: tuple[str, ...] = ("trunk",)


class CalleesFile(_Table):
    """A whole callees file."""

    simulator: SimulatorTable = SimulatorTable()
    callee: Annotated[tuple[Callee, ...], Field(min_length=1)]


def load_callees(file: Path) -> CalleesFile:
    """Read a callees file; paths of recordings come back absolute. Raises CalleesError."""
    try:
        loaded, text = load_toml(file, CalleesFile)
    except TomlFileError as error:
        raise CalleesError(error.problems) from error
    problems: list[Problem] = []
    callees = []
    for position, callee in enumerate(loaded.callee):
        says = []
        for number, say in enumerate(callee.says):
            if say.audio is None:
                says.append(say)
                continue
            audio = (file.resolve().parent / say.audio).resolve()
            if not audio.is_file():
                key = f"callee[{position + 1}].says[{number + 1}].audio"
                line = line_of(text, ("callee", position, "says", number, "audio"))
                problems.append(Problem(file, key, line, f"there is no file {audio}: record it, or use `text`"))
            says.append(say.model_copy(update={"audio": audio}))
        callees.append(callee.model_copy(update={"says": tuple(says)}))
    if problems:
        raise CalleesError(problems)
    return loaded.model_copy(update={"callee": tuple(callees)})


def find_callee(callees: Iterable[Callee], number: str) -> Callee | None:
    """Who has `number`: an exact entry before a pattern, and of patterns the one with the most digits written out."""
    wanted = number.removeprefix("+")
    found: Callee | None = None
    for callee in callees:
        pattern = callee.number.removeprefix("+")
        if pattern == wanted:
            return callee
        if "*" not in pattern or not _matches(pattern, wanted):
            continue
        if found is None or _written_out(pattern) > _written_out(found.number.removeprefix("+")):
            found = callee
    return found


def _matches(pattern: str, number: str) -> bool:
    return re.fullmatch(".*".join(re.escape(part) for part in pattern.split("*")), number) is not None


def _written_out(pattern: str) -> int:
    return len(pattern) - pattern.count("*")
