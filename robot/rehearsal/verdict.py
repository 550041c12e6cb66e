"""Compares what happened in a call with what was written that should: every deviation, with its line. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from robot.rehearsal.conversations_file import Conversation, Turn, WrittenConversation


@dataclass(frozen=True, slots=True)
class HeardTurn:
    """What one party said, as the record of the call has it; times in ms from the answer. step: where in the script."""

    by_robot: bool
    text: str
    start_ms: int
    end_ms: int
    intent: str | None = None
    interrupted: bool = False
    step: str | None = None


#: What a prompt is called in a conversation: its step, or one of REPROMPTS.
NamesOf = Callable[[HeardTurn], Collection[str]]


@dataclass(frozen=True, slots=True)
class Happened:
    """One call as it went.

    turns: in the order in which they began. pauses_ms: from the callee's last sound to the first of the robot's reply.
    error: what kept the call from being made, or to its end.
    """

    outcome: str | None
    amd: str | None = None
    turns: Sequence[HeardTurn] = ()
    kept: Mapping[str, str] = field(default_factory=dict)
    pauses_ms: Sequence[int] = ()
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Deviation:
    """What was to happen and what did instead. line: None where the file has none for it."""

    file: Path
    line: int | None
    expected: str
    happened: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else str(self.file)
        return f"{place}: expected {self.expected}; {self.happened}"


def deviations(written: WrittenConversation, happened: Happened, names_of: NamesOf) -> list[Deviation]:
    """Everything that went otherwise than written; empty when it went as written.

    After a prompt that is not the expected one the turns are compared no further: what follows has another reason.
    """
    comparison = _Comparison(written, names_of)
    comparison.turns(happened.turns)
    comparison.end(happened)
    return comparison.found


class _Comparison:
    def __init__(self, written: WrittenConversation, names_of: NamesOf) -> None:
        self._written = written
        self._conversation: Conversation = written.conversation
        self._names_of = names_of
        self.found: list[Deviation] = []

    def differs(self, line: int | None, expected: str, happened: str) -> None:
        self.found.append(Deviation(self._written.file, line, expected, happened))

    # -- turns ---------------------------------------------------------------------------------------------------------

    def turns(self, heard: Sequence[HeardTurn]) -> None:
        """The robot's turns one after the other, and between them what was understood of the callee."""
        stretches = _stretches(heard)
        position = 0  # of the robot's turn, among the heard ones; 0 is what was said before the first
        for number, turn in enumerate(self._conversation.turns):
            line = self._line(number)
            if not turn.by_robot:
                if turn.intent is not None:
                    self._understood(turn.intent, stretches[position].callee, line)
                continue
            position += 1
            if position >= len(stretches):
                self.differs(line, f"the robot to say {_wanted(turn)}", _nothing_more(heard))
                return
            prompt = stretches[position].prompt
            assert prompt is not None
            if not self._is(turn, prompt):
                self.differs(line, f"the robot to say {_wanted(turn)}", f"it said {self._quoted(prompt)}")
                return
            if not self._hung_up_on(number):
                self._stopped(prompt, self._talked_over(number), line)
        if position + 1 < len(stretches):
            prompt = stretches[position + 1].prompt
            assert prompt is not None
            last = self._line(len(self._conversation.turns) - 1) if self._conversation.turns else self._written.line
            self.differs(last, "the robot to say no more after this", f"it said {self._quoted(prompt)}")

    def _line(self, number: int) -> int | None:
        return self._written.lines[number] if number < len(self._written.lines) else self._written.line

    def _is(self, turn: Turn, prompt: HeardTurn) -> bool:
        if turn.robot is not None and turn.robot not in self._names_of(prompt):
            return False
        return turn.robot_says is None or _folded(turn.robot_says) in _folded(prompt.text)

    def _talked_over(self, number: int) -> bool:
        """Whether what the callee says next is to stop the prompt of turn `number`."""
        for turn in self._conversation.turns[number + 1 :]:
            if turn.by_robot:
                return False
            if turn.stops_prompt:
                return True
        return False

    def _hung_up_on(self, number: int) -> bool:
        """Whether the callee hangs up while the prompt of turn `number` may still be playing."""
        following = self._conversation.turns[number + 1 : number + 2]
        return any(turn.hangs_up for turn in following)

    def _stopped(self, prompt: HeardTurn, expected: bool, line: int | None) -> None:
        if prompt.interrupted and not expected:
            self.differs(line, "the prompt to be heard to its end", f"the callee stopped it at {_at(prompt.end_ms)}")
        elif expected and not prompt.interrupted:
            self.differs(line, "the callee to stop the prompt", "it was played to its end")

    def _understood(self, intent: str, heard: Sequence[HeardTurn], line: int | None) -> None:
        if any(turn.intent == intent for turn in heard):
            return
        what = " and ".join(f'"{turn.text}" was understood as {turn.intent or "nothing"}' for turn in heard)
        self.differs(line, f"the intent {intent}", what or "nothing was heard of the callee")

    def _quoted(self, prompt: HeardTurn) -> str:
        names = "/".join(sorted(self._names_of(prompt)))
        return f'"{prompt.text}"' + (f" ({names})" if names else "")

    # -- the end -------------------------------------------------------------------------------------------------------

    def end(self, happened: Happened) -> None:
        wanted, line = self._conversation, self._written.line
        if happened.outcome != wanted.outcome:
            why = f": {happened.error}" if happened.error is not None else ""
            self.differs(line, f"the outcome {wanted.outcome}", f"it was {happened.outcome}{why}")
        if wanted.amd is not None and happened.amd != wanted.amd:
            self.differs(line, f"{wanted.amd} to have picked up", f"it was taken for {happened.amd}")
        for name, pattern in wanted.kept.items():
            value = happened.kept.get(name)
            if value is None:
                self.differs(line, f"{name} to be kept", "nothing was")
            elif not fnmatchcase(_folded(value), _folded(pattern)):
                self.differs(line, f'"{pattern}" to be kept as {name}', f'"{value}" was')
        longest = max(happened.pauses_ms, default=0)
        if wanted.longest_pause_ms is not None and longest > wanted.longest_pause_ms:
            self.differs(line, f"no pause longer than {wanted.longest_pause_ms} ms", f"one lasted {longest} ms")


@dataclass(frozen=True, slots=True)
class _Stretch:
    """A prompt and what the callee said from its start to the next one's; None: before the first prompt."""

    prompt: HeardTurn | None
    callee: list[HeardTurn]


def _stretches(heard: Sequence[HeardTurn]) -> list[_Stretch]:
    stretches = [_Stretch(None, [])]
    for turn in heard:
        if turn.by_robot:
            stretches.append(_Stretch(turn, []))
        else:
            stretches[-1].callee.append(turn)
    return stretches


def _wanted(turn: Turn) -> str:
    step = [] if turn.robot is None else [turn.robot]
    return " with ".join([*step, *([] if turn.robot_says is None else [f'"{turn.robot_says}"'])])


def _nothing_more(heard: Sequence[HeardTurn]) -> str:
    if not heard:
        return "the call ended before anybody had spoken"
    last = heard[-1]
    return f'the call ended after {"the robot" if last.by_robot else "the callee"} had said "{last.text}"'


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())


def _at(ms: int) -> str:
    return f"{ms / 1000:.1f} s"
