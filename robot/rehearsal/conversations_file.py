"""The files `tests/*.toml` of a campaign: conversations as somebody writes them who does not program.

Reads them and tells every mistake with file, line, key and remedy, also what the campaign does not know: a step, an
intent, an outcome. docs/campaigns.md has every key.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from robot.call.outcome import Outcome
from robot.campaign.definition import CampaignError
from robot.rehearsal.scripted_model import ModelTable
from robot.simulator.callees_file import Answer, Beep, Millis
from robot.toml_file import Location, Problem, TomlFileError, key_of, line_of, load_toml

#: The folder of a campaign that holds its conversations.
FOLDER: Final = "tests"
#: What `robot = "..."` may name besides steps: prompts that say that nothing was understood, or heard.
REPROMPTS: Final = ("not_understood", "silence")


class ConversationsError(CampaignError):
    """The conversations cannot be held as they are written; every mistake is in the message."""


def _text_of_scalar(value: Any) -> Any:
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


Text = Annotated[str, StringConstraints(min_length=1)]
FieldText = Annotated[str, BeforeValidator(_text_of_scalar)]
Decibels = Annotated[float, Field(ge=-90, le=0)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Turn(_Table):
    """One party's turn. `robot` or `robot_says` make it the robot's, everything else is the callee's.

    robot: the step that is said, or one of REPROMPTS. robot_says: a part of the text that is said.

    callee: what they say (Piper speaks it). audio: a recording of it, relative to the file. keys: what they press
    instead. silent: they say nothing. hangs_up: they hang up, after what they say. wait_ms: how long they wait before
    that, from the end of the prompt, or of what they said before. over_prompt_ms: they talk over the prompt, this far
    into it; it stops, unless interrupts is false. intent: how that is to be understood.
    """

    robot: Text | None = None
    robot_says: Text | None = None
    callee: Text | None = None
    audio: Path | None = None
    keys: Annotated[str, StringConstraints(pattern=r"^[0-9A-D*#]{1,32}$")] | None = None
    silent: bool = False
    hangs_up: bool = False
    wait_ms: Millis | None = None
    over_prompt_ms: Millis | None = None
    interrupts: bool = True
    intent: Text | None = None

    @property
    def by_robot(self) -> bool:
        return self.robot is not None or self.robot_says is not None

    @property
    def speaks(self) -> bool:
        """The callee does, with words or a recording."""
        return self.audio is not None or self.callee is not None

    @property
    def stops_prompt(self) -> bool:
        return self.over_prompt_ms is not None and self.interrupts and self.speaks

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.by_robot:
            others = sorted(self.model_fields_set - {"robot", "robot_says"})
            if others:
                raise ValueError(f"is the robot's turn and has `{others[0]}`: make that a turn of its own")
            return self
        if self.keys is not None and self.speaks:
            raise ValueError("says something and presses keys: make two turns of it")
        if self.silent and (self.speaks or self.keys is not None or self.hangs_up):
            raise ValueError("is silent and does something: remove one of both")
        if not (self.speaks or self.keys is not None or self.silent or self.hangs_up):
            raise ValueError('says nothing: write `callee = "..."` or `robot = "STEP"`')
        if self.over_prompt_ms is not None and self.wait_ms is not None:
            raise ValueError("has `wait_ms` and `over_prompt_ms`: it waits for the prompt's end or talks over it")
        if "interrupts" in self.model_fields_set and self.over_prompt_ms is None:
            raise ValueError("has `interrupts` but talks over no prompt: add `over_prompt_ms`")
        return self


class Conversation(_Table):
    """[[conversation]]: who is called, what is said in turn, and how it must end.

    contact: fields of the contact. agent: what the person does to whom the call is transferred. webhooks: what becomes
    of those that are sent. outcome, amd, kept and longest_pause_ms (from the callee's last sound to the robot's voice)
    are what must come of it; in `kept`, `*` stands for any text.
    """

    name: Text
    contact: dict[str, FieldText] = {}
    answer: Answer = "human"
    beep: Beep | None = None
    noise_db: Decibels | None = -60
    echo_db: Decibels | None = None
    agent: Literal["human", "busy", "no_answer", "reject"] = "human"
    webhooks: Literal["taken", "refused"] = "taken"
    turns: tuple[Turn, ...] = ()
    outcome: Text
    amd: Text | None = None
    kept: dict[str, FieldText] = {}
    longest_pause_ms: Millis | None = None

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        picked_up = self.answer in ("human", "machine")
        if self.turns and not picked_up:
            raise ValueError(f"has turns, but nobody picks up (`answer` is {self.answer!r}): remove the turns")
        if self.beep is not None and self.answer != "machine":
            raise ValueError('has a `beep`, which only machines make: add `answer = "machine"`')
        if any(turn.hangs_up for turn in self.turns[:-1]):
            raise ValueError("goes on after `hangs_up`: hanging up is the last turn")
        spoken = False
        for turn in self.turns:
            if turn.over_prompt_ms is not None and not spoken:
                raise ValueError("has `over_prompt_ms` before the robot says anything: put the robot's turn before it")
            spoken = spoken or turn.by_robot
        return self


class _File(_Table):
    model: ModelTable | None = None
    conversation: Annotated[list[Conversation], Field(min_length=1)]


@dataclass(frozen=True, slots=True)
class WrittenConversation:
    """A conversation and where it is written. lines: of each turn, from 1; None where that is not known.

    model: what the language model says, where one holds the conversation; None: there is none.
    """

    file: Path
    line: int | None
    conversation: Conversation
    lines: tuple[int | None, ...] = ()
    model: ModelTable | None = None

    @property
    def name(self) -> str:
        return self.conversation.name


@dataclass(frozen=True, slots=True)
class Known:
    """What a campaign has, for conversations to name."""

    steps: Collection[str]
    intents: Collection[str]
    outcomes: Collection[str]
    fields: Collection[str] = field(default_factory=tuple)  # that are kept

    def mistakes(self, conversation: Conversation) -> Iterable[tuple[Location, str]]:
        """What the conversation names that is not there."""
        for number, turn in enumerate(conversation.turns):
            if turn.robot is not None and turn.robot not in (*self.steps, *REPROMPTS):
                yield ("turns", number, "robot"), _unknown("step", turn.robot, (*self.steps, *REPROMPTS))
            if turn.intent is not None and turn.intent not in self.intents:
                yield ("turns", number, "intent"), _unknown("intent", turn.intent, self.intents)
        outcomes = {*self.outcomes, *Outcome}
        if conversation.outcome not in outcomes:
            yield ("outcome",), _unknown("outcome", conversation.outcome, outcomes)
        for name in conversation.kept:
            if name not in self.fields:
                yield ("kept", name), _unknown("thing that a step keeps", name, self.fields)


def load_conversations(folder: Path, known: Known) -> list[WrittenConversation]:
    """All conversations of the campaign in `folder`, in the order of the files; recordings come back absolute.

    Raises ConversationsError with every mistake in every file.
    """
    files = sorted((folder / FOLDER).glob("*.toml"))
    if not files:
        message = f"there is no conversation: write one into {folder / FOLDER}/NAME.toml (docs/campaigns.md says how)"
        raise ConversationsError([Problem(folder / FOLDER, "", None, message)])
    problems: list[Problem] = []
    written: list[WrittenConversation] = []
    for file in files:
        try:
            loaded, text = load_toml(file, _File)
        except TomlFileError as error:
            problems += error.problems
            continue
        for position, conversation in enumerate(loaded.conversation):
            where: Location = ("conversation", position)
            mistakes = [*known.mistakes(conversation)]
            if any(each.name == conversation.name for each in written):
                mistakes.append((("name",), f"two conversations are called {conversation.name!r}: rename one"))
            conversation = _with_recordings(conversation, file.resolve().parent, mistakes)
            problems += [
                Problem(file, key_of((*where, *location)), line_of(text, (*where, *location)), message)
                for location, message in mistakes
            ]
            lines = tuple(line_of(text, (*where, "turns", number)) for number in range(len(conversation.turns)))
            written.append(WrittenConversation(file, line_of(text, where), conversation, lines, loaded.model))
    if problems:
        raise ConversationsError(problems)
    return written


def _with_recordings(conversation: Conversation, folder: Path, mistakes: list[tuple[Location, str]]) -> Conversation:
    """With absolute paths; adds to `mistakes` what is not there."""
    turns = []
    for number, turn in enumerate(conversation.turns):
        if turn.audio is not None:
            audio = (folder / turn.audio).resolve()
            if not audio.is_file():
                mistakes.append((("turns", number, "audio"), f"there is no file {audio}: record it, or use `callee`"))
            turn = turn.model_copy(update={"audio": audio})
        turns.append(turn)
    return conversation.model_copy(update={"turns": tuple(turns)})


def _unknown(kind: str, name: str, known: Collection[str]) -> str:
    alike = difflib.get_close_matches(name, known, n=1)
    remedy = f"did you mean {alike[0]!r}?" if alike else f"there are: {', '.join(sorted(known)) or 'none'}"
    return f"there is no {kind} {name!r}; {remedy}"
