"""`agent` of a step, and [agent] of a campaign that is one step: what a language model is told, and what it may do."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from robot.dialogue.agent_settings import Abilities, AgentSettings
from robot.dialogue.turn_end import Patience

_Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
_Text = Annotated[str, StringConstraints(min_length=1, max_length=4000)]
_Instructions = Annotated[str, StringConstraints(min_length=1, max_length=20_000)]


class MayTable(BaseModel):
    """`may`: what the model can do besides talk. outcomes: to end the call with. transfer, go_to: steps."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    outcomes: list[_Name] = []
    transfer: list[_Name] = []
    go_to: list[_Name] = []
    keep: list[_Name] = []
    callback: bool = False
    do_not_call: bool = True
    press: bool = False

    def abilities(self) -> Abilities:
        return Abilities(
            outcomes=tuple(self.outcomes),
            transfer=tuple(self.transfer),
            callback=self.callback,
            do_not_call=self.do_not_call,
            press=self.press,
            keep=tuple(self.keep),
            go_to=tuple(self.go_to),
        )


class AgentTable(BaseModel):
    """Texts that are not given are those of the language."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    instructions: _Instructions | None = None
    instructions_file: _Text | None = None
    facts: list[_Text] = []
    may: MayTable = MayTable()
    never_say: list[_Text] = []
    robot_answer: _Text | None = None
    listen_ms: Annotated[int, Field(ge=1000, le=60_000)] = 8000
    end_of_turn_ms: Annotated[int, Field(ge=200, le=2000)] = 400
    think_ahead: bool = True
    longest_reply_chars: Annotated[int, Field(ge=40, le=4000)] = 400
    longest_talk_s: Annotated[int, Field(ge=10, le=3600)] = 300
    filler_after_ms: Annotated[int, Field(ge=300, le=10_000)] | None = None
    fillers: list[_Text] | None = None
    fillers_audio: list[_Text] = []
    say_again: list[_Text] | None = None
    apology: _Text | None = None
    farewell: _Text | None = None
    fallback: _Name | None = None

    @model_validator(mode="after")
    def _is_instructed(self) -> Self:
        if (self.instructions is None) == (self.instructions_file is None):
            raise ValueError('needs either `instructions = "..."` or `instructions_file = "agent.md"`')
        if self.fillers_audio and len(self.fillers_audio) != len(self.fillers or ()):
            raise ValueError("needs as many `fillers` as `fillers_audio`: what is said, or heard, in each recording")
        return self

    def settings(self, instructions: str) -> AgentSettings:
        """`instructions`: as given, or what is in the file. Raises ValueError."""
        return AgentSettings(
            instructions=instructions,
            facts=tuple(self.facts),
            may=self.may.abilities(),
            never_say=tuple(self.never_say),
            longest_reply_chars=self.longest_reply_chars,
            robot_answer=self.robot_answer,
        )

    @property
    def patience(self) -> Patience:
        """A sentence that may be whole is waited after for half as long again, one that is not for three times."""
        whole = self.end_of_turn_ms
        return Patience(whole, whole * 3 // 2, max(3 * whole, 700))
