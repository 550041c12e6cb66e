"""[amd] of campaign.toml: whether it is found out who picked up, and what to do then."""

from __future__ import annotations

import re
from collections.abc import Iterator
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from robot.call.amd.greetings import AmdClass
from robot.call.amd.settings import AmdSettings
from robot.call.answer_policy import HANG_UP, AnswerAction, AnswerPolicy, AnswerScreening, GoOn, LeaveMessage, PressKeys


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class LeaveTable(_Table):
    """{ leave = "STEP" }"""

    leave: str


class SayTable(_Table):
    """{ say = "STEP" }"""

    say: str


class PressTable(_Table):
    """{ press = "KEYS" }, `w` being half a second"""

    press: str


def _word_or(key: str, what: str, pattern: str = ".+") -> BeforeValidator:
    """Tell what may be written, before pydantic tries one after the other and complains of all."""

    def check(value: Any) -> Any:
        if value in ("go_on", "hang_up"):
            return value
        if isinstance(value, dict) and list(value) == [key] and _fits(pattern, value[key]):
            return value
        raise ValueError(f'should be "go_on", "hang_up" or {{ {key} = "{what}" }}; it is {value!r}')

    return BeforeValidator(check)


def _fits(pattern: str, value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(pattern, value) is not None


Word = Literal["go_on", "hang_up"]
Leave = Annotated[Word | LeaveTable, _word_or("leave", "STEP")]
Say = Annotated[Word | SayTable, _word_or("say", "STEP")]
Press = Annotated[Word | PressTable, _word_or("press", "1w2", r"[0-9A-D*#wW]{1,32}")]


class AmdTable(_Table):
    """[amd]"""

    enabled: bool = True
    initial_silence_ms: Annotated[int, Field(ge=1000, le=20_000)] = 3000
    human: Word = "go_on"
    voicemail: Leave = "hang_up"
    mailbox_full: Word = "hang_up"
    call_screening: Say = "go_on"
    ivr: Press = "hang_up"
    fax: Word = "hang_up"
    silence: Word = "go_on"

    def settings(self) -> AmdSettings:
        return AmdSettings(initial_silence_ms=self.initial_silence_ms)

    def policy(self) -> AnswerPolicy | None:
        """None: nobody wants to know who picked up."""
        if not self.enabled:
            return None
        return AnswerPolicy(MappingProxyType({kind: _action(kind, getattr(self, kind)) for kind in AmdClass}))

    def steps(self) -> Iterator[tuple[tuple[str, ...], str]]:
        """The steps it names: where in the file, and the name."""
        if isinstance(self.voicemail, LeaveTable):
            yield ("amd", "voicemail", "leave"), self.voicemail.leave
        if isinstance(self.call_screening, SayTable):
            yield ("amd", "call_screening", "say"), self.call_screening.say


def _action(kind: AmdClass, wanted: Word | LeaveTable | SayTable | PressTable) -> AnswerAction:
    match wanted:
        case LeaveTable(leave=step):
            return LeaveMessage(step)
        case SayTable(say=step):
            return AnswerScreening(step)
        case PressTable(press=keys):
            return PressKeys(keys)
        case "go_on":
            return GoOn()
        case _:
            return HANG_UP[kind]
